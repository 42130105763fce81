# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# debug.sh - a kernel that looks at itself, from Debian's source. Sourced after kernel.sh.

# What is wanted besides the architecture's defaults: the checks, what the module
# hooks into, what the test machine needs (all built in), and no drivers of real machines.
DEBUG_CONFIG='
-e KASAN -e KASAN_GENERIC -e KASAN_VMALLOC -e PROVE_LOCKING -e PROVE_RCU -e DEBUG_LOCK_ALLOC -e DEBUG_ATOMIC_SLEEP
-e DEBUG_KMEMLEAK -d DEBUG_KMEMLEAK_DEFAULT_OFF --set-val DEBUG_KMEMLEAK_MEM_POOL_SIZE 40000
-e DEBUG_LIST -e DEBUG_OBJECTS -e DEBUG_OBJECTS_FREE -e DEBUG_OBJECTS_WORK -e DEBUG_OBJECTS_RCU_HEAD -e DEBUG_PREEMPT -e PREEMPT
-e DETECT_HUNG_TASK --set-val DEFAULT_HUNG_TASK_TIMEOUT 120 -e WQ_WATCHDOG -e REFCOUNT_FULL -e VMAP_STACK -e SCHED_STACK_END_CHECK
-e UBSAN -d UBSAN_TRAP -e DEBUG_VM -e PAGE_POISONING -e DEBUG_FS -e MAGIC_SYSRQ -e FRAME_WARN
-e MODULES -e MODULE_UNLOAD -d MODULE_SIG -d MODVERSIONS -e KALLSYMS -e KALLSYMS_ALL -e IKCONFIG
-e FTRACE -e FUNCTION_TRACER -e FUNCTION_GRAPH_TRACER -e DYNAMIC_FTRACE -e FTRACE_SYSCALLS -e KPROBES -e KPROBE_EVENTS
-e BPF_SYSCALL -e SECCOMP -e SECCOMP_FILTER -e LIVEPATCH -e UNWINDER_ORC -e IA32_EMULATION -e X86_X32_ABI
-e TMPFS -e DEVTMPFS -e OVERLAY_FS -e NET -e UNIX -e INET -e NET_9P -e NET_9P_VIRTIO -e 9P_FS -e VIRTIO -e VIRTIO_PCI -e PCI
-e SERIAL_8250 -e SERIAL_8250_CONSOLE -e USER_NS -e PID_NS -e CGROUPS -e CGROUP_FREEZER -e MEMCG -e FREEZER -e SUSPEND -e PM_DEBUG
-e USERFAULTFD -e FANOTIFY -e IO_URING -e SECURITY_YAMA -e CHECKPOINT_RESTORE
-e DEBUG_INFO_NONE -d DEBUG_INFO_BTF -d DRM -d SOUND -d WLAN -d WIRELESS -d USB_SUPPORT -d ATA -d SCSI -d ETHERNET -d NFS_FS -d HID
-d INPUT_MOUSE -d INPUT_TABLET -d INPUT_TOUCHSCREEN -d AGP -d MD -d PCMCIA -d NETFILTER -d IPV6 -d BTRFS_FS -d XFS_FS -d HIBERNATION
-d SYSTEM_TRUSTED_KEYRING -d SYSTEM_REVOCATION_LIST -d WERROR'

# One build for each version of the source; kept in the cache.
kernel_debug() {
	local package version tree=$CACHE/debug new
	read -r package version < <(apt-cache show --no-all-versions linux-source 2>/dev/null |
		sed -n 's/^Depends: \(linux-source-[^ ,]*\) (= \([^)]*\)).*/\1 \2/p' | head -n 1) || return
	if [ "$(cat "$tree/version" 2>/dev/null)" != "$version" ]; then
		rm -rf "$tree"
		new=$tree/new
		mkdir -p "$new" || return
		(cd "$new" && apt-get download -q -o APT::Sandbox::User= "$package=$version" >/dev/null) &&
			dpkg-deb -x "$new"/*.deb "$new/root" &&
			tar -C "$tree" -xf "$new/root/usr/src/$package.tar.xz" && mv "$tree/$package" "$tree/linux" || return
		rm -rf "$new"
		kernel_debug_make "$tree/linux" >"$CACHE/debug.log" 2>&1 || return
		echo "$version" >"$tree/version"
	fi
	# shellcheck disable=SC2034 # for those who include this
	KCHROOT='' KDIR=$tree/linux KROOT=$tree/modules KIMAGE=$tree/linux/arch/x86/boot/bzImage
	# shellcheck disable=SC2034
	KREL=$(cat "$tree/linux/include/config/kernel.release")
}

kernel_debug_make() {
	local run=(nice -n 10 env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$1")
	"${run[@]}" x86_64_defconfig kvm_guest.config &&
		(cd "$1" && xargs scripts/config <<<"$DEBUG_CONFIG") &&
		"${run[@]}" olddefconfig &&
		grep -q '^CONFIG_KASAN=y' "$1/.config" && grep -q '^CONFIG_PROVE_RCU=y' "$1/.config" &&
		grep -q '^CONFIG_DEBUG_KMEMLEAK=y' "$1/.config" && grep -q '^CONFIG_9P_FS=y' "$1/.config" &&
		grep -q '^CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y' "$1/.config" &&
		"${run[@]}" -j "${JOBS:-2}" LOCALVERSION=-debug bzImage modules &&
		"${run[@]}" LOCALVERSION=-debug INSTALL_MOD_PATH=../modules modules_install
}
