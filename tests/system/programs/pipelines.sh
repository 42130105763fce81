# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# pipelines.sh - pipes, subshells, traps, background processes and their statuses in a script.
seq 1 2000 | grep 7 | sort -r | head -n 5 | tr '\n' ' '
echo "${PIPESTATUS[*]}"
yes | head -n 2
echo "${PIPESTATUS[*]}"
false | true | (exit 7) | cat
echo "${PIPESTATUS[*]}"
(set -o pipefail; false | true; echo "pipefail $?")
diff <(seq 1 5) <(seq 2 6)
echo "diff $?"
cat <<<"here" | tee >(wc -c >count) >/dev/null
until [ -s count ]; do sleep 0.01; done
cat count
for i in 1 2 3 4 5; do (exit "$i") & pids[i]=$!; done
for i in 5 3 1 2 4; do wait "${pids[i]}"; echo "child $i: $?"; done
sleep 100 & kill -TERM $!; wait $!; echo "terminated $?"
sleep 100 & kill -KILL $!; wait $! 2>/dev/null; echo "killed $?"
sleep 100 & kill -STOP $!; kill -CONT $!; kill -HUP $!; wait $!; echo "hung up $?"
trap 'echo trapped USR1' USR1
kill -USR1 $$
(trap 'echo trapped EXIT' EXIT; exit 3)
echo "subshell $?"
coproc { while read -r l; do echo "<$l>"; done; }
echo one >&"${COPROC[1]}"; read -r x <&"${COPROC[0]}"; echo "$x"
echo two >&"${COPROC[1]}"; read -r x <&"${COPROC[0]}"; echo "$x"
eval "exec ${COPROC[1]}>&-"
wait
mkfifo fifo
(for i in $(seq 1 100); do echo "line $i"; done >fifo) &
md5sum <fifo
wait
timeout 0.2 sleep 100; echo "timeout $?"
timeout -s KILL 0.2 sleep 100; echo "timeout $?"
nohup true 2>/dev/null; echo "nohup $?"
sh -c 'kill -SEGV $$'; echo "status $?"
bash -c 'exec -a other sh -c "echo \$0"'
sh -c 'exit 200' || echo "exit $?"
nonexistent-command 2>/dev/null; echo "missing $?"
./count 2>/dev/null; echo "not executable $?"
umask 022; : >mode; stat -c %a mode
(ulimit -n 10; ulimit -n)
exec 5<>file; echo text >&5; exec 5>&-; cat file
printf '%s\n' {a..e}{1..3} | xargs -n 4 echo | paste -sd '|'
