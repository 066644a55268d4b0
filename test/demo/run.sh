#!/bin/bash
# test/demo/run.sh: a shop finds its super-users.  Run by `make demo`, on the
# private server of script/withpg.
#
# Reads the purchases of $COMMUNITY_SHARED/cdnow where they are present, and
# otherwise makes up a shop of the same shape.  Creates the extension and the
# schema "shop" in the database that the PG* variables name; leaves a schema
# of that name alone.
set -euo pipefail
cd "$(dirname "$0")"

began=$(date +%s%N)
data=${COMMUNITY_SHARED:-}/cdnow/CDNOW_sample.txt
source=cdnow
if [ -z "${COMMUNITY_SHARED:-}" ] || [ ! -r "$data" ]; then
	source=seeded
	data=/dev/null
fi

# Notices of progress become bars, a refusal that is part of the story its
# message.  Whatever else the server has to say is shown as it is.
render() {
	awk '
		function thousands(n,	tail) {
			for (tail = ""; length(n) > 3; n = substr(n, 1, length(n) - 3))
				tail = "," substr(n, length(n) - 2) tail
			return n tail
		}
		/NOTICE:  backfill of .* rows \([0-9]+%\)$/ {
			match($0, /: [0-9]+ of [0-9]+ rows/)
			split(substr($0, RSTART + 2), word, " ")
			share = word[3] > 0 ? word[1] / word[3] : 1
			bar = ""
			for (i = 1; i <= 40; i++) bar = bar (i <= share * 40 ? "█" : "░")
			printf "  %s %3d %%  %6s of %s rows\n", bar, share * 100, \
				thousands(word[1]), thousands(word[3])
			last = "bar"
			fflush()
			next
		}
		{
			sub(/^psql:[^ ]*:[0-9]+: /, "")
			sub(/[ \t]+$/, "")
			if ($0 != "" || last != "") print
			last = $0
			fflush()
		}'
}

# play FILE [OPTIONS]
play() {
	local file=$1
	shift
	psql -Xq --set=ON_ERROR_STOP=1 --pset=pager=off --pset=footer=off \
		--pset=linestyle=unicode --pset=border=1 --pset=null='·' \
		"$@" -f "$file" 2>&1
}

{
	play load.sql --set=source=$source <"$data"
	for part in attach read live; do
		echo
		play $part.sql </dev/null
	done
} | render
awk -v ms=$((($(date +%s%N) - began) / 1000000)) \
	'BEGIN { printf "The whole story took %.1f s.\n", ms / 1000 }'
