# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# transparency.sh - real programs give the same bytes and the same status bare,
# under one null layer that stops every system call, and under five of them.
SUITE=transparency
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin

P=$TOP/tests/system/programs
G=$BUILD/tests/guest
D=$WORK/d

# The command in a fresh directory and a small environment, output and status to $WORK/$1.
run_way() {
	local way=$1
	shift
	rm -rf "$D"
	mkdir "$D"
	{ (cd "$D" && env -i HOME="$D" PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8 TZ=UTC TERM=dumb USER=test SHELL=/bin/bash \
		XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" VMMD_TEST_MARK="$VMMD_TEST_MARK" ASAN_OPTIONS="${ASAN_OPTIONS-}" \
		timeout -k 5 120 "$@") </dev/null >"$WORK/$way.raw" 2>&1; } 2>/dev/null
	echo "status $?" >>"$WORK/$way.raw"
	# A shell tells the pid of what was killed: the one thing that may differ.
	sed -E 's/(: line [0-9]+: +)[0-9]+ /\1PID /' "$WORK/$way.raw" >"$WORK/$way"
}

# same NAME [-c FILE] [-s STATUS] COMMAND…
same() {
	local name=$1 conf=() want=0
	shift
	[ "$1" = -c ] && conf=(-c "$2") && shift 2
	[ "$1" = -s ] && want=$2 && shift 2
	run_way bare "$@"
	if [ "$(tail -n 1 "$WORK/bare")" != "status $want" ]; then
		not_ok "$name" "bare: $(tail -n 3 "$WORK/bare")"
		return
	fi
	run_way null "$VMMCTL" run "${conf[@]}" -l null -- "$@"
	compare "$name/null" null
	run_way five "$VMMCTL" run "${conf[@]}" "${FIVE_NULL[@]}" -- "$@"
	compare "$name/five" five
}

compare() {
	if cmp -s "$WORK/bare" "$WORK/$2"; then
		ok "$1"
	else
		not_ok "$1" "$(diff "$WORK/bare" "$WORK/$2" | grep -a '^[<>]' | head -n 6)"
	fi
}

same pipelines bash "$P/pipelines.sh"
same job-control script -qec "bash '$P/jobs.sh'" /dev/null
same git bash "$P/git.sh"
same build bash "$P/build.sh"
same python /usr/bin/python3 "$P/threads.py"
same perl -s 4 perl "$P/all.pl"
same node -s 21 node "$P/http.js"
same sqlite bash "$P/sqlite.sh"
same archive bash "$P/archive.sh"

printf '#include <stdio.h>\n#include <pthread.h>\nstatic void *f(void *a) { puts(a); return 0; }\nint main(void) { pthread_t t; pthread_create(&t, 0, f, "thread"); pthread_join(t, 0); return 8; }\n' >"$WORK/s.c"
gcc -static -o "$WORK/static" "$WORK/s.c" || not_ok static "no static libc to link with"
same static -s 8 "$WORK/static"
if tests/ia32; then
	same i386 -c "$TOP/tests/guest/foreign.yaml" -s 42 "$G/g_i386"
else
	skip i386 'this kernel runs no 32-bit programs'
fi
same segv -s 139 "$G/g_death" fault
same segv-in-a-shell -s 139 bash -c "'$G/g_death' fault; exit"
same aborted -s 134 "$G/g_death" 6

# A second tracer: refused, and the tools say why.
refused() {
	local name=$1 out
	shift
	out=$("$VMMCTL" run -l null -- "$@" 2>&1 </dev/null)
	check_match "$name" 'not permitted' "$out"
}
refused strace strace -f true
refused gdb gdb -nx -batch -ex run /bin/true
check gdb-attach bash -c "
	sleep 1000 & pid=\$!
	out=\$('$VMMCTL' run -l null -- strace -p \$pid 2>&1); s=\$?
	kill \$pid
	echo \"\$s \$out\"
	[ \$s -ne 0 ] && [[ \$out == *'not permitted'* ]]"
finish
