// SPDX-License-Identifier: GPL-2.0
/*
 * req.c - one request: from the stop of a task to its daemon's answer.
 *
 * The slot is memory that the daemon can write at any time. What the kernel
 * needs of it lives in vmmd_att under att.lock; the slot is written, `state` is
 * compared and exchanged, and the answer is copied once. A daemon that writes
 * nonsense stops its own tasks, or has its answers refused.
 *
 *   open     from the publication until it is known that the daemon is done
 *            with it: by its answer, or, when the task was killed meanwhile,
 *            by VMMD_IOC_DONE
 *   stopped  open, and the task waits
 *   gone     the task has left; GONE is made as soon as no request is open
 *
 * A stopped task sleeps interruptibly until a signal comes, then only killably:
 * signals are delivered when it has been answered. It may be frozen (freezer of
 * suspend and of cgroup v1); the freezer of cgroup v2 waits for the answer.
 */
#include <linux/freezer.h>
#include <linux/pid_namespace.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/syscall.h>

#include "vmmd.h"

#define SPIN_LEAST_NS 1000
#define SPIN_AGAIN 32 /* stops */

/* --------------------------------------------------------------- publication */

/* By the task itself, while it has its numbers: an exec may change them. */
void vmmd_identify(struct vmmd_att *a)
{
	pid_t tid = task_pid_nr_ns(current, a->engine->ns), tgid = task_tgid_nr_ns(current, a->engine->ns);

	raw_spin_lock(&a->lock);
	a->tid = tid;
	a->tgid = tgid;
	raw_spin_unlock(&a->lock);
}

/* What is written is never read again: it may have changed. */
static u32 fill_call(struct vmmd_kmod_slot *s, u8 inline_arg)
{
	struct pt_regs *regs = current_pt_regs();
	int nr = syscall_get_nr(current, regs);
	unsigned long args[6];
	u32 flags;
	int i;

	syscall_get_arguments(current, regs, args);
	for (i = 0; i < 6; i++)
		s->args[i] = args[i];
	s->nr = nr;
	s->arch = syscall_get_arch(current);
	s->pc = instruction_pointer(regs);
	s->sp = user_stack_pointer(regs);
	flags = vmmd_is_foreign(nr) ? VMMD_KMOD_S_COMPAT : 0;
	if (current->seccomp.mode)
		flags |= VMMD_KMOD_S_SECCOMP;
	if (inline_arg)
		flags |= vmmd_inline(s, inline_arg, args[inline_arg & VMMD_KMOD_INLINE_ARG]);
	return flags;
}

static void fill(struct vmmd_att *a, const struct vmmd_event *ev)
{
	struct vmmd_kmod_slot *s = a->slot;

	s->type = ev->type;
	s->id = a->id;
	s->tid = a->tid;
	s->tgid = a->tgid;
	s->parent = ev->type == VMMD_KMOD_NEW || ev->type == VMMD_KMOD_GONE ? a->parent : 0;
	s->clone_flags = ev->type == VMMD_KMOD_NEW ? a->clone_flags : 0;
	s->value = ev->value;
	s->data_len = 0;
	memset(&s->answer, 0, sizeof(s->answer));
	a->flags = ev->type == VMMD_KMOD_GONE ? 0 : fill_call(s, ev->inline_arg);
	s->flags = a->flags;
	if (ev->type == VMMD_KMOD_SIGNAL) {
		copy_siginfo_to_external((siginfo_t *)s->data, ev->info);
		s->data_len = sizeof(siginfo_t);
	}
}

static u64 token(const struct vmmd_att *a)
{
	return VMMD_KMOD_TOKEN(a->index, a->seq);
}

/* Under att.lock; to be posted when it has been dropped. */
static u64 publish_locked(struct vmmd_att *a, u32 state, bool stopped)
{
	a->open = true;
	a->stopped = stopped;
	a->repeat = false;
	WRITE_ONCE(a->slot->seq, ++a->seq);
	smp_store_release(&a->slot->state, state);
	return token(a);
}

/* Was the daemon awake? */
static bool publish(struct vmmd_att *a, u32 state, bool stopped)
{
	u64 t;

	raw_spin_lock(&a->lock);
	t = publish_locked(a, state, stopped);
	raw_spin_unlock(&a->lock);
	return vmmd_engine_post(a->engine, t);
}

/* Under att.lock. Is GONE to be made now? */
static bool close_locked(struct vmmd_att *a)
{
	a->open = false;
	a->stopped = false;
	WRITE_ONCE(a->slot->state, VMMD_KMOD_FREE);
	return a->gone;
}

static void closed(struct vmmd_att *a)
{
	raw_spin_lock(&a->lock);
	close_locked(a); /* never gone: the task is here */
	raw_spin_unlock(&a->lock);
}

/*
 * The task has left; the caller holds a reference of the att. If a request is
 * still open, who closes it comes here again. Filled and published at once: a
 * new daemon has open requests made again, and may be done with them.
 */
void vmmd_tell_gone(struct vmmd_att *a)
{
	struct vmmd_event ev = {.type = VMMD_KMOD_GONE, .value = a->status};
	bool tell;
	u64 t;

	raw_spin_lock(&a->lock);
	tell = !a->open && !a->told;
	a->gone = true;
	if (tell) {
		a->told = true;
		fill(a, &ev);
		/* SLEEPING, for the daemon to say that it is done. */
		t = publish_locked(a, VMMD_KMOD_SLEEPING, false);
	}
	raw_spin_unlock(&a->lock);
	if (tell)
		vmmd_engine_post(a->engine, t);
}

/* ------------------------------------------------------------------ the stop */

/*
 * Actively, as long as that has paid off; later now and then, for the daemon may
 * have become fast. One that slept, or was last seen on this processor, is to
 * have it: then we sleep.
 */
static bool spin(struct vmmd_att *a, bool awake)
{
	u64 end;

	if (!awake || !a->engine->spin_ns || READ_ONCE(a->engine->cpu) == raw_smp_processor_id())
		return false;
	if (!a->spin_ns && ++a->unspun < SPIN_AGAIN)
		return false;
	end = local_clock() + (a->spin_ns ?: a->engine->spin_ns);
	a->unspun = 0;
	while (smp_load_acquire(&a->slot->state) != VMMD_KMOD_DONE) {
		if (need_resched() || signal_pending(current) || vmmd_engine_over(a->engine) || local_clock() > end) {
			a->spin_ns = a->spin_ns > SPIN_LEAST_NS ? a->spin_ns / 2 : 0;
			return false;
		}
		cpu_relax();
	}
	a->spin_ns = a->engine->spin_ns;
	return true;
}

static bool answered(struct vmmd_att *a)
{
	u32 state = cmpxchg(&a->slot->state, VMMD_KMOD_PENDING, VMMD_KMOD_SLEEPING);

	return state == VMMD_KMOD_DONE;
}

/* Something to do for the daemon before the answer. */
static void serve(struct vmmd_att *a, const struct vmmd_event *ev)
{
	struct vmmd_order *order;
	bool repeat;

	raw_spin_lock(&a->lock);
	order = a->order;
	a->order = NULL;
	repeat = a->repeat;
	raw_spin_unlock(&a->lock);
	if (order) {
		order->result = order->run(order);
		complete(&order->done);
		vmmd_order_put(order);
	}
	if (repeat) {
		fill(a, ev);
		publish(a, VMMD_KMOD_PENDING, true);
	}
}

static bool busy(const struct vmmd_att *a)
{
	return READ_ONCE(a->order) || READ_ONCE(a->repeat);
}

static void tell_again(struct vmmd_att *a, u32 flag)
{
	a->flags |= flag;
	WRITE_ONCE(a->slot->flags, a->flags);
	smp_wmb(); /* before the token, which the ring's release orders too */
	vmmd_engine_post(a->engine, token(a));
}

/* 0: answered. -ENODEV: the engine is over. -EINTR: killed, or out of patience. */
static int wait(struct vmmd_att *a, const struct vmmd_event *ev)
{
	long left = MAX_SCHEDULE_TIMEOUT;
	unsigned int state = TASK_INTERRUPTIBLE | TASK_FREEZABLE;
	bool tell = a->engine->flags & VMMD_KMOD_F_SIGNALLED;
	DEFINE_WAIT(w);
	int ret;

	/* If the daemon that has been woken comes first, it may have answered before we sleep. */
	cond_resched();
	for (;;) {
		prepare_to_wait(&a->wait, &w, state);
		ret = 0;
		if (answered(a))
			break;
		ret = -ENODEV;
		if (vmmd_engine_over(a->engine))
			break;
		ret = -EINTR;
		if (ev->until)
			left = ev->until - jiffies;
		if (fatal_signal_pending(current) || left <= 0)
			break;
		if (busy(a)) {
			finish_wait(&a->wait, &w);
			serve(a, ev);
			continue;
		}
		if (state & TASK_INTERRUPTIBLE && signal_pending(current)) {
			finish_wait(&a->wait, &w);
			state = TASK_KILLABLE | TASK_NOLOAD | TASK_FREEZABLE;
			if (tell)
				tell_again(a, VMMD_KMOD_S_SIGNALLED);
			continue;
		}
		schedule_timeout(left);
	}
	finish_wait(&a->wait, &w);
	return ret;
}

/*
 * No more orders are taken: `stopped` is false. Nor does the task go on while it is held,
 * lest it is another program's memory that is reached; one that ends has no other.
 */
static int end_stop(struct vmmd_att *a, const struct vmmd_event *ev, int ret)
{
	struct vmmd_order *order;
	bool held;

	raw_spin_lock(&a->lock);
	a->stopped = false;
	held = a->users;
	order = a->order;
	a->order = NULL;
	raw_spin_unlock(&a->lock);
	if (order) {
		order->result = -ESRCH;
		complete(&order->done);
		vmmd_order_put(order);
	}
	if (unlikely(held) && !ev->until && wait_event_killable(a->wait, !READ_ONCE(a->users)))
		ret = -EINTR;
	return ret;
}

/* Nobody waits: the daemon may be about to answer, and the slot is its until it says that it has. */
static void abandon(struct vmmd_att *a)
{
	bool tell = false;

	raw_spin_lock(&a->lock);
	if (a->open) {
		tell = xchg(&a->slot->state, VMMD_KMOD_SLEEPING) != VMMD_KMOD_DONE;
		if (!tell)
			close_locked(a);
	}
	raw_spin_unlock(&a->lock);
	if (tell)
		tell_again(a, VMMD_KMOD_S_KILLED);
}

static void take_siginfo(struct vmmd_att *a, struct vmmd_event *ev)
{
	kernel_siginfo_t info;

	memcpy(&info, a->slot->data, sizeof(info));
	if (valid_signal(info.si_signo) && info.si_signo > 0 && !sig_kernel_only(info.si_signo))
		copy_siginfo(ev->info, &info);
}

/*
 * Stop here and ask. 0: `answer` is there. -ENODEV: the engine is over. -EINTR:
 * the task is to die, or has waited for as long as it may. No locks; may sleep for ever.
 */
int vmmd_ask(struct vmmd_att *a, struct vmmd_event *ev, struct vmmd_kmod_answer *answer)
{
	bool awake;
	int ret;

	if (vmmd_engine_over(a->engine))
		return -ENODEV;
	/* A request that it was killed in may still be open: it does not make another. */
	if (fatal_signal_pending(current) || READ_ONCE(a->open))
		return -EINTR;
	vmmd_identify(a);
	fill(a, ev);
	awake = publish(a, VMMD_KMOD_PENDING, true);
	ret = end_stop(a, ev, spin(a, awake) ? 0 : wait(a, ev));
	if (ret) {
		if (READ_ONCE(a->engine->dead))
			closed(a);
		else
			abandon(a);
		return ret;
	}
	memcpy(answer, &a->slot->answer, sizeof(*answer));
	barrier(); /* from here on the copy counts */
	if (ev->info && answer->flags & VMMD_KMOD_A_SIGINFO)
		take_siginfo(a, ev);
	closed(a);
	return 0;
}

/* ------------------------------------------------------------- the daemon's side */

/* The attachment in this slot, with a reference. */
static struct vmmd_att *lookup(struct vmmd_engine *e, u32 index)
{
	struct vmmd_att *a;

	rcu_read_lock();
	a = xa_load(&e->atts, index);
	if (a && !refcount_inc_not_zero(&a->ref))
		a = NULL;
	rcu_read_unlock();
	return a;
}

/*
 * VMMD_IOC_DONE. What it may do is bounded by `seq`: an old token answers nothing,
 * which is no error, for the task may have noticed the answer or have died.
 * The daemon can only have it from the slot, which it can also write: then it
 * says DONE to a request of its own that it has not looked at.
 */
void vmmd_done(struct vmmd_engine *e, u64 tok)
{
	bool wake = false, gone = false, ended = false;
	struct vmmd_att *a = lookup(e, (u32)tok);

	if (!a)
		return;
	raw_spin_lock(&a->lock);
	if (a->open && a->seq == tok >> 32) {
		wake = a->stopped;
		ended = a->told;
		if (wake)
			smp_store_release(&a->slot->state, VMMD_KMOD_DONE);
		else
			gone = close_locked(a);
	}
	raw_spin_unlock(&a->lock);
	if (wake)
		__wake_up_sync_key(&a->wait, TASK_NORMAL, NULL);
	else if (ended)
		vmmd_att_unlist(a);
	else if (gone)
		vmmd_tell_gone(a);
	vmmd_att_put(a);
}

/* A new daemon: the task, if it is stopped, makes its request again. */
void vmmd_req_repeat(struct vmmd_att *a)
{
	u64 tok = 0;
	bool wake = false;

	raw_spin_lock(&a->lock);
	if (a->stopped)
		wake = a->repeat = true;
	else if (a->open)
		tok = publish_locked(a, VMMD_KMOD_SLEEPING, false); /* killed, or GONE */
	raw_spin_unlock(&a->lock);
	if (wake)
		wake_up(&a->wait);
	else if (tok)
		vmmd_engine_post(a->engine, tok);
}

/* The attachment `id`, with references to it and to its task; NULL: there is none. */
static struct vmmd_att *lookup_task(struct vmmd_engine *e, u64 id, bool hold, struct task_struct **task)
{
	struct vmmd_att *a = lookup(e, (u32)id);

	if (!a)
		return NULL;
	*task = NULL;
	raw_spin_lock(&a->lock);
	if (a->id == id && a->task && (a->stopped || !hold)) {
		*task = get_task_struct(a->task);
		a->users += hold;
	}
	raw_spin_unlock(&a->lock);
	if (*task)
		return a;
	vmmd_att_put(a);
	return NULL;
}

/* If it is stopped. Then it stays so, or dies, until it is let go. */
struct vmmd_att *vmmd_req_hold(struct vmmd_engine *e, u64 id, struct task_struct **task)
{
	return lookup_task(e, id, true, task);
}

void vmmd_req_unhold(struct vmmd_att *a, struct task_struct *task)
{
	bool last;

	raw_spin_lock(&a->lock);
	last = --a->users == 0 && !a->stopped;
	raw_spin_unlock(&a->lock);
	if (last)
		wake_up(&a->wait);
	put_task_struct(task);
	vmmd_att_put(a);
}

int vmmd_kill(struct vmmd_engine *e, u64 id)
{
	struct task_struct *t;
	struct vmmd_att *a = lookup_task(e, id, false, &t);

	if (!a)
		return -ESRCH;
	send_sig(SIGKILL, t, 1);
	put_task_struct(t);
	vmmd_att_put(a);
	return 0;
}
