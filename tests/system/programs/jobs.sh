# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# jobs.sh - job control in a shell that has a terminal: run it under script(1).
set -m
stopped() { jobs -s | grep -q .; }
running() { jobs -r | grep -q .; }
wait_for() { until "$@"; do sleep 0.01; done; }
sleep 100 &
pid=$!
jobs
kill -STOP %1; wait_for stopped
jobs
bg %1; wait_for running
jobs
kill -TSTP %1; wait_for stopped
{ kill %1; while kill -0 "$pid"; do sleep 0.01; done; wait "$pid"; ended=$?; } >/dev/null 2>&1
echo "ended $ended"
(sleep 0.2; exit 5) &
fg %1 >/dev/null; echo "foreground $?"
sh -c 'kill -STOP $$; exit 6'
echo "stopped itself $?"
fg >/dev/null; echo "continued $?"
# shellcheck disable=SC2259 # the first end of the pipe is to be stopped too
cat | sh -c 'kill -TSTP 0; cat' </dev/null
echo "pipeline ${PIPESTATUS[*]}"
jobs | sed 's/  */ /g'
{ kill %1; while jobs %1 | grep -v Terminated; do sleep 0.01; done; } >/dev/null 2>&1; echo gone
read -r tpgid < <(ps -o tpgid= -p $$); pgid=$(ps -o pgid= -p $$)
[ "$((tpgid))" -eq "$((pgid))" ] && echo "the shell is in front"
sleep 0.1 & sleep 0.2 & wait -n; echo "first $?"; wait; echo "all $?"
sh -c 'sleep 0.05; exit 9' & disown %1
suspend_me() { kill -STOP "$BASHPID"; echo "after the stop"; }
suspend_me & wait_for stopped
fg >/dev/null
echo "end $?"
