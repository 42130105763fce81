# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# sandbox.sh - a layer answers a call of a program that has a strict filter of its
# own, while a live trace has every call stop: the program's filter sees its own
# call, not the number with which the engine skips it.
SUITE=sandbox
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin

for engine in ${ENGINES:-hybrid}; do
	"$VMMCTL" run -n boxed -e "$engine" -l deny,syscalls=mkdir -- "$BUILD/tests/guest/g_sandbox" 30 >"$WORK/out" 2>&1 &
	runner=$!
	check "attached@$engine" until_true 10 "$VMMCTL" show boxed
	timeout "$SLOW" "$VMMCTL" trace boxed >"$WORK/trace" 2>&1
	wait $runner
	check_eq "status@$engine" 0 $?
	check_eq "outcome@$engine" EPERM "$(cat "$WORK/out")"
	check_match "traced@$engine" 'mkdir.*EPERM' "$(cat "$WORK/trace")"
done
finish
