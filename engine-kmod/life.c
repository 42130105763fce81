// SPDX-License-Identifier: GPL-2.0
/*
 * life.c - new tasks, exec, exit.
 *
 * A child is attached where the kernel has made it and has not let it run
 * (tracepoint task_newtask, in its parent, which cannot sleep there). So what it
 * needs is made when its parent enters the call: the *spare*, a task with an
 * attachment to each of the parent's engines. A child without one never runs.
 * The parent does not return from its call before the child has been announced,
 * so that a daemon finds the parent as it was when it hears of the child.
 *
 * Exec is noticed by tracepoint and reported on the way back to user mode. That
 * a task is about to end is reported in exit_signals(), where all of it is still there; the
 * end by tracepoint again, which queues the last work: that runs in
 * exit_task_work(), where the memory has gone and the task may still sleep.
 */
#include <linux/binfmts.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <asm/syscall.h>

#include "vmmd.h"

/* ------------------------------------------------------------------- a child */

void vmmd_birth_put(struct vmmd_birth *birth)
{
	if (refcount_dec_and_test(&birth->ref))
		kfree(birth);
}

/* By number, of whatever ABI: to be wrong costs a spare, or a child. */
bool vmmd_makes_child(const struct pt_regs *regs)
{
	int nr = (int)regs->orig_ax & ~__X32_SYSCALL_BIT;

	if (in_ia32_syscall())
		return nr == 2 || nr == 120 || nr == 190 || nr == 435; /* fork, clone, vfork, clone3 */
	return nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork || nr == __NR_clone3;
}

static struct vmmd_task *new_spare(struct vmmd_task *ts)
{
	struct vmmd_task *spare = vmmd_spare_alloc();
	struct vmmd_att *a = NULL, *b;

	if (!spare)
		return ERR_PTR(-ENOMEM);
	while ((a = vmmd_task_next_up(ts, a))) {
		if (a->engine->flags & VMMD_KMOD_F_SOLO || vmmd_engine_over(a->engine))
			continue;
		b = vmmd_att_new(a->engine, true);
		if (b == ERR_PTR(-ENODEV)) /* over by now */
			continue;
		if (IS_ERR(b)) {
			vmmd_task_free(spare);
			return ERR_CAST(b);
		}
		b->parent = a->id;
		vmmd_att_add(spare, b, NULL, NULL);
	}
	return spare;
}

/* Has the spare an attachment for every engine that children are attached to? Under ts->lock. */
static bool fits(const struct vmmd_task *ts, const struct vmmd_task *spare)
{
	const struct vmmd_att *a, *b;

	list_for_each_entry(a, &ts->atts, node) {
		bool found = a->engine->flags & VMMD_KMOD_F_SOLO || vmmd_engine_over(a->engine);

		list_for_each_entry(b, &spare->atts, node)
			found |= b->engine == a->engine;
		if (!found)
			return false;
	}
	return true;
}

/* At the entry of a call that may make a child. */
int vmmd_prepare_child(struct vmmd_task *ts)
{
	struct vmmd_task *spare = NULL, *drop;
	bool ok;

	for (;;) {
		raw_spin_lock(&ts->lock);
		ok = ts->spare && fits(ts, ts->spare);
		drop = spare;
		if (!ok) {
			drop = ts->spare;
			ts->spare = spare;
			ok = spare && fits(ts, spare);
		}
		raw_spin_unlock(&ts->lock);
		vmmd_task_free(drop);
		if (ok)
			return 0;
		spare = new_spare(ts);
		if (IS_ERR(spare))
			return PTR_ERR(spare);
	}
}

static void inherit(struct task_struct *p, struct vmmd_task *child, const struct vmmd_task *parent,
		    vmmd_clone_flags_t flags)
{
	struct vmmd_att *a;

	child->saved = parent->saved;
	child->nr = parent->nr;
	memcpy(child->args, parent->args, sizeof(child->args));
	list_for_each_entry(a, &child->atts, node) {
		a->clone_flags = flags;
		/* Its parent may have been attached, and got this, after it had been copied. */
		if (!a->engine->privileged)
			task_set_no_new_privs(p);
	}
}

/*
 * In the parent, not preemptible; the child is visible and has not run. Tasks
 * of the kernel's that share our memory (io_uring's, vhost's) never go to user
 * mode.
 */
void vmmd_probe_new(void *data, struct task_struct *p, vmmd_clone_flags_t flags)
{
	struct vmmd_task *ts = vmmd_self(), *child;
	struct vmmd_att *a;

	if (!ts)
		return;
	if (p->flags & VMMD_PF_KERNEL) {
		vmmd_unmark_kernel(p);
		return;
	}
	child = vmmd_spare_take(ts);
	/* Something changed the call behind our back: without state it is killed at its first call. */
	if (!child)
		return;
	inherit(p, child, ts, flags);
	if (!vmmd_task_insert(child, p)) {
		/* It has been attached from outside, but not to all. What is left is freed later: not here. */
		vmmd_task_adopt(vmmd_find(p), child);
		raw_spin_lock(&ts->lock);
		ts->spare = child;
		raw_spin_unlock(&ts->lock);
		return;
	}
	raw_spin_lock(&child->lock);
	list_for_each_entry(a, &child->atts, node) {
		raw_spin_lock(&a->lock);
		a->task = p;
		raw_spin_unlock(&a->lock);
	}
	raw_spin_unlock(&child->lock);
	refcount_inc(&child->birth->ref);
	ts->child = child->birth;
	child->newborn = true;
	vmmd_mark(p); /* it has the flags already, unless the parent got them meanwhile */
	vmmd_work_push(p, &child->first_work);
	set_tsk_thread_flag(p, TIF_NOTIFY_RESUME);
	vmmd_arm(ts);
}

/* Oldest first: attachments that have not been told of. False: the task is to die. */
bool vmmd_announce(struct vmmd_task *ts)
{
	struct vmmd_event ev = {.type = VMMD_KMOD_NEW};
	struct vmmd_kmod_answer answer;
	struct vmmd_att *a = NULL;
	int err;

	if (likely(!READ_ONCE(ts->fresh)))
		return true;
	smp_store_mb(ts->fresh, false); /* one that is added from now on sets it again */
	vmmd_signal_soften(ts);
	while ((a = vmmd_task_next_up(ts, a))) {
		if (a->announced)
			continue;
		a->announced = true;
		answer.action = VMMD_KMOD_RUN;
		err = vmmd_engine_over(a->engine) ? -ENODEV : 0;
		if (!err && vmmd_engine_events(a->engine) & 1u << VMMD_KMOD_NEW)
			err = vmmd_ask(a, &ev, &answer);
		if (err == -ENODEV)
			vmmd_orphan(a);
		else if (!err && answer.action == VMMD_KMOD_KILL)
			send_sig(SIGKILL, current, 1);
	}
	return !fatal_signal_pending(current);
}

/* In the child, before it first goes to user mode, or dies. */
void vmmd_first(struct vmmd_task *ts)
{
	if (!ts->newborn)
		return;
	ts->newborn = false;
	if (!(current->flags & PF_EXITING)) {
		vmmd_announce(ts);
		vmmd_restore(ts);
	}
	complete_all(&ts->birth->done);
}

void vmmd_first_work(struct callback_head *work)
{
	vmmd_first(container_of(work, struct vmmd_task, first_work));
}

/* In the parent, on its way back from the call. */
void vmmd_await_child(struct vmmd_task *ts)
{
	struct vmmd_birth *birth = ts->child;

	if (!birth)
		return;
	ts->child = NULL;
	wait_for_completion_state(&birth->done, TASK_KILLABLE | TASK_NOLOAD | TASK_FREEZABLE);
	vmmd_birth_put(birth);
}

/* -------------------------------------------------------------- exec and exit */

void vmmd_probe_exec(void *data, struct task_struct *p, pid_t old, struct linux_binprm *bprm)
{
	struct vmmd_task *ts = vmmd_self();

	if (!ts)
		return;
	ts->execed = true;
	vmmd_arm(ts);
}

/* What its exit_code is going to be. */
static int status_to_be(void)
{
	const struct pt_regs *regs = current_pt_regs();
	unsigned long args[6];

	if (READ_ONCE(current->signal->flags) & SIGNAL_GROUP_EXIT)
		return current->signal->group_exit_code;
	if ((regs->orig_ax & ~(unsigned long)__X32_SYSCALL_BIT) != (in_ia32_syscall() ? 1 : __NR_exit))
		return 0; /* another thread's exec ends it */
	syscall_get_arguments(current, (struct pt_regs *)regs, args);
	return (args[0] & 0xff) << 8;
}

/*
 * Of exit_signals(), oldest first. A task that ends takes no signals any more, not
 * SIGKILL either: so it does not wait for long, for all of them together, or a daemon
 * that hangs would make it a process that nobody can kill.
 */
struct vmmd_ret vmmd_hook_ending(struct task_struct *t, unsigned long b, unsigned long ip)
{
	struct vmmd_event ev = {.type = VMMD_KMOD_EXITING, .until = (jiffies + HZ) ?: 1};
	struct vmmd_task *ts = vmmd_self();
	struct vmmd_kmod_answer answer;
	struct vmmd_att *a = NULL;

	if (likely(!ts))
		return VMMD_GO_ON;
	while ((a = vmmd_task_next_up(ts, a))) {
		if (!a->announced || !(vmmd_engine_events(a->engine) & 1u << VMMD_KMOD_EXITING))
			continue;
		ev.value = status_to_be();
		vmmd_ask(a, &ev, &answer);
	}
	return VMMD_GO_ON;
}

#if VMMD_HAVE_EXIT_GROUP_DEAD
void vmmd_probe_exit(void *data, struct task_struct *p, bool group_dead)
#else
void vmmd_probe_exit(void *data, struct task_struct *p)
#endif
{
	struct vmmd_task *ts;

	smp_mb(); /* PF_EXITING is set; pairs with vmmd_attach_process() */
	ts = vmmd_self();
	if (ts)
		vmmd_work_push(current, &ts->last_work);
}

static void forget_work(struct callback_head *work)
{
	struct vmmd_task *ts = container_of(work, struct vmmd_task, last_work);
	struct vmmd_att *a;

	list_for_each_entry(a, &ts->atts, node)
		a->status = current->exit_code;
	vmmd_task_forget(ts);
}

/*
 * Works run from the newest to the oldest: exit_work and first_work may be queued
 * behind this one. What is pushed now runs after them, so the task's state goes
 * when none of it is queued any more.
 */
void vmmd_last_work(struct callback_head *work)
{
	init_task_work(work, forget_work);
	vmmd_work_push(current, work);
}
