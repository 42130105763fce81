// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * real_play.c - the two engines of the module that a scenario is played on, and what
 * has come of an action.
 *
 * The tested engine's events go to the core, if the scenario has made them; the
 * understudy's, the older one's, are the calls as the kernel would have had them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "tests/scenario/real_impl.h"

#define PATIENCE_US 15000000

/* Of vm.h: the understudy's trouble ends the scenario. */
void test_fail(const char *file, int line, const char *what, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, what);
	vfprintf(stderr, what, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	_exit(99);
}

void nap(unsigned int milliseconds)
{
	usleep(milliseconds * 1000);
}

long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

void real_breach(struct real *r, const char *what, const struct actor *a)
{
	if (!r->breach[0])
		snprintf(r->breach, sizeof(r->breach), "task %d: %s", a ? a->tid : 0, what);
}

struct actor *real_find(const struct real *r, pid_t tid)
{
	struct actor *a;

	LL_FOREACH(r->actors, a)
		if (a->tid == tid && !a->gone_told)
			return a;
	return NULL;
}

struct actor *real_of_task(const struct real *r, const struct engine_task *t)
{
	struct actor *a;

	LL_FOREACH(r->actors, a)
		if (a->task == t && !a->has_gone)
			return a;
	return NULL;
}

static struct actor *of_real(const struct real *r, pid_t tid)
{
	struct actor *a;

	LL_FOREACH(r->actors, a)
		if (a->real == tid && !a->has_gone)
			return a;
	return NULL;
}

static bool same_call(const struct vmmd_call *c, int64_t nr, const uint64_t *args)
{
	return c->nr == nr && memcmp(c->args, args, sizeof(c->args)) == 0;
}
/* ------------------------------------------------------------- the understudy */

static void at_understudy(struct real *r, slot *s)
{
	struct actor *a = of_real(r, (pid_t)s->tid);
	uint64_t args[6];

	memcpy(args, s->args, sizeof(args));
	if (s->type == VMMD_KMOD_ENTRY && !(s->flags & VMMD_KMOD_S_KILLED) && a && a->stage == PASSED &&
	    same_call(&a->call, s->nr, args)) {
		a->kernel = s;
		a->stage = AT_KERNEL;
	} else {
		if (a && s == a->kernel)
			a->kernel = NULL;
		vm_run(&r->understudy, s);
	}
}

void real_kernel_gives(struct real *r, struct actor *a, int64_t result)
{
	vm_return(&r->understudy, a->kernel, result);
	a->kernel = NULL;
	a->stage = ANSWERED;
	a->result = result;
}

/* ----------------------------------------------------------- the tested engine */

void real_for_core(struct real *r, struct actor *a, const struct engine_event *ev)
{
	struct ready *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	e->actor = a;
	e->ev = *ev;
	LL_APPEND(r->ready, e);
}

static void unseen(struct real *r, const struct engine_event *ev)
{
	struct engine_action go = { .type = ev->type == ENGINE_ENTRY ? ENGINE_RUN : ENGINE_GO };

	if (ev->type != ENGINE_GONE)
		r->tested->ops->resume(r->tested, ev->task, &go);
}

/* One that is being made: the first when its program is in place. */
static void newcomer(struct real *r, struct engine_event *ev)
{
	struct actor *a = r->coming;

	if (ev->type == ENGINE_NEW) {
		a->task = ev->task;
		r->tested->ops->identity(ev->task, &a->real, &a->group);
		LL_APPEND(r->actors, a);
		if (!ev->parent_owner) {
			unseen(r, ev);
			return;
		}
	}
	ev->type = ENGINE_NEW;
	r->coming = NULL;
	real_for_core(r, a, ev);
}

static bool wanted(struct actor *a, const struct engine_event *ev)
{
	switch (ev->type) {
	case ENGINE_ENTRY:
		if (a->stage != MADE || !same_call(&a->call, ev->call.nr, ev->call.args))
			return false;
		a->call = ev->call;
		a->pc = ev->call.pc;
		a->sp = ev->call.sp;
		a->stage = TOLD;
		return true;
	case ENGINE_EXIT:
		return true;
	case ENGINE_SIGNAL:
		if (a->signal != ev->info->si_signo)
			return false;
		a->signal = 0;
		return true;
	case ENGINE_EXEC:
		if (!a->exec_due || ev->former_tid != a->real)
			return false;
		a->exec_due = false;
		return true;
	case ENGINE_EXITING:
		return a->ending;
	default:
		return false;
	}
}

static void at_tested(struct real *r, struct engine_event *ev)
{
	struct actor *a = real_of_task(r, ev->task);

	if (r->coming && (ev->type == ENGINE_NEW || (ev->type == ENGINE_EXEC && a == r->coming))) {
		newcomer(r, ev);
	} else if (!a) {
		real_breach(r, "an event of a task that nobody knows", NULL);
	} else if (ev->type == ENGINE_GONE) {
		a->has_gone = true;
		a->gone = *ev;
		a->kernel = NULL;
	} else if (wanted(a, ev)) {
		real_for_core(r, a, ev);
	} else {
		unseen(r, ev);
	}
}

/* Let what has happened come in from both engines. */
static void pump(struct real *r)
{
	struct engine_event ev = {};
	slot *s;

	while ((s = vm_next_within(&r->understudy, 0)))
		at_understudy(r, s);
	while (r->tested->ops->next(r->tested, &ev, false) == 1) {
		at_tested(r, &ev);
		memset(&ev, 0, sizeof(ev));
	}
}

bool real_until(struct real *r, real_cond what, struct actor *a)
{
	long long end = now_us() + PATIENCE_US;

	for (;;) {
		pump(r);
		if (what(r, a))
			return true;
		if (now_us() > end)
			return false;
		usleep(200);
	}
}

bool real_is_ready(struct real *r, struct actor *a)
{
	struct ready *e;

	LL_FOREACH(r->ready, e)
		if (e->actor == a)
			return true;
	return false;
}

static bool has_done(struct real *r, struct actor *a)
{
	struct puppet *p = real_puppet(r, a);

	return __atomic_load_n(&p->done, __ATOMIC_SEQ_CST) == __atomic_load_n(&p->told, __ATOMIC_SEQ_CST);
}

static bool at_kernel(struct real *r, struct actor *a)
{
	(void)r;
	return a->stage == AT_KERNEL;
}

bool real_has_gone(struct real *r, struct actor *a)
{
	(void)r;
	return a->has_gone;
}

bool real_not_held(struct real *r, struct actor *a)
{
	return a->has_gone || !r->tested->ops->held(r->tested, a->task);
}

bool real_was_delivered(struct real *r, struct actor *a)
{
	return __atomic_load_n(&r->stage->delivered[a->deliver], __ATOMIC_SEQ_CST) != a->delivered;
}

/* -------------------------------------------------------------- what has come of it */

/* The kernel's own restart codes are no result for a program: EINTR, where no signal has the call restarted. */
static int64_t seen_as(int64_t result)
{
	return result <= -512 && result >= -516 && result != -515 ? -EINTR : result;
}

static void result_is_there(struct real *r, struct actor *a)
{
	char text[128];
	int64_t got;

	if (!real_until(r, has_done, a)) {
		real_breach(r, "its call does not end", a);
		return;
	}
	got = real_puppet(r, a)->result;
	if (!a->replaced && got != seen_as(a->result)) {
		snprintf(text, sizeof(text), "it has the result %lld, not %lld", (long long)got, (long long)a->result);
		real_breach(r, text, a);
	}
	a->replaced = false;
	a->stage = IDLE;
}

void real_settle(struct real *r, struct actor *a)
{
	if (a->dying || a->has_gone || a->held)
		return;
	if (a->stage == PASSED && !real_until(r, at_kernel, a))
		real_breach(r, "its call does not come to the kernel as it was to be run", a);
	else if (a->stage == ANSWERED && !a->want_exit)
		result_is_there(r, a);
}

int real_at_rest(struct real *r, struct actor *a)
{
	real_settle(r, a);
	if (a->held)
		return -EBUSY;
	if (a->stage == AT_KERNEL && a->want_exit)
		return -EBUSY;
	if (a->stage == AT_KERNEL) {
		real_kernel_gives(r, a, 0);
		real_settle(r, a);
	}
	return a->stage == IDLE && real_until(r, has_done, a) ? 0 : -ETIMEDOUT;
}
