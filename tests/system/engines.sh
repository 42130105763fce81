# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# engines.sh - what differs between engines and what must not: the same run gives the
# same log of `trace` on all that can trace; what seccomp lacks is refused by name
# before the program starts; a busy task leaves the others their share.
SUITE=engines
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
ENGINES=${ENGINES:-ptrace hybrid seccomp}

# Processes by the order in which they turn up; a result that is a number of the system by its name.
normal() {
	awk '{
		while (match($0, /\[[0-9]+\]/)) {
			pid = substr($0, RSTART + 1, RLENGTH - 2)
			if (!(pid in name)) name[pid] = "P" ++n
			$0 = substr($0, 1, RSTART - 1) "<" name[pid] ">" substr($0, RSTART + RLENGTH)
		}
		for (pid in name) gsub("(^|[^0-9])" pid "([^0-9]|$)", "=" name[pid] "=")
		print
	}' "$1" | sed -E 's/0x[0-9a-f]{6,}/ADDR/g; s/[0-9]+ vars/N vars/; s/st_[amc]tim[^,}]*//g'
}

mkdir "$WORK/d"
touch "$WORK/d/one" "$WORK/d/two"
cat >"$WORK/run.sh" <<END
cd $WORK/d
for f in *; do test -f \$f && cat \$f; done
mkdir made && mv one made/ && ls -1 made
(exit 3)
echo "status \$?"
ls /no/such/file 2>/dev/null
sh -c 'kill -TERM \$\$'
rm -r made && touch one
END
# Entry-only calls beside those traced: what is a notification on hybrid must not show.
traced() {
	local engine=$1
	"$VMMCTL" run -e "$engine" -l "trace,file=$WORK/$engine.log,syscalls=openat+execve+mkdir+rename+renameat2+unlinkat+exit_group+newfstatat+chdir+kill" \
		-l null -- setarch -R sh "$WORK/run.sh" >"$WORK/$engine.out" 2>&1
	echo "status $?" >>"$WORK/$engine.out"
	normal "$WORK/$engine.log" >"$WORK/$engine.normal"
}
large_pids
traced ptrace
for engine in hybrid kmod; do
	on $engine || continue
	large_pids
	traced $engine
	check same-output@$engine diff "$WORK/ptrace.out" "$WORK/$engine.out"
	check same-log@$engine diff "$WORK/ptrace.normal" "$WORK/$engine.normal"
	check a-log@$engine test "$(grep -c -e mkdir -e exec -e SIGTERM "$WORK/$engine.normal")" -ge 6
done

# What an engine has not is refused, the layer and the feature named; nothing is run.
refused() {
	local name=$1 why=$2 out
	shift 2
	out=$("$VMMCTL" run -e seccomp "$@" -- touch "$WORK/ran" 2>&1)
	check_eq "refused/$name" 125 $?
	check_match "refused/$name/why" "$why" "$out"
	check "refused/$name/not-run" test ! -e "$WORK/ran"
}
if on seccomp; then
	refused trace 'layer trace\[0\] needs "exit", which engine seccomp does not have' -l trace,file=/dev/null
	refused exit 'layer null\[1\] needs "exit"' -l null -l null,exit
	refused events 'layer null\[0\] needs "signals"' -l null,events
	refused rewrite 'layer rewrite\[0\] needs "rewrite"' -l rewrite,rules='getppid:getpid()'
	printf 'engine: seccomp\non-failure: release\nlayers:\n  - "null": {}\n' >"$WORK/release.yaml"
	out=$("$VMMCTL" run -c "$WORK/release.yaml" -- true 2>&1)
	check_eq refused/release 125 $?
	check_match refused/release/why 'on-failure: release needs "release", which engine seccomp does not have' "$out"
	out=$("$VMMCTL" run -e hybrid -c "$WORK/release.yaml" -- true 2>&1)
	check_match refused/release-hybrid/why 'release.*hybrid' "$out"

	# auto takes the first that serves.
	chosen() { "$VMMCTL" run --summary "$@" -- true 2>&1 | grep -o -m 1 -w -e ptrace -e hybrid -e seccomp; }
	check_eq auto/entries seccomp "$(chosen -l null)"
	check_eq auto/both hybrid "$(chosen -l null,syscalls=getppid -l trace,file=/dev/null,syscalls=getpid)"
	check_eq auto/traced ptrace "$(chosen -l trace,file=/dev/null,syscalls=getpid)"
	check_eq auto/release ptrace "$(sed /engine/d "$WORK/release.yaml" >"$WORK/auto.yaml"; chosen -c "$WORK/auto.yaml")"
fi

# Nine that do nothing but make calls: how much the least of them has of the mean, in percent.
# A machine that is busy with something else makes it look worse, never better: the best of five counts.
share() {
	local name=$1 limit=$2 best=0 now
	shift 2
	for _ in 1 2 3 4 5; do
		# shellcheck disable=SC2086 # words
		now=$(${TEST_CPU:+taskset -c $TEST_CPU} "$VMMCTL" run "$@" -- "$BUILD/tests/guest/g_fair" 9 $((1000 * SLOW)) 2>>"$WORK/fair")
		[ "${now:-0}" -gt "$best" ] && best=$now
		[ "$best" -ge "$limit" ] && break
	done
	check "fair/$name" test "$best" -ge "$limit"
	echo "# fair/$name: the least of nine busy tasks has $best % of the mean (limit $limit)"
}
for engine in $ENGINES; do share "$engine" 25 -e "$engine" -l null,syscalls=getppid+getpgid; done
# Half of them are stopped in one way and half in the other.
! on hybrid || share both@hybrid 15 -e hybrid -l null,syscalls=getppid -l null,syscalls=getpgid,exit
finish
