// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fake.c - an engine without processes, for the scenarios.
 *
 * A task is an entry in a list with 64 KiB of memory and 64 KiB of scratch
 * area. It is held from the moment an event of it was handed out until
 * resume(). At an exit event the fields of `call` that engine.h does not
 * promise are filled with rubbish, so that nobody relies on them. GONE hands
 * out no task at all.
 */
#include "tests/scenario/fake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "tests/scenario/action.h"

#define RUBBISH 0x5a5a5a5a5a5aLL

struct engine_task {
	struct engine_task *next;
	pid_t tid, tgid;
	void *owner;
	bool held;    /* an event was handed out */
	bool pushed;  /* an event that holds it is on its way */
	bool dying;
	bool in_call; /* the kernel is to run a call and report its exit */
	int injected;
	enum engine_event_type at; /* the event it is held at */
	bool fixed;		   /* … an entry that cannot be changed */
	struct vmmd_call call;	   /* as the registers are */
	siginfo_t info;
	struct action *actions;
	unsigned char memory[FAKE_SIZE];
	unsigned char scratch[ENGINE_SCRATCH];
};

struct queued {
	struct queued *next;
	struct fake_event ev;
	int64_t result; /* EXIT */
};

struct fake {
	struct engine base;
	struct engine_select first, select; /* as created, and now */
	struct engine_task *tasks;
	struct queued *queue;
	bool started; /* there was a task */
	char breach[256];
	char taken[300];
	struct engine_stats stats;
};

static struct fake *fake_of(const struct engine *e)
{
	return (struct fake *)(uintptr_t)e;
}

static void breach(struct fake *f, const char *what, pid_t tid)
{
	if (!f->breach[0])
		snprintf(f->breach, sizeof(f->breach), "task %d: %s", tid, what);
}

static struct engine_task *find(const struct fake *f, pid_t tid)
{
	struct engine_task *t;

	LL_FOREACH(f->tasks, t)
		if (t->tid == tid)
			return t;
	return NULL;
}

/* ------------------------------------------------------------------ actions */

static const char *take(struct fake *f, struct engine_task *t, bool with_tid)
{
	char text[256];

	action_take(&t->actions, text, sizeof(text));
	if (with_tid)
		snprintf(f->taken, sizeof(f->taken), "%d %s", t->tid, text);
	else
		snprintf(f->taken, sizeof(f->taken), "%s", text);
	return f->taken;
}

const char *fake_action(struct engine *e, pid_t tid)
{
	struct engine_task *t = find(fake_of(e), tid);

	return t && t->actions ? take(fake_of(e), t, false) : NULL;
}

const char *fake_any_action(struct engine *e)
{
	struct engine_task *t;

	LL_FOREACH(fake_of(e)->tasks, t)
		if (t->actions)
			return take(fake_of(e), t, true);
	return NULL;
}

const char *fake_breach(const struct engine *e)
{
	return fake_of(e)->breach[0] ? fake_of(e)->breach : NULL;
}

/* At a fixed entry the call runs as it is, and its exit is seen only by an engine that has exits. */
static bool allowed_fixed(const struct engine_task *t, const struct engine_action *a, uint32_t features)
{
	switch (a->type) {
	case ENGINE_RUN:
		return (!a->changed || memcmp(a->call, &t->call, sizeof(t->call)) == 0) &&
		       (!a->want_exit || (features & ENGINE_F_EXIT));
	case ENGINE_RETURN:
		return !a->changed;
	case ENGINE_RETURN_FD:
		return fcntl(a->fd, F_GETFD) >= 0;
	case ENGINE_AGAIN:
		return features & ENGINE_F_REWRITE;
	default:
		return false;
	}
}

/* May the core do this to a task held at this event? */
static bool allowed(const struct engine_task *t, const struct engine_action *a, uint32_t features)
{
	enum engine_action_type type = a->type;

	switch (t->at) {
	case ENGINE_ENTRY:
		if (t->fixed)
			return allowed_fixed(t, a, features);
		if (type == ENGINE_RETURN_FD)
			return (features & ENGINE_F_INSTALL_ANY) && fcntl(a->fd, F_GETFD) >= 0;
		return type == ENGINE_RUN || type == ENGINE_RETURN;
	case ENGINE_EXIT:
		return type == ENGINE_RUN || type == ENGINE_RETURN;
	case ENGINE_SIGNAL:
		return type == ENGINE_GO || type == ENGINE_DROP;
	case ENGINE_NEW:
	case ENGINE_EXEC:
	case ENGINE_EXITING:
		return type == ENGINE_GO;
	default:
		return false;
	}
}

/* The registers are as the action has them. */
static void apply(struct engine_task *t, const struct engine_action *a)
{
	char text[256];

	action_text(a, t->at, &t->call, t->info.si_signo, text, sizeof(text));
	action_add(&t->actions, text);
	if (a->type == ENGINE_RUN)
		t->in_call = a->want_exit;
	if (!a->changed)
		return;
	if (a->type == ENGINE_RUN) {
		t->call.nr = a->call->nr;
		memcpy(t->call.args, a->call->args, sizeof(t->call.args));
	}
	t->call.pc = a->call->pc;
	t->call.sp = a->call->sp;
}

static int fake_resume(struct engine *e, struct engine_task *t, const struct engine_action *a)
{
	struct fake *f = fake_of(e);

	if (!t->held) {
		breach(f, "resumed, but it is not stopped", t->tid);
		return -EINVAL;
	}
	if (!allowed(t, a, e->ops->features))
		breach(f, "resumed with an action that its event does not allow", t->tid);
	else if (a->changed && !a->call)
		breach(f, "resumed with a changed call that is not there", t->tid);
	else if (!t->dying)
		apply(t, a);
	t->held = false;
	return t->dying ? -ESRCH : 0;
}

/* ------------------------------------------------------------------- events */

static int enqueue(struct fake *f, const struct fake_event *ev, int64_t result)
{
	struct queued *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->ev = *ev;
	q->result = result;
	LL_APPEND(f->queue, q);
	return 0;
}

static int add_task(struct fake *f, const struct fake_event *ev)
{
	struct engine_task *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->tid = ev->tid;
	t->tgid = ev->tgid;
	t->call.pc = FAKE_PC;
	t->call.sp = FAKE_SP;
	t->pushed = true;
	LL_APPEND(f->tasks, t);
	f->started = true;
	f->stats.tasks++;
	if (f->stats.tasks > f->stats.tasks_max)
		f->stats.tasks_max = f->stats.tasks;
	return 0;
}

int fake_push(struct engine *e, const struct fake_event *ev)
{
	struct fake *f = fake_of(e);
	struct engine_task *t = find(f, ev->type == ENGINE_EXEC ? ev->former_tid : ev->tid);
	int rc = 0;

	if (ev->type == ENGINE_NEW)
		rc = t ? -EEXIST : add_task(f, ev);
	else if (!t)
		rc = -ESRCH;
	else if (ev->type == ENGINE_GONE || ev->type == ENGINE_EXITING)
		t->held = false; /* SIGKILL ends a stop */
	else if (t->held || t->pushed)
		rc = -EBUSY;
	else if (ev->type == ENGINE_EXEC && ev->former_tid != ev->tid && find(f, ev->tid))
		rc = -EEXIST;
	else
		t->pushed = true;
	if (!rc && ev->type == ENGINE_EXEC)
		t->tid = ev->tid;
	return rc ? rc : enqueue(f, ev, 0);
}

int fake_kernel(struct engine *e, pid_t tid, int64_t result, uint64_t pc, uint64_t sp)
{
	struct engine_task *t = find(fake_of(e), tid);
	struct fake_event ev = { .type = ENGINE_EXIT, .tid = tid };

	if (!t)
		return -ESRCH;
	if (!t->in_call || t->held || t->pushed)
		return -EINVAL;
	t->in_call = false;
	t->pushed = true;
	t->call.pc = pc ? pc : t->call.pc;
	t->call.sp = sp ? sp : t->call.sp;
	return enqueue(fake_of(e), &ev, result);
}

int fake_dying(struct engine *e, pid_t tid)
{
	struct engine_task *t = find(fake_of(e), tid);

	if (!t)
		return -ESRCH;
	t->dying = true;
	return 0;
}

static void free_task(struct fake *f, struct engine_task *t)
{
	action_free(&t->actions);
	LL_DELETE(f->tasks, t);
	free(t);
	f->stats.tasks--;
}

static bool is_fixed(const struct fake *f, int64_t nr)
{
	bool one = nr >= 0 && nr < ENGINE_NR_MAX;

	return f->base.ops->how(one ? f->select.want[nr] : f->select.want_other) == ENGINE_HOW_NOTIFY;
}

/* What engine.h promises for each type, and rubbish for the rest. */
static void fill(struct fake *f, struct engine_task *t, const struct queued *q, struct engine_event *out)
{
	const struct fake_event *ev = &q->ev;
	struct engine_task *parent = ev->type == ENGINE_NEW ? find(f, ev->parent) : NULL;

	memset(out, 0, sizeof(*out));
	out->type = ev->type;
	out->task = t;
	out->owner = t->owner;
	out->parent_owner = parent ? parent->owner : NULL;
	out->clone_flags = ev->clone_flags;
	out->former_tid = ev->former_tid;
	out->status = ev->status;
	out->result = q->result;
	out->call.nr = RUBBISH;
	memset(out->call.args, 0x5a, sizeof(out->call.args));
	if (ev->type == ENGINE_ENTRY) {
		t->call = ev->call;
		out->call = ev->call;
		out->again = ev->again;
		out->fixed = t->fixed = !ev->again && is_fixed(f, ev->call.nr);
	} else if (ev->type == ENGINE_EXIT) {
		out->call.pc = t->call.pc;
		out->call.sp = t->call.sp;
	} else if (ev->type == ENGINE_SIGNAL) {
		t->info = ev->info;
		out->info = &t->info;
	}
}

static int fake_next(struct engine *e, struct engine_event *out, bool block)
{
	struct fake *f = fake_of(e);
	struct queued *q = f->queue;
	struct engine_task *t;

	if (!q) {
		if (block)
			breach(f, "next() would block for ever", 0);
		return f->started && !f->tasks ? -ECHILD : 0;
	}
	LL_DELETE(f->queue, q);
	t = find(f, q->ev.tid);
	if (!t) {
		free(q);
		return fake_next(e, out, block);
	}
	f->stats.stops++;
	f->stats.events++;
	fill(f, t, q, out);
	if (q->ev.type == ENGINE_GONE) {
		out->task = NULL;
		free_task(f, t);
	} else {
		t->pushed = false;
		t->held = true;
		t->at = q->ev.type;
	}
	free(q);
	return 1;
}

/* ---------------------------------------------------------------- the table */

static int create(struct engine **out, const struct engine_config *config, const struct engine_ops *ops)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->base.ops = ops;
	f->first = f->select = *config->select;
	f->stats.task_bytes = sizeof(struct engine_task);
	*out = &f->base;
	return 0;
}

static void fake_destroy(struct engine *e)
{
	struct fake *f = fake_of(e);
	struct queued *q, *tmp;

	while (f->tasks)
		free_task(f, f->tasks);
	LL_FOREACH_SAFE(f->queue, q, tmp)
		free(q);
	free(f);
}

static int fake_probe(char *why, size_t len)
{
	if (len)
		why[0] = 0;
	return 0;
}

static int fake_filter(struct engine *e, const void **prog, size_t *count)
{
	(void)e;
	*prog = NULL;
	*count = 0;
	return 0;
}

static int fake_launch(struct engine *e, pid_t pid)
{
	struct fake_event ev = { .type = ENGINE_NEW, .tid = pid, .tgid = pid };

	return fake_push(e, &ev);
}

static int fake_fd(struct engine *e)
{
	(void)e;
	return -ENOTSUP;
}

static void fake_set_owner(struct engine_task *t, void *owner)
{
	t->owner = owner;
}

static unsigned char *at(struct engine_task *t, uint64_t addr, size_t *room)
{
	uint64_t scratch = FAKE_SCRATCH + (uint64_t)t->tid * ENGINE_SCRATCH;

	if (addr >= FAKE_BASE && addr < FAKE_BASE + FAKE_SIZE) {
		*room = (size_t)(FAKE_BASE + FAKE_SIZE - addr);
		return t->memory + (addr - FAKE_BASE);
	}
	if (addr >= scratch && addr < scratch + ENGINE_SCRATCH) {
		*room = (size_t)(scratch + ENGINE_SCRATCH - addr);
		return t->scratch + (addr - scratch);
	}
	return NULL;
}

static ssize_t fake_read(struct engine_task *t, uint64_t addr, void *buf, size_t len)
{
	size_t room = 0;
	unsigned char *p = at(t, addr, &room);

	if (!p)
		return -EFAULT;
	if (len > room)
		len = room;
	memcpy(buf, p, len);
	return (ssize_t)len;
}

static ssize_t fake_write(struct engine_task *t, uint64_t addr, const void *buf, size_t len)
{
	size_t room = 0;
	unsigned char *p = at(t, addr, &room);

	if (!p)
		return -EFAULT;
	if (len > room)
		len = room;
	memcpy(p, buf, len);
	return (ssize_t)len;
}

static int fake_scratch(struct engine *e, struct engine_task *t, uint64_t *addr)
{
	if (!t->held || (t->at != ENGINE_ENTRY && t->at != ENGINE_EXIT) || (t->at == ENGINE_ENTRY && t->fixed)) {
		breach(fake_of(e), "scratch area outside of a system call stop that can rewrite", t->tid);
		return -EINVAL;
	}
	*addr = FAKE_SCRATCH + (uint64_t)t->tid * ENGINE_SCRATCH;
	return 0;
}

static int fake_install_fd(struct engine *e, struct engine_task *t, int fd, bool cloexec)
{
	bool can = t->fixed || (e->ops->features & ENGINE_F_INSTALL_ANY);

	if (!t->held || t->at != ENGINE_ENTRY || !can || fcntl(fd, F_GETFD) < 0) {
		breach(fake_of(e), "a descriptor installed where none can be", t->tid);
		return -EINVAL;
	}
	action_add(&t->actions, cloexec ? "install cloexec" : "install");
	return FAKE_FD;
}

static enum engine_how how_traced(uint32_t want)
{
	return want ? ENGINE_HOW_TRACE : ENGINE_HOW_ALLOW;
}

static enum engine_how how_mixed(uint32_t want)
{
	if (want & (VMMD_WANT_EXIT | VMMD_WANT_REWRITE | VMMD_WANT_RESULT | VMMD_WANT_REISSUE))
		return ENGINE_HOW_TRACE;
	return want ? ENGINE_HOW_NOTIFY : ENGINE_HOW_ALLOW;
}

static enum engine_how how_notified(uint32_t want)
{
	return want ? ENGINE_HOW_NOTIFY : ENGINE_HOW_ALLOW;
}

static void fake_identity(const struct engine_task *t, pid_t *tid, pid_t *tgid)
{
	*tid = t->tid;
	*tgid = t->tgid;
}

static int fake_reselect(struct engine *e, const struct engine_select *select)
{
	struct fake *f = fake_of(e);

	f->select = select ? *select : f->first;
	return 0;
}

static int fake_inject(struct engine *e, pid_t tid, const siginfo_t *info)
{
	struct engine_task *t = find(fake_of(e), tid);

	if (!t)
		return -ESRCH;
	t->injected = info->si_signo;
	return 0;
}

static int fake_kill(struct engine *e, struct engine_task *victim)
{
	struct engine_task *t;

	LL_FOREACH(fake_of(e)->tasks, t) {
		if (t->tgid != victim->tgid || t->dying)
			continue;
		t->dying = true;
		action_add(&t->actions, "kill");
	}
	return 0;
}

static void fake_kill_all(struct engine *e)
{
	struct engine_task *t;

	LL_FOREACH(fake_of(e)->tasks, t)
		fake_kill(e, t);
}

static void fake_stats(const struct engine *e, struct engine_stats *out)
{
	*out = fake_of(e)->stats;
}

/* A table of its own for each set of features, because create() is not told which one it was called from. */
#define FAKE(id, text, has, way)                                                                    \
	static int create_##id(struct engine **out, const struct engine_config *config);           \
	static const struct engine_ops ops_##id = {                                                \
		.name = text,                                                                      \
		.features = (has),                                                                 \
		.probe = fake_probe,                                                               \
		.how = way,                                                                        \
		.create = create_##id,                                                             \
		.destroy = fake_destroy,                                                           \
		.filter = fake_filter,                                                             \
		.launch = fake_launch,                                                             \
		.install_fd = fake_install_fd,                                                     \
		.next = fake_next,                                                                 \
		.fd = fake_fd,                                                                     \
		.set_owner = fake_set_owner,                                                       \
		.resume = fake_resume,                                                             \
		.read = fake_read,                                                                 \
		.write = fake_write,                                                               \
		.scratch = fake_scratch,                                                           \
		.identity = fake_identity,                                                         \
		.reselect = fake_reselect,                                                         \
		.inject = fake_inject,                                                             \
		.kill = fake_kill,                                                                 \
		.kill_all = fake_kill_all,                                                         \
		.stats = fake_stats,                                                               \
	};                                                                                         \
	static int create_##id(struct engine **out, const struct engine_config *config)            \
	{                                                                                          \
		return create(out, config, &ops_##id);                                             \
	}

#define ALL (((1u << ENGINE_F_COUNT_) - 1) & ~ENGINE_F_INSTALL_ANY)
#define ENTRY_ONLY (ENGINE_F_ENTRY | ENGINE_F_LIFECYCLE | ENGINE_F_INSTALL_FD | ENGINE_F_ERRNO)

FAKE(full, "full", ALL, how_traced)
FAKE(no_exit, "no-exit", ALL & ~ENGINE_F_EXIT, how_traced)
FAKE(no_rewrite, "no-rewrite", ALL & ~ENGINE_F_REWRITE, how_traced)
FAKE(no_reissue, "no-reissue", ALL & ~ENGINE_F_REISSUE, how_traced)
FAKE(no_signal, "no-signal", ALL & ~ENGINE_F_SIGNAL, how_traced)
FAKE(module, "module", (ALL & ~ENGINE_F_SAFE_ARGS) | ENGINE_F_INSTALL_ANY, how_traced)
FAKE(mixed, "mixed", ALL & ~ENGINE_F_SAFE_ARGS, how_mixed)
FAKE(notify, "notify", ENTRY_ONLY, how_notified)
FAKE(fixed, "fixed", ENTRY_ONLY | ENGINE_F_EXIT | ENGINE_F_RESULT, how_notified)

const struct engine_ops *fake_named(const char *name)
{
	static const struct engine_ops *const all[] = { &ops_full,	&ops_no_exit, &ops_no_rewrite, &ops_no_reissue,
							&ops_no_signal, &ops_mixed,   &ops_notify,     &ops_fixed,
							&ops_module };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

bool fake_plays(const char *line)
{
	(void)line;
	return true;
}

void fake_retell(const struct engine *e, char *text, size_t len)
{
	(void)e, (void)text, (void)len;
}

/* ------------------------------------------------------------------ looking */

unsigned char *fake_memory(struct engine *e, pid_t tid)
{
	struct engine_task *t = find(fake_of(e), tid);

	return t ? t->memory : NULL;
}

const struct engine_select *fake_selection(const struct engine *e)
{
	return &fake_of(e)->select;
}

pid_t fake_any_task(const struct engine *e)
{
	return fake_of(e)->tasks ? fake_of(e)->tasks->tid : 0;
}

int fake_injected(struct engine *e, pid_t tid)
{
	struct engine_task *t = find(fake_of(e), tid);

	return t ? t->injected : 0;
}
