# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# held.sh - ten thousand suspended calls at once: others go on, the daemon sleeps and
# has little memory for each, half of them die, the others are answered in random
# order, and all is as it was before.
# shellcheck disable=SC2317 # functions that until_true calls
SUITE=held
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
umask 022
CC=${CC:-cc}
PROCESSES=${HELD_PROCESSES:-100}
THREADS=${HELD_THREADS:-100}
N=$((PROCESSES * THREADS))

$CC -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -fPIC -shared -Ivmmd/sdk -o "$WORK/hold.so" tests/system/hold.c || not_ok layer 'does not build'
$CC -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I. -pthread -o "$WORK/holder" tests/system/holder.c || not_ok program 'does not build'

session() { "$VMMCTL" show --json "held-$engine" 2>/dev/null | jq -r "$1"; }
has_session() { [ -n "$(session .session)" ]; }
fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
kib() { awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup"; }
ticks() { cat "/proc/$1/task/"*/stat | awk '{ n += $14 + $15 } END { print n }'; }
settled() { [ "$(session '"\(.suspended) \([.layers[].waiting] | add)"')" = '0 0' ] && [ "$(fds "$worker")" -le "$fds" ]; }

for engine in ${ENGINES:-hybrid seccomp}; do
	D=$WORK/$engine
	mkdir "$D"
	"$VMMCTL" run -e "$engine" -n "held-$engine" -l "$WORK/hold.so" -- "$WORK/holder" "$D" "$PROCESSES" "$THREADS" >"$D/out" 2>"$D/err" &
	runner=$!
	check start@$engine until_true 20 test -e "$D/alone"
	until_true 10 has_session
	worker=$(session .session) fds=$(fds "$worker") memory=$(kib "$worker")
	touch "$D/begin"
	check held@$engine until_true 90 test -e "$D/held"
	each=$((($(kib "$worker") - memory) * 1024 / N))
	# The budget, 2048, is for the daemon's own; a descriptor and its watch are the kernel's.
	check memory@$engine test "$each" -le 2048
	before=$(ticks "$worker")
	sleep 1 # not to wait for something: the time over which nothing may happen
	check_eq idle@$engine "$before" "$(ticks "$worker")"
	# The kernel walks through all that are waiting, three times for a call (seccomp_unotify(2)):
	# what that costs is not vmmd's. It goes on all the same.
	read -r alone among <"$D/err"
	check goes-on@$engine test "${among:-0}" -ge 3
	echo "# $engine: $each bytes a task; in 300 ms $alone calls alone, $among beside $N suspended ones"
	touch "$D/go"
	check done@$engine until_true 60 test -e "$D/done"
	check_eq answers@$engine "kept $N kept $((N / 2)) left 0 passed $((N / 4)) refused $((N / 4)) other 0 bad 0" "$(xargs <"$D/out")"
	check settled@$engine until_true 10 settled
	touch "$D/end"
	wait $runner
	check_eq status@$engine 0 $?
done
finish
