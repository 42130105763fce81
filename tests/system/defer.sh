# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# defer.sh - a hundred suspended tasks (DEFER_TASKS, a multiple of four): others go on
# as fast as before, the daemon sleeps, answers come in any order, the dead leave nothing behind.
# shellcheck disable=SC2016,SC2034,SC2054,SC2317 # text for eval; commas in layers; functions that until_true calls
SUITE=defer
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin

N=${DEFER_TASKS:-100}
read -ra PLACE <<<"${TEST_CPU:+taskset -c $TEST_CPU}" # both sessions on one CPU, where two are not alike
ENGINES=${ENGINES:-ptrace hybrid seccomp}
pending() { "$VMMCTL" answer --json | jq -r --arg s "$(show .session)" 'map(select(.session == $s)) | length'; }
pending_is() { [ "$(pending)" -eq "$1" ]; }
show() { "$VMMCTL" show --json deferred | jq -r "$1"; }
fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
# What a process and its threads have used: clock ticks, and how often they ran at all.
used() { cat "/proc/$1/task/"*/stat | awk '{ n += $14 + $15 } END { print n }'; cat "/proc/$1/task/"*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'; }

has_session() { [ -n "$(show .session)" ]; }
measured() { [ "$(wc -l <"$1/rates")" -gt "$2" ]; }
percent() { paste "$D/rates" "$E/alone/rates" | awk '{ print int($1 * 100 / ($2 + 1)) }' | sort -n | awk '{ r[NR] = $1 } END { print r[int((NR + 1) / 2)] }'; }
near() { [ "$(percent)" -ge 67 ]; }
# On seccomp a task is known from its first notification on: the one that is left made none.
those_left() { [ "$(show .tasks_now)" -eq "$1" ]; }

on_engine() {
	local engine=$1 alone_runner runner worker worker_fds parent before counters first i k where
	E=$WORK/$engine D=$WORK/$engine/d
	mkdir -p "$D"
	LAYERS=(-l null,syscalls=getppid -l ask,syscalls=mkdir)
	mkdir "$E/alone"
	"${PLACE[@]}" "$VMMCTL" run -e "$engine" -n alone "${LAYERS[@]}" -- "$BUILD/tests/guest/g_defer" "$E/alone" 0 >"$E/alone/out" 2>&1 &
	alone_runner=$!
	"${PLACE[@]}" "$VMMCTL" run -e "$engine" -n deferred "${LAYERS[@]}" -- "$BUILD/tests/guest/g_defer" "$D" $N >"$E/out" 2>"$E/err" &
	runner=$!
	check starts@$engine until_true 20 has_session
	worker=$(show .session)
	worker_fds=$(fds "$worker")
	check suspended@$engine until_true 60 pending_is $N
	check_eq counted@$engine $N "$(show .suspended)"

	# The calls of one task in a session of its own, and in the one where a hundred wait, in turns.
	# The middle of all ratios is not moved by what else this machine does.
	for k in $(seq 0 29); do
		for where in "$E/alone" "$D"; do
			touch "$where/measure.$k"
			until_true 20 measured "$where" "$k"
		done
		[ "$k" -ge 6 ] && near && break
	done
	check others-go-on@$engine near
	echo "# calls beside $N suspended tasks: $(percent) % of those without"
	touch "$E/alone/go" "$E/alone/end"
	wait $alone_runner
	check_eq alone-status@$engine 0 $?

	# Nobody runs but us: neither the worker nor its parent wakes up even once.
	parent=$(awk '/^PPid:/ { print $2 }' "/proc/$worker/status")
	before="$(used "$worker") $(used "$parent")"
	sleep 1 # not to wait for something: the time over which nothing may happen
	check_eq idle@$engine "$before" "$(used "$worker") $(used "$parent")"

	# In random order each second one is killed, the others are allowed and denied in turns.
	"$VMMCTL" answer --json >"$E/pending.json"
	i=0
	jq -r --arg s "$worker" '.[] | select(.session == $s) | "\(.id) \(.tid)"' "$E/pending.json" | shuf | while read -r id tid; do
		i=$((i + 1))
		case $((i % 4)) in
		0) "$VMMCTL" answer "$id" allow || echo "allow $id failed" ;;
		2) "$VMMCTL" answer "$id" deny=EXDEV || echo "deny $id failed" ;;
		*) kill -KILL "$tid" ;;
		esac
	done >"$E/answers" 2>&1
	touch "$D/go"
	check_eq answers@$engine '' "$(cat "$E/answers")"
	check finished@$engine until_true 30 test -e "$D/done"
	check_eq results@$engine "allowed $((N / 4)) denied $((N / 4)) other 0 killed $((N / 2))" "$(cat "$E/out")"
	check_eq made@$engine $((N / 4)) "$(find "$D" -name 'dir*' | wc -l)"
	counters=$(show '.layers[1].counters | "\(.asked) \(.allowed) \(.denied) \(.timeouts) \(.cancelled) \(.pending)"')
	check_eq counters@$engine "$N $((N / 4)) $((N / 4)) 0 $((N / 2)) 0" "$counters"
	check_eq none-suspended@$engine 0 "$(show .suspended)"
	check_eq none-waiting@$engine 0 "$(show '[.layers[].waiting] | add')"
	check those-left@$engine until_true 10 those_left "$([ "$engine" = seccomp ]; echo $?)"
	check_eq none-pending@$engine 0 "$(pending)"
	first=$("$VMMCTL" answer "$(jq -r '.[0].id' "$E/pending.json")" allow 2>&1)
	check_eq answered-twice@$engine 1 $?
	check_eq one-line@$engine 1 "$(wc -l <<<"$first")"
	check descriptors@$engine until_true 10 eval '[ "$(fds "$worker")" -le "$worker_fds" ]'

	touch "$D/end"
	until_true 20 test -e "$D/done" || "$VMMCTL" kill deferred
	wait $runner
	check_eq status@$engine 0 $?
	check gone@$engine until_true 20 none_marked "$VMMD_TEST_MARK"
}
for engine in $ENGINES; do on_engine "$engine"; done
finish
