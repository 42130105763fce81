# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# attach.sh - vmmctl attach: programs that run already come under layers, and out
# from under them.
#
# Sourced by inside; $ENGINE can attach. A program is started on a FIFO and told what
# to do, see attachee.c; what it answers is in $A/out.
ATTACHEE=$BUILD/tests/kmod/attachee
SOON=$((20 * KMOD_SLOW))

# program NAME N: an attachee with N threads, $pid; what it is and has said is in $A.
program() {
	A=$WORK/attach-$1
	mkdir -m 777 "$A"
	mkfifo "$A/in"
	exec {to}<>"$A/in"
	"${as[@]}" "$ATTACHEE" "$2" <"$A/in" >"$A/out" 2>&1 &
	pid=$!
	until_true "$SOON" grep -q ready "$A/out"
}
as=()

# told COMMAND…: what the program says to that.
told() {
	local n
	n=$(wc -l <"$A/out")
	echo "$@" >&"$to"
	until_true "$SOON" said_more "$n" || return
	tail -n 1 "$A/out"
}
said_more() { [ "$(wc -l <"$A/out")" -gt "$1" ]; }

ended() { ! kill -0 "$1"; }

# ends NAME STATUS PID: that child of ours ends so, soon.
ends() {
	until_true "$SOON" zombie_or_gone "$3" || { not_ok "$1" 'it does not end'; return; }
	wait "$3"
	check_eq "$1" "$2" $?
}
zombie_or_gone() { ! [ -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }

# attach ARGUMENT…: have $pid attached, by $client, session $session; $A/err is what that says.
attach() {
	env --default-signal=INT "${by[@]}" "$VMMCTL" attach --private "$@" "$pid" >"$A/err" 2>&1 &
	client=$!
	until_true "$SOON" grep -q 'attached: session' "$A/err"
	session=$(sed -n 's/.*attached: session \([0-9]*\).*/\1/p' "$A/err")
}
by=()

# let_go NAME SIGNAL STATUS: by the end of the client.
let_go() {
	kill "-$2" "$client"
	ends "$1" "$3" "$client"
}

# alone: $pid is there, nobody's, and does what it is told.
alone() {
	kill -0 "$pid" && [ "$(told mkdir "$A/alone-$RANDOM$RANDOM")" = 'mkdir 0' ] && [ "$(told signal)" != '' ] &&
		grep -q '^TracerPid:.0$' "/proc/$pid/status" && ! [ -e "/proc/$session" ]
}

enough() {
	kill -KILL "$pid"
	wait "$pid"
	exec {to}>&-
} 2>/dev/null

# lines FILE PATTERN N: there are so many, soon.
lines() { until_true "$SOON" at_least "$@"; }
at_least() { [ "$(grep -c -E -e "$2" "$1")" -ge "$3" ]; }

# ---- one that waits in a call all the time: told of when it makes the next
program blocked 0
attach -l "trace,file=$A/trace,syscalls=mkdir+read" --summary
check_match attach/blocked/says "^vmmctl: process $pid attached: session [0-9]+, engine $ENGINE" "$(cat "$A/err")"
check_eq attach/blocked/is-listed "$pid $ATTACHEE 0" "$("$VMMCTL" ps --json | jq -r '.[] | "\(.pid) \(.command | join(" "))"')"
check_eq attach/blocked/is-not-known-yet 0 "$("$VMMCTL" show --json "$session" | jq .tasks_now)"
check_eq attach/blocked/goes-on 'mkdir 0' "$(told mkdir "$A/one")"
check attach/blocked/is-seen lines "$A/trace" "^\[$pid\] mkdir\(\"$A/one\", 0777\) = 0" 1
check_match attach/blocked/begins "=== task $pid ===" "$(head -n 1 "$A/trace")"
check_eq attach/blocked/is-known 1 "$("$VMMCTL" show --json "$session" | jq .tasks_now)"
check_match attach/blocked/signal 'signal [1-9]' "$(told signal)"
check attach/blocked/signal-seen lines "$A/trace" "^\[$pid\] --- SIGUSR1 " 1
check_eq attach/blocked/exec ready "$(told exec)"
check attach/blocked/exec-seen lines "$A/trace" "^\[$pid\] === exec $ATTACHEE ===" 1
check_eq attach/blocked/after-exec 'mkdir 0' "$(told mkdir "$A/two")"
check attach/blocked/after-exec-seen lines "$A/trace" "^\[$pid\] mkdir\(\"$A/two\"" 1
echo 'exit 7' >&"$to"
ends attach/blocked/its-status 7 "$pid"
ends attach/blocked/ends-the-session 0 "$client"
check_match attach/blocked/last-line "\+\+\+ exited with 7" "$(tail -n 1 "$A/trace")"
check_match attach/blocked/summary "summary of process $pid: engine $ENGINE.*\(ended\)" "$(cat "$A/err")"
exec {to}>&-

program dies-blocked 0
attach -l null
kill -KILL "$pid"
ends attach/dies-blocked/ends-the-session 0 "$client"
exec {to}>&-

# ---- several threads: each is told of when it makes a call; one that does not is not forgotten
program threads 3
attach -l "trace,file=$A/trace,syscalls=getppid"
check attach/threads/seen lines "$A/trace" "^\[[0-9]+\] === task [0-9]+ ===" 3
check_eq attach/threads/known '3 1' "$("$VMMCTL" show --json "$session" | jq -r '"\(.tasks_now) \(.processes)"')"
check attach/threads/calls lines "$A/trace" 'getppid\(\) = ' 30
check_eq attach/threads/the-first 'mkdir 0' "$(told mkdir "$A/one")"
check_eq attach/threads/all '4 1' "$("$VMMCTL" show --json "$session" | jq -r '"\(.tasks_now) \(.processes)"')"
let_go attach/threads/interrupted INT 130
check_match attach/threads/says "process $pid detached" "$(tail -n 1 "$A/err")"
before=$(wc -l <"$A/trace")
check attach/threads/goes-on alone
check_eq attach/threads/unseen "$before" "$(wc -l <"$A/trace")"
# And once more; its end while a thread of it has not been told of.
attach -l "trace,file=$A/trace2,syscalls=getppid"
check attach/threads/again lines "$A/trace2" 'getppid\(\) = ' 30
echo 'exit 3' >&"$to"
ends attach/threads/its-status 3 "$pid"
ends attach/threads/ends-the-session 0 "$client"
exec {to}>&-

# ---- a layer that refuses: from the next call on, for children too, and no longer than it is there
for how in by-a-layer by-the-kernel; do
	stack=(-l 'deny,syscalls=mkdir')
	[ "$how" = by-the-kernel ] || stack+=(-l "trace,file=$WORK/deny-trace,syscalls=mkdir")
	program "$how" 1
	name=attach/refused-$how
	check_eq "$name/before" 'mkdir 0' "$(told mkdir "$A/before")"
	attach "${stack[@]}"
	check_eq "$name/refused" 'mkdir EPERM' "$(told mkdir "$A/no")"
	check_eq "$name/refused-to-a-child" 'fork EPERM' "$(told fork "$A/no")"
	let_go "$name/terminated" TERM 143
	check_eq "$name/after" 'mkdir 0' "$(told mkdir "$A/after")"
	check_eq "$name/after-by-a-child" 'fork 0' "$(told fork "$A/after-fork")"
	check "$name/alone" alone
	enough
done

# ---- a call that a layer holds goes on when the process is let go
program held 0
attach -l ask,syscalls=mkdir
echo "mkdir $A/held" >&"$to"
check attach/held/asked until_true "$SOON" bash -c "[ -n \"\$('$VMMCTL' answer -q)\" ]"
let_go attach/held/hung-up HUP 129
check attach/held/is-made until_true "$SOON" test -d "$A/held"
check attach/held/alone alone
# The client is killed: the same.
attach -l ask,syscalls=mkdir
echo "mkdir $A/again" >&"$to"
check attach/held/asked-again until_true "$SOON" bash -c "[ -n \"\$('$VMMCTL' answer -q)\" ]"
let_go attach/held/killed KILL 137
check attach/held/is-made-again until_true "$SOON" test -d "$A/again"
check attach/held/session-ends until_true "$SOON" ended "$session"
check attach/held/alone-again alone
enough

# ---- the worker dies: the process with it, or not, as the session says
program fail-closed 1
attach -l null
kill -KILL "$session"
ends attach/fail-closed/killed 137 "$pid"
ends attach/fail-closed/client 1 "$client"
check_match attach/fail-closed/says "the worker of session $session ended by signal 9" "$(tail -n 1 "$A/err")"
exec {to}>&-
program released 1
printf 'on-failure: release\nlayers:\n  - deny:\n      syscalls: [mkdir]\n' >"$A/release.yaml"
attach -c "$A/release.yaml"
check_eq attach/released/before 'mkdir EPERM' "$(told mkdir "$A/no")"
kill -KILL "$session"
ends attach/released/client 1 "$client"
check attach/released/alone alone
enough
program restarted 1
sed 's/release/restart/' "$WORK/attach-released/release.yaml" >"$A/restart.yaml"
attach -n restarted -c "$A/restart.yaml"
check_eq attach/restarted/before 'mkdir EPERM' "$(told mkdir "$A/no")"
kill -KILL "$session"
check attach/restarted/another-worker until_true "$SOON" bash -c "'$VMMCTL' ps --json |
	jq -e '.[] | select(.name == \"restarted\" and .session != \"$session\")'"
session=$("$VMMCTL" ps --json | jq -r '.[] | select(.name == "restarted").session')
check_eq attach/restarted/refused 'mkdir EPERM' "$(told mkdir "$A/no")"
let_go attach/restarted/interrupted INT 130
check attach/restarted/alone alone
enough
program killed 2
attach -n victim -l null
check attach/killed/kill "$VMMCTL" kill victim
ends attach/killed/status 137 "$pid"
ends attach/killed/client 0 "$client"
exec {to}>&-

# ---- a shell and what it starts
(while :; do env -i true "$BUILD" </dev/null; done) &
pid=$!
A=$WORK/attach-shell && mkdir "$A"
attach -l "trace,file=$A/trace,syscalls=execve+openat"
check attach/shell/children lines "$A/trace" "=== task [0-9]+ of $pid ===" 2
check attach/shell/exec lines "$A/trace" 'execve\("[^"]*/env", \["env", "-i", "true", ' 2
check attach/shell/their-end lines "$A/trace" '\+\+\+ exited with 0' 2
let_go attach/shell/interrupted INT 130
check attach/shell/goes-on kill -0 "$pid"
kill "$pid"

# ---- one that is in a session already: both see it, the newer is nearer to it
A=$WORK/attach-both && mkdir "$A" && mkfifo "$A/in" && exec {to}<>"$A/in"
"$VMMCTL" run --private -e "$ENGINE" -l "trace,file=$A/older,syscalls=mkdir+rmdir" -- "$ATTACHEE" 0 <"$A/in" >"$A/out" 2>&1 &
pid=$!
until_true "$SOON" grep -q ready "$A/out"
attach -l deny,syscalls=rmdir -l "trace,file=$A/newer,syscalls=mkdir+rmdir"
check_eq attach/both/mkdir 'mkdir 0' "$(told mkdir "$A/one")"
check attach/both/newer lines "$A/newer" 'mkdir\(.*/one", 0777\) = 0' 1
check attach/both/older lines "$A/older" 'mkdir\(.*/one", 0777\) = 0' 1
let_go attach/both/interrupted INT 130
check_eq attach/both/goes-on 'mkdir 0' "$(told mkdir "$A/two")"
check attach/both/still-in-the-first lines "$A/older" 'mkdir\(.*/two", 0777\) = 0' 1
enough

# ---- who may: as ptrace(2) says, and never more than the user who asks
P=$WORK/p
mkdir -p "$P" && cp -r "$BUILD/bin" "$BUILD/lib" "$P" && chmod -R u=rwX,go=rX "$P" && chmod 711 "$WORK"
mkdir -m 700 "$WORK/nobody" && chown 65534:65534 "$WORK/nobody"
cp "$ATTACHEE" "$P/attachee" && chmod 755 "$P/attachee"
mode=$(stat -c %a /dev/vmmd) scope=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null)
chmod 666 /dev/vmmd
[ -z "$scope" ] || echo 0 >/proc/sys/kernel/yama/ptrace_scope
nobody=(env "XDG_RUNTIME_DIR=$WORK/nobody" setpriv --reuid 65534 --regid 65534 --clear-groups --)
# refused NAME PATTERN ARGUMENT…: not attached, one line of why, status 1.
attach_refused() {
	local name=$1 pattern=$2
	shift 2
	(cd / && "${by[@]}" "$P/bin/vmmctl" "$@" "$pid") >"$A/err" 2>&1
	check_eq "$name" 1 $?
	check_match "$name/says" "^vmmctl: [^"$'\n'"]*${pattern}[^"$'\n'"]*\$" "$(cat "$A/err")"
}
program four 3
# Some of its threads are ours already when it turns out that not all can be.
most=$(cat /sys/module/vmmd/parameters/max_tasks)
echo 2 >/sys/module/vmmd/parameters/max_tasks
attach_refused attach/too-many "process $pid cannot be attached" attach --private -l deny,syscalls=mkdir
echo "$most" >/sys/module/vmmd/parameters/max_tasks
session=none
check attach/too-many-unharmed alone
enough
program roots 1
by=("${nobody[@]}")
attach_refused attach/of-root 'not permitted' attach --private -l null
"$P/bin/vmmd" --system --socket "$WORK/service" 2>"$WORK/service.log" &
service=$!
until_true "$SOON" "$VMMCTL" --socket "$WORK/service" ps
attach_refused attach/of-root-by-the-service 'not permitted' --socket "$WORK/service" attach -l null
by=()
check attach/of-root-unharmed test "$(told mkdir "$A/one")" = 'mkdir 0'
session=none
check attach/of-root-alone alone
attach -l null
check_eq attach/of-root-by-root 'nnp 0' "$(told nnp)"
let_go attach/of-root-by-root-ends INT 130
# The process that has the number is not the one that was meant.
other=$(perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die;
	print $s qq({"id":1,"op":"attach","pid":$ARGV[1],"start":1,"cwd":"/","layers":["null"]}\n);
	print scalar <$s>' "$WORK/service" "$pid")
check_match attach/another '"ESRCH".*no such process' "$other"
check attach/another-unharmed test "$(told mkdir "$A/three")" = 'mkdir 0'
enough
ATTACHEE=$P/attachee VMMCTL=$P/bin/vmmctl
as=("${nobody[@]}")
program nobodys 1
check_eq attach/of-nobody-before 'nnp 0' "$(told nnp)"
# Root may, by a service whose workers have few rights; and lends nothing, so it takes nothing away.
env --default-signal=INT "$VMMCTL" --socket "$WORK/service" attach -l deny,syscalls=mkdir "$pid" 2>"$A/err" &
client=$!
check attach/of-nobody-by-root until_true "$SOON" grep -q 'attached: session' "$A/err"
check_eq attach/of-nobody-refused 'mkdir EPERM' "$(told mkdir "$A/no")"
let_go attach/of-nobody-ends INT 130
check_eq attach/of-nobody-by-root-nnp 'nnp 0' "$(told nnp)"
by=("${nobody[@]}")
cd / || exit
attach -l deny,syscalls=mkdir
cd "$TOP" || exit
check_eq attach/of-nobody-by-nobody 'mkdir EPERM' "$(told mkdir "$A/no")"
check_eq attach/of-nobody-nnp 'nnp 1' "$(told nnp)"
let_go attach/of-nobody-by-nobody-ends INT 130
check attach/of-nobody-alone alone
check_eq attach/of-nobody-stays-nnp 'nnp 1' "$(told nnp)"
enough
as=() by=()
pid=2
attach_refused attach/kernel-thread 'process 2 cannot be attached: not permitted' attach --private -l null
kill "$service"
chmod "$mode" /dev/vmmd
[ -z "$scope" ] || echo "$scope" >/proc/sys/kernel/yama/ptrace_scope
VMMCTL=$BUILD/bin/vmmctl
