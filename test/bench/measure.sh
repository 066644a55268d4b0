#!/bin/bash
# test/bench/measure.sh: runs that are measured, and tables of them.
#
# A run belongs to a side of a comparison.  What was measured of a side is kept
# in files, one line a round: SIDE.cpu in microseconds a row, SIDE.rate in rows
# a second, SIDE.ms in milliseconds of latency.

export PGOPTIONS="-c client_min_messages=warning ${PGOPTIONS:-}"
tmp=$(mktemp -d)
trap 'end_hold; rm -rf "$tmp"' EXIT
ticks=$(getconf CLK_TCK)
held=0 rows=0
: >"$tmp/goals"

die() { echo "$*" >&2; exit 1; }
progress() { echo "... $*" >&2; }

# sql STATEMENT...: what they give, each a transaction
sql() {
	local args=() s
	for s; do args+=(-c "$s"); done
	psql -XqAt -v ON_ERROR_STOP=1 "${args[@]}"
}

# expect WHAT FOUND EXPECTED
expect() { [ "$2" = "$3" ] || die "bench: $1: $2 where $3 should be"; }

# ----- processor time -----

# The server's processes for clients, and dead ones that still are to be reaped.
count_backends() {
	local p title n=0
	for p in $(<"/proc/$PGPID/task/$PGPID/children"); do
		title=''
		{ IFS= read -r -d '' title <"/proc/$p/cmdline"; } 2>/dev/null || true
		case $title in
			'' | *'[local]'* | *'parallel worker'*) n=$((n + 1)) ;;
		esac
	done
	echo "$n"
}

# Processor time of all processes of the server that have ended, in ticks, when
# none of a client is left but the one that holds a snapshot.
cpu_ticks() {
	local tries=0
	while [ "$(count_backends)" -gt "$held" ] || [ "$(count_backends)" -gt "$held" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "bench: clients do not leave"
		sleep 0.05
	done
	awk '{ print $16 + $17 }' "/proc/$PGPID/stat"
}

# note SIDE UNIT VALUE
note() { echo "$3" >>"$tmp/$1.$2"; }

# note_cpu SIDE TICKS ROWS
note_cpu() {
	note "$1" cpu "$(awk -v t="$2" -v hz="$ticks" -v n="$3" 'BEGIN { print t * 1e6 / hz / n }')"
}

# ----- runs -----

# run_clients SIDE CLIENTS SECONDS SCRIPT [OPTION...]: leaves the number of
# transactions in $rows
run_clients() {
	local side=$1 clients=$2 seconds=$3 script=$4 before after out=$tmp/pgbench.out
	shift 4
	before=$(cpu_ticks)
	pgbench -n -M prepared -c "$clients" -j "$((clients < 2 ? clients : 2))" -T "$seconds" \
		-D "program=${program:?}" "$@" -f "$script.pgb" >"$out" 2>&1 || { cat "$out" >&2; exit 1; }
	after=$(cpu_ticks)
	rows=$(awk '/actually processed/ { print $NF }' "$out")
	rows=${rows%%/*}
	[ "${rows:-0}" -gt 0 ] || { cat "$out" >&2; die "bench: $side did nothing"; }
	note_cpu "$side" "$((after - before))" "$rows"
	note "$side" rate "$(awk '/^tps = / { print $3; exit }' "$out")"
}

# run_set SIDE ROWS STATEMENT...
run_set() {
	local side=$1 n=$2 before after start end
	shift 2
	before=$(cpu_ticks)
	start=$EPOCHREALTIME
	sql "$@" >"$tmp/psql.out"
	end=$EPOCHREALTIME
	after=$(cpu_ticks)
	note_cpu "$side" "$((after - before))" "$n"
	note "$side" rate "$(awk -v s="$start" -v e="$end" -v n="$n" 'BEGIN { print n / (e - s) }')"
}

# run_latency SIDE TIMES SCRIPT: the median over as many runs
run_latency() {
	rm -f "$tmp"/latency.*
	pgbench -n -M prepared -c 1 -t "$2" -D "program=${program:?}" -f "$3.pgb" \
		-l --log-prefix="$tmp/latency" >"$tmp/pgbench.out" 2>&1 ||
		{ cat "$tmp/pgbench.out" >&2; exit 1; }
	note "$1" ms "$(cat "$tmp"/latency.* | awk '{ print $3 / 1000 }' | sort -n |
		awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')"
}

# A session that keeps a snapshot open.
begin_hold() {
	coproc HOLDER { exec psql -XqAt; }
	hold_pid=${HOLDER_PID:?} hold_in=${HOLDER[1]}
	echo 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM community.program;' >&"$hold_in"
	read -r _ <&"${HOLDER[0]}"
	held=1
}
end_hold() {
	[ "$held" = 1 ] || return 0
	echo '\q' >&"$hold_in"
	wait "$hold_pid" || true
	held=0
}

# ----- tables -----

# Median and range of a side, or of the ratio of two.
summary() {
	paste "$@" | awk '{ print (NF < 2 ? $1 : $2 > 0 ? $1 / $2 : 9999) }' | sort -n | awk '
		{ v[NR] = $1 }
		END {
			m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			print m, v[1], v[NR]
		}'
}

# digits NUMBER: three that tell
digits() {
	awk -v x="$1" 'BEGIN {
		f = x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : x >= 0.1 ? "%.3f" : "%.2g"
		printf f, x
	}'
}

# met VALUE RELATION GOAL
met() {
	awk -v x="$1" -v r="$2" -v g="$3" 'BEGIN {
		ok = r == "<" ? x < g : r == "<=" ? x <= g : r == ">" ? x > g : x >= g
		print ok ? "yes" : "NO"
	}'
}

line() { printf '   %-18s %11s %11s %7s  %-15s %-8s %s\n' "$@" | sed 's/ *$//'; }

section() {
	printf '\n%s\n' "$1"
	line '' ours theirs ratio range goal met
}

# figure UNIT LABEL OURS THEIRS [RELATION GOAL]: the ratio of two sides, or one
# side where THEIRS is empty; a goal is one of the ratio, or of the side
figure() {
	local unit=$1 label=$2 ours theirs='' value low high answer=''
	ours=$(summary "$tmp/$3.$unit")
	read -r value low high <<<"$ours"
	if [ -n "$4" ]; then
		theirs=$(summary "$tmp/$4.$unit")
		read -r value low high < <(summary "$tmp/$3.$unit" "$tmp/$4.$unit")
	fi
	if [ -n "${5:-}" ]; then
		answer=$(met "$value" "$5" "$6")
		echo "$answer" >>"$tmp/goals"
	fi
	line "$label" "$(digits "${ours%% *}")" "${theirs:+$(digits "${theirs%% *}")}" \
		"${theirs:+$(digits "$value")}" "$(digits "$low")..$(digits "$high")" \
		"${5:-}${6:+ $6}" "$answer"
}

# compare WHAT OURS THEIRS [UNIT RELATION GOAL]: processor time and rate
compare() {
	local what=$1 ours=$2 theirs=$3 goal=()
	shift 3
	goal=("$@")
	printf ' %s\n' "$what"
	[ "${goal[0]:-}" = cpu ] || set --
	figure cpu 'CPU, us a row' "$ours" "$theirs" "${@:2}"
	set -- "${goal[@]}"
	[ "${goal[0]:-}" = rate ] || set --
	figure rate 'rows a second' "$ours" "$theirs" "${@:2}"
}

# The closing line.
tally() {
	awk '/yes/ { y++ } /NO/ { n++ } END { printf "\ngoals: %d met, %d missed\n", y, n }' "$tmp/goals"
}
