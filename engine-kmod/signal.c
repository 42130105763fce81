// SPDX-License-Identifier: GPL-2.0
/*
 * signal.c - signals, before they are delivered.
 *
 * get_signal() is where a task takes its signals. We take them in its place:
 * each is lifted off its queue, reported to the engines from the oldest to the
 * newest, and if it is to be delivered, put back in front, while get_signal() runs
 * with all other signals blocked. So it delivers what was reported and nothing
 * else, and does everything that belongs to it: default actions, job control,
 * core dumps, a ptracer's stops, handlers. Sending it again would not do: that
 * has effects of its own (a SIGCONT takes away stop signals), and may fail.
 *
 * A default-fatal signal kills when it is *sent* (complete_signal() starts the
 * group's exit), but not if it is in real_blocked, which otherwise is used by
 * rt_sigtimedwait(2) alone. So signals with that default are put there, *soft*,
 * unless they are ignored, for an ignored one there would be queued; and they
 * reach get_signal(). If the engine goes nothing bad is left: they kill there.
 */
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/task_work.h>
#include <asm/syscall.h>

#include "vmmd.h"

/* Those whose default is the end, without a core: the others are queued anyway. */
#define SOFT                                                                                                           \
	(sigmask(SIGHUP) | sigmask(SIGINT) | sigmask(SIGPIPE) | sigmask(SIGALRM) | sigmask(SIGTERM) |                  \
	 sigmask(SIGUSR1) | sigmask(SIGUSR2) | sigmask(SIGIO) | sigmask(SIGPROF) | sigmask(SIGVTALRM) |                \
	 sigmask(SIGPWR) | sigmask(SIGSTKFLT) | ~0UL << (SIGRTMIN - 1))

/*
 * All but those that are ignored: a handler is run whether a signal is soft or not, and may
 * become the default without a call (SA_RESETHAND, exec).
 */
static unsigned long soft_now(void)
{
	const struct k_sigaction *action = current->sighand->action;
	unsigned long all = SOFT, soft = 0;
	int i;

	for_each_set_bit(i, &all, 64)
		if (READ_ONCE(action[i].sa.sa_handler) != SIG_IGN)
			soft |= 1UL << i;
	return soft;
}

static bool set_soft(unsigned long soft)
{
	if ((READ_ONCE(current->real_blocked.sig[0]) & SOFT) == soft)
		return false;
	spin_lock_irq(&current->sighand->siglock);
	current->real_blocked.sig[0] = (current->real_blocked.sig[0] & ~SOFT) | soft;
	spin_unlock_irq(&current->sighand->siglock);
	return true;
}

/* When something has changed: an engine, what it asks for, what is ignored. True: that. */
bool vmmd_signal_soften(struct vmmd_task *ts)
{
	return set_soft(vmmd_task_wants(ts, VMMD_KMOD_SIGNAL) ? soft_now() : 0);
}

/* VMMD_SIGNAL_*: what this call may do that is to be put right at its exit. By number, of whatever ABI. */
u8 vmmd_signal_disturbs(struct vmmd_task *ts, const struct pt_regs *regs)
{
	int nr = (int)regs->orig_ax & ~__X32_SYSCALL_BIT;
	bool mask, handlers;

	if (in_ia32_syscall()) {
		mask = nr == 177 || nr == 421;			  /* rt_sigtimedwait, its time64 */
		handlers = nr == 48 || nr == 67 || nr == 174; /* signal, sigaction, rt_sigaction */
	} else {
		mask = nr == __NR_rt_sigtimedwait || nr == 523; /* x32's */
		handlers = nr == __NR_rt_sigaction || nr == 512;
	}
	if (likely(!mask && !handlers) || !vmmd_task_wants(ts, VMMD_KMOD_SIGNAL))
		return 0;
	return mask ? VMMD_SIGNAL_MASK : VMMD_SIGNAL_HANDLERS;
}

/* At its exit. Other threads of the process look at their next call; those of another that shares the handlers do not. */
void vmmd_signal_disturbed(struct vmmd_task *ts)
{
	bool handlers = ts->disturbs & VMMD_SIGNAL_HANDLERS;
	struct task_struct *t;

	if (likely(!ts->disturbs))
		return;
	ts->disturbs = 0;
	if (!vmmd_signal_soften(ts) || !handlers || thread_group_empty(current))
		return;
	rcu_read_lock();
	for_each_thread(current, t)
		vmmd_task_refresh(t);
	rcu_read_unlock();
}

void vmmd_signal_harden(void)
{
	set_soft(0);
}

/* ---------------------------------------------------------------- one at a time */

#define SYNCHRONOUS                                                                                                    \
	(sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) | sigmask(SIGTRAP) | sigmask(SIGFPE) | sigmask(SIGSYS))

/* A signal in our hands. Its queue entry is on `list`, so that a timer does not queue it twice. */
struct taken {
	int sig;
	struct sigpending *from;
	struct list_head list; /* empty: there was no memory for an entry when it was sent */
	kernel_siginfo_t info;
};

/* The signal that get_signal() would take first. */
static int next_of(const struct sigpending *pending)
{
	unsigned long x = pending->signal.sig[0] & ~current->blocked.sig[0];

	if (x & SYNCHRONOUS)
		x &= SYNCHRONOUS;
	return x ? __ffs(x) + 1 : 0;
}

static void lift(struct taken *t)
{
	struct sigqueue *q, *next;
	bool more = false;

	clear_siginfo(&t->info);
	t->info.si_signo = t->sig;
	list_for_each_entry_safe(q, next, &t->from->list, list) {
		if (q->info.si_signo != t->sig)
			continue;
		if (!list_empty(&t->list)) {
			more = true;
			break;
		}
		copy_siginfo(&t->info, &q->info);
		list_move(&q->list, &t->list);
	}
	if (!more)
		sigdelset(&t->from->signal, t->sig);
	/* As a dequeue does, for a SIGCONT to say that it has cancelled the stop. */
	if (sig_kernel_stop(t->sig))
		current->jobctl |= JOBCTL_STOP_DEQUEUED;
}

/* Not SIGKILL: the kernel has seen that already. */
static bool take(struct taken *t)
{
	INIT_LIST_HEAD(&t->list);
	spin_lock_irq(&current->sighand->siglock);
	t->from = &current->pending;
	t->sig = next_of(t->from);
	if (!t->sig) {
		t->from = &current->signal->shared_pending;
		t->sig = next_of(t->from);
	}
	if (t->sig == SIGKILL)
		t->sig = 0;
	if (t->sig)
		lift(t);
	spin_unlock_irq(&current->sighand->siglock);
	return t->sig;
}

/* In front of others of its number. Only where it came from does the kernel rearm SIGALRM's timer. */
static void put_back_locked(struct taken *t)
{
	struct sigpending *to = t->sig == SIGALRM ? t->from : &current->pending;
	struct sigqueue *q = list_first_entry_or_null(&t->list, struct sigqueue, list);

	if (q) {
		copy_siginfo(&q->info, &t->info);
		list_move(&q->list, &to->list);
	}
	t->sig = t->info.si_signo;
	sigaddset(&to->signal, t->sig);
}

/* Through the kernel's own hands, which free the entry and rearm a timer. */
static void drop(struct taken *t)
{
	kernel_siginfo_t info;
	sigset_t mask;

	t->info.si_signo = t->sig;
	spin_lock_irq(&current->sighand->siglock);
	put_back_locked(t);
	siginitsetinv(&mask, sigmask(t->sig));
	vmmd_dequeue_signal(&mask, &info);
	spin_unlock_irq(&current->sighand->siglock);
}

/* The stop that it was has been cancelled by a SIGCONT while the engines were asked. */
static bool cancelled(int sig)
{
	return sig_kernel_stop(sig) && !(READ_ONCE(current->jobctl) & JOBCTL_STOP_DEQUEUED);
}

/* Is it to be delivered? With what `info` says then. */
static bool report(struct vmmd_task *ts, kernel_siginfo_t *info)
{
	struct vmmd_kmod_answer answer;
	struct vmmd_att *a = NULL;
	int err;

	while ((a = vmmd_task_next_up(ts, a))) {
		struct vmmd_event ev = {.type = VMMD_KMOD_SIGNAL, .value = info->si_signo, .info = info};

		if (!a->announced || !(vmmd_engine_events(a->engine) & 1u << VMMD_KMOD_SIGNAL))
			continue;
		err = vmmd_ask(a, &ev, &answer);
		if (err == -ENODEV)
			vmmd_orphan(a);
		if (err)
			continue;
		if (answer.action == VMMD_KMOD_KILL)
			send_sig(SIGKILL, current, 1);
		if (answer.action == VMMD_KMOD_DROP)
			return false;
	}
	return true;
}

/* get_signal() with this signal, or (NULL) with none. */
static bool deliver(struct ksignal *ksig, unsigned long ip, struct taken *t)
{
	sigset_t old;
	bool got;

	spin_lock_irq(&current->sighand->siglock);
	old = current->blocked;
	if (t)
		put_back_locked(t);
	siginitsetinv(&current->blocked, sigmask(SIGKILL) | (t ? sigmask(t->sig) : 0));
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	got = vmmd_get_signal(ksig, ip);
	spin_lock_irq(&current->sighand->siglock);
	current->blocked = old;
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	return got;
}

static struct vmmd_ret signals(struct vmmd_task *ts, struct ksignal *ksig, unsigned long ip)
{
	struct taken t;

	while (!fatal_signal_pending(current)) {
		bool any = take(&t);

		if (any && (!report(ts, &t.info) || cancelled(t.sig))) {
			drop(&t);
			continue;
		}
		if (deliver(ksig, ip, any ? &t : NULL))
			return VMMD_INSTEAD(true);
		if (!any && !signal_pending(current))
			return VMMD_INSTEAD(false);
	}
	return VMMD_GO_ON;
}

/* Of get_signal(). */
struct vmmd_ret vmmd_hook_signal(struct ksignal *ksig, unsigned long b, unsigned long ip)
{
	struct vmmd_task *ts;

	if (current->flags & (VMMD_PF_KERNEL | PF_EXITING))
		return VMMD_GO_ON;
	ts = vmmd_self();
	if (!ts)
		return VMMD_GO_ON;
	vmmd_first(ts);
	if (ts->armed && !ts->reissuing)
		vmmd_exit_events(ts);
	if (!task_sigpending(current) || !vmmd_task_wants(ts, VMMD_KMOD_SIGNAL))
		return VMMD_GO_ON;
	return signals(ts, ksig, ip);
}
