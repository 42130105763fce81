# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# boundaries.sh - who may include what. Rules about "sees" hold for everything
# that is included on the way, as the compiler found it.

# What SOURCE includes, one path a line: inside the tree relative, outside absolute.
deps() {
	sed -e '/^[^ ].*:$/d' -e 's/^[^ ]*: //' -e 's/\\$//' "$STATIC/gcc/$1.d" | tr ' ' '\n' |
		sed -e '/^$/d' -e 's|^\./||' | sort -u
}

# sees PATTERN SOURCE…: those sources that include a path like that, with the path.
sees() {
	local pattern=$1 source path
	shift
	for source; do
		for path in $(deps "$source" | grep -E "$pattern"); do
			[ "$path" = "$source" ] || echo "$source sees $path"
		done
	done
}

# strangers PATTERN SOURCE…: what they include from this tree but should not.
strangers() {
	local pattern=$1 source path
	shift
	for source; do
		for path in $(deps "$source" | grep -v -e '^/' | grep -v -x -E "$pattern"); do
			[ "$path" = "$source" ] || echo "$source sees $path"
		done
	done
}

# foreign PACKAGES SOURCE…: what they include from outside that no such package owns.
foreign() {
	local packages=$1 source path
	shift
	for source; do deps "$source"; done | grep '^/' | sort -u | while read -r path; do
		realpath "$path"
	done | sort -u | xargs dpkg-query -S 2>&1 | grep -v -E "^($packages)(:[a-z0-9]+)?: "
}

# includes HEADER: the sources of the programs with that very line.
includes() {
	grep -l -r -E "^ *# *include *[<\"]$1[>\"]" proto vmmd clients engine-kmod --include='*.[ch]' --include='*.tbl'
}

LIBC='libc6-dev|linux-libc-dev|libgcc-[0-9]+-dev|libclang-common-[0-9]+-dev'

verdict boundaries/proto "$(grep -n -E '^ *# *include' proto/*.h proto/*.tbl /dev/null | grep -v '<linux/types.h>')"

for plugin in vmmd/plugins/*/; do
	plugin=$(basename "$plugin")
	[ "$plugin" != common ] || continue
	verdict "boundaries/plugin/$plugin" "$(
		strangers "vmmd/sdk/vmmd/plugin\.h|vmmd/plugins/($plugin|common)/.*" vmmd/plugins/"$plugin"/*.c
		foreign "$LIBC" vmmd/plugins/"$plugin"/*.c
	)"
done
verdict boundaries/plugin/common "$(
	strangers 'vmmd/sdk/vmmd/plugin\.h|vmmd/plugins/common/.*' vmmd/plugins/common/*.c
	foreign "$LIBC" vmmd/plugins/common/*.c
)"
verdict boundaries/plugin/sdk "$(
	deps vmmd/sdk/vmmd/plugin.h | grep -v -e '^/' -e '^-$' -e '^vmmd/sdk/vmmd/'
	foreign "$LIBC" vmmd/sdk/vmmd/plugin.h
)"
verdict boundaries/clients/lib "$(
	strangers '(clients/lib|proto)/.*' clients/lib/*.c
	foreign "$LIBC|libjansson-dev" clients/lib/*.c
)"
verdict boundaries/clients/vmmctl "$(
	strangers 'clients/lib/vmmctl\.h|(clients/vmmctl|proto)/.*' clients/vmmctl/*.c
	foreign "$LIBC|libjansson-dev|libsmartcols-dev" clients/vmmctl/*.c
)"

verdict boundaries/engine "$(sees '^vmmd/stack\.h$' vmmd/engine/*.c)"
verdict boundaries/stack "$(sees '^vmmd/engine/' vmmd/stack.c vmmd/plugin.c)"
verdict boundaries/req_fsm "$(
	for f in vmmd/*.c vmmd/engine/*.c; do
		[[ $f != vmmd/req_fsm.c && $f != vmmd/choose.c ]] && [ -n "$(sees '^vmmd/stack\.h$' "$f")" ] || continue
		sees '^vmmd/engine/engine\.h$' "$f" | sed 's/$/, and vmmd\/stack.h/'
	done
)"
verdict boundaries/daemon "$(sees '^(clients|tests|vmmd/plugins)/' vmmd/*.c vmmd/engine/*.c)"
verdict boundaries/dlfcn "$(includes dlfcn.h | grep -v -x vmmd/plugin.c)"
verdict boundaries/ptrace "$(includes '(sys|linux)/ptrace.h' | grep -v -x 'vmmd/engine/ptrace[a-z_]*\.[ch]')"
verdict boundaries/libev "$(includes 'ev[.]h' | grep -v -x vmmd/loop.c)"
verdict boundaries/kernel-version "$(grep -rn -E 'LINUX_VERSION_CODE|KERNEL_VERSION *\(' proto vmmd clients engine-kmod |
	grep -v '^engine-kmod/compat/')"
