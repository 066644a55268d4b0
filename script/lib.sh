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
			*' installed') continue ;;
		esac
		case "$missing " in
			*" $p "*) ;;
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
	for cluster in /etc/postgresql/*/*; do
		[ -d "$cluster" ] || continue
		case " $(echo "$had" | tr '\n' ' ') " in *" $cluster "*) continue ;; esac
		pg_ctlcluster "$(basename "${cluster%/*}")" "${cluster##*/}" stop \
			>/dev/null 2>&1 || true
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

# usable PG_CONFIG: has it the server and its headers?
usable() {
	[ -x "$("$1" --bindir 2>/dev/null)/postgres" ] &&
		[ -f "$("$1" --includedir-server)/postgres.h" ]
}

# major_of PG_CONFIG
major_of() { "$1" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'; }

# debian_major: print the major that this Debian offers; 15 if unsure
debian_major() {
	for m in 15 17 18 16; do
		! apt_offers "postgresql-server-dev-$m" || { echo "$m"; return; }
	done
	echo 15
}

# locate_pg_config [MAJOR]: print the installed pg_config to build with, by
# default the first in PATH; fail if there is none.
locate_pg_config() {
	found=$(command -v "${PG_CONFIG:-pg_config}") && usable "$found" &&
		[ "${1:-$(major_of "$found")}" = "$(major_of "$found")" ] ||
		found=/usr/lib/postgresql/${1:-$(debian_major)}/bin/pg_config
	usable "$found" && echo "$found"
}

# packages_for [MAJOR]: print the packages to build and run with that major
packages_for() {
	command -v gcc >/dev/null && command -v make >/dev/null ||
		echo gcc libc6-dev make
	locate_pg_config "$@" >/dev/null && return
	# A new system may not have heard yet of what it could install.
	apt_offers postgresql-common || [ "$(id -u)" != 0 ] || apt_get update || true
	major=${1:-$(debian_major)}
	if [ "$major" = 15 ] || apt_offers "postgresql-server-dev-$major"; then
		echo "postgresql-$major" "postgresql-server-dev-$major"
	else
		echo patchelf
	fi
}

# find_pg_config [MAJOR]: the same as locate_pg_config, but fetches a major
# that is not there.
find_pg_config() {
	locate_pg_config "$@" || "$root/script/getpg" "${1:-$(debian_major)}"
}
