#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build.sh KDIR [WORD…] - build the module for the kernel whose headers are in
# KDIR, out of the tree: from a copy of its sources below $BUILD/kmod/RELEASE.
# Prints the path of the module. The words are for kbuild (W=1, C=2, V=1).
#
#   OUT            another place for the copy
#   KCHROOT        a system that KDIR and its compiler are in
#   KMOD_SIGN_KEY, KMOD_SIGN_CERT   sign with these, for kernels that refuse what is not signed
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
KDIR=$1
shift
chroot=${KCHROOT-}
release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$chroot$KDIR/include/generated/utsrelease.h")
[ -n "$release" ] || {
	echo "build.sh: no kernel headers in $KDIR" >&2
	exit 1
}
out=${OUT:-$BUILD/kmod/$release}
case $out in /*) ;; *) out=$PWD/$out ;; esac
place=$out
[ -z "$chroot" ] || place=$chroot/build/kmod

# Only what has changed is copied: kbuild goes by time.
mkdir -p "$out" "$place"
for room in engine-kmod proto; do
	(cd "$room" && find . -type f -print0) | while IFS= read -r -d '' f; do
		! cmp -s "$room/$f" "$place/$room/$f" || continue
		mkdir -p "$place/$room/$(dirname "$f")"
		cp "$room/$f" "$place/$room/$f"
	done
done

module=$place/engine-kmod/vmmd.ko
[ -z "${KMOD_SIGN_KEY-}" ] || rm -f "$module" # a signature is appended: not to what has one
run=()
[ -z "$chroot" ] || run=(chroot "$chroot")
if ! "${run[@]}" env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory -j "${JOBS:-2}" -C "$KDIR" \
	M="${place#"$chroot"}/engine-kmod" "$@" modules >"$out/build.log" 2>&1; then
	cat "$out/build.log" >&2
	exit 1
fi
if [ -n "${KMOD_SIGN_KEY-}" ]; then
	"$chroot$KDIR/scripts/sign-file" sha256 "$KMOD_SIGN_KEY" "$KMOD_SIGN_CERT" "$module"
fi
echo "$module"
