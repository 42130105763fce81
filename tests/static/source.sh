# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# source.sh - the form of the sources: licence, size, state, names.

MAX_FILE=800
MAX_FUNCTION=60

# The licence is in the first line, or behind #! in the second.
verdict source/licence "$(
	all_files | while read -r f; do
		case $f in
		*.[chS] | *.sh | *.mk | *.tbl | */Kbuild | *.conf | *.rules | *.[1578] | *.bash | *.in | *.yaml | *.service | Makefile) ;;
		*) head -c 2 "$f" | grep -q '^#!' || continue ;;
		esac
		case $f in tests/*/expect/* | tests/*/fixtures/*.yaml) continue ;; esac
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f"
	done
)"

# Only the plugin header and the example, which others copy, and the kernel module have another licence.
verdict source/which-licence "$(
	grep -l -r 'SPDX-License-Identifier: ' --include='*.[chS]' proto vmmd clients tests engine-kmod | while read -r f; do
		case $f in
		vmmd/sdk/*) want='MIT' ;;
		engine-kmod/*) want='GPL-2.0(-only)?' ;;
		proto/*) want='(GPL-2.0-or-later|GPL-2.0-or-later WITH Linux-syscall-note|\(.* WITH Linux-syscall-note\).*)' ;;
		*) want='GPL-2.0-or-later' ;;
		esac
		head -n 2 "$f" | grep -q -E "SPDX-License-Identifier: $want( \*/)?\$" || echo "$f: not $want"
	done
)"

verdict source/file-size "$(
	all_files | grep '\.[ch]$' | while read -r f; do
		n=$(wc -l <"$f")
		[ "$n" -le "$MAX_FILE" ] || echo "$f: $n lines, at most $MAX_FILE"
	done
)"

# A function's braces stand in the first column; nothing else's do.
verdict source/function-size "$(
	all_files | grep '\.[ch]$' | xargs awk -v max=$MAX_FUNCTION '
		FNR == 1 { start = 0 }
		/^{/ { start = FNR; name = before }
		/^}/ && start {
			if (FNR - start + 1 > max)
				printf "%s:%d: %d lines, at most %d: %s\n", FILENAME, start, FNR - start + 1, max, name
			start = 0
		}
		{ before = $0 }'
)"

# State that can be written lives in objects, but for the two files that own the process.
verdict source/state "$(
	for f in vmmd/*.c vmmd/engine/*.c vmmd/plugins/*/*.c clients/lib/*.c; do
		case $f in vmmd/main.c | vmmd/log.c) continue ;; esac
		nm "$STATIC/gcc/${f%.c}.o" | awk -v f="$f" '$2 ~ /^[bBdDcCsS]$/ { print f ": " $3 }'
	done
)"

# A layer exports its one function and nothing else.
verdict source/exports "$(
	for so in "$BUILD"/lib/vmmd/plugins/*.so; do
		nm -D --defined-only "$so" | awk -v f="${so##*/}" '$2 ~ /[A-Z]/ && $2 != "W" && $2 != "V" { print f ": " $3 }'
	done | awk '{ n[$1]++; names[$1] = names[$1] " " $2 } END { for (f in n) if (n[f] != 1) print f names[f] }'
)"

# Text for people has lines that end clean.
verdict source/blanks "$(all_files | grep -E '\.([ch]|sh|mk|tbl|[1578]|md|bash)$|^Makefile$' | xargs grep -n -I -E '[[:blank:]]$')"
