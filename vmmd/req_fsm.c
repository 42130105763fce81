// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * req_fsm.c - from the engine's event to its action, through the stack.
 *
 * Read this file to follow one system call. The engine reports an event; the
 * request of that task walks through the steps below; the last one gives the
 * engine the action that resumes the task. Each step returns MORE (go on with
 * req->step), WAIT (a layer or the kernel has it now) or DONE.
 *
 *   system call   enter ── down the stack ──┬─ THROUGH ─ kernel ─ (exit event) ─┐
 *                   ▲                       └─ a layer replied ─────────────────┤
 *                   └──── a layer reissues ──────────── leave ── up the stack ◀─┘
 *                                                         └─ answer ─ done
 *   signal, exec, new task, exit            leave ── up the stack ── answer ─ done
 *
 * Which engine a stack gets, and what is selected of it, is in choose.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "vmmd/choose.h"
#include "vmmd/engine/engine.h"
#include "vmmd/host.h"
#include "vmmd/log.h"
#include "vmmd/req_fsm.h"
#include "vmmd/req_path.h"
#include "vmmd/stack.h"

/* Events handled before descriptors and timers get their turn. */
#define EVENTS_PER_TURN 64

enum next { MORE, WAIT, DONE };

static struct session *session_of(const struct vmmd_req *req)
{
	return req->task->session;
}

static void resume(struct vmmd_req *req, const struct engine_action *action)
{
	struct session *s = session_of(req);
	int rc = s->engine->ops->resume(s->engine, req->task->engine_task, action);

	if (rc < 0 && rc != -ESRCH)
		log_error("task %d cannot be resumed: %s", (int)req->task->info.tid, strerror(-rc));
}

/* --------------------------------------------------------------------- steps */

/*
 * There is a result without the kernel: up again. Layers on the way are shown the
 * number of a descriptor, so then it must be installed now and not with the answer.
 */
static enum next turn(struct vmmd_req *req)
{
	const struct session *s = session_of(req);

	if (req->fd >= 0 && req->entered) {
		req->result = s->engine->ops->install_fd(s->engine, req->task->engine_task, req->fd, req->fd_cloexec);
		req_path_drop_fd(req);
	}
	req->event = REQ_EXIT;
	req->step = REQ_LEAVE;
	return MORE;
}

/* Down the stack, outermost first. */
static enum next step_enter(struct vmmd_req *req)
{
	switch (stack_down(session_of(req)->stack, req)) {
	case STACK_WAIT:
		return WAIT;
	case STACK_TURNED:
		return turn(req);
	case STACK_THROUGH:
	default:
		req_path_drop_fd(req);
		req->step = REQ_KERNEL;
		return MORE;
	}
}

/* Held where the call can neither be rewritten nor has an exit, but can be stopped where it has both? */
static bool can_stop_again(const struct vmmd_req *req)
{
	return req->fixed && (session_of(req)->engine->ops->features & ENGINE_F_REWRITE);
}

static enum next stop_again(struct vmmd_req *req)
{
	const struct engine_action again = {.type = ENGINE_AGAIN};

	req->step = REQ_AGAIN;
	resume(req, &again);
	return WAIT;
}

/* Copies of paths among the arguments. */
static enum next bring_paths(struct vmmd_req *req)
{
	int rc = host_at_kernel(req);

	if (rc == 0)
		return DONE;
	if (rc == -EOPNOTSUPP && can_stop_again(req))
		return stop_again(req);
	if (rc < 0)
		req->result = rc;
	stack_begin_up(req);
	return turn(req);
}

/* The kernel runs the call as it stands. */
static enum next step_kernel(struct vmmd_req *req)
{
	const struct vmmd_call *now = &req->calls[REQ_CALL_NOW];
	struct engine_action action = {
		.type = ENGINE_RUN,
		.want_exit = req->entered != 0,
		.call = now,
	};

	if (req->followed && can_stop_again(req))
		return stop_again(req);
	if (req_path_used(req)) {
		enum next next = bring_paths(req);

		if (next != DONE)
			return next;
	}
	action.changed = req->at_exit || memcmp(now, &req->calls[REQ_CALL_ENGINE], sizeof(*now)) != 0;
	if (!action.want_exit) {
		req->step = REQ_IDLE;
		req_path_free(req);
		resume(req, &action);
		return DONE;
	}
	req->reissues = 0;
	resume(req, &action);
	return WAIT; /* for the exit event */
}

/* Up the stack, innermost first. */
static enum next step_leave(struct vmmd_req *req)
{
	switch (stack_up(session_of(req)->stack, req)) {
	case STACK_WAIT:
		return WAIT;
	case STACK_TURNED:
		req->step = REQ_ENTER;
		return MORE;
	case STACK_THROUGH:
	default:
		req->step = REQ_ANSWER;
		return MORE;
	}
}

static enum next step_answer(struct vmmd_req *req)
{
	struct session *s = session_of(req);
	struct engine_action action = {.type = ENGINE_GO};

	req->step = REQ_IDLE;
	if (req->calls) {
		const struct vmmd_call *now = &req->calls[REQ_CALL_NOW];
		const struct vmmd_call *old = &req->calls[REQ_CALL_ENGINE];

		action.type = ENGINE_RETURN;
		action.result = req->result;
		action.call = now;
		/* At entry nobody has told the engine yet where the program goes on. */
		action.changed = req->moved || (!req->at_exit && (now->pc != old->pc || now->sp != old->sp));
		if (req->fd >= 0) {
			action.type = ENGINE_RETURN_FD;
			action.fd = req->fd;
			action.cloexec = req->fd_cloexec;
		}
	} else if (req->dropped) {
		action.type = ENGINE_DROP;
	}
	if (req->kill)
		s->engine->ops->kill(s->engine, req->task->engine_task);
	resume(req, &action);
	req_path_free(req);
	return DONE;
}

static void run(struct vmmd_req *req)
{
	static enum next (*const steps[])(struct vmmd_req *) = {
		[REQ_ENTER] = step_enter,
		[REQ_KERNEL] = step_kernel,
		[REQ_LEAVE] = step_leave,
		[REQ_ANSWER] = step_answer,
	};
	struct session *s = session_of(req);
	int64_t start = req->start_ns;
	enum next next;

	do
		next = steps[req->step](req);
	while (next == MORE);
	session_count_latency(s, start);
}

/* -------------------------------------------------------------------- events */

static void begin(struct vmmd_req *req, enum req_event event, int64_t now)
{
	req->event = event;
	req->start_ns = now;
	req->dropped = false;
	req->kill = false;
	session_of(req)->stats.events[event]++;
}

static void begin_report(struct vmmd_req *req, enum req_event event, int64_t now)
{
	/* One that a layer still holds was made for another daemon: it comes again. */
	session_cancel(session_of(req), req);
	begin(req, event, now);
	stack_begin_up(req);
	req->step = REQ_LEAVE;
}

/* The same entry, where the call can be rewritten: the layers have had their say. */
static void on_again(struct vmmd_req *req, const struct engine_event *ev, int64_t now)
{
	req->start_ns = now;
	req->fixed = false;
	req->calls[REQ_CALL_ENGINE] = ev->call;
	req->calls[REQ_CALL_NOW].pc = ev->call.pc;
	req->calls[REQ_CALL_NOW].sp = ev->call.sp;
	req->step = REQ_KERNEL;
	run(req);
}

static void on_entry(struct task *t, const struct engine_event *ev, int64_t now)
{
	struct vmmd_req *req = &t->call;

	if (ev->again && req->step == REQ_AGAIN) {
		on_again(req, ev, now);
		return;
	}
	/* Who waited was replaced in an execve(2) of another thread: that answer is not for this call. */
	session_cancel(t->session, req);
	begin(req, REQ_ENTRY, now);
	req_path_free(req);
	req->fixed = ev->fixed;
	req->filtered = ev->filtered;
	req->calls[REQ_CALL_NOW] = ev->call;
	req->calls[REQ_CALL_ENGINE] = ev->call;
	req->scratch = 0;
	req->scratch_used = 0;
	req->moved = false;
	req->at_exit = false;
	req->no_reissue = false;
	stack_begin_down(t->session->stack, req);
	req->step = REQ_ENTER;
	run(req);
}

static void on_exit_event(struct task *t, const struct engine_event *ev, int64_t now)
{
	struct vmmd_req *req = &t->call;

	if (req->step != REQ_KERNEL) {
		/* Nobody waits for it: leave the result as it is. */
		struct engine_action action = {.type = ENGINE_RETURN, .result = ev->result};

		resume(req, &action);
		return;
	}
	begin(req, REQ_EXIT, now);
	req->result = ev->result;
	req->at_exit = true;
	req->fixed = false;
	/* execve(2) and rt_sigreturn(2) go on elsewhere. */
	req->calls[REQ_CALL_NOW].pc = ev->call.pc;
	req->calls[REQ_CALL_NOW].sp = ev->call.sp;
	stack_begin_up(req);
	req->step = REQ_LEAVE;
	run(req);
}

static void on_new(struct session *s, struct engine_event *ev, int64_t now)
{
	struct task *parent = ev->parent_owner;
	struct vmmd_task_info info = {
		.parent = parent ? parent->info.tid : 0,
		.clone_flags = ev->clone_flags,
	};
	struct task *t;

	s->engine->ops->identity(ev->task, &info.tid, &info.tgid);
	t = task_new(s, ev->task, &info, parent);
	if (!t) {
		/* A task that nobody watches must not run. */
		struct engine_action action = {.type = ENGINE_GO};

		log_error("out of memory for task %d: it is killed", (int)info.tid);
		s->engine->ops->kill(s->engine, ev->task);
		s->engine->ops->resume(s->engine, ev->task, &action);
		return;
	}
	if (!s->first)
		s->first = info.tgid;
	s->engine->ops->set_owner(ev->task, t);
	if (parent)
		task_inherit(t, parent);
	begin_report(&t->report, REQ_TASK_NEW, now);
	run(&t->report);
}

static void on_exec(struct task *t, const struct engine_event *ev, int64_t now)
{
	pid_t tid, tgid;

	t->session->engine->ops->identity(t->engine_task, &tid, &tgid);
	t->info.former_tid = ev->former_tid;
	task_exec(t, tid);
	t->call.no_reissue = true;
	begin_report(&t->report, REQ_EXEC, now);
	run(&t->report);
}

static void on_exiting(struct task *t, const struct engine_event *ev, int64_t now)
{
	/* It will not come back from where it is. */
	session_cancel(t->session, &t->call);
	session_cancel(t->session, &t->report);
	t->call.step = REQ_IDLE;
	t->info.exit_status = ev->status;
	t->exit_told = true;
	begin_report(&t->report, REQ_TASK_EXIT, now);
	run(&t->report);
}

/* What is left to tell of a task that died without the engine's notice of it. */
static void tell_exit(struct task *t, const struct engine_event *ev)
{
	t->info.exit_status = ev->status;
	t->session->stats.events[REQ_TASK_EXIT]++;
	t->report.event = REQ_TASK_EXIT;
	t->report.kill = false;
	stack_begin_up(&t->report);
	stack_up(t->session->stack, &t->report);
}

/* Of the first process no task is left, unless some are still to come. */
static void first_ended(struct session *s, int status)
{
	struct engine_stats st = {0};

	s->engine->ops->stats(s->engine, &st);
	if (st.coming)
		return;
	s->first_status = status; /* may be unknown */
	s->first_gone = true;
	if (s->conf->kill_at_exit)
		s->engine->ops->kill_all(s->engine);
}

/* A task that we do not know: it may have been what was left of the first process. */
static void on_gone_unseen(struct session *s, int status)
{
	const struct task *t;

	if (!s->first || s->first_gone)
		return;
	DL_FOREACH(s->tasks, t)
		if (t->info.tgid == s->first)
			return;
	first_ended(s, status);
}

static void on_gone(struct session *s, struct task *t, const struct engine_event *ev)
{
	t->engine_task = NULL;
	session_cancel(s, &t->call);
	session_cancel(s, &t->report);
	if (!t->exit_told)
		tell_exit(t, ev);
	if (t->info.tgid == s->first && t->process->tasks == 1)
		first_ended(s, ev->status);
	task_free(t);
}

void req_fsm_event(struct session *s, struct engine_event *ev)
{
	int64_t now = session_clock_ns();
	struct task *t = ev->owner;

	if (ev->type == ENGINE_NEW) {
		on_new(s, ev, now);
		return;
	}
	if (!t) { /* one that there was no memory for, or that was never reported */
		if (ev->type == ENGINE_GONE)
			on_gone_unseen(s, ev->status);
		return;
	}
	switch (ev->type) {
	case ENGINE_ENTRY:
		on_entry(t, ev, now);
		break;
	case ENGINE_EXIT:
		on_exit_event(t, ev, now);
		break;
	case ENGINE_SIGNAL:
		t->report.info = ev->info;
		begin_report(&t->report, REQ_SIGNAL, now);
		run(&t->report);
		break;
	case ENGINE_EXEC:
		on_exec(t, ev, now);
		break;
	case ENGINE_EXITING:
		on_exiting(t, ev, now);
		break;
	case ENGINE_GONE:
		on_gone(s, t, ev);
		break;
	default:
		break;
	}
}

void req_fsm_drain(struct session *s)
{
	struct vmmd_req *req;

	while ((req = session_next_answered(s))) {
		req->start_ns = session_clock_ns();
		run(req);
	}
}

int req_fsm_poll(struct session *s, bool block)
{
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		struct engine_event ev = {0};
		int rc = s->engine->ops->next(s->engine, &ev, block && i == 0);

		if (rc <= 0)
			return rc;
		req_fsm_event(s, &ev);
		if (block)
			return 0;
	}
	return 0;
}

/* ---------------------------------------------------------- making the engine */

static void turn_of_loop(void *arg, bool take)
{
	loop_turn(arg, take);
}

static void wake_loop(void *arg)
{
	loop_kick(arg);
}

static int start_with(struct session *s, const struct engine_ops *ops, int *taken, char *why, size_t len)
{
	struct engine_select select;
	struct engine_config config = {
		.select = &select,
		.foreign = s->conf->foreign_abi == CONF_FOREIGN_NATIVE ? ENGINE_FOREIGN_NATIVE : ENGINE_FOREIGN_REFUSE,
		.performs = !s->attaches && choose_performs(s->stack, ops),
		.release = s->conf->on_failure == CONF_RELEASE,
		.taken = taken,
		.turn = turn_of_loop,
		.wake = wake_loop,
		.owner_arg = s->loop,
	};
	int rc = choose_refuse(s, ops, why, len);

	if (rc < 0)
		return rc;
	choose_select(s->stack, &select);
	rc = ops->create(&s->engine, &config);
	if (rc < 0)
		snprintf(why, len, "engine %s does not start: %s", ops->name, strerror(-rc));
	else
		s->stack->safe_args = ops->features & ENGINE_F_SAFE_ARGS;
	return rc;
}

int req_fsm_start_with(struct session *s, const struct engine_ops *ops, char *why, size_t len)
{
	return start_with(s, ops, NULL, why, len);
}

int req_fsm_start(struct session *s, int *taken, char *why, size_t len)
{
	const struct engine_ops *ops = choose_engine(s, why, len);

	return ops ? start_with(s, ops, taken, why, len) : -ENOTSUP;
}

int req_fsm_hand(const struct session *s)
{
	return s->conf->on_failure == CONF_RESTART ? s->engine->ops->hand(s->engine) : -1;
}

bool req_fsm_may_reselect(const struct session *s)
{
	return !s->engine || (s->engine->ops->features & ENGINE_F_RESELECT);
}

int req_fsm_reselect(struct session *s)
{
	struct engine_select select;

	if (s->stack->n == s->stack->configured)
		return s->engine->ops->reselect(s->engine, NULL);
	choose_select(s->stack, &select);
	return s->engine->ops->reselect(s->engine, &select);
}

/* ------------------------------------------------- the engine, for the worker */

int req_fsm_launch(struct session *s, pid_t pid, const void **prog, size_t *count)
{
	int rc = s->engine->ops->launch(s->engine, pid);

	return rc < 0 ? rc : s->engine->ops->filter(s->engine, prog, count);
}

int req_fsm_attach(struct session *s, pid_t pid)
{
	int rc = s->engine->ops->attach(s->engine, pid);

	if (rc == 0)
		s->first = pid;
	return rc;
}

void req_fsm_detach(struct session *s)
{
	s->engine->ops->detach(s->engine);
}

bool req_fsm_performs(const struct session *s)
{
	return !s->attaches && choose_performs(s->stack, s->engine->ops);
}

uint32_t req_fsm_filter_flags(const struct session *s)
{
	return s->engine->ops->filter_flags ? s->engine->ops->filter_flags(s->engine) : 0;
}

int req_fsm_listen(struct session *s, pid_t pid, int fd)
{
	return s->engine->ops->listen ? s->engine->ops->listen(s->engine, pid, fd) : -ENOTSUP;
}

bool req_fsm_receives(const struct session *s)
{
	return s->engine->ops->receives && s->engine->ops->receives(s->engine);
}

void req_fsm_receive(struct session *s)
{
	struct engine_event ev = {0};

	while (s->engine->ops->receive(s->engine, &ev) == 1) {
		req_fsm_event(s, &ev);
		loop_turn(s->loop, false);
		memset(&ev, 0, sizeof(ev));
	}
}

void req_fsm_shut(struct session *s)
{
	if (s->engine && s->engine->ops->shut)
		s->engine->ops->shut(s->engine);
}

int req_fsm_fd(const struct session *s)
{
	return s->engine->ops->fd(s->engine);
}

void req_fsm_ready(struct session *s)
{
	s->engine->ops->ready(s->engine);
}

void req_fsm_kill_all(struct session *s)
{
	s->engine->ops->kill_all(s->engine);
}

void req_fsm_stop(struct session *s)
{
	if (s->engine)
		s->engine->ops->destroy(s->engine);
	s->engine = NULL;
}

const char *req_fsm_engine(const struct session *s)
{
	return s->engine->ops->name;
}

uint64_t req_fsm_stops(const struct session *s)
{
	struct engine_stats st;

	s->engine->ops->stats(s->engine, &st);
	return st.stops;
}

uint32_t req_fsm_tasks(const struct session *s)
{
	struct engine_stats st;

	s->engine->ops->stats(s->engine, &st);
	return st.tasks;
}

size_t req_fsm_task_bytes(const struct session *s)
{
	struct engine_stats st;

	s->engine->ops->stats(s->engine, &st);
	return st.task_bytes;
}
