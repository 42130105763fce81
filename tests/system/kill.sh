# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# kill.sh - SIGKILL for a worker, its guard, the parent, a vmmctl that waits, the
# program, under load: what the policy of the session says happens to the tasks,
# none is left over, none hangs, none goes on unwatched by accident.
#
# On the first engine everything; on the others, which release no task, what kills.
# shellcheck disable=SC2317 # functions that until_true calls
SUITE="kill"
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
exec 2>"$WORK/stderr" # where bash tells of each job that was killed

printf 'on-failure: kill\nlayers:\n  - "null": {}\n' >"$WORK/kill.yaml"
printf 'on-failure: release\nlayers:\n  - "null": {}\n' >"$WORK/release.yaml"
LOAD=$BUILD/tests/guest/g_load
COUNT=0
ENGINES=${ENGINES:-ptrace hybrid seccomp}
FULL=${ENGINES%% *} OTHERS=${ENGINES#"$FULL"}
LAUNCHES=${KILL_LAUNCHES:-15} # how many times a launch is broken off
ENGINE=$FULL

beats() { od -An -td8 -N8 "$D/beat" 2>/dev/null | tr -d ' '; }
beating() {
	local now
	now=$(beats)
	[ "${now:-0}" -gt "$LAST" ]
}
# Goes on: the load makes progress from now on.
goes_on() {
	LAST=$(beats)
	LAST=${LAST:-0}
	until_true 20 beating
}
session() { "$VMMCTL" ps --json | jq -r ".[] | select(.name == \"$NAME\") | .session"; }
has_session() { [ -n "$(session)" ]; }
ended() { ! kill -0 "$RUNNER" 2>/dev/null || grep -q '^State:.Z' "/proc/$RUNNER/status" 2>/dev/null; }
traced() {
	[ $ENGINE != kmod ] || { has_session; return; } # nothing shows it from outside
	for p in $(marked "$MARK"); do grep -q '^TracerPid:.[1-9]' "/proc/$p/status" && return 0; done 2>/dev/null
	return 1
}
untraced() { ! traced; }
# Its calls go to the worker, if it is not traced by one.
watched() {
	[ $ENGINE = seccomp ] || { traced; return; }
	has_session && for p in $(marked "$MARK"); do grep -q '^Seccomp:.2' "/proc/$p/status" && return 0; done 2>/dev/null
	return 1
}

# start POLICY [OPTION…]: the load in a session of its own, under way.
start() {
	local policy=$1
	shift
	COUNT=$((COUNT + 1))
	NAME=load$COUNT D=$WORK/load$COUNT MARK=$WORK/load$COUNT/mark
	mkdir "$D"
	VMMD_TEST_MARK=$MARK "$VMMCTL" run "${MODE[@]}" -e $ENGINE -n "$NAME" -c "$WORK/$policy.yaml" "$@" -- "$LOAD" "$D" >"$D/out" 2>&1 &
	RUNNER=$!
	until_true 20 has_session && goes_on && WORKER=$(session) && PARENT=$(awk '/^PPid:/ { print $2 }' "/proc/$WORKER/status")
}

# All of the session is gone; the status of what the user started is $2.
all_gone() {
	local name=$1 want=$2 status
	check "$name/gone" until_true 20 none_marked "$MARK"
	if until_true 10 ended; then
		wait $RUNNER 2>/dev/null
		status=$?
		check_match "$name/status" "^($want)\$" "$status"
	else
		not_ok "$name/status" "still running"
		kill -KILL $RUNNER
		wait $RUNNER 2>/dev/null
	fi
	marked "$MARK" | xargs -r kill -KILL
}

released() {
	local m=$1
	start release || not_ok "$m/worker-release/start" "$(cat "$D/out")"
	kill -KILL "$WORKER"
	check "$m/worker-release/untraced" until_true 10 untraced
	check "$m/worker-release/goes-on" goes_on
	touch "$D/stop"
	all_gone "$m/worker-release" 0
}

each_mode() {
	local m=$1
	start kill || not_ok "$m/worker-kill/start" "$(cat "$D/out")"
	kill -KILL "$WORKER"
	all_gone "$m/worker-kill" 137

	start kill || not_ok "$m/program/start" "$(cat "$D/out")"
	kill -KILL $RUNNER
	all_gone "$m/program" 137

	start kill --summary || not_ok "$m/vmmctl/start" "$(cat "$D/out")"
	kill -KILL $RUNNER # the program is its child; it goes on, watched, as an orphan does
	check "$m/vmmctl/goes-on" goes_on
	check "$m/vmmctl/watched" watched
	touch "$D/stop"
	all_gone "$m/vmmctl" 137

	start kill || not_ok "$m/by-command/start" "$(cat "$D/out")"
	check "$m/by-command/kill" "$VMMCTL" kill "$NAME"
	all_gone "$m/by-command" 137
}

# The parent: its workers notice and do as their policy says.
parent_dies() {
	local name=$1
	start kill || not_ok "$name/start" "$(cat "$D/out")"
	kill -KILL "$PARENT"
	all_gone "$name" 137
}
parent_dies_released() {
	local name=$1
	start release || not_ok "$name-release/start" "$(cat "$D/out")"
	kill -KILL "$PARENT"
	check "$name-release/goes-on" goes_on
	touch "$D/stop"
	all_gone "$name-release" 0
}

# A mark is for the session's own processes: the service bears another.
start_service() {
	VMMD_TEST_MARK=$WORK/service "$VMMD" --socket "$WORK/sock" >"$WORK/service.log" 2>&1 &
	SERVICE=$!
	check "service/$1" until_true 10 "$VMMCTL" --socket "$WORK/sock" ps
}

# One that never makes a call that is asked about, and whose parent has gone: it is the session's all the same.
orphan_dies() {
	local name=$1 victim
	COUNT=$((COUNT + 1))
	NAME=orphan$COUNT D=$WORK/orphan$COUNT MARK=$WORK/orphan$COUNT/mark
	mkdir "$D"
	for victim in worker command; do
		rm -f "$D/up" "$D/ready"
		# Their parents have ended: one by itself, one by a signal.
		VMMD_TEST_MARK=$MARK "$VMMCTL" run "${MODE[@]}" -e $ENGINE -n "$NAME" -l null,syscalls=getppid -- \
			bash -c "(setsid bash -c 'sleep 1000 & echo up >$D/up; exec sleep 1001' & disown)
				perl -e 'pipe R, W; \$b = fork; if (!\$b) { fork; syswrite W, 1; sleep while 1 } sysread R, \$x, 1; select(undef, undef, undef, .1); kill 9, \$b'
				until test -s $D/up; do sleep 0.05; done; echo ready >$D/ready; exec sleep 1002" >"$D/out" 2>&1 &
		RUNNER=$!
		until_true 20 test -s "$D/ready" && until_true 20 has_session || not_ok "$name/$victim/start" "$(cat "$D/out")"
		if [ $victim = worker ]; then kill -KILL "$(session)"; else "$VMMCTL" kill "$NAME"; fi
		all_gone "$name/$victim" 137
	done
}

# The guard dies: what it is there for is still done by the worker. Both die: tasks are
# refused what somebody would have been asked about.
guard_dies() {
	local name=$1
	start kill || not_ok "$name/start" "$(cat "$D/out")"
	kill -KILL "$(pgrep -P "$WORKER")"
	check "$name/goes-on" goes_on
	check "$name/kill" "$VMMCTL" kill "$NAME"
	all_gone "$name" 137

	COUNT=$((COUNT + 1))
	NAME=guard$COUNT D=$WORK/guard$COUNT MARK=$WORK/guard$COUNT/mark
	mkdir "$D"
	VMMD_TEST_MARK=$MARK "$VMMCTL" run "${MODE[@]}" -e $ENGINE -n "$NAME" -l null,syscalls=mkdir -- \
		python3 -c '
import errno, os, sys, time
os.chdir(sys.argv[1])
os.mkdir("before")
while not os.path.exists("go"): time.sleep(0.02)
try: os.mkdir("after"); said = "made"
except OSError as e: said = errno.errorcode[e.errno]
open("status", "w").write(said)' "$D" >"$D/out" 2>&1 &
	RUNNER=$!
	until_true 20 test -e "$D/before" && until_true 20 has_session || not_ok "$name/both/start" "$(cat "$D/out")"
	WORKER=$(session)
	kill -KILL "$(pgrep -P "$WORKER")" "$WORKER"
	touch "$D/go"
	check "$name/both/refused" until_true 20 test -s "$D/status"
	check_eq "$name/both/status" ENOSYS "$(cat "$D/status")"
	check "$name/both/nothing" test ! -e "$D/after"
	marked "$MARK" | xargs -r kill -KILL
	wait $RUNNER 2>/dev/null
}

# A task that waits for an answer, then dies; or whose worker does.
suspended_dies() {
	local name=$1 victim status
	for victim in worker task; do
		status=137
		# Its listener goes before the tasks do: mkdir(1) may have time to say that its call has failed.
		[ $ENGINE/$victim = hybrid/worker ] && status='137|1'
		COUNT=$((COUNT + 1))
		NAME=ask$COUNT D=$WORK/ask$COUNT MARK=$WORK/ask$COUNT/mark
		mkdir "$D"
		VMMD_TEST_MARK=$MARK "$VMMCTL" run "${MODE[@]}" -e $ENGINE -n "$NAME" -l ask,syscalls=mkdir -- mkdir "$D/made" >"$D/out" 2>&1 &
		RUNNER=$!
		until_true 20 asked || not_ok "$name/$victim/start" "$(cat "$D/out")"
		if [ $victim = worker ]; then kill -KILL "$(session)"; else kill -KILL "$("$VMMCTL" answer --json | jq -r '.[0].tid')"; fi
		all_gone "$name/$victim" "$status"
		check "$name/$victim/nothing" test ! -e "$D/made"
	done
}
asked() { [ "$("$VMMCTL" answer --json | jq -r ".[] | select(.session == \"$(session)\") | .id" | wc -l)" -eq 1 ]; }

MODE=(--private)
for ENGINE in $ENGINES; do
	each_mode private/$ENGINE
	parent_dies private/$ENGINE/parent
	orphan_dies private/$ENGINE/orphan
	suspended_dies private/$ENGINE/suspended
done
if on seccomp; then
	ENGINE=seccomp
	guard_dies private/seccomp/guard
fi
ENGINE=$FULL
released private
parent_dies_released private/parent

# A tree of forking shells: released in the middle, it ends with the result of a bare run.
cat >"$WORK/tree.sh" <<'END'
f() {
	if [ "$1" -gt 0 ]; then
		(f $(($1 - 1))) &
		(f $(($1 - 1))) &
		wait
	else
		echo "leaf $(echo $((2 + 2)) | sed 's/4/four/')"
	fi
}
for round in $(seq 12); do
	f 3
	echo "$round" >"$TREE/round"
done | sort | uniq -c
exit 7
END
tree() {
	local policy=$1
	TREE=$WORK/tree-$policy
	mkdir "$TREE"
	export TREE
	VMMD_TEST_MARK=$TREE/mark "$VMMCTL" run --private -e $ENGINE -n "tree-$policy" -c "$WORK/$policy.yaml" -- bash "$WORK/tree.sh" >"$TREE/out" 2>"$TREE/err" &
	RUNNER=$! MARK=$TREE/mark
	until_true 30 test -s "$TREE/round"
	NAME=tree-$policy
	kill -KILL "$(session)"
}
mkdir "$WORK/bare"
TREE=$WORK/bare bash "$WORK/tree.sh" >"$WORK/tree.bare"
tree release
all_gone tree/release 7
check tree/release/result diff "$WORK/tree.bare" "$TREE/out"
check_eq tree/release/quiet '' "$(cat "$TREE/err")"
for ENGINE in $ENGINES; do
	rm -rf "$WORK/tree-kill"
	tree kill
	all_gone tree/kill@$ENGINE 137
done
ENGINE=$FULL

# During the launch, a little later each time: vmmctl, or its daemon.
vmmd_of() {
	local p
	for p in $(marked "$MARK"); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = vmmd ] && echo "$p" && return
	done
	return 1
}
launch_dies() {
	local who=$1 i status left=''
	for i in $(seq 0 $((LAUNCHES - 1))); do
		MARK=$WORK/launch-$ENGINE-$who-$i
		VMMD_TEST_MARK=$MARK "$VMMCTL" run --private -e $ENGINE -l null -- sleep 1000 2>/dev/null &
		RUNNER=$!
		if [ "$who" = vmmctl ]; then
			sleep "$(printf '0.%03d' "$((i * SLOW))")" # no wait: a place in the launch
			kill -KILL $RUNNER
		else
			until_true 10 vmmd_of
			sleep "$(printf '0.%03d' "$((i * SLOW / 2))")"
			kill -KILL "$(vmmd_of)"
		fi
		until_true 10 ended || left+="round $i: vmmctl hangs; "
		until_true 20 none_marked "$MARK" || left+="round $i: left $(marked "$MARK" | xargs ps -o pid=,stat=,args= -p); "
		marked "$MARK" | xargs -r kill -KILL
		wait $RUNNER 2>/dev/null
		status=$?
		case $who-$status in
		vmmctl-137 | daemon-125 | daemon-137) ;;
		*) left+="round $i: status $status; " ;;
		esac
	done
	check_eq "launch/$who@$ENGINE" '' "$left"
}
for ENGINE in $ENGINES; do
	launch_dies vmmctl
	launch_dies daemon
done
ENGINE=$FULL
"$VMMCTL" ps >/dev/null
check_eq no-sockets-left '' "$(find "$XDG_RUNTIME_DIR/vmmd" -name 'private-*')"

# What follows is a service's and a terminal's more than an engine's.
[ -z "${BRIEF-}" ] || finish

MODE=()
export VMMD_SOCKET=$WORK/sock
start_service start
each_mode service
released service
for ENGINE in $OTHERS; do
	start kill || not_ok service/$ENGINE/start "$(cat "$D/out")"
	kill -KILL "$WORKER"
	all_gone service/$ENGINE/worker-kill 137
done
ENGINE=$FULL
check service/alive kill -0 $SERVICE
none_left() { [ "$("$VMMCTL" ps --json | jq length)" -eq 0 ]; }
check service/none-left until_true 20 none_left
start kill || not_ok service/parent/start "$(cat "$D/out")"
kill -KILL $SERVICE
all_gone service/parent 137
wait $SERVICE 2>/dev/null
# The socket that it left is no obstacle for the next one.
start_service again
start kill || not_ok service/term/start "$(cat "$D/out")"
kill -TERM $SERVICE
check service/term-ends until_true 10 bash -c "! kill -0 $SERVICE || grep -q '^State:.Z' /proc/$SERVICE/status"
all_gone service/term 137
start_service release
start release || not_ok service/parent-release/start "$(cat "$D/out")"
kill -KILL $SERVICE
check service/parent-release/untraced until_true 10 untraced
check service/parent-release/goes-on goes_on
touch "$D/stop"
all_gone service/parent-release 0
wait $SERVICE 2>/dev/null
unset VMMD_SOCKET

# A terminal in the middle of which somebody dies: its settings are those from before,
# and the shell, which has job control, is in the foreground again and reads from it.
on_a_terminal() {
	local who=$1 victim runner
	MARK=$WORK/tty-$who D=$WORK/tty-$who.d NAME=tty-$who
	mkdir "$D"
	mkfifo "$D/keys"
	cat >"$D/shell.sh" <<END
set -m
stty -g >$D/before
VMMD_TEST_MARK=$MARK '$VMMCTL' run --private -n $NAME -c $WORK/kill.yaml -- bash -c 'echo \$\$ >$D/up; read line'
echo "status \$?"
stty -g >$D/after
read -r line
echo "line <\$line>"
END
	script -qec "bash $D/shell.sh" /dev/null <"$D/keys" >"$D/out" 2>&1 &
	runner=$!
	exec 7>"$D/keys"
	until_true 20 test -s "$D/up" && until_true 20 has_session
	case $who in
	worker) victim=$(session) ;;
	parent) victim=$(awk '/^PPid:/ { print $2 }' "/proc/$(session)/status") ;;
	program) victim=$(cat "$D/up") ;;
	esac
	kill -KILL "$victim"
	check "tty/$who/ended" until_true 20 grep -q 'status 137' "$D/out"
	echo typed >&7
	check "tty/$who/reads" until_true 20 grep -q 'line <typed>' "$D/out"
	exec 7>&-
	wait $runner
	check "tty/$who/sane" cmp "$D/before" "$D/after"
	check "tty/$who/gone" until_true 20 none_marked "$MARK"
}
for who in worker parent program; do on_a_terminal $who; done
finish
