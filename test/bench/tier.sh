#!/bin/bash
# test/bench/tier.sh: what tiers cost.  Read by run.sh.

# ----- one event of a member with a history -----

# tier_side SIDE EVENTS: none, rolling or year, for members with so many events
tier_record() {
	local round side n
	for n in 10 10000; do
		for side in none rolling falling year; do
			sql "SELECT tier_start($TIERHOT, $n, '$side')" >/dev/null
			settle
			sql "CALL community.review_tiers()"
			for ((round = 0; round <= ROUNDS; round++)); do
				progress "tier, $side, $n events, round $round of $ROUNDS"
				run_clients "tier$([ "$round" -gt 0 ] || echo warm).$side.$n" 1 "$SECS" record \
					-D "members=$TIERHOT"
			done
		done
	done
	section "One event a transaction, of $TIERHOT members with a ladder"
	for n in 10 10000; do
		compare "record() on a ladder over rolling 365 days / on none, $n events in the window" \
			tier.rolling.$n tier.none.$n cpu '<=' 1.5
		compare "the same, while those events fall out within a minute" \
			tier.falling.$n tier.none.$n cpu '<=' 1.5
		compare "record() on a ladder over the calendar year / on none, $n events in the window" \
			tier.year.$n tier.none.$n cpu '<=' 1.5
	done
}

# ----- all members -----

# tier_members MEMBERS: with a draft of a ladder
tier_members() {
	progress "tier, $1 members"
	sql "SELECT tier_start($1, $TIEREVENTS, 'rolling', false)" >/dev/null
	settle
	sql CHECKPOINT
}

# tier_what_if MEMBERS
tier_what_if() {
	tier_members "$1"
	run_set "tier.what_if.$1" "$1" "SELECT count(*) FROM community.what_if('club')"
}

# tier_review MEMBERS, who are there: the first review, then one with some due
tier_review() {
	local n=$1 due
	sql "SELECT count(*) FROM community.publish_ladder('club', '-infinity')" >/dev/null
	run_set tier.first "$n" 'CALL community.review_tiers()'
	sql 'VACUUM ANALYZE community.standing, community.tenure'
	due=$(sql "SELECT tier_make_due(0.02)")
	run_set tier.review "$due" 'CALL community.review_tiers()'
	expect 'members that are due still' "$(sql 'SELECT tier_due()')" 0
	sql 'VACUUM ANALYZE community.standing, community.tenure' \
		"SELECT tier_make_due(0.02)" >/dev/null
	run_set tier.loop "$((due / 20))" "SELECT tier_loop($((due / 20)))"
}

# A loop over everybody would take as long as it takes for each of the sample.
report_review() {
	local each all
	echo " the review of $TIERREVIEW members after a ladder was published first"
	figure cpu 'CPU, us a member' tier.first ''
	compare "review_tiers() with 2 percent of $TIERREVIEW members due / evaluate() of each that is due in a loop, of a twentieth" \
		tier.review tier.loop
	each=$(summary "$tmp/tier.loop.rate")
	all=$(summary "$tmp/tier.review.rate")
	note tier.all rate "$(awk -v r="${all%% *}" -v n="$TIERREVIEW" 'BEGIN { print n / (n * 0.02 / r) }')"
	note tier.each rate "${each%% *}"
	echo " the same review / evaluate() of all $TIERREVIEW members in a loop, scaled from that sample"
	figure rate 'members a second' tier.all tier.each '>=' 20
}

tier() {
	local n
	tier_record
	for n in $((TIERMEMBERS / 10)) $((TIERMEMBERS * 3 / 10)) "$TIERMEMBERS"; do
		tier_what_if "$n"
		[ "$n" != "$TIERREVIEW" ] || tier_review "$n"
	done
	section "All members, with $TIEREVENTS events each"
	for n in $((TIERMEMBERS / 10)) $((TIERMEMBERS * 3 / 10)) "$TIERMEMBERS"; do
		echo " what_if() of $n members"
		figure cpu 'CPU, us a member' "tier.what_if.$n" ''
		figure rate 'members a second' "tier.what_if.$n" ''
	done
	report_review
}

# the review alone
review() {
	tier_members "$TIERREVIEW"
	tier_review "$TIERREVIEW"
	section "All members, with $TIEREVENTS events each"
	report_review
}

# record() of members with a ladder alone
ladder() {
	tier_record
}
