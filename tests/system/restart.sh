# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# restart.sh - on-failure: restart. Where the kernel module is loaded workers are
# killed and others go on: what the program does, what its layers hear, what was
# asked and not answered. Elsewhere: that it is refused, and why.
# shellcheck disable=SC2317 # functions that until_true calls
SUITE="restart"
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
exec 2>"$WORK/stderr" # where bash tells of each job that was killed

conf() {
	printf 'on-failure: restart\nlayers:\n'
	printf '  - %s\n' "$@"
}
conf '"null": {}' >"$WORK/null.yaml"

for engine in ptrace seccomp hybrid; do
	out=$("$VMMCTL" check -e $engine "$WORK/null.yaml" 2>&1)
	check_eq "refused/$engine/status" 1 $?
	check_match "refused/$engine/why" "on-failure: restart needs \"hand-over\", which engine $engine does not have" "$out"
done
if [ ! -c /dev/vmmd ]; then
	out=$("$VMMCTL" run -c "$WORK/null.yaml" -- true 2>&1)
	check_eq refused/auto/status 125 $?
	check_match refused/auto/why 'of the engines that have what this stack needs, engine kmod cannot work here: .*/dev/vmmd' "$out"
	finish
fi

session() { "$VMMCTL" ps --json | jq -r ".[] | select(.name == \"$NAME\") | .session"; }
has_session() { WORKER=$(session) && [ -n "$WORKER" ]; }
another() { has_session && [ "$WORKER" != "$OLD" ]; }
# kill_worker: and wait for the one that goes on.
kill_worker() {
	until_true 20 has_session || return
	OLD=$WORKER
	kill -KILL "$OLD"
	until_true 20 another
}
more() { [ "$(grep -c . "$1" 2>/dev/null)" -gt "$2" ]; }
grows() { until_true 20 more "$1" "$(grep -c . "$1")"; }
# start NAME CONFIGURATION COMMAND…
start() {
	NAME=$1
	local file=$2
	shift 2
	"$VMMCTL" run -n "$NAME" -c "$file" -- "$@" >"$WORK/$NAME.out" 2>"$WORK/$NAME.err" &
	PROGRAM=$!
}

# ---- a program under load: all it does comes out right, and its layer hears of it before and after
conf "trace: {file: $WORK/load.trace, syscalls: [getppid], blocked: 0}" >"$WORK/load.yaml"
# shellcheck disable=SC2016
start load "$WORK/load.yaml" bash -c 'i=0; while [ ! -e "$0" ]; do i=$((i + 1)); (exit 3); [ $? = 3 ] || exit 1; x=$(echo $i)
	[ "$x" = $i ] || exit 1; perl -e "getppid"; echo $i; done; exit 9' "$WORK/stop"
grows "$WORK/load.out"
for n in 1 2 3; do
	check "load/another-goes-on/$n" kill_worker
	check "load/program-goes-on/$n" grows "$WORK/load.out"
	check "load/layer-hears/$n" grows "$WORK/load.trace"
done
check_match load/log 'the worker before this one has died, this one goes on with its [1-9][0-9]* tasks' "$(tr '\n' ' ' <"$WORK/load.err")"
touch "$WORK/stop"
wait $PROGRAM
check_eq load/status 9 $?
check_eq load/output "$(seq "$(grep -c . "$WORK/load.out")")" "$(cat "$WORK/load.out")"
gone() { [ -z "$(session)" ]; }
check load/session-ends until_true 20 gone

# ---- what was asked and not answered is asked again, and done once
conf 'ask: {syscalls: [mkdir]}' >"$WORK/ask.yaml"
# shellcheck disable=SC2016
start ask "$WORK/ask.yaml" bash -c 'perl -e "mkdir shift or die" "$0" && echo made' "$WORK/dir"
asked() { "$VMMCTL" show "$NAME" --json 2>/dev/null | jq -e '[.layers[].counters.pending] | add == 1' >/dev/null; }
check ask/held until_true 20 asked
check ask/another-goes-on kill_worker
check ask/asked-again until_true 20 asked
[ ! -e "$WORK/dir" ] && ok ask/not-done || not_ok ask/not-done 'the call has run'
check ask/answer "$VMMCTL" answer "$("$VMMCTL" answer -q)" allow
wait $PROGRAM
check_eq ask/status 0 $?
check_eq ask/once made "$(cat "$WORK/ask.out")"

# ---- the end of the program while nobody looks; vmmctl that waits is told all the same
start waits "$WORK/null.yaml" sleep 1000
until_true 20 has_session
kill -STOP "$WORKER"
kill -TERM $PROGRAM
kill -KILL "$WORKER"
wait $PROGRAM
check_eq signal/status 143 $?
check signal/session-ends until_true 20 gone
"$VMMCTL" run --summary -n summary -c "$WORK/null.yaml" -- sleep $((3 * SLOW)) >"$WORK/summary" 2>&1 &
PROGRAM=$! NAME=summary
check summary/another-goes-on kill_worker
wait $PROGRAM
check_eq summary/status 0 $?
check_match summary/told 'engine kmod,' "$(cat "$WORK/summary")"

# ---- not for ever, and not without anybody
start often "$WORK/null.yaml" sleep 1000
for n in 1 2 3 4 5; do check "often/another-goes-on/$n" kill_worker; done
has_session && kill -KILL "$WORKER"
wait $PROGRAM
check_eq often/killed 137 $?
check often/session-ends until_true 20 gone
start parent "$WORK/null.yaml" sleep 1000
until_true 20 has_session
kill -KILL "$(awk '/^PPid:/ { print $2 }' "/proc/$WORKER/status")" "$WORKER"
wait $PROGRAM
check_eq parent/killed 137 $?
finish
