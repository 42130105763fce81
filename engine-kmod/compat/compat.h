/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - one kernel for the rest of the module.
 *
 * VMMD_HAVE_* come from probe.sh, which asks the headers and not their version.
 */
#ifndef VMMD_COMPAT_H
#define VMMD_COMPAT_H

#include <linux/file.h>
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>

#include "compat.gen.h"

#if !defined(CONFIG_X86_64)
#error "vmmd knows x86-64 only"
#endif
#if !defined(CONFIG_GENERIC_ENTRY) || !defined(CONFIG_SECCOMP_FILTER)
#error "vmmd needs CONFIG_GENERIC_ENTRY and CONFIG_SECCOMP_FILTER"
#endif
#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS) || !defined(CONFIG_TRACEPOINTS)
#error "vmmd needs CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS and CONFIG_TRACEPOINTS"
#endif

#if VMMD_HAVE_SECCOMP_PERMIT
#define VMMD_ENTRY_SYMBOL "__seccomp_permit_syscall"
#define VMMD_ENTRY_RUN 1L
#define VMMD_ENTRY_SKIP 0L
#else
#define VMMD_ENTRY_SYMBOL "__secure_computing"
#define VMMD_ENTRY_RUN 0L
#define VMMD_ENTRY_SKIP (-1L)
#endif

#if VMMD_HAVE_CLONE_FLAGS_U64
typedef u64 vmmd_clone_flags_t;
#else
typedef unsigned long vmmd_clone_flags_t;
#endif

#ifdef PF_USER_WORKER
#define VMMD_PF_KERNEL (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)
#else
#define VMMD_PF_KERNEL (PF_KTHREAD | PF_IO_WORKER)
#endif

static inline int vmmd_direct_on(struct ftrace_ops *ops, void (*to)(void))
{
#if VMMD_HAVE_DIRECT_OPS
	return register_ftrace_direct(ops, (unsigned long)to);
#else
	return register_ftrace_direct_multi(ops, (unsigned long)to);
#endif
}

static inline void vmmd_direct_off(struct ftrace_ops *ops, void (*to)(void))
{
#if VMMD_HAVE_DIRECT_OPS
	unregister_ftrace_direct(ops, (unsigned long)to, true);
#else
	unregister_ftrace_direct_multi(ops, (unsigned long)to);
	ftrace_free_filter(ops);
#endif
}

static __always_inline void vmmd_regs_set_ip(struct ftrace_regs *fregs, void (*to)(void))
{
#if VMMD_HAVE_FTRACE_REGS_SET_IP
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)to);
#else
	ftrace_instruction_pointer_set(fregs, (unsigned long)to);
#endif
}

static inline int vmmd_dequeue_signal(sigset_t *mask, kernel_siginfo_t *info)
{
	enum pid_type type;

#if VMMD_HAVE_DEQUEUE_SIGNAL_SELF
	return dequeue_signal(mask, info, &type);
#else
	return dequeue_signal(current, mask, info, &type);
#endif
}

static inline bool vmmd_mm_dumpable(struct mm_struct *mm)
{
#if VMMD_HAVE_MM_FLAGS_BITMAP
	return __get_dumpable(__mm_flags_get_dumpable(mm)) == SUID_DUMP_USER;
#else
	return __get_dumpable(READ_ONCE(mm->flags)) == SUID_DUMP_USER;
#endif
}

static inline void vmmd_vma_flags(struct vm_area_struct *vma, unsigned long flags)
{
#if VMMD_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

static inline void vmmd_vma_no_exec(struct vm_area_struct *vma)
{
#if VMMD_HAVE_VM_FLAGS_SET
	vm_flags_clear(vma, VM_MAYEXEC);
#else
	vma->vm_flags &= ~VM_MAYEXEC;
#endif
}

static inline int vmmd_receive_fd(struct file *file, unsigned int flags)
{
#if VMMD_HAVE_RECEIVE_FD_UFD
	return receive_fd(file, NULL, flags);
#else
	return receive_fd(file, flags);
#endif
}

#endif
