#!/bin/bash
# test/bench/ltv.sh: what a fit of lifetime value costs.  Read by run.sh.

# The fit reads the query once and evaluates the likelihood with its gradient a
# little more than once a step, so all its time over the steps is more than an
# evaluation costs.
ltv() {
	local round steps serial='SET max_parallel_workers_per_gather = 0'
	progress "ltv, $LTV members"
	sql "SELECT make_histories($LTV)" 'VACUUM ANALYZE ltv_history' CHECKPOINT >/dev/null
	steps=$(sql "SELECT iterations FROM community.fit_mbg_nbd('TABLE ltv_history')")
	expect 'the likelihood' "$(sql "SELECT abs(log_likelihood / mbg_by_hand((parameters).r,
		(parameters).alpha, (parameters).a, (parameters).b) - 1) < 1e-9
		FROM community.fit_mbg_nbd('TABLE ltv_history')")" t
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "ltv, round $round of $ROUNDS"
		run_set ltv.fit "$LTV" "SELECT community.fit_mbg_nbd('TABLE ltv_history')"
		run_set ltv.step "$((LTV * steps))" "SELECT community.fit_mbg_nbd('TABLE ltv_history')"
		run_set ltv.by_hand "$LTV" "$serial" 'SELECT mbg_by_hand(0.5, 6, 0.9, 1.6)'
	done
	section "MBG/NBD of $LTV members, $steps steps"
	echo ' the whole fit, reading the table included; 10 us a member are 10 s for a million'
	figure cpu 'CPU, us a member' ltv.fit '' '<' 10
	compare 'a step of the fit, its share of reading included / the likelihood once in SQL' \
		ltv.step ltv.by_hand cpu '<=' 0.05
}
