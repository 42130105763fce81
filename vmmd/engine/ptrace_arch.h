/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptrace_arch.h - where the machine keeps a system call. x86-64.
 *
 * See the System V ABI for AMD64, appendix A.2.1. The kernel's entry code
 * saves the number in orig_rax; a tracer that sets it to -1 skips the call
 * (seccomp(2), SECCOMP_RET_TRACE), and the value in rax is the result.
 */
#ifndef VMMD_ENGINE_PTRACE_ARCH_H
#define VMMD_ENGINE_PTRACE_ARCH_H

#if !defined(__x86_64__) || defined(__ILP32__)
#error "the ptrace engine knows x86-64 only"
#endif

#include <linux/audit.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/user.h>
#include <vmmd/plugin.h>

#define ARCH_AUDIT AUDIT_ARCH_X86_64
#define ARCH_X32_BIT 0x40000000
#define ARCH_INSN "\x0f\x05" /* syscall */
#define ARCH_INSN_LEN 2
#define ARCH_VSYSCALL 0xffffffffff600000u

static inline int64_t arch_nr(const struct user_regs_struct *r)
{
	return (int64_t)(int32_t)r->orig_rax;
}

static inline int64_t arch_result(const struct user_regs_struct *r)
{
	return (int64_t)r->rax;
}

/* The kernel's own codes for a call that a signal interrupted: ERESTARTSYS to ERESTART_RESTARTBLOCK. */
static inline bool arch_restarts(const struct user_regs_struct *r)
{
	return arch_result(r) <= -512 && arch_result(r) >= -516;
}

static inline void arch_set_result(struct user_regs_struct *r, int64_t result)
{
	r->rax = (uint64_t)result;
}

static inline void arch_set_nr(struct user_regs_struct *r, int64_t nr)
{
	r->orig_rax = (uint64_t)nr;
}

static inline void arch_skip(struct user_regs_struct *r, int64_t result)
{
	r->orig_rax = (uint64_t)-1;
	r->rax = (uint64_t)result;
}

static inline void arch_get_call(const struct user_regs_struct *r, struct vmmd_call *c)
{
	c->nr = arch_nr(r);
	c->args[0] = r->rdi;
	c->args[1] = r->rsi;
	c->args[2] = r->rdx;
	c->args[3] = r->r10;
	c->args[4] = r->r8;
	c->args[5] = r->r9;
	c->pc = r->rip;
	c->sp = r->rsp;
}

static inline void arch_set_args(struct user_regs_struct *r, const uint64_t args[6])
{
	r->rdi = args[0];
	r->rsi = args[1];
	r->rdx = args[2];
	r->r10 = args[3];
	r->r8 = args[4];
	r->r9 = args[5];
}

static inline void arch_set_place(struct user_regs_struct *r, uint64_t pc, uint64_t sp)
{
	r->rip = pc;
	r->rsp = sp;
}

/* The registers a rewritten call may have changed, from `orig`. */
static inline void arch_restore_args(struct user_regs_struct *r, const struct user_regs_struct *orig)
{
	r->rdi = orig->rdi;
	r->rsi = orig->rsi;
	r->rdx = orig->rdx;
	r->r10 = orig->r10;
	r->r8 = orig->r8;
	r->r9 = orig->r9;
	r->orig_rax = orig->orig_rax;
}

/* Go back to the instruction that made the call, to make another. */
static inline void arch_rewind(struct user_regs_struct *r, int64_t nr)
{
	r->rip -= ARCH_INSN_LEN;
	r->rax = (uint64_t)nr;
}

#endif
