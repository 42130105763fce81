# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# kernel.sh - kernels to test with, from Debian's packages.
#
# A kernel is five variables: KREL (its release), KDIR (headers to build
# with, inside of KCHROOT if that is set), KIMAGE (what boots) and KROOT (the
# directory with lib/modules/KREL).
# Images are downloaded and unpacked, never installed; they are kept in $CACHE.
# Sourced; BUILD is set.
# shellcheck disable=SC2034 # they are for those who include this

CACHE=${KMOD_CACHE:-$BUILD/kmod-cache}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The package that META (linux-image-amd64 …) stands for now, and its version.
kernel_package() {
	apt-cache show --no-all-versions "$1" 2>/dev/null |
		sed -n 's/^Depends: \(linux-image-[^ ,]*\) (= \([^)]*\)).*/\1 \2/p' | head -n 1
}

kernel_headers() {
	[ "$(dpkg-query -W -f='${db:Status-Status} ${Version}' "linux-headers-$1" 2>/dev/null)" = "installed $2" ] && return
	DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -q --no-install-recommends "linux-headers-$1=$2" >/dev/null
}

# Those of the flavour that PACKAGE is of: of each, one is kept.
kernel_drop() {
	local flavour old
	[[ $1 =~ ^linux-image-[0-9.]+-[0-9]+-(.+)$ ]] || return 0
	flavour=${BASH_REMATCH[1]}
	for old in "$CACHE"/linux-image-*_*; do
		if [[ ${old##*/} =~ ^linux-image-[0-9.]+-[0-9]+-${flavour}_ ]]; then rm -rf "$old"; fi
	done
}

# unpack PACKAGE VERSION: into the cache, whole or not at all.
kernel_image() {
	local to=$CACHE/$1_$2 new
	[ -d "$to" ] && return
	mkdir -p "$CACHE"
	new=$(mktemp -d "$CACHE/new.XXXXXX") || return
	(cd "$new" && apt-get download -q -o APT::Sandbox::User= "$1=$2" >/dev/null) &&
		dpkg-deb -x "$new"/*.deb "$new/root" && kernel_index "$new/root" "${1#linux-image-}" &&
		kernel_drop "$1" && mv "$new/root" "$to"
	local status=$?
	rm -rf "$new"
	return $status
}

# Debian keeps the modules in one place, newer releases under /usr.
kernel_index() {
	[ -d "$1/lib/modules" ] || ln -s usr/lib "$1/lib"
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$1" "$2"
}

kernel_try() {
	local package version
	read -r package version < <(kernel_package "$1") || return
	KREL=${package#linux-image-}
	KDIR=/lib/modules/$KREL/build
	KROOT=$CACHE/${package}_$version
	KIMAGE=$KROOT/boot/vmlinuz-$KREL
	kernel_headers "$KREL" "$version" && kernel_image "$package" "$version"
}

# kernel_get FLAVOUR: amd64, rt-amd64 or cloud-amd64 of this Debian release.
# Lists that are old name packages that are gone: then they are fetched again.
kernel_get() {
	KCHROOT=
	kernel_try "linux-image-$1" 2>/dev/null && return
	as_root apt-get update -q >/dev/null
	kernel_try "linux-image-$1"
}

# kernel_newer RELEASE: the kernel of another Debian release. Its headers need
# that release's compiler: both are in a small system of that release, in the cache.
kernel_newer() {
	local root=$CACHE/$1 package new
	if [ ! -d "$root" ]; then
		mkdir -p "$CACHE"
		new=$(mktemp -d "$CACHE/new.XXXXXX") || return
		if ! as_root debootstrap --variant=minbase --include=linux-headers-amd64,make,gcc,libc6-dev \
			"$1" "$new" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$CACHE/$1.log" 2>&1; then
			tail -n 5 "$CACHE/$1.log" >&2
			as_root rm -rf "$new"
			return 1
		fi
		mv "$new" "$root"
	fi
	KREL=$(basename "$(echo "$root"/usr/src/linux-headers-*-amd64)")
	KREL=${KREL#linux-headers-}
	KDIR=/lib/modules/$KREL/build
	KCHROOT=$root
	package=linux-image-$KREL
	KROOT=$CACHE/$package
	KIMAGE=$KROOT/boot/vmlinuz-$KREL
	[ -d "$KROOT" ] && return
	new=$(mktemp -d "$CACHE/new.XXXXXX") || return
	as_root chroot "$root" sh -c "cd /tmp && apt-get download -q -o APT::Sandbox::User= $package >/dev/null" &&
		dpkg-deb -x "$root/tmp/$package"_*.deb "$new/root" && kernel_index "$new/root" "$KREL" && mv "$new/root" "$KROOT"
	local status=$?
	as_root rm -rf "$new" "$root/tmp/$package"_*.deb
	return $status
}
