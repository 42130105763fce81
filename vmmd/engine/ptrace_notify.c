// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace_notify.c - traced tasks whose entry-only calls are notifications.
 *
 * A notification is cheaper than a ptrace stop wherever the task runs, but has
 * neither registers to change nor an exit. So in the hybrid engine the filter
 * says for each call which of the two it is, by what is wanted of it. All else
 * (tasks, signals, exits) is the ptrace engine's.
 *
 * Two threads. Waiting for ptrace stops and for notifications cannot be done in
 * one call, so notifications are received by a thread of their own, which takes
 * the turn, has the event handled and answers it. It never issues a ptrace(2)
 * request; those belong to the thread that made the engine. It finds tasks but
 * does not make, free or rekey them.
 *
 * A notification for a call that has been decided already, because a layer made
 * it of another one at a ptrace stop, is let through: `phase` tells.
 */
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "vmmd/engine/ptrace_arch.h"
#include "vmmd/engine/ptrace_impl.h"

enum engine_how pt_hybrid_how(uint32_t want)
{
	if (want & (VMMD_WANT_EXIT | VMMD_WANT_REWRITE | VMMD_WANT_RESULT | VMMD_WANT_REISSUE))
		return ENGINE_HOW_TRACE;
	return want ? ENGINE_HOW_NOTIFY : ENGINE_HOW_ALLOW;
}

static struct pt_engine *pt(struct engine *e)
{
	return (struct pt_engine *)(void *)e;
}

void pt_turn(const struct pt_engine *e, bool take)
{
	if (e->listening && e->turn)
		e->turn(e->owner_arg, take);
}

static int on_notify(struct pt_engine *e, const struct notify_call *n, struct engine_event *ev)
{
	struct engine_task *t = pt_find(e, n->tid);

	e->stats.stops++;
	if (!t) { /* nobody would be asked: fail closed */
		notify_result(&e->notify, n->id, -ENOSYS);
		return 0;
	}
	if (t->phase != PT_USER || !engine_wanted(&e->now, n->call.nr) ||
	    (t->launching && !engine_is_exec(n->call.nr))) {
		notify_continue(&e->notify, n->id);
		return 0;
	}
	pt_forget_call(t);
	t->notify_id = n->id;
	ev->type = ENGINE_ENTRY;
	ev->task = t;
	ev->owner = t->owner;
	ev->call = n->call;
	ev->fixed = true;
	e->stats.events++;
	return 1;
}

int pt_receive(struct engine *base, struct engine_event *ev)
{
	struct pt_engine *e = pt(base);

	while (!e->shut) {
		struct notify_call call;
		int rc = notify_receive(&e->notify, &call);

		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		pt_turn(e, true);
		if (on_notify(e, &call, ev))
			return 1;
		pt_turn(e, false);
	}
	return -ECANCELED;
}

/*
 * The entry is wanted once more, where registers can be changed. A task cannot be
 * brought from a notification into a ptrace stop, but behind the call it can: it
 * is interrupted, given a result that it will not see, stops on its way out,
 * and is sent back to the call instruction with signals blocked, as for a
 * reissued call. ptrace(2) requests are the engine's own thread's.
 */
static int again(struct engine_task *t)
{
	struct pt_engine *e = t->e;

	t->again = true;
	t->again_next = e->again;
	e->again = t;
	e->wake(e->owner_arg);
	return 0;
}

void pt_send_back(struct pt_engine *e)
{
	while (e->again) {
		struct engine_task *t = e->again;
		uint64_t id = t->notify_id;

		e->again = t->again_next;
		t->notify_id = 0;
		/* The interrupt first: it is pending when the call returns. */
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
		notify_result(&e->notify, id, -EINTR);
	}
}

void pt_stay(struct engine_task *t)
{
	struct engine_task **p = &t->e->again;

	while (*p && *p != t)
		p = &(*p)->again_next;
	if (*p)
		*p = t->again_next;
}

void pt_sent_back(struct engine_task *t)
{
	struct vmmd_call call;
	int rc = pt_get_regs(t);

	if (rc == 0) {
		arch_get_call(&t->regs, &call);
		call.nr = arch_nr(&t->regs);
		rc = pt_rewind(t, &call);
	}
	if (rc < 0) {
		t->again = false;
		if (rc != -ESRCH) {
			arch_set_result(&t->regs, -ENOSYS);
			pt_set_regs(t);
		}
	}
	pt_go(t, 0);
}

int pt_resume_notified(struct engine_task *t, const struct engine_action *a)
{
	struct notify *n = &t->e->notify;
	uint64_t id = t->notify_id;

	if (a->type == ENGINE_AGAIN)
		return again(t);
	t->notify_id = 0;
	switch (a->type) {
	case ENGINE_RETURN:
		return notify_result(n, id, a->result);
	case ENGINE_RETURN_FD:
		return notify_result_fd(n, id, a->fd, a->cloexec);
	case ENGINE_RUN:
		if (a->changed)
			return notify_result(n, id, -ENOSYS);
		/* Only while every call stops: else it has no exit that we would see. */
		if (a->want_exit && t->every_call) {
			t->report_exit = true;
			t->phase = PT_CALL;
		}
		return notify_continue(n, id);
	default:
		return -EINVAL;
	}
}

bool pt_receives(const struct engine *base)
{
	return ((const struct pt_engine *)(const void *)base)->listening;
}

void pt_shut(struct engine *base)
{
	pt(base)->shut = true;
}

uint32_t pt_filter_flags(const struct engine *base)
{
	return pt_receives(base) ? notify_flags() : 0;
}

int pt_listen(struct engine *base, pid_t pid, int fd)
{
	struct notify *n = &pt(base)->notify;

	return n->fd < 0 ? notify_open(n, pid, fd) : -EALREADY;
}

int pt_install_fd(struct engine *base, struct engine_task *t, int fd, bool cloexec)
{
	return t->notify_id ? notify_install(&pt(base)->notify, t->notify_id, fd, cloexec) : -ENOTSUP;
}
