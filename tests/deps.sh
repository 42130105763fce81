#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deps.sh - install the Debian packages that are missing; does nothing when all
# are there. tests/packages.txt lists them, or the files that are named do.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- tests/packages.txt
wanted=$(sed -e 's/#.*//' "$@")
missing=
for p in $wanted; do
	dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || {
	echo "deps: apt-get is not here; install these by hand:$missing" >&2
	exit 1
}
as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "deps: run as root: apt-get install$missing" >&2
		exit 1
	}
	as_root=sudo
fi
echo "deps: installing$missing"
$as_root apt-get update -q >/dev/null
# shellcheck disable=SC2086 # words
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $missing >/dev/null
