// SPDX-License-Identifier: GPL-2.0
/*
 * signal.c - signals, before they are delivered.
 *
 * get_signal() is where a task takes its signals. We take them in its place:
 * each is dequeued, reported to the engines from the oldest to the newest, and
 * if it is to be delivered, queued to this task again, while get_signal() runs
 * with all other signals blocked. So it delivers what was reported and nothing
 * else, and does everything that belongs to it: default actions, job control,
 * core dumps, a ptracer's stops, handlers.
 *
 * A default-fatal signal kills when it is *sent* (complete_signal() starts the
 * group's exit), but not if it is in real_blocked, which otherwise is used by
 * rt_sigtimedwait(2) alone. So signals with that default are put there, as long
 * as they have it, and reach get_signal(). If the engine goes nothing bad is
 * left: they kill there.
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

/* Those of SOFT that have their default action now. A handler may change meanwhile: it is looked at often. */
static unsigned long soft_now(void)
{
	const struct k_sigaction *action = current->sighand->action;
	unsigned long all = SOFT, soft = 0;
	int i;

	for_each_set_bit(i, &all, 64)
		if (READ_ONCE(action[i].sa.sa_handler) == SIG_DFL)
			soft |= 1UL << i;
	return soft;
}

static void set_soft(unsigned long soft)
{
	if ((READ_ONCE(current->real_blocked.sig[0]) & SOFT) == soft)
		return;
	spin_lock_irq(&current->sighand->siglock);
	current->real_blocked.sig[0] = (current->real_blocked.sig[0] & ~SOFT) | soft;
	spin_unlock_irq(&current->sighand->siglock);
}

/* Whenever it passes by: handlers come and go. */
void vmmd_signal_soften(struct vmmd_task *ts)
{
	if (vmmd_task_wants(ts, VMMD_KMOD_SIGNAL))
		set_soft(soft_now());
	else if (unlikely(current->real_blocked.sig[0] & SOFT))
		set_soft(0);
}

/* Is this rt_sigtimedwait(2), which empties real_blocked? To be softened again at its exit. */
bool vmmd_signal_disturbs(const struct pt_regs *regs)
{
	if (likely(!(current->real_blocked.sig[0] & SOFT)))
		return false;
	if (in_ia32_syscall())
		return regs->orig_ax == 177 || regs->orig_ax == 421;
	return regs->orig_ax == __NR_rt_sigtimedwait;
}

void vmmd_signal_harden(void)
{
	set_soft(0);
}

/* ---------------------------------------------------------------- one at a time */

static int take(kernel_siginfo_t *info)
{
	int sig;

	spin_lock_irq(&current->sighand->siglock);
	sig = vmmd_dequeue_signal(&current->blocked, info);
	spin_unlock_irq(&current->sighand->siglock);
	return sig;
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

		if (!(vmmd_engine_events(a->engine) & 1u << VMMD_KMOD_SIGNAL))
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

static void set_blocked(const sigset_t *mask, sigset_t *old)
{
	spin_lock_irq(&current->sighand->siglock);
	if (old)
		*old = current->blocked;
	current->blocked = *mask;
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
}

/* In front of others of its number, in whose place it would be delivered. */
static void to_front(int sig)
{
	struct sigqueue *q;

	spin_lock_irq(&current->sighand->siglock);
	list_for_each_entry_reverse(q, &current->pending.list, list)
		if (q->info.si_signo == sig) {
			list_move(&q->list, &current->pending.list);
			break;
		}
	spin_unlock_irq(&current->sighand->siglock);
}

/* get_signal() with this signal, or (sig 0) with none. */
static bool deliver(struct ksignal *ksig, unsigned long ip, int sig, kernel_siginfo_t *info)
{
	sigset_t only, old;
	bool got;

	siginitsetinv(&only, sigmask(SIGKILL) | (sig ? sigmask(sig) : 0));
	set_blocked(&only, &old);
	if (sig && send_sig_info(sig, info, current) == 0)
		to_front(sig);
	got = vmmd_get_signal(ksig, ip);
	set_blocked(&old, NULL);
	return got;
}

static struct vmmd_ret signals(struct vmmd_task *ts, struct ksignal *ksig, unsigned long ip)
{
	kernel_siginfo_t info;
	int sig;

	while (!fatal_signal_pending(current)) {
		sig = take(&info);
		if (sig == SIGKILL)
			break; /* it was the last of them: the group is exiting */
		if (sig && (!report(ts, &info) || cancelled(sig)))
			continue;
		if (deliver(ksig, ip, sig ? info.si_signo : 0, &info))
			return VMMD_INSTEAD(true);
		if (!sig && !signal_pending(current))
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
