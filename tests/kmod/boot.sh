# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# boot.sh - boot a kernel in qemu, without hardware virtualization, and judge it.
#
# Sourced after lib.sh and kernel.sh. The machine is given up when it has not
# ended by itself in time. Its kernel's log is $LOGS/NAME.kernel, its results
# $LOGS/NAME.results.

LOGS=$BUILD/tests/log/kmod

# What the kernel says only when something is wrong with it.
SPLAT='WARNING:|BUG:|BUG |Oops|INFO: task .* blocked|INFO: rcu|rcu: INFO|self-detected stall|general protection fault|UBSAN:'
SPLAT+='|KASAN:|KFENCE:|KCSAN:|unreferenced object|suspicious RCU|possible circular locking|inconsistent lock state'
SPLAT+='|possible recursive locking|held lock freed|lock held when returning to user space|scheduling while atomic'
SPLAT+='|sleeping function called|Kernel panic|refcount_t:|list_add corruption|list_del corruption|soft lockup|hard LOCKUP'
SPLAT+='|suspected memory leaks|unable to handle|stack guard page|double fault|Unexpected reschedule|missing ENDBR|unwind stack type'

# The kernel's own modules that the test machine needs, in the order they are loaded in.
boot_modules() {
	local kind path n=100
	mkdir -p "$1/modules"
	for m in virtio_pci 9pnet_virtio 9p overlay unix; do
		PATH=$PATH:/sbin:/usr/sbin modprobe -d "$KROOT" -S "$KREL" --show-depends "$m" 2>/dev/null
	done | awk '!seen[$0]++' | while read -r kind path _; do
		[ "$kind" = insmod ] || continue
		n=$((n + 1))
		case $path in
		*.xz) xz -dc "$path" >"$1/modules/$n-$(basename "$path" .xz)" ;;
		*.zst) zstd -qdc "$path" >"$1/modules/$n-$(basename "$path" .zst)" ;;
		*) cp "$path" "$1/modules/$n-$(basename "$path")" ;;
		esac
	done
}

# boot_initramfs MODULE: the first file system, in $WORK/initramfs.
boot_initramfs() {
	local tree=$WORK/tree
	rm -rf "$tree"
	mkdir -p "$tree"
	boot_modules "$tree"
	cp "$BUILD/tests/kmod/init" "$BUILD/tests/kmod/selftest" "$tree/"
	cp "$1" "$tree/vmmd.ko"
	(cd "$tree" && find . -print0 | cpio --null --quiet -o -H newc) >"$WORK/initramfs"
}

# boot NAME SECONDS [WORD…]: the kernel of kernel.sh with these on its command line.
# Passes the machine's result lines on as they come, with "kmod/NAME/" before each name.
boot() {
	local name=$1 limit=$2 cpus=(-accel "tcg,thread=${KMOD_THREADS:-single}" -smp "${KMOD_CPUS:-2}")
	shift 2
	# One CPU that runs an instruction a nanosecond: what is measured is counted.
	[ -z "${KMOD_ICOUNT-}" ] || cpus=(-accel "tcg,thread=single" -smp 1 -icount "shift=0,sleep=on")
	mkdir -p "$LOGS"
	rm -f "$LOGS/$name".*
	timeout -k 5 "$limit" qemu-system-x86_64 "${cpus[@]}" -m "${KMOD_MEMORY:-2048}" -cpu max \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$KIMAGE" -initrd "$WORK/initramfs" \
		-append "console=ttyS0 panic=-1 oops=panic kmod.top=$TOP kmod.build=$BUILD $*" \
		-serial "file:$LOGS/$name.kernel" -chardev stdio,id=results,signal=off -serial chardev:results \
		-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
		</dev/null 2>"$LOGS/$name.qemu" | tee "$LOGS/$name.results" |
		sed -u -n -E -e "s#^(ok|not ok|skip) #\1 kmod/$name/#p"
	return "${PIPESTATUS[0]}"
}

# boot_judge NAME STATUS: lines about the boot itself, after its results; counts all of them.
boot_judge() {
	local name=$1 results=$LOGS/$1.results log=$LOGS/$1.kernel p f s
	p=$(grep -ac '^ok ' "$results") f=$(grep -ac '^not ok ' "$results") s=$(grep -ac '^skip ' "$results")
	PASSED=$((PASSED + p)) FAILED=$((FAILED + f)) SKIPPED=$((SKIPPED + s))
	if [ "$(tail -n 1 "$results")" = end ] && [ "$2" -eq 0 ]; then
		ok "$name/ends"
	else
		f=$((f + 1))
		not_ok "$name/ends" "qemu's status $2, last result <$(tail -n 1 "$results")>, kernel's last line <$(tail -n 1 "$log")> $(head -n 2 "$LOGS/$name.qemu")"
	fi
	if [ $((p + s)) -eq 0 ]; then not_ok "$name/tests" 'none has passed'; fi
	boot_log "$name" "$log" || f=$((f + 1))
	[ "$f" -eq 0 ] || echo "the kernel's log: $log"
}

# One test: the kernel has not complained since the tests began.
boot_log() {
	local splats
	splats=$(sed '1,/vmmd-test: begin/d' "$2" | tr -d '\r' | grep -a -E "$SPLAT" | grep -a -v -F "${KMOD_EXPECTED:-no such line}")
	if ! grep -aq 'vmmd-test: begin' "$2"; then
		not_ok "$1/log" 'the kernel has not got to the tests'
	elif [ -z "$splats" ]; then
		ok "$1/log"
		return
	else
		not_ok "$1/log" "$(wc -l <<<"$splats") complaints, the first: $(head -n 3 <<<"$splats")"
		sed -n "/$(head -n 1 <<<"$splats" | sed 's/[][\\/.*^$]/\\&/g')/,+60p" "$2" | head -n 80 | sed 's/^/    /'
	fi
	return 1
}

# boot_kernel NAME SECONDS [WORD…]: build the module for the kernel that was got, boot it, judge.
boot_kernel() {
	local name=$1 start=$SECONDS module said
	if ! module=$(KCHROOT=$KCHROOT nice -n "${KMOD_NICE:-0}" engine-kmod/build.sh "$KDIR" 2>"$WORK/build.err"); then
		not_ok "$name/builds" "$(tail -n 20 "$WORK/build.err")"
		return
	fi
	said=$(grep -E -i 'warning|error' "$BUILD/kmod/$KREL/build.log" | grep -v -e 'the compiler differs' -e 'Skipping BTF')
	check_eq "$name/builds" '' "$said"
	boot_initramfs "$module"
	boot "$@"
	boot_judge "$name" $?
	echo "kmod/$name: $KREL took $((SECONDS - start)) s ($(grep -a '^time [a-z]* ' "$LOGS/$name.results" | tr '\n' ' '))"
}

# boot_flavour NAME FLAVOUR SECONDS [WORD…]: the same for a kernel of this Debian release.
boot_flavour() {
	local name=$1 flavour=$2
	shift 2
	if kernel_get "$flavour"; then
		boot_kernel "$name" "$@"
	else
		not_ok "$name/kernel" 'cannot get it from Debian'
	fi
}

# boot_promises BOOT…: every test that README.md names has passed in one of these machines.
boot_promises() {
	local named missing results=("${@/%/.results}")
	named=$(sed -n '/^## What the module promises/,$p' tests/kmod/README.md | grep '^|' | grep -o '`[^`]*`' | tr -d '`' | sort -u)
	missing=$(comm -23 <(echo "${named:-the table}") <(sed -n 's/^ok //p' "${results[@]/#/$LOGS/}" | sort -u))
	check_eq promises '' "$missing"
}
