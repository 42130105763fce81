# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib.sh - what the test scripts share: result lines, deadlines, a private
# place for sockets, a mark by which every process of a test is found again.
#
# Sourced with the top of the source tree as working directory. Results are
# lines "ok NAME", "not ok NAME: why", "skip NAME: reason". Nothing sleeps for
# a fixed time to wait for something: until_true polls with a deadline.
#
# A suite that has an engine to choose runs on each of $ENGINES, by default on those
# that every host has; $SLOW is how many times longer everything may take there. With
# $BRIEF what is not an engine's own is left out.

set -u
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
TOP=$PWD
VMMCTL=$BUILD/bin/vmmctl
VMMD=$BUILD/bin/vmmd
SUITE=${SUITE:-test}
PASSED=0 FAILED=0 SKIPPED=0
# shellcheck disable=SC2034 # for those who include this
FIVE_NULL=(-l null -l null -l null -l null -l null)
SLOW=${TEST_SLOW:-1}
export BUILD VMMCTL VMMD TOP

# A directory of this run, gone at its end together with every process marked by it.
lib_begin() {
	WORK=$(mktemp -d /tmp/vmmd-test.XXXXXX)
	export WORK VMMD_TEST_MARK=$WORK
	export XDG_RUNTIME_DIR=$WORK/run
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	unset VMMD_SOCKET
	ulimit -c 0
	trap lib_end EXIT
	trap 'exit 130' INT TERM HUP
}

lib_end() {
	local mark=$VMMD_TEST_MARK
	[ "$BASHPID" = "$$" ] || return # a child that was killed before it was something else
	unset VMMD_TEST_MARK # or xargs would be found as well
	marked "$mark" | xargs -r kill -KILL 2>/dev/null
	rm -rf "$WORK"
}

# The processes started with the mark in their environment, one pid a line; zombies have none.
marked() (
	unset VMMD_TEST_MARK # or this very pipe would be found
	grep -lzsF "VMMD_TEST_MARK=$1" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|'
)

ok() {
	PASSED=$((PASSED + 1))
	echo "ok $SUITE/$1"
}

not_ok() {
	FAILED=$((FAILED + 1))
	echo "not ok $SUITE/$1: ${2//$'\n'/ | }"
}

skip() {
	SKIPPED=$((SKIPPED + 1))
	echo "skip $SUITE/$1: $2"
}

# check NAME COMMAND…: ok if the command succeeds; else its output is the reason.
tail_of() {
	if [ ${#1} -gt 600 ]; then echo "…${1: -600}"; else echo "$1"; fi
}

check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "status $? from: $* -- $(tail_of "$out")"
	fi
}

# check_eq NAME EXPECTED GOT
check_eq() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected <$(tail_of "$2")> got <$(tail_of "$3")>"
	fi
}

# check_match NAME REGEX GOT
check_match() {
	if [[ $3 =~ $2 ]]; then
		ok "$1"
	else
		not_ok "$1" "no match for <$2> in <$(tail_of "$3")>"
	fi
}

# on ENGINE: is it one of those to be tested?
on() { [[ " $ENGINES " == *" $1 "* ]]; }

# until_true SECONDS COMMAND…: poll until it succeeds.
until_true() {
	local end=$((SECONDS + $1 * SLOW))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		env -u VMMD_TEST_MARK sleep 0.02
	done
}

# Numbers of processes go on from the smallest when they have come to the largest, and small
# ones are like other numbers in a text. When this returns, a thousand more are of four digits at least.
large_pids() {
	local pid max
	max=$(cat /proc/sys/kernel/pid_max)
	until pid=$(sh -c 'echo $$') && [ "$pid" -ge 1000 ] && [ "$pid" -lt $((max - 1000)) ]; do :; done
}

# The processes of a mark are all gone.
none_marked() {
	[ -z "$(marked "$1")" ]
}

# The last lines of a suite: its sum, and a status that fails if anything did.
finish() {
	echo "$SUITE: $PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" -eq 0 ]
	exit
}
