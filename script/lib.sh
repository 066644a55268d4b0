#!/bin/sh
# script/lib.sh: what the scripts share.  They source it; it sets $root, the
# checkout, and defines functions.

root=$(cd "$(dirname "$0")/.." && pwd -P)

say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }

# need PACKAGE...: install those of the Debian packages that are missing.
# Only root can; anyone else is told which ones.
need() {
	missing=
	for p in "$@"; do
		case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
			*' installed') ;;
			*) missing="$missing $p" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || die "please install:$missing"
	[ "$(id -u)" = 0 ] ||
		die "missing packages; as root:  apt-get install --no-install-recommends$missing"
	say "installing$missing"
	had=$(ls -d /etc/postgresql/*/* 2>/dev/null || true)
	# shellcheck disable=SC2086  # one word a package
	apt_install $missing || { apt_get update && apt_install $missing; } ||
		die "cannot install:$missing"
	# A package may have made and started a cluster; nobody asked for one.
	for c in /etc/postgresql/*/*; do
		[ -d "$c" ] || continue
		case " $(echo "$had" | tr '\n' ' ') " in *" $c "*) continue ;; esac
		pg_ctlcluster "$(basename "$(dirname "$c")")" "$(basename "$c")" \
			stop >/dev/null 2>&1 || true
	done
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@" \
		</dev/null >/dev/null
}
apt_install() {
	apt_get install -y --no-install-recommends "$@" 2>/dev/null
}

# apt_offers PACKAGE: could apt install it?
apt_offers() {
	apt-cache policy "$1" 2>/dev/null |
		grep -q '^ *Candidate: [^(]'
}

# complete PG_CONFIG: has it the server and its headers?
complete() {
	[ -x "$("$1" --bindir 2>/dev/null)/postgres" ] &&
		[ -f "$("$1" --includedir-server)/postgres.h" ]
}

# major_of PG_CONFIG
major_of() { "$1" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'; }

# debian_major: print the major that this Debian offers; nothing if none
debian_major() {
	for m in 15 17 18 16; do
		! apt_offers "postgresql-server-dev-$m" || { echo "$m"; return; }
	done
}

# find_pg_config [MAJOR]: print the pg_config to build with; installs or
# fetches a server when there is none.
find_pg_config() {
	want=${1:-}
	c=$(command -v "${PG_CONFIG:-pg_config}" || true)
	if [ -n "$c" ] && complete "$c"; then
		[ "${want:-$(major_of "$c")}" != "$(major_of "$c")" ] ||
			{ echo "$c"; return; }
	fi
	if [ -z "$want" ]; then
		# A new system may not have heard yet of what it could install.
		[ -n "$(debian_major)" ] || [ "$(id -u)" != 0 ] || apt_get update
		want=$(debian_major)
		: "${want:=15}"
	fi
	c=/usr/lib/postgresql/$want/bin/pg_config
	if ! complete "$c"; then
		if [ "$want" = 15 ] || apt_offers "postgresql-server-dev-$want"; then
			need "postgresql-$want" "postgresql-server-dev-$want"
		else
			c=$("$root/script/getpg" "$want") || exit 1
		fi
	fi
	echo "$c"
}
