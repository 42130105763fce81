# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# tools.sh - two compilers with all their warnings, two analyzers, shellcheck.

# findings TOOL KIND: what make left, with the first lines of each.
findings() {
	find "$STATIC/$1" -name "*.$2.found" -size +0 | sort | while read -r f; do
		head -n 6 "$f"
	done
}

# The files are there: an empty list of findings is no proof otherwise.
counted() {
	local have want
	have=$(find "$STATIC/$1" -name '*.c.found' | wc -l)
	want=$(find vmmd clients -name '*.c' | wc -l)
	[ "$have" -ge "$want" ] || echo "$1 has looked at $have of $want sources"
}

for cc in gcc clang; do
	verdict "tools/$cc" "$(counted $cc; findings $cc c)"
	verdict "tools/headers-alone-$cc" "$(findings $cc h)"
done
verdict tools/clang-analyzer "$(counted analyze; findings analyze c | grep -E '(warning|error): |^status')"

# It reads no header of the system but these, whose macros it cannot guess.
mkdir -p "$STATIC/cppcheck"
mapfile -t sources < <(find vmmd clients -name '*.c' | sort)
verdict tools/cppcheck "$(cppcheck -q -j "${JOBS:-2}" --cppcheck-build-dir="$STATIC/cppcheck" --std=c11 --platform=unix64 \
	--enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	-D_GNU_SOURCE -D__x86_64__ -I. -Ivmmd/sdk --include=/usr/include/utlist.h --include=/usr/include/uthash.h \
	--include=/usr/include/x86_64-linux-gnu/sys/queue.h --include=/usr/include/jansson.h "${sources[@]}" 2>&1 ||
	echo "status $?")"

mapfile -t scripts < <(all_files | while read -r f; do
	case $f in
	*.sh | *.bash) echo "$f" ;;
	*) head -n 1 "$f" 2>/dev/null | grep -a -q -E '^#!.*/(env )?(ba)?sh' && echo "$f" ;;
	esac
done)
verdict tools/shellcheck "$(shellcheck -x -S warning -f gcc "${scripts[@]}" 2>&1)"
