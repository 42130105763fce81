#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# demo.sh - a real build under four layers, beside the same build natively.
#
#   demo.sh VMMCTL        KEEP=1 keeps the directory it works in
#
# A repository is made, cloned, configured, built with make -j2 and tested:
# first as it is, then under trace + rewrite + remap + trace. In the second
# run the whole project lives in /opt/project, a directory that does not
# exist, and creat(2) never reaches the kernel. The artefacts must be the
# same to the byte. Exit status: 0 if they are.
set -eu
export LC_ALL=C

vmmctl=$1
here=$(cd "$(dirname "$0")" && pwd)
virtual=/opt/project

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' cyan=$'\e[36m' off=$'\e[0m'
else
	bold='' dim='' red='' green='' cyan='' off=''
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/demo.XXXXXX")
work=$(cd "$work" && pwd -P)
cleanup() {
	if [ -n "${KEEP-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT
real=$work/real # what /opt/project is

fail() {
	echo "${red}demo: $1${off}" >&2
	[ -z "${2-}" ] || tail -n 20 "$2" >&2
	exit 1
}

[ ! -e "$virtual" ] || fail "$virtual exists here; the demonstration needs a path that does not"

now() { date +%s%N; }
seconds() { awk -v n="$1" 'BEGIN { printf "%.2f s", n / 1e9 }'; }
thousands() { printf "%d" "$1" | sed ':a; s/\B[0-9]\{3\}\>/,&/; ta'; }
progress() { [ ! -t 1 ] || printf '  %-15s %s...%s\r' "$1" "$dim" "$off"; }
title() { printf '\n%s%s%s\n' "$bold" "$1" "$off"; }

# Every artefact with its checksum; paths relative to the build.
checksums() { (cd "$1/work" && find build include -type f | sort | xargs sha256sum); }
passes() { grep -c '^PASS' "$1" || true; }

# ---------------------------------------------------------------- the two runs

sh "$here/project.sh" "$work"
mkdir "$work/native" "$real"
cp -a "$work/origin.git" "$work/native/"
mv "$work/origin.git" "$real/"
# Once unmeasured, so that the first run does not pay for cold caches.
cp -a "$work/native" "$work/warm"
sh "$here/build.sh" "$work/warm" > /dev/null 2>&1 || true
rm -rf "$work/warm"

title 'git clone, ./configure, make -j2, make check'
progress natively
t0=$(now)
sh "$here/build.sh" "$work/native" > "$work/native.log" 2>&1 ||
	fail 'the native build fails' "$work/native.log"
t1=$(now)
native=$((t1 - t0))
checksums "$work/native" > "$work/native.sums"
printf '  natively        %s   %d files, %d tests pass\n' "$(seconds $native)" \
	"$(wc -l < "$work/native.sums")" "$(passes "$work/native.log")"

options=syscalls=creat+open+openat+mkdir+chdir+execve+rename+link+unlink
options+=,signals=false,lifecycle=false,blocked=0
progress 'under 4 layers'
t0=$(now)
"$vmmctl" run --private --summary \
	-l "trace,label=inner,file=$work/inner.trace,$options" \
	-l rewrite \
	-l "remap,map=$virtual=$real" \
	-l "trace,label=outer,file=$work/outer.trace,$options" \
	-- sh "$here/build.sh" "$virtual" > "$work/vmmd.log" 2>&1 ||
	fail 'the build under vmmd fails' "$work/vmmd.log"
t1=$(now)
vmmd=$((t1 - t0))
checksums "$real" > "$work/vmmd.sums"
printf '  under 4 layers  %s   %d files, %d tests pass   %s times\n' "$(seconds $vmmd)" \
	"$(wc -l < "$work/vmmd.sums")" "$(passes "$work/vmmd.log")" \
	"$(awk -v a=$vmmd -v b=$native 'BEGIN { printf "%.1f", a / b }')"

# ------------------------------------------------------------------- the stack

title 'The stack'
printf '  %s\n' \
	"${dim}\$${off} vmmctl run -l trace,label=inner,... -l rewrite \\" \
	"    -l remap,map=$virtual=$real \\" \
	"    -l trace,label=outer,... -- sh build.sh $virtual" ''
printf '  %s\n' \
	"the program        ${dim}believes it is in${off} ${cyan}$virtual${off}" \
	"   | trace outer   ${dim}what the program asks for${off}" \
	"   | remap         ${dim}$virtual ->${off} $real" \
	"   | rewrite       ${dim}creat(2) -> open(2)${off}" \
	"   | trace inner   ${dim}what the kernel is asked for${off}" \
	"the kernel         ${dim}$virtual:${off} $(cd "$virtual" 2>&1 | sed 's/.*: //')"

# ---------------------------------------------------- the same call, both ends

# The lines of call $1 in trace $2 that name file $3, without label and task.
# Lines that another task's call has split come last.
lines() {
	sed -n "s/^[^]]*\] \($1(.*\)\$/\1/p" "$2" | grep -F "\"$3\"" > "$work/lines" || return 0
	grep -v '<unfinished' "$work/lines" || cat "$work/lines"
}

# One call as the outer trace has it, and the inner line for the same file.
pair() {
	local call=$1 file=$2 inner=$3 asked ran
	asked=$(lines "$call" "$work/outer.trace" "$virtual$file")
	ran=$(lines "$inner" "$work/inner.trace" "$real$file")
	if [ -z "$asked" ] || [ -z "$ran" ]; then fail "no $call of $file in the traces"; fi
	show asked "${asked%%$'\n'*}"
	show ran "${ran%%$'\n'*}"
}

# A line of a trace, in two if it is long; the paths of both sides in colour.
show() {
	local text=$2 rest='' head
	if [ ${#text} -gt 70 ]; then
		head=${text:0:69}
		head=${head%, *},
		rest=${text:${#head}}
		text=$head
		[ ${#rest} -le 66 ] || rest="${rest:0:63}..."
	fi
	text=${text//$virtual/$cyan$virtual$off}
	text=${text//$real/$green$real$off}
	printf '  %s%-6s%s %s\n' "$dim" "$1" "$off" "$text"
	[ -z "$rest" ] || printf '            %s\n' "${rest# }"
}

title 'The same call where it leaves the program, and where it meets the kernel'
pair chdir /work chdir
pair creat /work/include/version.h open
pair execve /work/build/test_1 execve

# ----------------------------------------------------------------- the numbers

o=$work/outer.trace i=$work/inner.trace
# A call is one line, or two of which the first is unfinished.
calls() { grep -cv '<unfinished' "$1" || true; }
count() { grep -c "\] $1(" "$2" || true; }
# What a call names; the arguments of a program are its own business.
naming() { grep -v '\] execve(' "$2" | grep -c "\"$1" || true; }
both() { printf '  %-40s %15s %15s\n' "$1" "$(thousands "$2")" "$(thousands "$3")"; }

title "$(printf '%-42s %15s %15s' Counts 'outer trace' 'inner trace')"
both 'calls shown' "$(calls "$o")" "$(calls "$i")"
both 'creat(2)' "$(count creat "$o")" "$(count creat "$i")"
both 'open(2)' "$(count open "$o")" "$(count open "$i")"
both "in $virtual" "$(naming $virtual "$o")" "$(naming $virtual "$i")"
both "in $real" "$(naming "$real" "$o")" "$(naming "$real" "$i")"

# `--summary` says "stops: N; ..." and "tasks: ... N ever; ...".
stops=$(sed -n 's/^stops: \([0-9]*\);.*/\1/p' "$work/vmmd.log")
tasks=$(sed -n 's/^tasks: .* \([0-9]*\) ever;.*/\1/p' "$work/vmmd.log")
if [ -z "$stops" ] || [ -z "$tasks" ]; then fail 'no summary' "$work/vmmd.log"; fi

title 'Cost'
if [ "$vmmd" -gt "$native" ]; then
	printf '  %s stops of %s tasks in %s more than natively: %s µs a stop\n' "$(thousands "$stops")" \
		"$tasks" "$(seconds $((vmmd - native)))" $(((vmmd - native) / stops / 1000))
else
	printf '  %s stops of %s tasks; the native build met a busier machine, so no time to tell\n' \
		"$(thousands "$stops")" "$tasks"
fi

title 'Result'
a=$(sha256sum < "$work/native.sums") b=$(sha256sum < "$work/vmmd.sums")
printf '  sha256 over all artefacts, natively    %s\n' "${a:0:32}"
printf '  sha256 over all artefacts, under vmmd  %s\n' "${b:0:32}"
if ! cmp -s "$work/native.sums" "$work/vmmd.sums"; then
	diff "$work/native.sums" "$work/vmmd.sums" >&2 || true
	fail 'the artefacts differ'
fi
printf '  %sidentical%s\n' "$green" "$off"
