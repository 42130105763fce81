# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# transparency.sh - real programs give the same bytes and the same status bare,
# under one null layer that stops every system call on each engine, and under five
# of them (on one engine: the walk through the stack is the same on all).
# PROGRAMS names some of them.
SUITE=transparency
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin

P=$TOP/tests/system/programs
G=$BUILD/tests/guest
D=$WORK/d
ENGINES=${ENGINES:-ptrace hybrid seccomp}

# The command in a fresh directory and a small environment, output and status to $WORK/$1.
run_way() {
	local way=$1
	shift
	rm -rf "$D"
	mkdir "$D"
	{ (cd "$D" && env -i HOME="$D" PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8 TZ=UTC TERM=dumb USER=test SHELL=/bin/bash \
		XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" VMMD_TEST_MARK="$VMMD_TEST_MARK" ASAN_OPTIONS="${ASAN_OPTIONS-}" \
		timeout -k 5 $((120 * SLOW)) "$@") </dev/null >"$WORK/$way.raw" 2>&1; } 2>/dev/null
	echo "status $?" >>"$WORK/$way.raw"
	# A shell tells the pid of what was killed: the one thing that may differ.
	sed -E 's/(: line [0-9]+:) +[0-9]+ /\1 PID /' "$WORK/$way.raw" >"$WORK/$way"
}

# same NAME [-c FILE] [-s STATUS] COMMAND…
same() {
	local name=$1 conf=() want=0
	[[ " ${PROGRAMS:-$name} " == *" $name "* ]] || return 0
	shift
	[ "$1" = -c ] && conf=(-c "$2") && shift 2
	[ "$1" = -s ] && want=$2 && shift 2
	run_way bare "$@"
	if [ "$(tail -n 1 "$WORK/bare")" != "status $want" ]; then
		not_ok "$name" "bare: $(tail -n 3 "$WORK/bare")"
		return
	fi
	for engine in $ENGINES; do
		run_way null "$VMMCTL" run -e "$engine" "${conf[@]}" -l null -- "$@"
		compare "$name/null@$engine" null
	done
	[ -z "${BRIEF-}" ] || return 0
	run_way five "$VMMCTL" run -e "${ENGINES%% *}" "${conf[@]}" "${FIVE_NULL[@]}" -- "$@"
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

# A second tracer where vmmd is one: refused, and the tools say why.
refused() {
	local name=$1 engine=$2 out
	shift 2
	out=$("$VMMCTL" run -e "$engine" -l null -- "$@" 2>&1 </dev/null)
	check_match "$name@$engine" 'not permitted' "$out"
}
for engine in ptrace hybrid; do
	on $engine || continue
	refused strace $engine strace -f true
	refused gdb $engine gdb -nx -batch -ex run /bin/true
	check gdb-attach@$engine bash -c "
		sleep 1000 & pid=\$!
		out=\$('$VMMCTL' run -e $engine -l null -- strace -p \$pid 2>&1); s=\$?
		kill \$pid
		echo \"\$s \$out\"
		[ \$s -ne 0 ] && [[ \$out == *'not permitted'* ]]"
done

# Where it is not, they work, on what is inside, as they do outside.
cat >"$WORK/t.c" <<'EOF'
#include <stdio.h>
#include <unistd.h>
static int twice(int n) { return 2 * n; }
int main(void) { printf("%d\n", twice(21)); return getppid() < 0; }
EOF
gcc -g -O0 -o "$WORK/t" "$WORK/t.c" || not_ok tracers "nothing to trace"
# Numbers, and the width of gdb's columns, which is theirs, are no difference.
tracers() {
	echo "== strace"
	"$@" strace -f -e trace=execve,getppid,write,exit_group "$WORK/t" 2>&1 | sed -E 's/0x[0-9a-f]+|[0-9]+ vars/N/g; s/(getppid\(\) *=) [0-9]+/\1 N/'
	echo "== strace of a fork"
	"$@" strace -f -c -o /dev/null sh -c 'ls / >/dev/null; exit 3'
	echo "status $?"
	echo "== gdb"
	"$@" gdb -nx -batch -ex 'set confirm off' -ex 'set debuginfod enabled off' -ex 'break twice' -ex run -ex 'print n' -ex finish -ex next \
		-ex 'info threads' -ex continue "$WORK/t" 2>&1 | sed -E 's/0x[0-9a-f]+/N/g; s/process [0-9]+/process N/; s/\(LWP [0-9]+\)/(LWP N)/; s/  +/ /g'
}
tracers env >"$WORK/tracers.bare"
for engine in seccomp kmod; do
	on $engine || continue
	tracers "$VMMCTL" run -e $engine -l null -- >"$WORK/tracers.inside"
	check tracers-inside@$engine diff "$WORK/tracers.bare" "$WORK/tracers.inside"
	check tracers-say@$engine grep -q 'getppid() *= N' "$WORK/tracers.inside"
	check tracers-stop@$engine grep -q '^Breakpoint 1, twice (n=21)' "$WORK/tracers.inside"
done
finish
