# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# module.sh - the room of the kernel module: what it may include and use, that its
# parameters are documented, and that the interface with user space is the one that
# was published. It is built by `make kmod-test`: see tests/kmod/host.sh.

module_sources() { find engine-kmod -name '*.[chS]' | sort; }

# Its own headers and the one that both sides share; all else is the kernel's.
verdict module/includes "$(
	module_sources | xargs grep -H -E '^ *# *include *"' | while IFS= read -r line; do
		name=${line#*\"} name=${name%%\"*} file=${line%%:*}
		case $name in proto/vmmd_kmod.h | ../proto/vmmd_kmod.h | compat.gen.h) continue ;; esac
		[ -e "$(dirname "$file")/$name" ] || [ -e "engine-kmod/$name" ] || [ -e "engine-kmod/compat/$name" ] || echo "$line"
	done
	module_sources | xargs grep -H -E '^ *# *include *<' | grep -v -E '<(linux|asm|uapi|trace|net|asm-generic|generated|vdso)/'
)"
# What an upstream reviewer refuses on sight.
verdict module/forbidden "$(
	module_sources | xargs grep -n -w -E 'kallsyms_lookup_name|BUG|BUG_ON|set_memory_rw|write_cr0|EXPORT_SYMBOL|EXPORT_SYMBOL_GPL|panic|__GFP_NOFAIL' |
		grep -v -E ':[0-9]+:[[:blank:]]*(/?\*|//)'
)"
check module/licence grep -q -r -E '^MODULE_LICENSE\("GPL"\);' engine-kmod --include='*.c'

# Each parameter, with its text, in the room's README.
verdict module/parameters "$(
	module_sources | xargs sed -n -E 's/^module_param(_named|_cb|_array)?\(([a-z_0-9]+).*/\2/p' | sort -u | while read -r p; do
		grep -q "^| \`$p\`" engine-kmod/README.md || echo "engine-kmod/README.md does not explain $p"
		module_sources | xargs grep -q "MODULE_PARM_DESC($p," || echo "$p has no MODULE_PARM_DESC"
	done
)"

# Sizes and offsets in the interface never change; new fields come at the end.
# To publish new ones: KMOD_GOLDEN=write tests/static/run module
module_layout() {
	local object=$STATIC/vmmd_kmod.o
	echo '#include "proto/vmmd_kmod.h"' >"$STATIC/vmmd_kmod.c"
	sed -n 's/^struct \([a-z_0-9]*\) {$/\1/p' proto/vmmd_kmod.h | while read -r s; do
		echo "struct $s *layout_$s;" >>"$STATIC/vmmd_kmod.c"
		echo "$s" >>"$STATIC/vmmd_kmod.structs"
	done
	gcc -g -I. -c -o "$object" "$STATIC/vmmd_kmod.c" || return
	while read -r s; do
		gdb -batch -nx -ex "ptype /o struct $s" "$object" 2>&1
	done <"$STATIC/vmmd_kmod.structs"
	rm -f "$STATIC"/vmmd_kmod.*
}
layout=$(module_layout)
[ "${KMOD_GOLDEN-}" != write ] || printf '%s\n' "$layout" >tests/static/vmmd_kmod.golden
check_match module/layout-found 'total size' "$layout"
verdict module/layout "$(diff tests/static/vmmd_kmod.golden - <<<"$layout" 2>&1)"
