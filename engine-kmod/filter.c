// SPDX-License-Identifier: GPL-2.0
/*
 * filter.c - selection: which calls stop.
 *
 * A selection is immutable. Judging reads it under RCU, but for the path table,
 * which needs the task's memory: that is refcounted.
 */
#include <linux/audit.h>
#include <linux/err.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/syscall.h>

#include "vmmd.h"

#define NR_EVENTS                                                                                                      \
	(1u << VMMD_KMOD_NEW | 1u << VMMD_KMOD_SIGNAL | 1u << VMMD_KMOD_EXEC | 1u << VMMD_KMOD_EXITING |                \
	 1u << VMMD_KMOD_GONE)

/* ------------------------------------------------------------------ the program */

/* The operations that seccomp(2) allows, and no others. */
static bool allowed(u16 code)
{
	switch (BPF_CLASS(code)) {
	case BPF_LD:
	case BPF_LDX:
		return code == (BPF_CLASS(code) | BPF_IMM) || code == (BPF_CLASS(code) | BPF_MEM);
	case BPF_ST:
	case BPF_STX:
		return code == BPF_CLASS(code);
	case BPF_RET:
		return code == (BPF_RET | BPF_K) || code == (BPF_RET | BPF_A);
	case BPF_MISC:
		return code == (BPF_MISC | BPF_TAX) || code == (BPF_MISC | BPF_TXA);
	case BPF_ALU:
		/* BPF_MOD is the one that seccomp leaves out. */
		if (code == (BPF_ALU | BPF_NEG))
			return true;
		return code == (BPF_ALU | BPF_OP(code) | BPF_SRC(code)) && BPF_OP(code) <= BPF_XOR &&
		       BPF_OP(code) != BPF_NEG && BPF_OP(code) != BPF_MOD;
	case BPF_JMP:
		if (code == (BPF_JMP | BPF_JA))
			return true;
		return code == (BPF_JMP | BPF_OP(code) | BPF_SRC(code)) && BPF_OP(code) <= BPF_JSET &&
		       BPF_OP(code) != BPF_JA;
	}
	return false;
}

/* Loads are of struct seccomp_data, and become what the kernel's translator has for them. */
static int check(struct sock_filter *filter, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		struct sock_filter *f = &filter[i];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k >= sizeof(struct seccomp_data) || f->k & 3)
				return -EINVAL;
			f->code = BPF_LDX | BPF_W | BPF_ABS;
			continue;
		case BPF_LD | BPF_W | BPF_LEN:
		case BPF_LDX | BPF_W | BPF_LEN:
			f->code = BPF_CLASS(f->code) | BPF_IMM;
			f->k = sizeof(struct seccomp_data);
			continue;
		}
		if (!allowed(f->code))
			return -EINVAL;
	}
	return 0;
}

static enum vmmd_verdict run(const struct bpf_prog *prog, struct pt_regs *regs, int *error)
{
	struct seccomp_data sd = {
		.nr = syscall_get_nr(current, regs),
		.arch = syscall_get_arch(current),
		.instruction_pointer = instruction_pointer(regs),
	};
	unsigned long args[6];
	u32 ret;
	int i;

	syscall_get_arguments(current, regs, args);
	for (i = 0; i < 6; i++)
		sd.args[i] = args[i];
	ret = bpf_prog_run_pin_on_cpu(prog, &sd);
	switch (ret & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return VMMD_PASS;
	case SECCOMP_RET_ERRNO:
		*error = -(int)min_t(u32, ret & SECCOMP_RET_DATA, MAX_ERRNO);
		return VMMD_ERRNO;
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		return VMMD_STOP;
	default:
		return VMMD_KILL;
	}
}

/* --------------------------------------------------------------------- judging */

bool vmmd_is_foreign(int nr)
{
	return in_ia32_syscall() || (nr >= 0 && nr & __X32_SYSCALL_BIT);
}

static enum vmmd_verdict judge_foreign(const struct vmmd_engine *e, const struct vmmd_select *s, struct pt_regs *regs,
				       int *error)
{
	switch (e->foreign) {
	case VMMD_KMOD_FOREIGN_NATIVE:
		return VMMD_PASS;
	case VMMD_KMOD_FOREIGN_STOP:
		return VMMD_STOP;
	case VMMD_KMOD_FOREIGN_FILTER:
		if (s->prog)
			return run(s->prog, regs, error);
		fallthrough;
	default:
		*error = -ENOSYS;
		return VMMD_ERRNO;
	}
}

static enum vmmd_verdict judge_locked(const struct vmmd_engine *e, const struct vmmd_select *s, struct pt_regs *regs,
				      int *error)
{
	int nr = syscall_get_nr(current, regs);

	if (nr == -1) /* a ptracer has skipped it */
		return VMMD_PASS;
	if (unlikely(vmmd_is_foreign(nr)))
		return judge_foreign(e, s, regs, error);
	if ((u32)nr < VMMD_KMOD_NR && test_bit(nr, s->native))
		return VMMD_PASS;
	return s->prog ? run(s->prog, regs, error) : VMMD_STOP;
}

enum vmmd_verdict vmmd_judge(struct vmmd_engine *e, struct pt_regs *regs, int *error, u8 *inline_arg)
{
	enum vmmd_verdict verdict = VMMD_PASS;
	struct vmmd_paths *paths = NULL;
	const struct vmmd_select *s;
	unsigned long args[6];
	int nr = syscall_get_nr(current, regs);

	rcu_read_lock();
	s = rcu_dereference(e->select);
	if (s)
		verdict = judge_locked(e, s, regs, error);
	if (verdict == VMMD_STOP && !vmmd_is_foreign(nr) && (u32)nr < VMMD_KMOD_NR) {
		*inline_arg = s->inline_args[nr];
		paths = vmmd_paths_get(s->paths, nr);
	}
	rcu_read_unlock();
	if (unlikely(paths)) {
		syscall_get_arguments(current, regs, args);
		verdict = vmmd_paths_judge(paths, nr, args, error);
		vmmd_paths_put(paths);
	}
	return verdict;
}

/* -------------------------------------------------------------------- selecting */

/*
 * Calls that the hook lets pass at once: they run natively, and are none of those
 * that the module itself prepares for, see call.c.
 */
const unsigned long vmmd_none_plain[BITS_TO_LONGS(VMMD_KMOD_NR)];

static void find_plain(struct vmmd_select *s)
{
	static const u16 prepared[] = {__NR_fork, __NR_vfork, __NR_clone, __NR_clone3};
	int i;

	bitmap_copy(s->plain, s->native, VMMD_KMOD_NR);
	for (i = 0; i < ARRAY_SIZE(prepared); i++)
		__clear_bit(prepared[i], s->plain);
	if (s->events & 1u << VMMD_KMOD_SIGNAL) {
		__clear_bit(__NR_rt_sigaction, s->plain);
		__clear_bit(__NR_rt_sigtimedwait, s->plain);
	}
}

static void select_free(struct vmmd_select *s)
{
	if (s->prog)
		bpf_prog_destroy(s->prog);
	vmmd_paths_put(s->paths);
	kfree(s);
}

static void select_free_work(struct work_struct *work)
{
	select_free(container_of(to_rcu_work(work), struct vmmd_select, rwork));
}

/* Nobody reads it any more, or soon nobody does. */
void vmmd_select_free(struct vmmd_select *s)
{
	if (s)
		queue_rcu_work(vmmd_wq, &s->rwork);
}

static int copy_inline(struct vmmd_select *to, u64 from)
{
	int i;

	if (!from)
		return 0;
	if (copy_from_user(to->inline_args, u64_to_user_ptr(from), sizeof(to->inline_args)))
		return -EFAULT;
	for (i = 0; i < VMMD_KMOD_NR; i++) {
		u8 how = to->inline_args[i] & ~VMMD_KMOD_INLINE_ARG;

		if (to->inline_args[i] && ((how != VMMD_KMOD_INLINE_STRING && how != VMMD_KMOD_INLINE_BYTES) ||
					   (to->inline_args[i] & VMMD_KMOD_INLINE_ARG) > 5))
			return -EINVAL;
	}
	return 0;
}

static int copy_program(struct vmmd_select *to, const struct vmmd_kmod_select *s)
{
	struct sock_fprog program = {.len = s->filter_len, .filter = u64_to_user_ptr(s->filter)};

	if (!s->filter_len)
		return 0;
	if (s->filter_len > BPF_MAXINSNS)
		return -EINVAL;
	return bpf_prog_create_from_user(&to->prog, &program, check, false);
}

static struct vmmd_select *copy(const struct vmmd_kmod_select *s)
{
	struct vmmd_select *to = kzalloc(sizeof(*to), GFP_KERNEL_ACCOUNT);
	int err;

	if (!to)
		return ERR_PTR(-ENOMEM);
	INIT_RCU_WORK(&to->rwork, select_free_work);
	to->events = s->events;
	bitmap_copy(to->native, (const unsigned long *)s->native, VMMD_KMOD_NR);
	find_plain(to);
	err = copy_inline(to, s->inline_args);
	if (!err)
		err = copy_program(to, s);
	if (!err && s->paths_len) {
		to->paths = vmmd_paths_new(s);
		err = PTR_ERR_OR_ZERO(to->paths);
		if (err)
			to->paths = NULL;
	}
	if (err) {
		select_free(to);
		return ERR_PTR(err);
	}
	return to;
}

/* Tasks that are between two stops of a call see the old or the new one. */
int vmmd_select(struct vmmd_engine *e, const struct vmmd_kmod_select *s)
{
	struct vmmd_select *new, *old;
	u32 changed;

	if (s->events & ~NR_EVENTS)
		return -EINVAL;
	new = copy(s);
	if (IS_ERR(new))
		return PTR_ERR(new);
	mutex_lock(&e->config);
	old = rcu_replace_pointer(e->select, new, lockdep_is_held(&e->config));
	if (!vmmd_engine_over(e))
		rcu_assign_pointer(e->plain, new->plain);
	changed = new->events ^ (old ? old->events : 0);
	mutex_unlock(&e->config);
	if (changed & 1u << VMMD_KMOD_SIGNAL)
		vmmd_engine_refresh(e);
	vmmd_select_free(old);
	return 0;
}
