# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# host.sh - what can be said about the module without booting anything: that
# kbuild and sparse have nothing to say about it, for each set of headers that is
# installed, that DKMS builds it, and that it can be signed.
#
# Sourced after lib.sh. Copies and logs are in $HOST.

HOST=$BUILD/kmod-host

# What a build says about our files. The kernel's own code takes current->sighand's lock as
# if its pointer were not __rcu, and sparse says so of each who does: that is no finding.
module_findings() {
	awk '
		held { if (!/expected struct (spinlock|k_sigaction)/) print held; held = "" }
		/engine-kmod\/.*different address spaces/ { held = $0; next }
		/engine-kmod\/.*(warning|error)|^WARNING|^ERROR/ { print }
		END { if (held) print held }' "$1" | sort -u
}

# host_build KDIR: no warning of the compiler with all of kbuild's, none of sparse.
host_build() {
	local release found
	release=$(basename "$(dirname "$1")")
	OUT=$HOST/$release engine-kmod/build.sh "$1" W=1 C=2 >/dev/null 2>&1 || echo 'does not build'
	found=$(module_findings "$HOST/$release/build.log")
	[ -z "$found" ] || echo "$found"
	[ -z "$found" ] && [ -e "$HOST/$release/engine-kmod/vmmd.ko" ]
}

# DKMS finds its way with what `make kmod-install` lays out.
host_dkms() {
	local root=$HOST/dkms release
	release=$(basename "$(dirname "$1")")
	rm -rf "$root"
	mkdir -p "$root"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s kmod-install BUILD="$BUILD" DESTDIR="$root" >"$HOST/dkms.log" 2>&1 || return
	mkdir "$root/tree"
	dkms build -m vmmd -v "$(sed -n 's/^VERSION *:= //p' Makefile)" -k "$release" --sourcetree "$root/usr/src" \
		--dkmstree "$root/tree" >>"$HOST/dkms.log" 2>&1 || { tail -n 5 "$HOST/dkms.log"; return 1; }
	modinfo -F vermagic "$root"/tree/vmmd/*/"$release"/*/module/vmmd.ko* | grep -q "^$release "
}

host_signs() {
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=vmmd test/' -outform DER -keyout "$HOST/mok.key" \
		-out "$HOST/mok.der" 2>/dev/null || return
	KMOD_SIGN_KEY=$HOST/mok.key KMOD_SIGN_CERT=$HOST/mok.der OUT=$HOST/signed engine-kmod/build.sh "$1" >/dev/null || return
	[ "$(modinfo -F signer "$HOST/signed/engine-kmod/vmmd.ko")" = 'vmmd test' ]
}

host_tests() {
	local kdirs=() k
	for k in /lib/modules/*/build; do [ ! -d "$k" ] || kdirs+=("$k"); done
	mkdir -p "$HOST"
	if [ ${#kdirs[@]} -eq 0 ]; then
		not_ok host/headers 'no kernel headers are installed'
		return
	fi
	for k in "${kdirs[@]}"; do check "host/build/$(basename "$(dirname "$k")")" host_build "$k"; done
	check host/dkms host_dkms "${kdirs[0]}"
	check host/signed host_signs "${kdirs[0]}"
}
