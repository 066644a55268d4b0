#!/bin/bash
# test/bench/referral.sh: what referrals cost, beside other ways to keep a
# forest.  Read by run.sh.

# build_forest CHAIN: ours with labels and unlabelled signups, and the peers
build_forest() {
	local last=$((REFERRALS - REFERRALS / 50)) ltree=false closure=true
	# of a chain it has half the square of its length in pairs
	[ "$1" = 0 ] || [ "$CLOSURE" = yes ] || closure=false
	progress "referral, $REFERRALS members, a chain of $1"
	sql "SELECT make_forest($REFERRALS, $1)" "VACUUM ANALYZE forest" \
		"SELECT referral_load($REFERRALS, $last)" "VACUUM ANALYZE community.referral" >/dev/null
	sql "CALL referral_label()"
	sql "SELECT referral_sign_up($last)" "VACUUM ANALYZE community.referral, community.referral_label" >/dev/null
	# paths of many levels find no place in its index
	[ "$1" -gt 0 ] || [ "$(sql "SELECT count(*) FROM pg_available_extensions WHERE name = 'ltree'")" = 0 ] ||
		ltree=true
	sql "SELECT fill_peers($closure, $ltree)" >/dev/null
	sql "VACUUM ANALYZE adjacency, path_array, closure" "SELECT draw_samples(1000)" CHECKPOINT >/dev/null
	[ $ltree = false ] || sql 'VACUUM ANALYZE path_ltree'
	has_ltree=$ltree has_closure=$closure
	pairs=$(sql 'SELECT sum(cardinality(path)) FROM path_array')
	expect 'pairs above and below' "$(sql 'SELECT sum(downline) FROM community.downline_sizes()')" "$pairs"
	[ "$closure" = false ] || expect 'pairs of the closure table' \
		"$(sql 'SELECT count(*) FROM closure WHERE steps > 0')" "$pairs"
	expect 'trees, and members in them' \
		"$(sql 'SELECT sum(members - 1) FROM community.structural_virality()')" \
		"$(sql 'SELECT count(*) FROM forest WHERE sponsor IS NOT NULL')"
}

# count_members NAME SIDE: the median, and that it counted right
count_members() {
	local found
	found=$(sql "SELECT median || ' ' || total FROM time_counts('$2', 5)")
	note "$1.$2" us "${found% *}"
	expect "$2 of $1" "${found#* }" "$counted"
}

# sizes NAME SIDE STATEMENT: all members at once
sizes() {
	run_set "$1.$2" "$REFERRALS" 'SET max_parallel_workers_per_gather = 0' "$3" >/dev/null
	note "$1.$2" ms "$(awk -v n="$REFERRALS" -v r="$(tail -n 1 "$tmp/$1.$2.rate")" 'BEGIN { print n * 1000 / r }')"
}

# read_forest NAME
read_forest() {
	local round side name=$1 calls closure='closure'
	[ "$has_closure" = true ] || closure=''
	local sides="ours array $closure cte"
	[ "$has_ltree" = false ] || sides+=' ltree'
	calls=$(($(sql "SELECT count(*) FROM referral_sample WHERE kind = 'deep'") * 20))
	[ "$calls" -gt 0 ] || die 'bench: nobody stands ten levels down; take more REFERRALS'
	counted=$(sql "SELECT sum(downline) FROM community.downline_sizes() AS s
		JOIN referral_sample AS r ON r.member = s.member_id WHERE kind = 'large'")
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "referral, $name, round $round of $ROUNDS"
		for side in $(turns "$round" nothing ours array $closure cte); do
			run_set "$name.up.$side" "$calls" "SELECT loop_upline('$side', 20)"
		done
		for side in $(turns "$round" $sides); do count_members "$name.count" "$side"; done
		for side in $(turns "$round" ours virality rows array $closure); do
			case $side in
				ours) sizes "$name.sizes" ours 'SELECT count(*), sum(downline) FROM community.downline_sizes()' ;;
				virality) sizes "$name.sizes" virality 'SELECT count(*), max(virality) FROM community.structural_virality()' ;;
				# what any function costs that gives as many rows and does nothing for them
				rows) sizes "$name.sizes" rows 'SELECT count(*), sum(downline) FROM as_many_rows()' ;;
				array) sizes "$name.sizes" array 'SELECT count(*), sum(n) FROM
					(SELECT u.a, count(*) AS n FROM path_array, unnest(path) AS u (a) GROUP BY u.a) AS s' ;;
				closure) sizes "$name.sizes" closure 'SELECT count(*), sum(n) FROM
					(SELECT ancestor, count(*) - 1 AS n FROM closure GROUP BY ancestor) AS s' ;;
			esac
		done
	done
}

# show_reads NAME TIMES: the figures, and by how much all sizes are to be faster
show_reads() {
	local name=$1 side
	echo ' upline() of 10 levels / the last 10 of a stored path; both with the loop around'
	figure cpu 'CPU, us a call' "$name.up.ours" "$name.up.array" '<=' 1
	if [ "$has_closure" = true ]; then
		echo ' the same / a closure table'
		figure cpu 'CPU, us a call' "$name.up.ours" "$name.up.closure"
	else
		echo " (no closure table: it would have $pairs pairs; CLOSURE=yes makes it all the same)"
	fi
	echo ' the same / a recursive query'
	figure cpu 'CPU, us a call' "$name.up.ours" "$name.up.cte"
	echo ' the loop alone'
	figure cpu 'CPU, us a call' "$name.up.nothing" ''
	echo " downline_count() of the 100 largest, $((counted / 100)) below each"
	figure us 'median, us' "$name.count.ours" '' '<=' 50
	for side in array closure cte ltree; do
		[ -e "$tmp/$name.count.$side.us" ] || continue
		echo " the same / $side"
		figure us 'median, us' "$name.count.ours" "$name.count.$side"
	done
	echo ' downline_sizes()'
	figure ms 'elapsed, ms' "$name.sizes.ours" '' '<=' 500
	echo ' structural_virality()'
	figure ms 'elapsed, ms' "$name.sizes.virality" '' '<=' 500
	compare 'downline_sizes() / as many rows of its shape from a plain function' \
		"$name.sizes.ours" "$name.sizes.rows"
	compare 'downline_sizes() / unnest of stored paths, grouped' \
		"$name.sizes.ours" "$name.sizes.array" rate '>=' "$2"
	[ "$has_closure" = false ] || compare 'downline_sizes() / closure table, grouped' \
		"$name.sizes.ours" "$name.sizes.closure" rate '>=' "$2"
}

# What a binding costs beside the same row in a table of the same kind.
sign_up() {
	local round side n=$((REFERRALS / 20))
	# the twin holds the same rows
	sql 'INSERT INTO referral_twin SELECT * FROM community.referral' 'VACUUM ANALYZE referral_twin' CHECKPOINT
	for ((round = 0; round <= ROUNDS; round++)); do
		progress "referral, signups, round $round of $ROUNDS"
		for side in $(turns "$round" bound raw alone twin); do
			run_set "$([ "$round" -gt 0 ] || echo warm.)referral.$side" "$n" "SELECT loop_signup('$side', $n)"
		done
		for side in $(turns "$round" one spread); do
			run_clients "$([ "$round" -gt 0 ] || echo warm.)referral.$side" 16 "$SECS" "referral_$side" \
				-D "members=$REFERRALS"
		done
		[ "$round" -gt 0 ] || continue
		paste "$tmp/referral.bound.cpu" "$tmp/referral.alone.cpu" |
			awk '{ print $1 - $2 }' >"$tmp/referral.bind.cpu"
		paste "$tmp/referral.raw.cpu" "$tmp/referral.alone.cpu" |
			awk '{ print $1 - $2 }' >"$tmp/referral.guard.cpu"
	done
}

# Who moves takes everybody below along.
move() {
	local round side
	for ((round = 1; round <= ROUNDS; round++)); do
		progress "referral, moves, round $round of $ROUNDS"
		for side in $(turns "$round" ours array closure); do
			note "referral.move.$side" us \
				"$(sql "SELECT time_moves('$side', $([ "$side" = ours ] && echo 10 || echo 1))")"
		done
	done
}

show_bytes() {
	local what bytes sum=0
	while IFS='|' read -r what bytes; do
		note "bytes.$what" bytes "$bytes"
		case $what in
			all_*) ;;
			*) sum=$(awk -v a="$sum" -v b="$bytes" 'BEGIN { print a + b }') ;;
		esac
	done < <(sql 'SELECT what, bytes FROM referral_bytes()')
	note bytes.all bytes "$sum"
	echo " referral, its indexes and labels"
	figure bytes 'bytes a member' bytes.all '' '<=' 150
	for what in rows key sponsors anchors labels; do
		echo " of these: $what"
		figure bytes 'bytes a member' "bytes.$what" ''
	done
	for what in adjacency array closure; do
		echo " the same / $what"
		figure bytes 'bytes a member' bytes.all "bytes.all_$what"
	done
}

referral() {
	local has_ltree has_closure pairs counted
	build_forest 0
	read_forest A
	section "A forest of $REFERRALS members, a fiftieth of them signed up after labels were made"
	show_bytes
	show_reads A 10
	move
	echo " reparent() of a member with about $((REFERRALS / 100)) below"
	figure us 'median, us' referral.move.ours '' '<=' 1000
	echo ' the same / stored paths rewritten'
	figure us 'median, us' referral.move.ours referral.move.array
	echo ' the same / closure table rewritten'
	figure us 'median, us' referral.move.ours referral.move.closure
	sign_up
	section 'Signups'
	echo ' enroll() with a sponsor, less enroll() without / a bare INSERT into a twin of referral'
	figure cpu 'CPU, us a row' referral.bind referral.twin '<=' 1.3
	echo ' the same / an INSERT into referral by hand'
	figure cpu 'CPU, us a row' referral.bind referral.guard
	compare 'enroll() with a sponsor / without' referral.bound referral.alone
	compare '16 clients: all under one sponsor / spread over all members' \
		referral.one referral.spread rate '>=' 0.9
	build_forest $((REFERRALS / 100))
	read_forest B
	section "The same with a chain of $((REFERRALS / 100))"
	show_reads B "$([ "$REFERRALS" -ge 1000000 ] && echo 100 || echo 10)"
}
