// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * real.c - the interface of fake.h on an engine with processes: the module's.
 *
 * The core is on the engine kmod, whose events and actions pass through here.
 * Its tasks are puppets (puppet.c), which make the calls, tasks, execs and ends that
 * a scenario names. What the kernel answers is the scenario's, too: an older
 * engine on the same tasks, the understudy, stops the calls behind the one that is
 * tested, sees them as that has left them, and answers in the kernel's place.
 *
 * What a puppet does besides, to wait or to start, is let through unseen. An
 * action is told to the scenario when it has been seen to happen: the call has come to
 * the understudy as it was to be run, the puppet has its result, the signal was
 * delivered. Waiting is bounded; what does not come is a breach.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "tests/scenario/real_impl.h"
#include "vmmd/engine/kmod.h"

static struct engine_ops ops;
static struct real *the; /* for those functions that are given a task only */

/* ------------------------------------------------------------------------ resume */

static void note(struct actor *a, const struct engine_action *act)
{
	char text[256];

	action_text(act, a->at, &a->call, a->deliver, text, sizeof(text));
	action_add(&a->actions, text);
	if (act->changed && act->type == ENGINE_RUN)
		a->call = *act->call;
	if (act->type == ENGINE_RUN) {
		a->stage = PASSED;
		a->want_exit = act->want_exit;
	} else if (act->type == ENGINE_RETURN) {
		a->stage = ANSWERED;
		a->want_exit = false;
		a->result = act->result;
	}
}

static int real_resume(struct engine *e, struct engine_task *t, const struct engine_action *act)
{
	struct real *r = real_of(e);
	struct actor *a = real_of_task(r, t);
	int rc;

	if (!a || !a->held) {
		real_breach(r, "resumed, but it is not stopped", a);
		return -EINVAL;
	}
	a->held = false;
	if (a->at == ENGINE_SIGNAL) {
		a->deliver = a->info->si_signo;
		a->delivered = r->stage->delivered[a->deliver];
	}
	rc = r->tested->ops->resume(r->tested, t, act);
	if (a->dying)
		return rc;
	note(a, act);
	if (a->at == ENGINE_SIGNAL && act->type == ENGINE_GO && a->stage == IDLE && !real_until(r, real_was_delivered, a))
		real_breach(r, "the signal is not delivered", a);
	return rc;
}

static int real_next(struct engine *e, struct engine_event *out, bool block)
{
	struct real *r = real_of(e);
	struct ready *q = r->ready;
	struct actor *a;
	bool any = false;

	(void)block;
	if (!q) {
		LL_FOREACH(r->actors, a)
			any |= !a->gone_told;
		return r->started && !any ? -ECHILD : 0;
	}
	LL_DELETE(r->ready, q);
	*out = q->ev;
	a = q->actor;
	free(q);
	if (out->type == ENGINE_EXEC)
		out->former_tid = a->tid;
	if (out->type == ENGINE_GONE) {
		a->gone_told = true;
		out->task = NULL;
		return 1;
	}
	a->held = true;
	a->at = out->type;
	a->info = out->info;
	return 1;
}

/* ---------------------------------------------------------------- the table */

/* All events and calls: which ones a scenario has is its own matter, the core's wishes are looked at by `select`. */
static struct engine_select all_of(const struct engine_select *of)
{
	struct engine_select s = *of;

	s.events = VMMD_EVENT_SIGNAL | VMMD_EVENT_EXEC | VMMD_EVENT_TASK_NEW | VMMD_EVENT_TASK_EXIT;
	for (int nr = 0; nr < ENGINE_NR_MAX; nr++)
		if (!s.refuse[nr])
			s.want[nr] |= VMMD_WANT_ENTRY;
	s.want_other |= VMMD_WANT_ENTRY;
	return s;
}

static int real_create(struct engine **out, const struct engine_config *config)
{
	struct vmmd_kmod_create create = { .max_tasks = 64 };
	struct engine_select select = all_of(config->select);
	struct vmmd_kmod_select every = {};
	struct engine_config its = *config;
	struct real *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	its.select = &select;
	rc = engine_kmod.create(&r->tested, &its);
	if (rc) {
		free(r);
		return rc;
	}
	r->base.ops = &ops;
	r->select = *config->select;
	r->fd = memfd_create("stage", MFD_CLOEXEC);
	CHECK(r->fd >= 0 && ftruncate(r->fd, STAGE_SIZE) == 0);
	r->stage = mmap(NULL, STAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	CHECK(r->stage != MAP_FAILED);
	vm_make(&r->understudy, &create);
	vm_select(&r->understudy, &every);
	the = r;
	*out = &r->base;
	return 0;
}

static void real_destroy(struct engine *e)
{
	struct real *r = real_of(e);
	struct actor *a, *tmp;
	struct ready *q, *qtmp;

	r->tested->ops->destroy(r->tested);
	vm_close(&r->understudy);
	while (wait(NULL) > 0)
		;
	munmap(r->stage, STAGE_SIZE);
	close(r->fd);
	LL_FOREACH_SAFE(r->ready, q, qtmp)
		free(q);
	LL_FOREACH_SAFE(r->actors, a, tmp) {
		action_free(&a->actions);
		free(a);
	}
	free(r);
	the = NULL;
}

static int real_fd(struct engine *e)
{
	(void)e;
	return -ENOTSUP; /* the scenario says when it is polled */
}

static int real_filter(struct engine *e, const void **prog, size_t *count)
{
	return engine_kmod.filter(real_of(e)->tested, prog, count);
}

static int real_install_fd(struct engine *e, struct engine_task *t, int fd, bool cloexec)
{
	struct actor *a = real_of_task(real_of(e), t);
	int rc = engine_kmod.install_fd(real_of(e)->tested, t, fd, cloexec);

	if (rc >= 0)
		action_add(&a->actions, cloexec ? "install cloexec" : "install");
	return rc;
}

static bool real_held(struct engine *e, struct engine_task *t)
{
	return engine_kmod.held(real_of(e)->tested, t);
}

static int real_scratch(struct engine *e, struct engine_task *t, uint64_t *addr)
{
	int rc = engine_kmod.scratch(real_of(e)->tested, t, addr);

	if (!rc)
		real_of_task(real_of(e), t)->scratch = *addr;
	return rc;
}

static void real_identity(const struct engine_task *t, pid_t *tid, pid_t *tgid)
{
	const struct actor *a = real_of_task(the, t);

	*tid = a ? a->tid : 0;
	*tgid = a ? a->tgid : 0;
}

static int real_reselect(struct engine *e, const struct engine_select *select)
{
	struct real *r = real_of(e);
	struct engine_select all;

	if (!select)
		return r->tested->ops->reselect(r->tested, NULL);
	r->select = *select;
	all = all_of(select);
	return r->tested->ops->reselect(r->tested, &all);
}

static int real_inject(struct engine *e, pid_t tid, const siginfo_t *info)
{
	struct actor *a = real_find(real_of(e), tid);

	if (!a)
		return -ESRCH;
	a->injected = info->si_signo;
	return 0;
}

static int real_kill(struct engine *e, struct engine_task *victim)
{
	struct real *r = real_of(e);
	struct actor *v = real_of_task(r, victim), *a;

	LL_FOREACH(r->actors, a) {
		if (a->tgid != v->tgid || a->dying || a->has_gone)
			continue;
		a->dying = true;
		action_add(&a->actions, "kill");
	}
	return r->tested->ops->kill(r->tested, victim);
}

static void real_kill_all(struct engine *e)
{
	struct actor *a;

	LL_FOREACH(real_of(e)->actors, a)
		if (!a->has_gone)
			real_kill(e, a->task);
}

static void real_stats(const struct engine *e, struct engine_stats *out)
{
	engine_kmod.stats(real_of(e)->tested, out);
}

const struct engine_ops *fake_named(const char *name)
{
	if (strcmp(name, "full") && strcmp(name, "module"))
		return NULL;
	ops = engine_kmod;
	ops.create = real_create;
	ops.destroy = real_destroy;
	ops.filter = real_filter;
	ops.next = real_next;
	ops.fd = real_fd;
	ops.resume = real_resume;
	ops.install_fd = real_install_fd;
	ops.held = real_held;
	ops.scratch = real_scratch;
	ops.identity = real_identity;
	ops.reselect = real_reselect;
	ops.inject = real_inject;
	ops.kill = real_kill;
	ops.kill_all = real_kill_all;
	ops.stats = real_stats;
	return &ops;
}

/* An address that a layer was shown, as it is with the fake engine. */
static uint64_t familiar(const struct real *r, uint64_t addr)
{
	struct actor *a;

	LL_FOREACH(r->actors, a) {
		if (a->scratch && addr - a->scratch < ENGINE_SCRATCH)
			return FAKE_SCRATCH + (uint64_t)a->tid * ENGINE_SCRATCH + addr - a->scratch;
		if (addr == a->pc)
			return FAKE_PC;
		if (addr == a->sp)
			return FAKE_SP;
	}
	return addr;
}

void fake_retell(const struct engine *e, char *text, size_t len)
{
	char old[600], *from = old, *number, *end;
	size_t n = 0;

	snprintf(old, sizeof(old), "%s", text);
	while ((number = strstr(from, "0x"))) {
		uint64_t value = strtoull(number, &end, 16);

		n += (size_t)snprintf(text + n, len - n, "%.*s%#llx", (int)(number - from), from,
				      (unsigned long long)familiar(real_of(e), value));
		if (n >= len)
			return;
		from = end;
	}
	snprintf(text + n, len - n, "%s", from);
}

/*
 * What is the fake engine's alone: to be another engine; calls that are told and not
 * made; an injected signal that does not come; a program that can go on anywhere; a
 * kernel that has a call restarted; an exec by another thread; the notice of an end by SIGKILL,
 * which finds the stopped task's request in its place, and ends by other signals; calls that the module never
 * stops: -1, which is how others say that a call is to be skipped, and x32's.
 */
bool fake_plays(const char *line)
{
	static const char *const not[] = { "perform ", "injected ", ":pc:", ":sp:", ":nr:-1" };
	int tid, nr;

	if (strncmp(line, "engine ", 7) == 0)
		return strcmp(line + 7, "module") == 0;
	if (sscanf(line, "entry %d %i", &tid, &nr) == 2 && (nr < 0 || nr >= 0x40000000))
		return false;
	if (sscanf(line, "exec %d %d", &tid, &nr) == 2 || (sscanf(line, "exiting %d %i", &tid, &nr) == 2 && nr == SIGKILL))
		return false;
	if (sscanf(line, "gone %d %i", &tid, &nr) == 2 && nr & 0x7f && nr != SIGKILL)
		return false;
	if (sscanf(line, "kernel %d %d", &tid, &nr) == 2 && nr <= -512 && nr >= -516)
		return false;
	for (size_t i = 0; i < sizeof(not) / sizeof(*not); i++)
		if (strstr(line, not[i]))
			return false;
	return true;
}

/* ------------------------------------------------------------------ looking */

const char *fake_action(struct engine *e, pid_t tid)
{
	struct real *r = real_of(e);
	struct actor *a = real_find(r, tid);

	if (!a)
		return NULL;
	real_settle(r, a);
	if (r->breach[0])
		return r->breach;
	if (!a->actions)
		return NULL;
	action_take(&a->actions, r->taken, sizeof(r->taken));
	fake_retell(e, r->taken, sizeof(r->taken));
	return r->taken;
}

const char *fake_any_action(struct engine *e)
{
	struct real *r = real_of(e);
	struct actor *a;
	char text[256];

	LL_FOREACH(r->actors, a) {
		if (!a->actions)
			continue;
		action_take(&a->actions, text, sizeof(text));
		snprintf(r->taken, sizeof(r->taken), "%d %s", a->tid, text);
		return r->taken;
	}
	return NULL;
}

const char *fake_breach(const struct engine *e)
{
	return real_of(e)->breach[0] ? real_of(e)->breach : NULL;
}

unsigned char *fake_memory(struct engine *e, pid_t tid)
{
	struct real *r = real_of(e);
	struct actor *a = real_find(r, tid);

	return a ? (unsigned char *)r->stage + STAGE_HEAD + (size_t)real_puppet(r, a)->memory * FAKE_SIZE : NULL;
}

const struct engine_select *fake_selection(const struct engine *e)
{
	return &real_of(e)->select;
}

pid_t fake_any_task(const struct engine *e)
{
	struct actor *a;

	LL_FOREACH(real_of(e)->actors, a)
		if (!a->gone_told)
			return a->tid;
	return 0;
}

int fake_injected(struct engine *e, pid_t tid)
{
	struct actor *a = real_find(real_of(e), tid);

	return a ? a->injected : 0;
}
