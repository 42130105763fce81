#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# robust.sh - odd surroundings and untimely ends: the program runs as it would
# bare, or vmmctl says why not; nothing stays behind.
# shellcheck source=tests/lib.sh
SUITE=robust
. tests/lib.sh
lib_begin
run() { timeout $((20 * SLOW)) "$VMMCTL" run "$@"; }

mkdir "$WORK/gone"
check_eq deleted_directory hi "$(cd "$WORK/gone" && rmdir "$WORK/gone" && run -l null -- echo hi)"
mkdir "$WORK"/$'d\xff'
check directory_not_utf8 sh -c 'cd "$WORK"/d* && "$VMMCTL" run -l trace,file=out -- true && test -e out'
check_eq few_descriptors 12 "$(ulimit -S -n 12; run -l null -- sh -c 'ulimit -S -n')"
check_eq closed_standard_descriptors 7 "$(run -l null -- sh -c 'exit 7' <&- >&- 2>&-; echo $?)"
check many_arguments sh -c '"$VMMCTL" run -l null -- true $(seq 100000)'
(umask 077 && run -l trace,file="$WORK/private" -- true)
check_eq umask 600 "$(stat -c %a "$WORK/private")"

# Standard error that the program made non-blocking loses nothing to a slow reader.
check_eq nonblocking_stderr 3000 "$(python3 -c '
import os, fcntl, subprocess, sys, time
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
subprocess.Popen([sys.argv[1], "run", "-l", "trace,syscalls=getppid", "--", "python3", "-c",
                  "import os\nfor i in range(3000): os.getppid()"], stderr=w)
os.close(w)
time.sleep(0.5)
print(open(r, "rb").read().count(b"getppid"))' "$VMMCTL")"

# A service: its workers have neither its log nor its terminal; it is told when one dies.
"$VMMD" --socket "$WORK/s" 2>"$WORK/log" &
daemon=$!
until_true 5 test -S "$WORK/s"
run_in_service() { VMMD_SOCKET=$WORK/s run "$@"; }
worker() { pgrep -P "$daemon"; }
run_in_service -l null --summary -n victim -- sleep 1000 2>"$WORK/err" &
victim=$!
until_true 5 "$VMMCTL" --socket "$WORK/s" show victim
check_eq worker_in_a_session_of_its_own "$(worker)" "$(ps -o sid= -p "$(worker)" | tr -d ' ')"
kill -KILL "$(worker)"
wait "$victim"
check_match worker_killed "ended by signal 9" "$(cat "$WORK/err")"

# A client that leaves before its session began takes the worker with it.
mkfifo "$WORK/fifo"
VMMD_SOCKET=$WORK/s timeout "0.$((4 + SLOW))" "$VMMCTL" run -l trace,file="$WORK/fifo" -- true
no_worker() { ! worker; }
check no_worker_without_client until_true 5 no_worker

# A session that has ended is not listed any more, nor is a trace of it held.
run_in_service -e "${ENGINES:-hybrid}" -l null -n short -- sleep "$SLOW" &
until_true 5 "$VMMCTL" --socket "$WORK/s" show short
start=${EPOCHREALTIME/./}
check trace_ends timeout $((5 * SLOW)) "$VMMCTL" --socket "$WORK/s" trace short
check prompt_end test $((${EPOCHREALTIME/./} - start)) -lt $((2000000 * SLOW))

# A socket with SO_LINGER that is the daemon's to close holds up nobody.
check linger timeout $((10 * SLOW)) python3 -c '
import array, socket, struct, sys, time
l = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(l.getsockname()); s, _ = l.accept()
c.setblocking(False)
try:
    while True: c.send(b"x" * 65536)
except BlockingIOError: pass
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
u = socket.socket(socket.AF_UNIX); u.connect(sys.argv[1])
u.sendmsg([b"{\"id\":1,"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [c.fileno()]))])
c.close(); time.sleep(0.2)
u.send(b"\"op\":\"version\"}\n"); time.sleep(0.2)
v = socket.socket(socket.AF_UNIX); v.settimeout(int(sys.argv[2])); v.connect(sys.argv[1])
v.send(b"{\"id\":1,\"op\":\"version\"}\n"); v.recv(100)' "$WORK/s" $((5 * SLOW))
kill "$daemon"
wait "$daemon"
finish
