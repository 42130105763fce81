# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# debug.sh - a kernel that looks at itself, from Debian's source. Sourced after kernel.sh.

# Debian's own configuration takes hours with these checks, and nearly all of it is drivers that the
# test machine lacks. So this begins with the smallest kernel and what a guest of qemu needs, and adds
# what the module hooks into, what the guest programs call, and the checks. Nothing is a module but ours.
DEBUG_CONFIG='
-d EMBEDDED -d EXPERT -e 64BIT -e SMP --set-val NR_CPUS 8 -d CC_OPTIMIZE_FOR_SIZE -e CC_OPTIMIZE_FOR_PERFORMANCE
-d KERNEL_XZ -e KERNEL_GZIP -d SLOB -e SLUB -e PREEMPT -e HIGH_RES_TIMERS -e NO_HZ_IDLE -e ACPI -e PCI
-e BLK_DEV_INITRD -e TTY -e UNIX98_PTYS -e SERIAL_8250 -e SERIAL_8250_CONSOLE -e VIRTIO_MENU -e VIRTIO -e VIRTIO_PCI
-e PRINTK -e PRINTK_TIME -e DEVTMPFS -e DEVTMPFS_MOUNT -e RELOCATABLE -e RANDOMIZE_BASE -e CPU_MITIGATIONS
-e RETPOLINE -e RETHUNK --set-val FRAME_WARN 2048 -e X86_KERNEL_IBT -e STACKPROTECTOR -e STACKPROTECTOR_STRONG
-e HARDENED_USERCOPY -e FORTIFY_SOURCE -e VMAP_STACK -e RANDOMIZE_KSTACK_OFFSET_DEFAULT -d NETDEVICES -d WIRELESS
-d IPV6 -d HID -d HID_SUPPORT -d INPUT_KEYBOARD -d INPUT_MOUSE -d X86_PKG_TEMP_THERMAL -d SWAP -d EFI_PARTITION

-e MODULES -e MODULE_UNLOAD -d MODULE_SIG -d MODVERSIONS -e KALLSYMS -e KALLSYMS_ALL -e UNWINDER_ORC -e FTRACE
-e FUNCTION_TRACER -e FUNCTION_GRAPH_TRACER -e DYNAMIC_FTRACE -e FTRACE_SYSCALLS -e PERF_EVENTS -e KPROBES
-e KPROBE_EVENTS -e UPROBE_EVENTS -e BPF_SYSCALL -e BPF_JIT -e SECCOMP -e SECCOMP_FILTER -e LIVEPATCH -e SECURITY
-e SECURITY_YAMA -e SECURITY_LANDLOCK -e AUDIT -e AUDITSYSCALL -e IA32_EMULATION -e X86_X32_ABI -e COREDUMP -e FREEZER
-e SUSPEND -e PM_DEBUG

-e BINFMT_ELF -e BINFMT_SCRIPT -e MULTIUSER -e PROC_FS -e SYSFS -e TMPFS -e TMPFS_XATTR -e OVERLAY_FS -e NET -e UNIX
-e INET -e NETWORK_FILESYSTEMS -e NET_9P -e NET_9P_VIRTIO -e 9P_FS -e NAMESPACES -e UTS_NS -e IPC_NS -e USER_NS
-e PID_NS -e NET_NS -e CGROUPS -e CGROUP_FREEZER -e CGROUP_PIDS -e MEMCG -e CGROUP_SCHED -e CPUSETS -e SYSVIPC
-e POSIX_MQUEUE -e POSIX_TIMERS -e KEYS -e USERFAULTFD -e FANOTIFY -e INOTIFY_USER -e IO_URING -e AIO
-e CHECKPOINT_RESTORE -e TRANSPARENT_HUGEPAGE -e MEMFD_CREATE -e HUGETLBFS

-e DEBUG_KERNEL -e DEBUG_FS -e MAGIC_SYSRQ -e KASAN -e KASAN_GENERIC -e KASAN_INLINE -e KASAN_VMALLOC -e PROVE_LOCKING
-e PROVE_RCU -e DEBUG_LOCK_ALLOC --set-val LOCKDEP_BITS 17 --set-val LOCKDEP_CHAINS_BITS 18 -e DEBUG_ATOMIC_SLEEP
-e DEBUG_PREEMPT -e DEBUG_IRQFLAGS -e DEBUG_KMEMLEAK -d DEBUG_KMEMLEAK_DEFAULT_OFF -d DEBUG_KMEMLEAK_AUTO_SCAN
--set-val DEBUG_KMEMLEAK_MEM_POOL_SIZE 40000 -e DEBUG_OBJECTS -e DEBUG_OBJECTS_FREE -e DEBUG_OBJECTS_TIMERS
-e DEBUG_OBJECTS_WORK -e DEBUG_OBJECTS_RCU_HEAD -e DEBUG_LIST -e DEBUG_PLIST -e DEBUG_SG -e DEBUG_NOTIFIERS
-e DEBUG_CREDENTIALS -e DEBUG_VM -e DEBUG_ENTRY -e X86_DEBUG_FPU -e PAGE_POISONING -e DETECT_HUNG_TASK
--set-val DEFAULT_HUNG_TASK_TIMEOUT 120 -e SOFTLOCKUP_DETECTOR -e WQ_WATCHDOG -e SCHED_STACK_END_CHECK -e UBSAN
-d UBSAN_TRAP -d UBSAN_ALIGNMENT -e FAULT_INJECTION -e FAILSLAB -e FAIL_PAGE_ALLOC -e FAULT_INJECTION_DEBUG_FS
-d WERROR -e DEBUG_INFO_NONE'

# Without these the kernel does not find what it is for, or does not boot.
DEBUG_NEEDED='KASAN KASAN_VMALLOC PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK DEBUG_OBJECTS DEBUG_LIST DETECT_HUNG_TASK UBSAN
	PREEMPT SMP DYNAMIC_FTRACE_WITH_DIRECT_CALLS KPROBE_EVENTS LIVEPATCH SECCOMP_FILTER SECURITY_YAMA AUDITSYSCALL CGROUP_FREEZER PM_DEBUG USER_NS
	IA32_EMULATION X86_X32_ABI IO_URING USERFAULTFD CHECKPOINT_RESTORE SLUB ACPI SERIAL_8250_CONSOLE VIRTIO_PCI 9P_FS OVERLAY_FS'

# One build for each version of the source and of what is wanted; kept in the cache.
kernel_debug() {
	local package version stamp tree=$CACHE/debug new
	read -r package version < <(apt-cache show --no-all-versions linux-source 2>/dev/null |
		sed -n 's/^Depends: \(linux-source-[^ ,]*\) (= \([^)]*\)).*/\1 \2/p' | head -n 1) || return
	stamp="$version $(cksum <<<"$DEBUG_CONFIG")"
	if [ "$(cat "$tree/version" 2>/dev/null)" != "$stamp" ]; then
		rm -rf "$tree"
		new=$tree/new
		mkdir -p "$new" || return
		(cd "$new" && apt-get download -q -o APT::Sandbox::User= "$package=$version" >/dev/null) &&
			dpkg-deb -x "$new"/*.deb "$new/root" &&
			tar -C "$tree" -xf "$new/root/usr/src/$package.tar.xz" && mv "$tree/$package" "$tree/linux" || return
		rm -rf "$new"
		kernel_debug_make "$tree/linux" >"$CACHE/debug.log" 2>&1 || return
		echo "$stamp" >"$tree/version"
	fi
	# shellcheck disable=SC2034 # for those who include this
	KCHROOT='' KDIR=$tree/linux KROOT=$tree/modules KIMAGE=$tree/linux/arch/x86/boot/bzImage
	# shellcheck disable=SC2034
	KREL=$(cat "$tree/linux/include/config/kernel.release")
}

kernel_debug_make() {
	local run=(nice -n 10 env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$1" LOCALVERSION=-debug) option
	"${run[@]}" tinyconfig kvm_guest.config &&
		(cd "$1" && xargs scripts/config <<<"$DEBUG_CONFIG") &&
		"${run[@]}" olddefconfig || return
	for option in $DEBUG_NEEDED; do
		grep -q "^CONFIG_$option=y" "$1/.config" || {
			echo "debug.sh: the source has no CONFIG_$option, or it needs what is not there"
			return 1
		}
	done
	"${run[@]}" -j "${JOBS:-2}" bzImage modules && "${run[@]}" INSTALL_MOD_PATH=../modules modules_install
}
