#!/bin/bash
# test/bench/score.sh: what a refresh of composite scores costs.  Read by run.sh.

# Both sides read the same events and write rows of the same columns and index.
score() {
	local round side at
	progress "score, $SCORES members, $SCOREEVENTS events each"
	sql "SELECT make_scores($SCORES, $SCOREEVENTS)" >/dev/null
	settle
	sql 'VACUUM ANALYZE community.member_merge, community.activity_type' CHECKPOINT
	at=$(sql 'SELECT now()')
	sql "CALL community.refresh_scores('bench', '$at')" "SELECT score_by_hand(0, $program, '$at')" >/dev/null
	expect 'scores that differ from those by hand' "$(sql "SELECT count(*) FROM score_by_hand AS h
		FULL JOIN community.member_score AS s USING (program_id, member_id)
		WHERE (h.score, h.rank, h.units) IS DISTINCT FROM (s.score, s.rank, s.units)")" 0
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "score, round $round of $ROUNDS"
		for side in $(turns "$round" refresh by_hand); do
			at=$(sql 'SELECT now()')
			case $side in
				refresh) run_set score.refresh "$SCORES" "CALL community.refresh_scores('bench', '$at')" ;;
				*) run_set score.by_hand "$SCORES" "SELECT score_by_hand($round, $program, '$at')" ;;
			esac
			sql CHECKPOINT
		done
	done
	section "Scores of $SCORES members, six components, $SCOREEVENTS events each"
	compare 'refresh_scores(), statuses included / one statement by hand for this model' \
		score.refresh score.by_hand
}
