#!/bin/bash
# test/bench/rules.sh: what rules and caps cost.  Read by run.sh.

# ----- single events -----

# settle_points: as settle, for what rules write
settle_points() {
	settle
	sql 'VACUUM (ANALYZE) community.entry, community.cap_usage, community.account_fold, entry_twin'
}

# rules_round NAME ROUND CLIENTS: the same script, without rules and with them
rules_round() {
	local side
	for side in $(turns "$2" without with); do
		sql "SELECT set_rules('$side' = 'with', CASE '$side' WHEN 'with' THEN 'month' ELSE '' END)"
		settle_points
		run_clients "$1.$side" "$3" "$SECS" record -D "members=$MEMBERS"
		events=$((events + rows))
		expect "entries $side rules" "$(sql 'SELECT count(*) FROM community.entry')" \
			"$([ "$side" = with ] && echo "$rows" || echo 0)"
		settle_points
	done
}

rules() {
	local round
	sql "SELECT set_rules(false, '')"
	start_over "$MEMBERS"
	rules_round warm 0 1
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "rules, round $round of $ROUNDS"
		rules_round rules "$round" 1
		rules_round rules8 "$round" 8
		check rules
	done
	sql "SELECT set_rules(false, '')"
	section "One event a transaction that earns points, members uniform over $MEMBERS"
	compare 'record() with two rules and a cap / record() without, 1 client' \
		rules.with rules.without cpu '<=' 2
	compare 'record() with two rules and a cap / record() without, 8 clients' \
		rules8.with rules8.without cpu '<=' 2
}

# ----- the inbox -----

# The rows of the source in their order, at any size.
in_order='SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0'

to_entry_twin() {
	echo "INSERT INTO entry_twin (program_id, member_id, currency_id, event_id, points, effective_at,
			recorded_at, request, posted, kind, key, delta, rule_ids, rule_points)
		SELECT $program, member, 1, row_number() OVER (), p, created_at, now(), 0, false, 'accrue', '',
			community.purse(p), '{1, 2}', ARRAY[p - 5, 5]
		FROM source, LATERAL (SELECT floor(total)::bigint + 5 AS p) AS p"
}

load_inbox() {
	sql "$in_order" "INSERT INTO community.inbox (member_id, type, key, amount, occurred_at)
		SELECT member, 'order', id::text, total * 100, created_at FROM source LIMIT $1" \
		'VACUUM ANALYZE community.inbox' CHECKPOINT
}

# by_row ROWS: one statement that calls record() for each
by_row() {
	echo "SELECT count(community.record(member, 'order', id::text, (total * 100)::bigint, created_at,
		program => $program)) FROM (SELECT * FROM source LIMIT $1) AS source"
}

# inbox_side SIDE ROWS: none, rules and day are with no rules, two rules, and
# two rules and a cap by day; _all means one batch, _row record() for each row
inbox_side() {
	local rules=false cap='' batch=10000
	case $1 in rules* | day*) rules=true ;; esac
	case $1 in day*) cap=day ;; esac
	case $1 in *_all) batch=1000000 ;; esac
	sql "SELECT set_rules($rules, '$cap')"
	start_over "$MEMBERS"
	settle_points
	case $1 in
		bare)
			twins=$2
			run_set inbox.bare "$2" "$(to_twin member)" ;;
		both)
			twins=$2
			run_set inbox.both "$2" "$(to_twin member)" "$(to_entry_twin)" ;;
		*_row)
			events=$2
			run_set "inbox.$1" "$2" "$in_order" "$(by_row "$2")" ;;
		*)
			events=$2
			load_inbox "$2"
			run_set "inbox.$1" "$2" "CALL community.process_inbox($batch)" ;;
	esac
	check "inbox $1"
}

# same_books RULES: of a sample, whichever way it was recorded
same_books() {
	local way first='' books
	for way in row '' all; do
		inbox_side "$1${way:+_$way}" "$2"
		books=$(sql 'SELECT books()')
		[ -n "$first" ] || first=$books
		expect "books of $1 ${way:-in batches}" "$books" "$first"
	done
	progress "books of $1: $first"
}

inbox() {
	local round side sample=$((SIZE / 20))
	make_source
	for side in rules day; do same_books $side $sample; done
	rm -f "$tmp"/inbox.*
	for ((round = 1; round <= ROUNDS; round++)); do
		for side in $(turns "$round" bare both none none_all rules rules_all day day_all); do
			progress "inbox, round $round of $ROUNDS, $side"
			inbox_side "$side" "$SIZE"
		done
		inbox_side rules_row $sample
		inbox_side day_row $sample
		for side in rules day; do
			sql "SELECT set_rules(true, CASE '$side' WHEN 'day' THEN 'day' ELSE '' END)"
			run_clients "inbox.${side}_one" 1 "$SECS" record -D "members=$MEMBERS"
		done
	done
	sql "SELECT set_rules(false, '')"
	section "$SIZE events of $MEMBERS members through the inbox, with two rules"
	for side in rules_all rules; do
		echo " $([ $side = rules ] && echo In batches of 10000 || echo In one batch)"
		compare 'process_inbox() / bare INSERT ... SELECT into a table like event' \
			inbox.$side inbox.bare cpu '<=' 3
		compare 'process_inbox() / the same, and as many into a table like entry' \
			inbox.$side inbox.both
		compare 'process_inbox() / record() of each, a transaction each' \
			inbox.$side inbox.rules_one rate '>=' 5
		compare 'process_inbox() / record() of each, all in one statement' \
			inbox.$side inbox.rules_row
		compare 'process_inbox() / without rules' \
			inbox.$side "inbox.none${side#rules}"
	done
	section 'The same, and a cap by day, which nearly every event opens anew'
	for side in day_all day; do
		echo " $([ $side = day ] && echo In batches of 10000 || echo In one batch)"
		compare 'process_inbox() / bare INSERT ... SELECT into a table like event' \
			inbox.$side inbox.bare cpu '<=' 3
		compare 'process_inbox() / the same, and as many into a table like entry' \
			inbox.$side inbox.both
		compare 'process_inbox() / record() of each, a transaction each' \
			inbox.$side inbox.day_one rate '>=' 5
		compare 'process_inbox() / record() of each, all in one statement' \
			inbox.$side inbox.day_row
	done
}
