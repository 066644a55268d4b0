#!/bin/bash
# test/bench/run.sh: what the extension costs, beside the same work without it.
#
# Runs on the private server of script/bench, in a database of its own.  Each
# comparison has two sides or more, which take turns for ROUNDS rounds; a ratio
# is the median of those of the rounds.  The exit code tells whether everything
# worked, not whether it was fast.  doc/performance.md says what is measured.
#
#   SECTIONS   which of: record clients attach bulk batch top sum purse ledger crowd
#              balance rules inbox tier referral ltv rfm graph score, or of
#              tier alone: ladder review
#   ROUNDS     rounds of every comparison
#   SECS       seconds of each run of pgbench
#   HOLD       seconds of each run beside an old snapshot
#   CROWD      the same for credits to one member
#   MEMBERS    members that rows are spread over
#   SIZE       rows of a set
#   TOP        members on the leader board
#   SUMSIZE    rows that are summed up
#   PURSES     purses that are summed up
#   TIERHOT    members of the record() on a ladder
#   TIERMEMBERS members of what_if(), and tenths of them
#   TIERREVIEW members of review_tiers(), one of the sizes of what_if()
#   TIEREVENTS events of each of them
#   REFERRALS  members of a forest
#   CLOSURE    yes: a closure table of the forest with a long chain, too
#   LTV        members that a model of lifetime value is fitted to
#   RFM        events that RFM scores are made of
#   GRAPH      edges of a graph
#   SCORES     members of a refresh of scores
#   SCOREEVENTS events of each of them

set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=test/bench/measure.sh
. ./measure.sh
# shellcheck source=test/bench/ledger.sh
. ./ledger.sh
# shellcheck source=test/bench/rules.sh
. ./rules.sh
# shellcheck source=test/bench/tier.sh
. ./tier.sh
# shellcheck source=test/bench/referral.sh
. ./referral.sh
# shellcheck source=test/bench/ltv.sh
. ./ltv.sh
# shellcheck source=test/bench/rfm.sh
. ./rfm.sh
# shellcheck source=test/bench/graph.sh
. ./graph.sh
# shellcheck source=test/bench/score.sh
. ./score.sh

SECTIONS=${SECTIONS:-record clients attach bulk batch top sum purse ledger crowd balance rules inbox tier referral ltv rfm graph score}
ROUNDS=${ROUNDS:-5} SECS=${SECS:-5} HOLD=${HOLD:-10} CROWD=${CROWD:-60}
MEMBERS=${MEMBERS:-100000} SIZE=${SIZE:-1000000}
TOP=${TOP:-1000000} SUMSIZE=${SUMSIZE:-10000000}
PURSES=${PURSES:-1000000}
TIERHOT=${TIERHOT:-10} TIERMEMBERS=${TIERMEMBERS:-1000000} TIEREVENTS=${TIEREVENTS:-5}
TIERREVIEW=${TIERREVIEW:-$TIERMEMBERS}
REFERRALS=${REFERRALS:-100000} CLOSURE=${CLOSURE:-no}
LTV=${LTV:-1000000}
RFM=${RFM:-10000000}
GRAPH=${GRAPH:-10000000}
SCORES=${SCORES:-1000000} SCOREEVENTS=${SCOREEVENTS:-5}
events=0 twins=0 entries=0 transfers=0

# ----- the database -----

set_up() {
	sql 'DROP DATABASE IF EXISTS community_bench' 'CREATE DATABASE community_bench'
	export PGDATABASE=community_bench
	# vacuum works between the runs, not in some of them
	sql 'ALTER SYSTEM SET autovacuum = off' 'SELECT pg_reload_conf()' >/dev/null
	psql -XqAt -v ON_ERROR_STOP=1 -f setup.sql -f ledger.sql -f rules.sql -f tier.sql \
		-f referral.sql -f ltv.sql -f rfm.sql -f graph.sql -f score.sql >/dev/null
	program=$(sql 'SELECT community.current_program()')
	currency=$(sql 'SELECT currency_id FROM community.currency')
}

# settle: what the runs before left behind is no burden of the next
settle() {
	sql 'VACUUM (ANALYZE) community.event, community.member, community.engagement, twin'
}

# start_over MEMBERS: as many members, and nothing recorded
start_over() {
	sql "SELECT start_over($1)" >/dev/null
	settle
	sql CHECKPOINT
	events=0 twins=0
}

# Everything that was asked for is in the log, and the scores agree with it.
check() {
	expect "events of $1" "$(sql 'SELECT count(*) FROM community.event')" "$events"
	expect "rows of $1" "$(sql 'SELECT count(*) FROM twin')" "$twins"
	expect "scores of $1" "$(sql 'SELECT scores_agree()')" t
}

# turns ROUND SIDE...: the sides in the order of that round
turns() {
	local i round=$1
	shift
	for ((i = 0; i < $#; i++)); do
		echo "${@:$(((i + round) % $# + 1)):1}"
	done
}

# ----- single rows -----

# single NAME ROUND CLIENTS SECONDS MEMBERS SIDE...: each side is a script
single() {
	local name=$1 round=$2 clients=$3 seconds=$4 members=$5 side
	shift 5
	for side in $(turns "$round" "$@"); do
		run_clients "$name.$side" "$clients" "$seconds" "$side" -D "members=$members"
		case $side in
			twin)
				twins=$((twins + rows))
				run_set "$name.$side.vacuum" "$rows" 'VACUUM twin' ;;
			*)
				events=$((events + rows))
				run_set "$name.$side.vacuum" "$rows" 'VACUUM community.event, community.engagement' ;;
		esac
		settle
	done
}

# The first change of a page after a checkpoint writes the whole page to the
# log; a round that is not counted takes that out of the others, which are as
# between two checkpoints.
record() {
	local round
	start_over "$MEMBERS"
	single warm 0 1 "$SECS" "$MEMBERS" twin record plpgsql
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "record, round $round of $ROUNDS"
		single one "$round" 1 "$SECS" "$MEMBERS" twin record record_default plpgsql
		check record
	done
	section "One event a transaction, 1 client, members uniform over $MEMBERS"
	compare 'record() / bare INSERT into a table with the columns and indexes of event' \
		one.record one.twin cpu '<=' 2.5
	compare 'record() / the tightest PL/pgSQL function that does the same writes' \
		one.record one.plpgsql cpu '<' 1
	compare 'record() that looks up the only program / bare INSERT' one.record_default one.twin
	compare 'the PL/pgSQL function / bare INSERT' one.plpgsql one.twin
	echo ' VACUUM after record() / after the bare INSERT, for each row written'
	figure cpu 'CPU, us a row' one.record.vacuum one.twin.vacuum
}

clients() {
	local round side
	start_over "$MEMBERS"
	single warm 0 8 "$SECS" "$MEMBERS" twin record plpgsql
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "clients, round $round of $ROUNDS"
		single many "$round" 8 "$SECS" "$MEMBERS" twin record plpgsql
		single hot "$round" 8 "$SECS" 1 twin record plpgsql
		for side in $(turns "$round" twin record plpgsql); do
			begin_hold
			single held "$round" 8 "$HOLD" 1 "$side"
			end_hold
			settle
		done
		check clients
	done
	section 'One event a transaction, 8 clients'
	compare "record() / bare INSERT, members uniform over $MEMBERS" many.record many.twin
	compare 'record() / PL/pgSQL, the same' many.record many.plpgsql
	compare 'record() / bare INSERT, all for one member' hot.record hot.twin
	compare 'record() / PL/pgSQL, the same' hot.record hot.plpgsql
	compare "record() / bare INSERT, one member, beside a snapshot held for $HOLD s" \
		held.record held.twin
	compare 'record() / PL/pgSQL, the same' held.record held.plpgsql
	compare 'record() for one member, beside that snapshot / without it' held.record hot.record
}

# attach_round NAME ROUND CLIENTS
attach_round() {
	local side
	for side in $(turns "$2" orders attached_orders); do
		run_clients "$1.$side" "$3" "$SECS" "$side" -D "members=$MEMBERS"
		[ "$side" = orders ] || events=$((events + rows))
		sql 'VACUUM (ANALYZE) orders, attached_orders'
		settle
	done
}

attach() {
	local round
	start_over "$MEMBERS"
	sql 'SELECT fresh_orders()' 'SELECT attach_orders()' >/dev/null
	attach_round warm 0 1
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "attach, round $round of $ROUNDS"
		attach_round attach "$round" 1
		attach_round crowd "$round" 8
		check attach
	done
	section "One row a transaction into a table of orders, members uniform over $MEMBERS"
	compare 'attached table / the same table, not attached, 1 client' \
		attach.attached_orders attach.orders cpu '<=' 2.5
	compare 'attached table / the same table, not attached, 8 clients' \
		crowd.attached_orders crowd.orders cpu '<=' 2.5
}

# ----- sets -----

make_source() {
	sql "SELECT make_source($SIZE, $MEMBERS)" 'VACUUM ANALYZE source' >/dev/null
}

to_twin() {
	echo "INSERT INTO twin (program_id, member_id, type, source, key, amount, occurred_at, engagement)
		SELECT $program, $1, 'order', 'orders', id::text, total * 100, created_at, 1 FROM source"
}
to_orders() {
	echo "INSERT INTO $1 SELECT id, $2, total, created_at, status FROM source"
}

# one_set NAME SIDE: on fresh tables
one_set() {
	local statement member=member
	case $2 in
		twin_each | known | new) member=member_of_one ;;
	esac
	case $2 in
		known) start_over "$SIZE" ;;
		new) start_over 0 ;;
		*) start_over "$MEMBERS" ;;
	esac
	case $2 in
		twin | twin_each)
			statement=$(to_twin $member) twins=$SIZE ;;
		orders)
			statement=$(to_orders orders $member)
			sql 'SELECT fresh_orders()' >/dev/null ;;
		attached | known | new)
			statement=$(to_orders attached_orders $member) events=$SIZE
			sql 'SELECT fresh_orders()' 'SELECT attach_orders()' >/dev/null ;;
		backfill)
			statement="CALL community.backfill('attached_orders', 'order')" events=$SIZE
			sql 'SELECT fresh_orders()' "$(to_orders attached_orders $member)" \
				'SELECT attach_orders()' 'VACUUM ANALYZE attached_orders' CHECKPOINT >/dev/null ;;
		inbox)
			run_set "$1.load" "$SIZE" "INSERT INTO community.inbox
				(member_id, type, key, amount, occurred_at)
				SELECT member, 'order', id::text, total * 100, created_at FROM source"
			sql 'VACUUM ANALYZE community.inbox' CHECKPOINT
			statement='CALL community.process_inbox()' events=$SIZE ;;
		rowwise)
			statement="SELECT count(community.record(member, 'order', id::text, (total * 100)::bigint,
				created_at, program => $program)) FROM source" events=$SIZE ;;
	esac
	run_set "$1.$2" "$SIZE" "$statement"
	check "$1 $2"
}

bulk() {
	local round side
	make_source
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "bulk, round $round of $ROUNDS"
		for side in $(turns "$round" twin attached orders twin_each known new); do
			one_set bulk "$side"
		done
	done
	section "One INSERT ... SELECT of $SIZE rows"
	compare "attached orders of $MEMBERS members / bare set into a table like event" \
		bulk.attached bulk.twin cpu '<=' 3
	compare 'attached orders / the same orders, not attached' bulk.attached bulk.orders
	compare "attached orders of $SIZE members, one each / bare set into a table like event" \
		bulk.known bulk.twin_each
	compare 'the same, and every member is enrolled on the way' bulk.new bulk.twin_each
}

batch() {
	local round side
	make_source
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "batch, round $round of $ROUNDS"
		for side in $(turns "$round" twin backfill inbox rowwise); do
			one_set batch "$side"
		done
		start_over "$MEMBERS"
		single batch "$round" 1 "$SECS" "$MEMBERS" record
		check batch
	done
	section "$SIZE rows that are there already, of $MEMBERS members, in batches of 10000"
	compare 'backfill() / bare set into a table like event' batch.backfill batch.twin
	compare 'process_inbox() / bare set into a table like event' batch.inbox batch.twin
	compare 'process_inbox() / record() of each row, a transaction each' batch.inbox batch.record
	compare 'process_inbox() / record() of each row, all in one statement' batch.inbox batch.rowwise
	compare 'loading the inbox by INSERT ... SELECT / process_inbox()' batch.load batch.inbox
}

# ----- the leader board -----

top() {
	local round plan
	sql "SELECT make_source(greatest($SIZE, $TOP), $TOP)" 'VACUUM ANALYZE source' \
		'SELECT fresh_orders()' >/dev/null
	start_over "$TOP"
	progress "top, $SIZE orders of $TOP members"
	sql 'SELECT attach_orders()' "$(to_orders attached_orders member) LIMIT $SIZE" >/dev/null
	events=$SIZE
	settle
	check top
	# shellcheck disable=SC2016  # $1 is for the server
	plan=$(sql 'SET plan_cache_mode = force_generic_plan' "PREPARE top (bigint) AS $(
		sed 's/:program/$1/; s/;//' top.pgb)" "EXPLAIN (COSTS OFF) EXECUTE top ($program)")
	[[ $plan == *engagement_score_idx* && $plan != *Sort* ]] ||
		die "bench: the leader board is not read from its index:"$'\n'"$plan"
	expect 'the leader board at other times' "$(sql 'SELECT same_order_at_other_times(100)')" t
	expect 'the leader board by hand' "$(sql 'SELECT same_order_by_hand(100)')" t
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "top, round $round of $ROUNDS"
		run_latency top.index 200 top
		run_latency top.shown 200 top_shown
		run_latency top.by_hand 1 top_by_hand
	done
	section "The top 100 of $TOP members"
	echo ' by score, from the index'
	figure ms 'latency, ms' top.index '' '<' 1
	echo ' with the score as it is now'
	figure ms 'latency, ms' top.shown ''
	echo " from the index / by hand: sum over $SIZE events of value * exp(...), sorted"
	figure ms 'latency, ms' top.index top.by_hand
}

# ----- sums -----

sum() {
	local round side n serial='SET max_parallel_workers_per_gather = 0'
	local parallel='SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0'
	local few="FROM (SELECT * FROM activity LIMIT $((SUMSIZE / 20))) AS activity"
	local age='extract(epoch FROM now() - at)' landmark=1700000000
	local -A query=(
		[ours]="SELECT community.decayed_sum(amount, at, '90 days') FROM activity"
		[cast]="SELECT sum(amount * exp(-ln(2) * $age::float8 / 7776000)) FROM activity"
		[fast]="SELECT sum(amount * exp((date_part('epoch', at) - $landmark) * (ln(2) / 7776000)))
			* exp(($landmark - date_part('epoch', now())) * (ln(2) / 7776000)) FROM activity"
		[power]="SELECT sum(amount * power(0.5, $age / 7776000)) $few"
	)
	query[parallel]=${query[ours]}
	progress "sum, $SUMSIZE rows"
	sql "SELECT make_activity($SUMSIZE)" 'VACUUM ANALYZE activity' CHECKPOINT >/dev/null
	for side in cast fast; do
		expect "decayed_sum() is $side" "$(sql "SELECT abs(community.score_at(
			(${query[ours]}), now()) / (${query[$side]}) - 1) < 1e-9")" t
	done
	expect 'parallel decayed_sum()' "$(sql "$serial" "CREATE TEMPORARY TABLE one AS
		SELECT (${query[ours]}) AS score" "$parallel" "CREATE TEMPORARY TABLE two AS ${query[ours]}" \
		'SELECT abs(community.score_at(score, now()) / community.score_at(decayed_sum, now()) - 1)
			< 1e-9 FROM one, two')" t
	[[ $(sql "$parallel" "EXPLAIN ${query[ours]}") == *'Partial Aggregate'* ]] ||
		die 'bench: decayed_sum() has no parallel plan'
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "sum, round $round of $ROUNDS"
		for side in $(turns "$round" ours cast fast power parallel); do
			n=$SUMSIZE
			[ "$side" != power ] || n=$((SUMSIZE / 20))
			if [ "$side" = parallel ]; then
				run_set sum.parallel "$n" "$parallel" "${query[$side]}"
			else
				run_set "sum.$side" "$n" "$serial" "${query[$side]}"
			fi
		done
	done
	section "The decayed sum of $SUMSIZE rows of double precision"
	compare 'decayed_sum() / sum(amount * exp(-ln(2) * extract(epoch ...)::float8 / H))' \
		sum.ours sum.cast cpu '<=' 0.333
	compare 'decayed_sum() / the fastest by hand: date_part() and a fixed landmark, no numeric' \
		sum.ours sum.fast
	compare 'decayed_sum() / sum(amount * power(0.5, extract(epoch ...) / H)), all numeric' \
		sum.ours sum.power
	compare 'decayed_sum() with 2 parallel workers / without' \
		sum.parallel sum.ours rate '>' 1
}

# ----- purses -----

# A sum takes a twentieth of a second, which is too short to measure.
purse() {
	local round side of again=10 n=$((PURSES / 4)) kinds='one year rising mixed'
	local serial='SET max_parallel_workers_per_gather = 0'
	local -A call=(
		[plus]='p OPERATOR(community.+) community.purse(i)'
		[available]='community.available(p, at)'
		[take]='community.take_up_to(p, 100, at)'
		[settle]='community.settle(p, at)'
	)
	progress "purse, $PURSES rows"
	for side in $kinds; do
		sql "SELECT make_purses('$side', $PURSES)" "VACUUM ANALYZE purse_$side" >/dev/null
		expect "sum(purse), $side" "$(sql "SELECT community.total(community.sum(p)) = sum(points)
			FROM purse_$side")" t
	done
	sql CHECKPOINT
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "purse, round $round of $ROUNDS"
		for side in $(turns "$round" $kinds); do
			for of in $(turns "$round" p points); do
				run_set "purse.$side.$of" "$((PURSES * again))" "$serial" \
					"$(sum_again "$([ $of = p ] && echo community.)sum($of)" "purse_$side" $again)"
			done
		done
		for side in "${!call[@]}"; do
			run_set "purse.$side" "$n" "WITH large AS MATERIALIZED
				(SELECT community.purse_plus(p, '{}') AS p, times FROM purse_large)
				SELECT count(${call[$side]}) FROM large, generate_series(1, $n) AS i,
				LATERAL (SELECT times[1 + i % 366] AS at OFFSET 0) AS t"
		done
		run_set purse.stored "$n" "SELECT count(community.available(p, times[1 + i % 366]))
			FROM purse_large, generate_series(1, $n) AS i"
	done
	section "The sum of $PURSES purses of one lot"
	compare 'sum(purse), one key / sum(bigint) over the same rows' \
		purse.one.p purse.one.points cpu '<=' 4
	compare 'sum(purse), 366 keys at random / sum(bigint) over the same rows' \
		purse.year.p purse.year.points cpu '<=' 4
	compare 'sum(purse), every key another, in their order / sum(bigint) over the same rows' \
		purse.rising.p purse.rising.points
	compare 'sum(purse), every key another, in no order / sum(bigint) over the same rows' \
		purse.mixed.p purse.mixed.points
	section 'A purse of 366 lots'
	for side in plus available take settle; do
		echo " ${call[$side]}"
		figure cpu 'CPU, us a row' "purse.$side" ''
	done
	echo ' community.available(p, at), read and decompressed from its table'
	figure cpu 'CPU, us a row' purse.stored ''
}

# sum_again SUM TABLE TIMES: a statement that does it so often
sum_again() {
	local i all=''
	for ((i = 0; i < $3; i++)); do all+="${all:+ UNION ALL }SELECT $1 IS NULL FROM $2"; done
	echo "$all"
}

# ----- all -----

set_up
sql "SELECT format('PostgreSQL %s, %s processors, shared_buffers %s, synchronous_commit %s',
	current_setting('server_version'), $(nproc), current_setting('shared_buffers'),
	current_setting('synchronous_commit'))"
echo "ROUNDS=$ROUNDS SECS=$SECS HOLD=$HOLD CROWD=$CROWD MEMBERS=$MEMBERS SIZE=$SIZE TOP=$TOP SUMSIZE=$SUMSIZE PURSES=$PURSES"
cat <<'X'
A / B: ours is A, theirs B, each the median of the rounds; ratio = ours / theirs,
the median of the ratios of the rounds, with their range.  CPU is that of the
server's processes.  Less CPU is better, more rows a second are.
X
for section in ${SECTIONS//,/ }; do
	case $section in
		record | clients | attach | bulk | batch | top | sum | purse | ledger | crowd | balance | rules | inbox | tier | ladder | review | referral | ltv | rfm | graph | score) $section ;;
		*) die "bench: no section $section" ;;
	esac
done
tally
