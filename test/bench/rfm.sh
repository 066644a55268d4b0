#!/bin/bash
# test/bench/rfm.sh: what RFM scores cost.  Read by run.sh.

rfm() {
	local round side members serial='SET max_parallel_workers_per_gather = 0'
	local query='SELECT member, max(at), count(*), sum(cents) FROM purchase GROUP BY member'
	local scores="community.rfm_scores('$query')"
	progress "rfm, $RFM events"
	members=$(sql "SELECT make_purchases($RFM)")
	sql 'VACUUM ANALYZE purchase' CHECKPOINT
	expect 'members with other scores than by percentile_disc()' "$(sql "SELECT count(*)
		FROM rfm_with_cuts() AS h FULL JOIN $scores AS s USING (member)
		WHERE (h.r, h.f, h.m) IS DISTINCT FROM (s.recency_score, s.frequency_score, s.monetary_score)")" 0
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "rfm, round $round of $ROUNDS"
		for side in $(turns "$round" ours ntile cuts read); do
			case $side in
				ours) run_set rfm.ours "$RFM" "$serial" "SELECT sum(cell) FROM $scores" ;;
				ntile) run_set rfm.ntile "$RFM" "$serial" 'SELECT sum(r * 100 + f * 10 + m) FROM rfm_by_hand()' ;;
				cuts) run_set rfm.cuts "$RFM" "$serial" 'SELECT sum(r * 100 + f * 10 + m) FROM rfm_with_cuts()' ;;
				read) run_set rfm.read "$RFM" "$serial" "SELECT sum(count) FROM ($query) AS s" ;;
			esac
		done
	done
	section "RFM scores of $members members with $RFM events"
	compare 'rfm_scores() / the same query and ntile() by hand' rfm.ours rfm.ntile cpu '<=' 1
	compare 'rfm_scores() / the same scores by percentile_disc()' rfm.ours rfm.cuts
	compare 'rfm_scores() / the query alone' rfm.ours rfm.read
}
