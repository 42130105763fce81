# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# race.sh - a second thread changes a path between a layer's look and the kernel's.
# A layer that confines never loses, in any of the ways plugin.h offers; one that
# looks and passes is refused, at its start or call by call; one that says that it
# does not confine may lose, which is told but not judged.
# shellcheck disable=SC2317 # functions that until_true calls
SUITE=race
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
umask 022
CC=${CC:-cc}
MS=${RACE_MS:-1500}
ENGINES=${ENGINES:-ptrace hybrid seccomp}

$CC -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -fPIC -shared -Ivmmd/sdk -o "$WORK/race.so" tests/system/race.c || not_ok layer 'does not build'
# Its own loader opens nothing.
$CC -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I. -static -pthread -o "$WORK/racer" tests/system/racer.c || not_ok program 'does not build'
mkdir "$WORK/d"
printf a >"$WORK/d/a"
printf b >"$WORK/d/b"

# racer ENGINE WAY MS [OPTION…]
racer() {
	local engine=$1 way=$2 ms=$3
	shift 3
	timeout $((60 * SLOW)) "$VMMCTL" run -e "$engine" -l "$WORK/race.so,way=$way" "$@" -- "$WORK/racer" "$WORK/d" "$ms" 2>"$WORK/err"
}

held='still a-
opened some
refused some
broken none
other 0
lost no'
# Those that answer a call for good without the kernel looking at the program's memory again.
confining=$(for engine in hybrid seccomp kmod; do ! on $engine || echo $engine; done)
for engine in $confining; do
	for way in path call open; do
		check_eq "$way@$engine" "$held" "$(racer "$engine" $way "$MS")"
		echo "# $way@$engine: $(tail -n 1 "$WORK/err")"
	done
done

# A stack in which the kernel would look at the program's memory: refused, and why.
refused() {
	local name=$1 out
	shift
	out=$(racer "$@" 2>&1)
	check_eq "$name/status" 125 $?
	check_match "$name/why" 'race.* confines by what an argument of open' "$out$(cat "$WORK/err")"
}
if on ptrace; then
	for way in path call open careless; do refused $way@ptrace ptrace $way 1; done
fi
if on hybrid; then
	refused rewritten@hybrid hybrid path 1 -l rewrite,rules='open:openat(-100;a0;a1;a2)'
	refused exit@hybrid hybrid path 1 -l null,syscalls=open,exit
fi

# One that was not refused at its start and passes what it has looked at gives no valid answer.
broken='still !-
opened none
refused some
broken some
other 0
lost no'
for engine in $confining; do check_eq "careless@$engine" "$broken" "$(racer "$engine" careless 300)"; done
for engine in $ENGINES; do check_eq "silent@$engine" "$broken" "$(racer "$engine" silent $((300 * SLOW)))"; done

# Advisory: at work where nobody races. Whether it loses is a matter of luck.
lost() { racer "$engine" advisory $((500 * SLOW)) >"$WORK/out"; grep -q 'lost yes' "$WORK/out"; }
for engine in $ENGINES; do
	if until_true 5 lost; then echo "# advisory@$engine: lost; $(tail -n 1 "$WORK/err")"; else echo "# advisory@$engine: never lost in 5 s"; fi
	check_match "advisory@$engine" 'still a-.opened some.refused some.broken none.other 0' "$(tr '\n' '.' <"$WORK/out")"
done

# What cannot be opened from outside as the program would, is not opened by it either.
mknod "$WORK/d/fifo-a" p
cat >"$WORK/open.c" <<'END'
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
int main(int n, char **v)
{
	for (int i = 1; i < n; i++)
		printf("%s\n", open(v[i], O_RDWR | O_NONBLOCK) < 0 ? strerrorname_np(errno) : "open");
	return 0;
}
END
$CC -D_GNU_SOURCE -static -o "$WORK/open" "$WORK/open.c"
for engine in $confining; do
	check_eq "fifo@$engine" 'EACCES open' \
		"$("$VMMCTL" run -e "$engine" -l "$WORK/race.so" -- "$WORK/open" "$WORK/d/fifo-a" "$WORK/d/a" 2>&1 | xargs)"
done
finish
