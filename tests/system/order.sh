# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# order.sh - three trace layers with two rewriting layers between them, on a real
# program: entries go outermost to innermost, exits, signals, exec and the end
# innermost to outermost, and each layer sees a call as it passed it itself.
SUITE=order
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin

# On hybrid the calls that no trace shows are notifications of the same task.
show=split,syscalls=creat+open+getppid+getpgrp
for engine in ${ENGINES:-ptrace hybrid}; do
	rm -f "$WORK/file"
	"$VMMCTL" run -e $engine -l "trace,label=inner,$show" -l 'rewrite,rules=creat:open(a0;0x241;a1)' \
		-l "trace,label=middle,$show" -l 'rewrite,rules=getppid:getpgrp()' -l "trace,label=outer,$show" -l null \
		-- "$BUILD/tests/guest/g_order" "$WORK/file" 2>"$WORK/raw"
	check_eq status@$engine 0 $?
	pid=$(sed -n '1s/.*\[\([0-9]*\)\].*/\1/p' "$WORK/raw")
	sed -e "s/\[$pid\]/[P]/; s/=== task $pid ===/=== task P ===/" -e "s|$WORK|W|g" -e "s|$BUILD|B|g" -e 's/si_pid=[0-9]*/si_pid=P/; s/si_uid=[0-9]*/si_uid=U/' \
		-e 's/) = [0-9][0-9]*$/) = N/' "$WORK/raw" >"$WORK/got"
	check sequence@$engine diff tests/system/expect/order.txt "$WORK/got"
	check_eq mode@$engine 640 "$(stat -c %a "$WORK/file")"
done
finish
