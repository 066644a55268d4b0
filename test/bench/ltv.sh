#!/bin/bash
# test/bench/ltv.sh: what a fit of lifetime value costs.  Read by run.sh.

# The fit reads the query once, makes one row of equal ones, and evaluates the
# likelihood with its gradient many times; sorting and the like are shared out.

# ltv_of NAME WHOLE_DAYS WHAT
ltv_of() {
	local round evaluations name=$1 serial='SET max_parallel_workers_per_gather = 0'
	progress "ltv, $LTV members, $name"
	sql "SELECT make_histories($LTV, $2)" 'VACUUM ANALYZE ltv_history' CHECKPOINT >/dev/null
	evaluations=$(sql "SELECT evaluations FROM community.fit_mbg_nbd('TABLE ltv_history')")
	expect 'the likelihood' "$(sql "SELECT abs(log_likelihood / mbg_by_hand((parameters).r,
		(parameters).alpha, (parameters).a, (parameters).b) - 1) < 1e-9
		FROM community.fit_mbg_nbd('TABLE ltv_history')")" t
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "ltv, $name, round $round of $ROUNDS"
		run_set "ltv.$name.fit" "$LTV" "SELECT community.fit_mbg_nbd('TABLE ltv_history')"
		run_set "ltv.$name.read" "$LTV" "$serial" 'SELECT sum(x), sum(t_x), sum(t) FROM ltv_history'
		run_set "ltv.$name.by_hand" "$LTV" "$serial" 'SELECT mbg_by_hand(0.5, 6, 0.9, 1.6)'
	done
	# what is left of the fit without reading
	paste "$tmp/ltv.$name.fit.cpu" "$tmp/ltv.$name.read.cpu" |
		awk -v n="$evaluations" '{ print ($1 - $2) / n }' >"$tmp/ltv.$name.once.cpu"
	section "MBG/NBD of $LTV members, $3, different histories $(sql 'SELECT count(*) FROM (SELECT DISTINCT x, t_x, t FROM ltv_history) AS d'), $evaluations evaluations"
	echo ' the whole fit, reading the table included; 10 us a member are 10 s for a million'
	figure cpu 'CPU, us a member' "ltv.$name.fit" '' '<' 10
	echo ' the likelihood and its gradient once, the rest of the fit shared out / the likelihood once in SQL'
	figure cpu 'CPU, us a member' "ltv.$name.once" "ltv.$name.by_hand" '<=' 0.05
}

ltv() {
	ltv_of any false 'any times'
	ltv_of days true 'times of whole days'
}
