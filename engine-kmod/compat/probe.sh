#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# probe.sh - find out what this kernel has, by compiling.
#
#   probe.sh OUTPUT COMPILER FLAG…
#
# Each probe/NAME.c is a question: if it compiles, VMMD_HAVE_NAME is 1, else 0.
# One that must compile, probe/BASE.c, tells a broken build from a "no".
set -eu
out=$1
shift
dir=$(dirname "$0")/probe
tmp=$out.tmp
ask() { "$@" -Werror -Wno-unused -fsyntax-only >"$tmp.log" 2>&1; }

if ! ask "$@" "$dir/BASE.c"; then
	cat "$tmp.log" >&2
	exit 1
fi
echo '/* Made by compat/probe.sh. */' >"$tmp"
for f in "$dir"/*.c; do
	name=$(basename "$f" .c)
	if ask "$@" "$f"; then value=1; else value=0; fi
	echo "#define VMMD_HAVE_$name $value" >>"$tmp"
done
rm -f "$tmp.log"
mv "$tmp" "$out"
