# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# sdk.sh - what a plugin author and a packager get: make install gives a complete
# tree that works where it stands; with nothing of it but the header and the
# pkg-config file the example builds elsewhere, loads and works; the manual page
# prints the same example; the header stands alone in C99, C11 and C++.
# shellcheck disable=SC2012,SC2317 # our own names; functions that check calls
SUITE=sdk
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin

# The flags of the make that started this test are not those of a packager.
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS VMMD_PLUGIN_PATH
CC=${CC:-cc}
R=$WORK/root
U=$R/usr
umask 022

# A build of its own, so that PREFIX is compiled in and $BUILD stays as it is.
check build make -s -j2 BUILD="$WORK/build" PREFIX=/usr CC="$CC" CFLAGS=-O0 all
check install make -s BUILD="$WORK/build" PREFIX=/usr CC="$CC" CFLAGS=-O0 install DESTDIR="$R"

# ------------------------------------------------------------------------- the tree
expected_tree() {
	local f
	printf '755 usr/bin/%s\n' vmmctl vmmd
	echo '644 usr/include/vmmd/plugin.h'
	echo '644 usr/lib/pkgconfig/vmmd-plugin.pc'
	echo '644 usr/share/bash-completion/completions/vmmctl'
	for f in vmmd/plugins/*/*.7; do echo "644 usr/lib/vmmd/plugins/$(basename "${f%/*}").so"; done
	for f in configs/*.yaml; do echo "644 usr/share/vmmd/$f"; done
	for f in configs/*.service; do echo "644 usr/share/vmmd/systemd/${f##*/}"; done
	for f in vmmctl.1 vmmd.8 vmmd.conf.5 vmmd-control.7 vmmd-engine.7 vmmd-plugin.7 vmmd/plugins/*/*.7; do
		echo "644 usr/share/man/man${f##*.}/${f##*/}"
	done
}
check tree diff <(expected_tree | sort) <(cd "$R" && find . -type f -printf '%m %P\n' | sort)
check_eq directories '' "$(find "$R" -type d -perm /022)"
check_eq no-build-paths '' "$(grep -rlF -e "$R" -e "$TOP" "$U/lib/pkgconfig" "$U/share" "$U/include")"

# It works where it stands, without the tree it came from.
V=$U/bin/vmmctl
check_eq runs $'innermost\n3' "$(cd / && "$V" run -l null -l trace,syscalls=write -- sh -c 'echo innermost; exit 3' 2>"$WORK/err"; echo $?)"
check_match runs-its-layers 'write\(1, "innermost' "$(cat "$WORK/err")"
check_eq plugins "$(cd vmmd/plugins && ls -d -- */*.7 | sed 's|/.*||')" "$("$V" plugins --json | jq -r '.[].name' | sort)"
check_eq plugins-from-there '' "$("$V" plugins --json | jq -r '.[].file' | grep -v "^$U/")"
for f in "$U"/share/vmmd/configs/*.yaml; do check "configs/${f##*/}" env HOME=/root "$V" check "$f"; done
# shellcheck disable=SC2016 # for the inner shell
check completion bash -c '. /usr/share/bash-completion/bash_completion; . "$1"; complete -p vmmctl' - "$U/share/bash-completion/completions/vmmctl"

# ---------------------------------------------------------------------- the example
export PKG_CONFIG_PATH=$U/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$R
cp -r vmmd/sdk/example "$WORK/example"
rm -f "$WORK"/example/*.so
X=$WORK/example/example.so
check example/build make -s -C "$WORK/example" CC="$CC" CFLAGS='-Wall -Wextra -Werror'
# shellcheck disable=SC2046 # flags are words
check_eq example/header "$U/include/vmmd/plugin.h" \
	"$("$CC" -std=gnu11 -M $(pkg-config --cflags vmmd-plugin) "$WORK/example/example.c" | tr ' ' '\n' | grep /vmmd/)"
check_eq example/exports vmmd_plugin "$(nm -D --defined-only "$X" | awk '$2 ~ /[A-Z]/ { print $3 }')"

# Each call waits for half a second, the others do not, and what waited is counted.
printf 'import os, time\nfor f in os.getppid, os.getpgrp:\n\tt = time.monotonic(); f(); print(0.5 <= time.monotonic() - t < 30)\n' >"$WORK/late.py"
check_eq example/waits $'True\nFalse' "$("$V" run --summary -l "$X,delay=500ms" -- /usr/bin/python3 "$WORK/late.py" 2>"$WORK/err")"
check_match example/counts 'delayed[^0-9]*1' "$(cat "$WORK/err")"
check_match example/relative '^0 ' "$(cd "$WORK/example" && "$V" run -l ./example.so,delay=1ms -- sh -c ':' 2>&1; echo "$? ")"
check_match example/schema 'delay.*option' "$("$V" run -l "$X,dely=1s" -- true 2>&1)"
# A call that waits does not keep its task from being killed.
check_eq example/cancel 137 "$("$V" run -l "$X,delay=1h" -- timeout -s KILL 0.3 /usr/bin/python3 "$WORK/late.py" >/dev/null 2>&1; echo $?)"
check example/gone until_true 20 none_marked "$VMMD_TEST_MARK"

check example/install make -s -C "$WORK/example" CC="$CC" install
check_eq example/by-name "$U/lib/vmmd/plugins/example.so" "$(realpath "$("$V" plugins --json | jq -r '.[] | select(.name == "example") | .file')")"
check example/by-name-runs "$V" run -l example,delay=1ms -- true

# What a reader copies from the manual page is the same source.
mandoc -T ascii "$U/share/man/man7/vmmd-plugin.7" | col -b | tr -d '[:space:]' >"$WORK/page"
if grep -qF "$(tr -d '[:space:]' <"$WORK/example/example.c")" "$WORK/page"; then
	ok example/page
else
	not_ok example/page 'the source in vmmd-plugin.7 is not that of vmmd/sdk/example'
fi

# ----------------------------------------------------------------------- the header
# siginfo_t is of POSIX: a strictly ISO C translation unit asks for that, as for any signal header.
echo '#include <vmmd/plugin.h>' >"$WORK/alone.c"
alone() {
	# shellcheck disable=SC2046 # flags are words
	"$1" -fsyntax-only -Wall -Wextra -pedantic -Werror -D_POSIX_C_SOURCE=200809L $(pkg-config --cflags vmmd-plugin) -x "$2" -std="$3" "$WORK/alone.c"
}
for std in c99 c11 gnu11 c17; do
	check "header/gcc-$std" alone gcc c $std
	check "header/clang-$std" alone clang c $std
done
for std in c++11 c++17 c++20; do
	check "header/g++-$std" alone g++ c++ $std
	check "header/clang++-$std" alone clang++ c++ $std
done

# A layer in C++: the tables are plain structures, the entry point has C linkage.
cat >"$WORK/plus.cc" <<'END'
#include <vmmd/plugin.h>
static enum vmmd_verdict plus_entry(void *, struct vmmd_req *) { return VMMD_PASS; }
static int plus_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **) { return host->want(layer, 110, VMMD_WANT_ENTRY); }
extern "C" __attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin()
{
	static struct vmmd_plugin p = {};
	p.magic = VMMD_PLUGIN_MAGIC, p.abi_major = VMMD_ABI_MAJOR, p.abi_minor = VMMD_ABI_MINOR, p.size = sizeof(p);
	p.name = "plus", p.version = "1", p.summary = "none", p.open = plus_open, p.entry = plus_entry;
	return &p;
}
END
# shellcheck disable=SC2046 # flags are words
check c++/build g++ -Wall -Wextra -Werror $(pkg-config --cflags vmmd-plugin) -fPIC -fvisibility=hidden -shared -o "$WORK/plus.so" "$WORK/plus.cc"
check c++/runs "$V" run -l "$WORK/plus.so" -- sh -c 'exit 0'
finish
