# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# service.sh - a vmmd on a socket: several sessions at once, what vmmctl says and
# does about each, a live trace that leaves no mark, users who cannot reach each
# other's sessions, and connections that can only hurt themselves.
# shellcheck disable=SC2016,SC2317 # text for eval and other shells; functions that until_true calls
SUITE=service
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
exec 2>"$WORK/stderr" # where bash tells of each job that was killed

G=$BUILD/tests/guest
V=$VMMCTL
S=$XDG_RUNTIME_DIR/vmmd/vmmd.sock
D=$WORK/d
mkdir "$D"

fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
sessions() { "$V" ps --json | jq -r --arg s "$S" '.[] | select(.instance == $s) | .name' | sort | xargs; }
session_of() { "$V" ps --json | jq -r --arg s "$S" --arg n "$1" '.[] | select(.instance == $s and .name == $n) | .session'; }
sessions_are() { [ "$(sessions)" = "$1" ]; }
ended() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# ------------------------------------------------------------------ one user's service
"$VMMD" --user 2>"$WORK/log" &
daemon=$!
check starts until_true 10 "$V" --socket "$S" ps
check_eq mode 600 "$(stat -c %a "$S")"
check_match second 'another vmmd' "$("$VMMD" --user 2>&1)"
check_eq second-status 1 "$("$VMMD" --user 2>/dev/null; echo $?)"
check_eq instance user "$("$V" --socket "$S" status --json | jq -r '.[0].instance')"

# The same program bare and in a session of the service: what it has, it has from us.
cat >"$WORK/view.sh" <<'END'
echo "$PWD $MINE $(umask) $(ulimit -n) $(nice) $*"
echo "$$ $PPID" >&3
tr a-z A-Z
ls /proc/self/fd | tr '\n' ' '
echo error >&2
trap -p
exit 9
END
view() {
	(cd "$D" && umask 027 && ulimit -n 99 && trap '' USR2 &&
		echo "$BASHPID $PPID" >"$WORK/we" && echo input | MINE=x exec "$@" bash "$WORK/view.sh" 'a b' 2>"$D/err" 3>"$D/pids" 7</dev/null)
	echo "status $?"
	cat "$D/err"
}
check_eq view "$(view env)" "$(view "$V" run -l null --)"

# Several sessions, with names; one name twice.
run() {
	local name=$1
	shift
	"$V" run -n "$name" --engine hybrid "$@" </dev/null >"$D/$name.out" 2>"$D/$name.err" &
}
run a -l null,syscalls=getppid -- sleep 1000; pid_a=$!
run b -l null -- sleep 1000; pid_b=$!
run b -l null -- sleep 1000; pid_b2=$!
check several until_true 20 sessions_are 'a b b'
check_eq pid "$pid_a" "$("$V" ps --json | jq -r '.[] | select(.name == "a") | .pid')"
check_eq command sleep "$("$V" ps --json | jq -r '.[] | select(.name == "a") | .command[0]')"
check_match ps-table "$(session_of a) .*a .*hybrid" "$("$V" ps)"
check_eq show-name "$pid_a" "$("$V" show --json a | jq -r .first)"
check_match show-table null "$("$V" show a)"
check_match same-name 'use the number' "$("$V" show b 2>&1)"
check_eq no-such 1 "$("$V" show c >/dev/null 2>&1; echo $?)"
check kill "$V" kill "$(session_of b | head -n 1)"
check killed until_true 10 sessions_are 'a b'
check kill-name "$V" kill b
check killed-both until_true 10 sessions_are a
wait $pid_b 2>/dev/null; status=$?
wait $pid_b2 2>/dev/null
check_eq killed-status '137 137' "$status $?"

# Questions of two sessions; each is answered by itself.
run q1 -l ask,syscalls=mkdir -- mkdir "$D/one"; pid_q1=$!
run q2 -l ask,syscalls=mkdir -- mkdir "$D/two"; pid_q2=$!
asked() { [ "$("$V" answer -q | wc -l)" -ge 2 ] && "$V" answer --json | jq -e --arg a "$(session_of q1)" --arg b "$(session_of q2)" 'map(.session) | index($a) and index($b)'; }
check asked until_true 20 asked
check answer-deny "$V" answer q1.1 deny=EDQUOT
check_eq answer-wrong 1 "$("$V" answer q2.77 allow >/dev/null 2>&1; echo $?)"
check_eq answer-nonsense 2 "$("$V" answer q2.1 maybe >/dev/null 2>&1; echo $?)"
check answer-allow "$V" answer q2.1 allow
wait $pid_q1 2>/dev/null; status=$?
wait $pid_q2 2>/dev/null
check_eq answers '1 0' "$status $?"
check_match denied 'quota' "$(cat "$D/q1.err")"
check_eq allowed one "$([ -d "$D/two" ] && [ ! -e "$D/one" ] && echo one)"

# ------------------------------------------------------------------------- live trace
# A program that makes calls that nobody wants: it does not stop, but for a trace.
echo 'import os, time
f = open("'"$D"'/count", "wb", 0)
for n in range(1 << 40):
	os.getpgrp(); f.seek(0); f.write(b"%d" % n); time.sleep(0.002)' >"$WORK/busy.py"
run busy -l null,syscalls=getppid -- /usr/bin/python3 "$WORK/busy.py"; pid_busy=$!
count() { cat "$D/count" 2>/dev/null; }
counted() { [ "$(count)" -gt "$1" ]; }
going() {
	local now
	now=$(count)
	until_true 20 counted "$((${now:-0} + 50))"
}
stops() { "$V" show --json busy | jq .stops; }
layers() { "$V" show --json busy | jq '.layers | length'; }
check busy until_true 20 going
before=$(stops)
check going going
check_eq no-stops "$before" "$(stops)"
for format in text json; do
	"$V" trace -l syscalls=getpgrp --format $format busy >"$WORK/live.$format" 2>"$WORK/live.err" &
	tracer=$!
	check trace-$format/lines until_true 20 grep -q getpgrp "$WORK/live.$format"
	check_eq trace-$format/layer 2 "$(layers)"
	check trace-$format/going going
	kill -TERM $tracer
	wait $tracer 2>/dev/null
	check trace-$format/gone until_true 10 eval '[ "$(layers)" = 1 ]'
	check_eq trace-$format/only 0 "$(grep -a '^[[{]' "$WORK/live.$format" | grep -acv getpgrp)"
	# Each task may stop once more to learn that it need not; then never again.
	check trace-$format/learns going
	before=$(stops)
	check trace-$format/untraced going
	check_eq trace-$format/no-stops "$before" "$(stops)"
done
check json-lines jq -se 'length > 0 and all(.event == "call" and .syscall == "getpgrp")' "$WORK/live.json"
# Two at once, one of them killed; a wrong option hurts nobody.
"$V" trace busy >"$WORK/t1" & t1=$!
"$V" trace -l syscalls=getpgrp busy >"$WORK/t2" & t2=$!
check two-traces until_true 20 eval 'grep -q getpgrp "$WORK/t1" && grep -q getpgrp "$WORK/t2"'
kill -KILL $t1
wait $t1 2>/dev/null
check one-trace until_true 10 eval '[ "$(layers)" = 2 ]'
check still-going going
check_match trace-option 'nosuch' "$("$V" trace -l syscalls=nosuch busy 2>&1)"
# A trace ends with its session.
kill -TERM $pid_busy
check trace-ends until_true 10 ended $t2
wait $t2
check_eq trace-end-status 0 $?
check_match trace-tells-end 'SIGTERM' "$(tail -n 3 "$WORK/t1" "$WORK/t2" | grep -a SIGTERM)"

# A program blocked in all sorts of calls sees nothing of five traces that come and go.
for layer in null,syscalls=getppid null; do
	name=blocked-${layer#*=}
	mkdir "$D/$name"
	run "$name" -l "$layer" -- "$G/g_blocked" "$D/$name"; pid=$!
	check "$name/starts" until_true 20 test -e "$D/$name/blocked"
	for i in 1 2 3 4 5; do
		"$V" trace "$name" >"$D/$name.$i" 2>&1 & tracer=$!
		until_true 10 grep -q . "$D/$name.$i" || echo "no line came" >>"$D/$name.out"
		kill -TERM $tracer
		wait $tracer 2>/dev/null
		until_true 10 eval '[ "$("$V" show --json "$name" | jq ".layers | length")" = 1 ]' || echo "it stayed" >>"$D/$name.out"
	done
	touch "$D/$name/go"
	wait $pid 2>/dev/null
	check_eq "$name/status" 0 $?
	rm -rf "${D:?}/$name"
	mkdir "$D/$name"
	[ -e "$WORK/blocked.bare" ] || { touch "$D/$name/go"; "$G/g_blocked" "$D/$name" | sort >"$WORK/blocked.bare"; }
	check "$name/undisturbed" diff "$WORK/blocked.bare" <(sort "$D/$name.out")
done

# ------------------------------------------------------ connections that hurt only themselves
cat >"$WORK/hostile.py" <<'END'
import array, os, resource, socket, sys, time

path, what = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, (2000, 2000))


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect(path)
    return s


def flood(s, data, n):
    null = os.open("/dev/null", os.O_RDONLY)
    fds = array.array("i", [null] * 250)
    for _ in range(n):
        s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])


def hang_up(s):
    try:
        while s.recv(65536):
            pass
    except OSError:
        pass


if what == "fds":  # descriptors with every byte of a line that never ends, and with whole lines
    for data in b"x", b'{"id":1,"op":"ps"}\n':
        s = connect()
        try:
            flood(s, data, 40)
        except OSError:
            pass
        s.close()
elif what == "fds-run":  # more than one descriptor where one is expected
    s = connect()
    flood(s, b'{"id":1,"op":"run","cwd":"/","pid":1}\n', 1)
    hang_up(s)
elif what == "idle":  # many that say nothing, or half a line
    keep = []
    for i in range(600):
        try:
            s = connect()
            s.send(b'{"id":1,"op":' if i % 2 else b" ")
            keep.append(s)
        except OSError:
            pass
    print("ready", flush=True)
    sys.stdin.read()
elif what == "long":
    s = connect()
    try:
        s.sendall(b"x" * (2 << 20) + b"\n")
    except OSError:
        pass
    hang_up(s)
elif what == "byte-by-byte":
    s = connect()
    for c in b'{"id":1,"op":"version"}\n':
        s.send(bytes([c]))
        time.sleep(0.002)
    print(s.recv(4096).decode(), end="")
END
hostile() { timeout 60 /usr/bin/python3 "$WORK/hostile.py" "$S" "$1"; }
work=$(session_of a)
daemon_fds=$(fds $daemon) work_fds=$(fds "$work")
# The daemon serves, its session is as it was, nothing is left over.
well() { [ "$(fds "$daemon")" = "$daemon_fds" ] && [ "$(fds "$work")" = "$work_fds" ] && sessions_are a && "$V" run -l null -- true; }
hurts_nobody() { check "hostile/$1" until_true 20 well; }
hostile fds && hurts_nobody fds
hostile fds-run && hurts_nobody fds-run
hostile long && hurts_nobody long
check_match hostile/slow '"protocol":' "$(hostile byte-by-byte)"
mkfifo "$WORK/hold"
hostile idle <"$WORK/hold" >"$WORK/idle" & idle=$!
exec 8>"$WORK/hold"
check hostile/idle-there until_true 20 grep -q ready "$WORK/idle"
check_eq hostile/idle-serves 5 "$("$V" run -l null -- sh -c 'exit 5'; echo $?)"
check_eq hostile/idle-shows "$pid_a" "$("$V" show --json a | jq -r .first)"
exec 8>&-
wait $idle
hurts_nobody idle

# --------------------------------------------------------------------------- its end
kill -TERM $daemon
wait $daemon
check_eq end-status 0 $?
check_eq end-socket gone "$([ -e "$S" ] || echo gone)"
wait $pid_a 2>/dev/null
check_eq end-session 137 $?
check_eq log '' "$(grep -v 'warning: ' "$WORK/log")"

# ------------------------------------------------------------------- two users, one service
if [ "$(id -u)" -ne 0 ]; then
	skip users 'needs root'
	finish
fi
# Where another user can read it.
P=$WORK/p
mkdir -p "$P" "$WORK/nobody"
cp -r "$BUILD/bin" "$BUILD/lib" "$P"
chmod -R u=rwX,go=rX "$P"
chmod 711 "$WORK"
chown 65534:65534 "$WORK/nobody"
chmod 700 "$WORK/nobody"
S=$WORK/system.sock
export VMMD_SOCKET=$S
V=$P/bin/vmmctl
become_nobody() { cd / && XDG_RUNTIME_DIR=$WORK/nobody exec setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
as_nobody() { (become_nobody "$@"); }
nobody_sees() { [ "$(as_nobody "$V" ps --json | jq -r --arg s "$S" '.[] | select(.instance == $s) | .name' | sort | xargs)" = "$1" ]; }

"$P/bin/vmmd" --system --socket "$S" 2>"$WORK/system.log" &
daemon=$!
check users/starts until_true 10 "$V" ps
check_eq users/mode 666 "$(stat -c %a "$S")"
"$V" run -n roots -l null -- sleep 1000 & pid_root=$!
become_nobody "$V" run -n nobodys -l null -l ask,syscalls=mkdir -- sleep 1000 & pid_nobody=$!
check users/root-sees-all until_true 20 sessions_are 'nobodys roots'
check users/nobody-sees-own until_true 20 nobody_sees nobodys
roots=$(session_of roots) nobodys=$(session_of nobodys)
check_eq users/worker-uid '65534 65534 65534 65534' "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$nobodys/status")"
check_eq users/worker-groups '' "$(awk '/^Groups:/ { $1 = ""; print $0 }' "/proc/$nobodys/status" | tr -d ' ')"
check_eq users/worker-caps 0000000000000000 "$(awk '/^CapPrm:/ { print $2 }' "/proc/$nobodys/status")"
unknown=$(as_nobody "$V" show 999999999 2>&1)
for what in show kill trace; do
	for who in "$roots" roots; do
		check_eq "users/no-$what-${who//[0-9]/}" "${unknown//999999999/$who}" "$(as_nobody timeout 10 "$V" $what "$who" 2>&1)"
	done
done
check_eq users/no-answer 1 "$(as_nobody "$V" answer "$roots.1" allow >/dev/null 2>&1; echo $?)"
check users/own-show as_nobody "$V" show nobodys
check_eq users/no-take-over 'EPERM 0' "$(as_nobody /usr/bin/python3 -c '
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(json.dumps({"id": 1, "op": "run", "cwd": "/", "pid": int(sys.argv[2]), "layers": ["null"]}).encode() + b"\n")
print(json.loads(s.makefile().readline()).get("errno"))' "$S" $$) $(awk '/^TracerPid:/ { print $2 }' /proc/$$/status)"

# One user's connections do not keep another from being served.
: >"$WORK/idle"
chmod 644 "$WORK/hostile.py"
become_nobody /usr/bin/python3 "$WORK/hostile.py" "$S" idle <"$WORK/hold" >"$WORK/idle" & idle=$!
exec 8>"$WORK/hold"
check users/idle-there until_true 30 grep -q ready "$WORK/idle"
check_eq users/idle-serves 5 "$("$V" run -l null -- sh -c 'exit 5'; echo $?)"
exec 8>&-
wait $idle

check users/own-kill as_nobody "$V" kill nobodys
check users/root-left until_true 10 sessions_are roots
wait $pid_nobody 2>/dev/null
check_eq users/own-killed 137 $?
become_nobody "$V" run -n nobodys -l null -- sleep 1000 & pid_nobody=$!
check users/again until_true 20 sessions_are 'nobodys roots'
check users/root-kills "$V" kill nobodys
wait $pid_nobody 2>/dev/null
check_eq users/root-killed 137 $?
chmod 600 "$S"
check_match users/mode-600 'Permission denied' "$(as_nobody "$V" run -l null -- true 2>&1)"
check_eq users/mode-600-status 125 "$(as_nobody "$V" run -l null -- true 2>/dev/null; echo $?)"
check users/mode-600-root "$V" run -l null -- true
kill -TERM $daemon
wait $daemon
check_eq users/end 0 $?
wait $pid_root
check_eq users/end-session 137 $?

# A daemon that is not root serves its own user only, and nobody else trusts it.
S=$WORK/nobody/own.sock
become_nobody "$P/bin/vmmd" --socket "$S" --mode 666 2>"$WORK/nobody.log" & daemon=$!
check users/own-daemon until_true 10 as_nobody "$V" --socket "$S" ps
check_eq users/own-runs 6 "$(as_nobody "$V" --socket "$S" run -l null -- sh -c 'exit 6'; echo $?)"
check_match users/not-trusted 'another user' "$("$V" --socket "$S" run -l null -- true 2>&1)"
kill -TERM $daemon
wait $daemon
check_eq users/own-end 0 $?
check gone until_true 20 none_marked "$VMMD_TEST_MARK"
finish
