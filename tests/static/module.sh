# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# module.sh - the room of the kernel module: what it may include and use, that
# kbuild and sparse have nothing to say, that its parameters are documented,
# and that the interface with user space is the one that was published.

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

# What a build says about our files. The kernel's own code takes current->sighand's lock as
# if its pointer were not __rcu, and sparse says so of each who does: that is no finding.
module_findings() {
	awk '
		held { if (!/expected struct (spinlock|k_sigaction)/) print held; held = "" }
		/engine-kmod\/.*different address spaces/ { held = $0; next }
		/engine-kmod\/.*(warning|error)|^WARNING|^ERROR/ { print }
		END { if (held) print held }' "$1" | sort -u
}

# For each set of headers: no warning of the compiler with all of kbuild's, none of sparse.
for kdir in /lib/modules/*/build; do
	[ -d "$kdir" ] || continue
	release=$(basename "$(dirname "$kdir")")
	verdict "module/build/$release" "$(
		OUT=$STATIC/kmod/$release engine-kmod/build.sh "$kdir" W=1 C=2 >/dev/null 2>&1 || echo 'does not build'
		module_findings "$STATIC/kmod/$release/build.log"
	)"
done

# DKMS finds its way with what `make kmod-install` lays out; a module can be signed.
dkms_builds() {
	local root=$STATIC/dkms release
	release=$(basename "$(dirname "$(printf '%s\n' /lib/modules/*/build | head -n 1)")")
	rm -rf "$root"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s kmod-install BUILD="$BUILD" DESTDIR="$root" >"$STATIC/dkms.log" 2>&1 || return
	mkdir "$root/tree"
	dkms build -m vmmd -v "$(sed -n 's/^VERSION *:= //p' Makefile)" -k "$release" --sourcetree "$root/usr/src" \
		--dkmstree "$root/tree" >>"$STATIC/dkms.log" 2>&1 || { tail -n 5 "$STATIC/dkms.log"; return 1; }
	modinfo -F vermagic "$root"/tree/vmmd/*/"$release"/*/module/vmmd.ko* | grep -q "^$release "
}
check module/dkms dkms_builds
signs() {
	local kdir
	kdir=$(printf '%s\n' /lib/modules/*/build | head -n 1)
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=vmmd test/' -outform DER -keyout "$STATIC/mok.key" \
		-out "$STATIC/mok.der" 2>/dev/null || return
	KMOD_SIGN_KEY=$STATIC/mok.key KMOD_SIGN_CERT=$STATIC/mok.der OUT=$STATIC/kmod/signed engine-kmod/build.sh "$kdir" >/dev/null || return
	[ "$(modinfo -F signer "$STATIC/kmod/signed/engine-kmod/vmmd.ko")" = 'vmmd test' ]
}
check module/signed signs
