// SPDX-License-Identifier: GPL-2.0
/*
 * call.c - entry and exit of system calls.
 *
 * At entry engines are asked from the newest attachment to the oldest, each
 * with the call as the ones before left it; at exit from the oldest to the
 * newest. A rewritten call's registers are the program's again when it returns,
 * so a call that the kernel restarts is made again as the program made it, and
 * comes through here again. What the program's own seccomp filters see is the
 * call that is about to run.
 *
 * Reissue: the task is sent back to its call instruction with other registers,
 * and with all signals blocked, lest a handler runs in between. Only engines
 * older than the one that wanted it are asked; the exits of the newer ones, which
 * they had asked for, come when that one lets its exit pass.
 */
#include <linux/audit.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/syscall.h>
#include <asm/vsyscall.h>

#include "vmmd.h"

#define ANSWER_FLAGS                                                                                                   \
	(VMMD_KMOD_A_EXIT | VMMD_KMOD_A_NR | VMMD_KMOD_A_ARGS | VMMD_KMOD_A_PC | VMMD_KMOD_A_SP |                      \
	 VMMD_KMOD_A_RESULT | VMMD_KMOD_A_SIGINFO)

/* ----------------------------------------------------------------- registers */

static void set_args(struct pt_regs *regs, const u64 *a)
{
	if (in_ia32_syscall()) {
		regs->bx = (u32)a[0];
		regs->cx = (u32)a[1];
		regs->dx = (u32)a[2];
		regs->si = (u32)a[3];
		regs->di = (u32)a[4];
		regs->bp = (u32)a[5];
	} else {
		regs->di = a[0];
		regs->si = a[1];
		regs->dx = a[2];
		regs->r10 = a[3];
		regs->r8 = a[4];
		regs->r9 = a[5];
	}
}

static void save(struct vmmd_task *ts, struct pt_regs *regs)
{
	if (ts->saved)
		return;
	ts->saved = true;
	ts->nr = regs->orig_ax;
	syscall_get_arguments(current, regs, ts->args);
}

/* An exec and a sigreturn (it sets orig_ax to -1) have given the task other registers. */
void vmmd_restore(struct vmmd_task *ts)
{
	struct pt_regs *regs = current_pt_regs();
	u64 args[6];
	int i;

	if (!ts->saved)
		return;
	ts->saved = false;
	if (ts->execed || regs->orig_ax == -1)
		return;
	for (i = 0; i < 6; i++)
		args[i] = ts->args[i];
	set_args(regs, args);
	regs->orig_ax = ts->nr;
}

static bool user_place(u64 addr)
{
	return addr < TASK_SIZE_MAX;
}

/* Is what the answer says within bounds? */
static bool sane(const struct vmmd_kmod_answer *a)
{
	if (a->flags & ~ANSWER_FLAGS)
		return false;
	if (a->flags & VMMD_KMOD_A_PC && !user_place(a->pc))
		return false;
	return !(a->flags & VMMD_KMOD_A_SP) || user_place(a->sp);
}

static void set_place(struct pt_regs *regs, const struct vmmd_kmod_answer *a)
{
	if (a->flags & VMMD_KMOD_A_PC)
		regs->ip = a->pc;
	if (a->flags & VMMD_KMOD_A_SP)
		regs->sp = a->sp;
}

/*
 * A restart code means what it means to the kernel: the call is made again, or
 * fails with EINTR, by what is done with the signal. Without a signal it would be
 * shown to the program, and nobody has made a restart block.
 */
static void set_result(struct pt_regs *regs, s64 result)
{
	bool restart = result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND;

	if (result == -ERESTART_RESTARTBLOCK || (restart && !signal_pending(current)))
		result = -EINTR;
	syscall_set_return_value(current, regs, 0, result);
}

/* ---------------------------------------------------------------------- entry */

/* The engine is over. Is the task to die with it? */
bool vmmd_orphan(struct vmmd_att *a)
{
	if (READ_ONCE(a->engine->detached) || a->engine->flags & VMMD_KMOD_F_RELEASE)
		return false;
	send_sig(SIGKILL, current, 1);
	return true;
}

enum next { NEXT, SKIP };

static enum next answered(struct vmmd_task *ts, struct vmmd_att *at, struct pt_regs *regs,
			  const struct vmmd_kmod_answer *a)
{
	if (a->action == VMMD_KMOD_KILL) {
		send_sig(SIGKILL, current, 1);
		return SKIP;
	}
	if (a->action > VMMD_KMOD_RETURN || !sane(a)) {
		syscall_set_return_value(current, regs, -EINVAL, 0);
		return SKIP;
	}
	if (a->action == VMMD_KMOD_RETURN) {
		set_place(regs, a);
		set_result(regs, a->result);
		return SKIP;
	}
	if (a->flags & (VMMD_KMOD_A_NR | VMMD_KMOD_A_ARGS)) {
		save(ts, regs);
		vmmd_arm(ts);
	}
	if (a->flags & VMMD_KMOD_A_NR)
		regs->orig_ax = (int)a->nr;
	if (a->flags & VMMD_KMOD_A_ARGS)
		set_args(regs, a->args);
	set_place(regs, a);
	if (a->flags & VMMD_KMOD_A_EXIT) {
		at->want_exit = true;
		vmmd_arm(ts);
	}
	return NEXT;
}

static enum next stop(struct vmmd_task *ts, struct vmmd_att *at, struct pt_regs *regs, u8 inline_arg)
{
	struct vmmd_event ev = {.type = VMMD_KMOD_ENTRY, .inline_arg = inline_arg};
	struct vmmd_kmod_answer answer;
	int err = vmmd_ask(at, &ev, &answer);

	if (err == -ENODEV)
		return vmmd_orphan(at) ? SKIP : NEXT;
	if (err) {
		/* It is dying: whatever it sees, it must not run the call. */
		syscall_set_return_value(current, regs, -EINTR, 0);
		return SKIP;
	}
	return answered(ts, at, regs, &answer);
}

static enum next ask_one(struct vmmd_task *ts, struct vmmd_att *at, struct pt_regs *regs)
{
	u8 inline_arg = 0;
	int error = 0;

	at->want_exit = false;
	if (unlikely(vmmd_engine_over(at->engine)))
		return vmmd_orphan(at) ? SKIP : NEXT;
	switch (vmmd_judge(at->engine, regs, &error, &inline_arg)) {
	case VMMD_PASS:
		return NEXT;
	case VMMD_STOP:
		return stop(ts, at, regs, inline_arg);
	case VMMD_ERRNO:
		syscall_set_return_value(current, regs, error, 0);
		return SKIP;
	case VMMD_KILL:
	default:
		send_sig(SIGKILL, current, 1);
		return SKIP;
	}
}

/* On its way to the call that was asked for at an exit? Then who is asked first. */
static struct vmmd_att *reissue_entered(struct vmmd_task *ts)
{
	struct vmmd_att *after = ts->reissuer;

	ts->reissuing = false;
	ts->reissuer = NULL;
	sigprocmask(SIG_SETMASK, &ts->mask, NULL);
	vmmd_arm(ts); /* for the exits that are still due, and the program's registers */
	return after;
}

static enum next ask_all(struct vmmd_task *ts, struct pt_regs *regs)
{
	struct vmmd_att *at, *after = NULL;
	bool waiting = ts->reissuing;

	if (unlikely(waiting)) {
		after = reissue_entered(ts);
		waiting = after; /* NULL: that engine has gone since */
	}
	/* Newer attachments come in front of where we are. */
	list_for_each_entry_rcu(at, &ts->atts, node, true) {
		if (unlikely(waiting)) {
			waiting = at != after;
			continue;
		}
		if (unlikely(!at->announced))
			continue; /* it came after vmmd_announce(): from the next call on */
		if (ask_one(ts, at, regs) == SKIP)
			return SKIP;
	}
	return NEXT;
}

/* No engine is left: the flags go, and with them the state. */
static void leave(struct vmmd_task *ts)
{
	vmmd_signal_harden();
	vmmd_unmark(current);
	vmmd_task_forget(ts);
}

static struct vmmd_ret go_on(void)
{
	return current->seccomp.mode ? VMMD_GO_ON : VMMD_INSTEAD(VMMD_ENTRY_RUN);
}

/* A page that never enters the kernel, in all but name: no exit follows, and a change is fatal. */
static bool in_vsyscall(const struct pt_regs *regs)
{
	return unlikely((regs->ip & PAGE_MASK) == VSYSCALL_ADDR);
}

static bool over(struct vmmd_task *ts)
{
	struct vmmd_att *a;

	list_for_each_entry_rcu(a, &ts->atts, node, true)
		if (vmmd_engine_over(a->engine))
			return true;
	return list_empty(&ts->atts);
}

static struct vmmd_ret stray(void)
{
	if (vmmd_marked()) {
		/* A child that we could not attach: see life.c. */
		pr_vmmd(KERN_WARNING, "task %d is not attached as its parent is: it is killed", task_pid_nr(current));
		send_sig(SIGKILL, current, 1);
		return VMMD_INSTEAD(VMMD_ENTRY_SKIP);
	}
	/* It was let go after it had read its flags. */
	return go_on();
}

static noinline struct vmmd_ret entry(void)
{
	struct pt_regs *regs = current_pt_regs();
	struct vmmd_task *ts = vmmd_self();
	int err = 0;

	if (unlikely(!ts))
		return stray();
	if (in_vsyscall(regs))
		return go_on();
	if (!vmmd_announce(ts))
		return VMMD_INSTEAD(VMMD_ENTRY_SKIP);
	if (ask_all(ts, regs) == SKIP)
		return VMMD_INSTEAD(VMMD_ENTRY_SKIP);
	ts->disturbs |= vmmd_signal_disturbs(ts, regs);
	if (unlikely(ts->disturbs))
		vmmd_arm(ts);
	if (unlikely(vmmd_makes_child(regs)))
		err = vmmd_prepare_child(ts);
	else if (unlikely(READ_ONCE(ts->spare)))
		vmmd_task_free(vmmd_spare_take(ts)); /* of a call that failed, or of the attach */
	if (unlikely(err)) {
		syscall_set_return_value(current, regs, err, 0);
		return VMMD_INSTEAD(VMMD_ENTRY_SKIP);
	}
	/* The last thing looked at: an engine that a child has been prepared without is over here too. */
	if (unlikely(over(ts))) {
		if (!vmmd_task_reap(ts))
			return VMMD_INSTEAD(VMMD_ENTRY_SKIP);
		if (!ts->armed && vmmd_task_close(ts))
			leave(ts);
		else
			vmmd_signal_soften(ts); /* for who is left */
	}
	return go_on();
}

/* Of the function that the kernel calls for every task with the seccomp flag. */
struct vmmd_ret vmmd_hook_entry(unsigned long a, unsigned long b, unsigned long ip)
{
	u32 nr = current_pt_regs()->orig_ax;

	if (!vmmd_marked() && likely(current->seccomp.mode))
		return VMMD_GO_ON;
	if (likely(nr < VMMD_KMOD_NR) && !in_ia32_syscall() && vmmd_task_plain(nr))
		return go_on();
	return entry();
}

/* ----------------------------------------------------------------------- exit */

/* Did an instruction that we can go back to make the call? */
static bool can_rewind(const struct pt_regs *regs)
{
	u8 insn[2];

	if (copy_from_user(insn, (void __user *)(regs->ip - sizeof(insn)), sizeof(insn)))
		return false;
	if (in_ia32_syscall() && insn[0] == 0xcd && insn[1] == 0x80) /* int $0x80 */
		return true;
	return insn[0] == 0x0f && insn[1] == 0x05; /* syscall */
}

static void reissue(struct vmmd_task *ts, struct vmmd_att *at, struct pt_regs *regs, const struct vmmd_kmod_answer *a)
{
	sigset_t all;

	if (ts->execed || !can_rewind(regs)) {
		/* It cannot be made to call again: the result stays an error, never the first call's. */
		set_result(regs, -ENOSYS);
		return;
	}
	save(ts, regs);
	siginitsetinv(&all, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &all, &ts->mask);
	ts->reissuing = true;
	ts->reissuer = at;
	at->want_exit = a->flags & VMMD_KMOD_A_EXIT;
	set_args(regs, a->args);
	regs->ip -= 2;
	regs->ax = (int)a->nr;
	regs->orig_ax = -1; /* nothing is restarted */
}

/* True: the task goes back, and the newer engines are not told yet. */
static bool exit_one(struct vmmd_task *ts, struct vmmd_att *at, struct pt_regs *regs)
{
	struct vmmd_event ev = {.type = VMMD_KMOD_EXIT, .value = syscall_get_return_value(current, regs)};
	struct vmmd_kmod_answer a;
	int err;

	at->want_exit = false;
	if (syscall_get_error(current, regs))
		ev.value = syscall_get_error(current, regs);
	err = vmmd_ask(at, &ev, &a);
	if (err == -ENODEV)
		vmmd_orphan(at);
	if (err || !sane(&a))
		return false;
	if (a.action == VMMD_KMOD_KILL)
		send_sig(SIGKILL, current, 1);
	if (a.flags & VMMD_KMOD_A_RESULT)
		set_result(regs, a.result);
	set_place(regs, &a);
	if (a.action != VMMD_KMOD_REISSUE)
		return false;
	reissue(ts, at, regs, &a);
	return ts->reissuing;
}

static void exec_event(struct vmmd_task *ts)
{
	struct vmmd_event ev = {.type = VMMD_KMOD_EXEC};
	struct vmmd_kmod_answer answer;
	struct vmmd_att *a = NULL;
	int err;

	while ((a = vmmd_task_next_up(ts, a))) {
		if (!a->announced || !(vmmd_engine_events(a->engine) & 1u << VMMD_KMOD_EXEC))
			continue;
		err = vmmd_ask(a, &ev, &answer);
		if (err == -ENODEV)
			vmmd_orphan(a);
		else if (!err && answer.action == VMMD_KMOD_KILL)
			send_sig(SIGKILL, current, 1);
	}
}

/* What is due between the end of a call and the return to user mode. */
void vmmd_exit_events(struct vmmd_task *ts)
{
	struct pt_regs *regs = current_pt_regs();
	struct vmmd_att *a = NULL;

	vmmd_await_child(ts);
	vmmd_announce(ts);
	if (ts->execed)
		exec_event(ts);
	while ((a = vmmd_task_next_up(ts, a)))
		if (a->want_exit && exit_one(ts, a, regs))
			return;
	vmmd_restore(ts);
	vmmd_signal_disturbed(ts);
	ts->execed = false;
}

void vmmd_exit_work(struct callback_head *work)
{
	struct vmmd_task *ts = container_of(work, struct vmmd_task, exit_work);

	ts->armed = false;
	if (!(current->flags & PF_EXITING) && !ts->reissuing)
		vmmd_exit_events(ts);
}

/* Of ptrace_notify(): engines see an exit before a ptracer does. */
struct vmmd_ret vmmd_hook_ptrace(int code, unsigned long message, unsigned long ip)
{
	struct vmmd_task *ts;

	if (message != PTRACE_EVENTMSG_SYSCALL_EXIT || (code & ~0x80) != SIGTRAP)
		return VMMD_GO_ON;
	ts = vmmd_self();
	if (ts && ts->armed && !ts->reissuing)
		vmmd_exit_events(ts); /* the work will find nothing left to do */
	return VMMD_GO_ON;
}
