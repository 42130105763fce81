// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmod.c - the engine of the kernel module: its tasks, their requests, resuming.
 *
 * A task is known by its slot of the memory shared with the module, and by the
 * id that the module has given it. Requests come by the ring (kmod_ring.c).
 *
 * The end of a task is reported before it if somebody wants that: of one that was
 * killed in a request only ENGINE_GONE comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmmd/engine/kmod.h"
#include "vmmd/engine/kmod_impl.h"
#include "vmmd/log.h"

#define TASKS_MAX 16384

static struct km_engine *km(struct engine *e)
{
	return (struct km_engine *)(void *)e;
}

/* --------------------------------------------------------------------- tasks */

static struct engine_task *task_of(const struct km_engine *e, uint64_t id)
{
	uint32_t i = (uint32_t)id;
	struct engine_task *t = i < e->nslots ? e->tasks[i] : NULL;

	return t && t->id == id ? t : NULL;
}

static void task_free(struct engine_task *t)
{
	struct km_engine *e = t->e;

	mm_put(t->mm, t->scratch);
	e->tasks[(uint32_t)t->id] = NULL;
	e->stats.tasks--;
	free(t);
}

/* Takes `mm`, which may be NULL: then there was no memory. */
struct engine_task *km_task_new(struct km_engine *e, uint64_t id, struct mm *mm)
{
	struct engine_task *t = mm ? calloc(1, sizeof(*t)) : NULL;

	if (!t) {
		mm_put(mm, 0);
		return NULL;
	}
	t->mm = mm;
	t->e = e;
	t->id = id;
	e->tasks[(uint32_t)t->id] = t;
	if (++e->stats.tasks > e->stats.tasks_max)
		e->stats.tasks_max = e->stats.tasks;
	return t;
}

/* --------------------------------------------------------------------- selection */

/*
 * Until its first program is in place the process is still the client, which has
 * messages to read and memory to get: only its execve(2) is refused.
 */
static int select_now(struct km_engine *e)
{
	struct engine_select select = e->now;
	struct vmmd_kmod_select to = {.events = 1u << VMMD_KMOD_NEW | 1u << VMMD_KMOD_EXEC | 1u << VMMD_KMOD_GONE};
	struct km_selection s;
	int rc;

	for (int nr = 0; nr < ENGINE_NR_MAX && !e->begun; nr++)
		if (!engine_is_exec(nr))
			select.refuse[nr] = 0;
	rc = km_selection_build(&s, &select, e->foreign, e->performs);
	if (rc < 0)
		return rc;
	if (select.events & VMMD_EVENT_SIGNAL)
		to.events |= 1u << VMMD_KMOD_SIGNAL;
	if (select.events & VMMD_EVENT_TASK_EXIT)
		to.events |= 1u << VMMD_KMOD_EXITING;
	memcpy(to.native, s.native, sizeof(to.native));
	memcpy(e->inlines, s.inlines, sizeof(e->inlines)); /* a call's argument is always the same */
	to.inline_args = (uint64_t)(uintptr_t)e->inlines;
	to.filter = (uint64_t)(uintptr_t)s.filter.prog;
	to.filter_len = (uint32_t)s.filter.count;
	to.paths = (uint64_t)(uintptr_t)s.paths;
	to.paths_len = s.npaths;
	to.path_calls = (uint64_t)(uintptr_t)s.path_calls;
	to.path_calls_len = s.npath_calls;
	rc = ioctl(e->fd, VMMD_IOC_SELECT, &to) < 0 ? -errno : 0;
	km_selection_free(&s);
	return rc;
}

/* --------------------------------------------------------------------- requests */

static int report(struct engine_task *t, enum engine_event_type type, struct engine_event *ev)
{
	ev->type = type;
	ev->task = t;
	ev->owner = t->owner;
	return 1;
}

static void take_call(struct engine_task *t, const struct vmmd_kmod_slot *s)
{
	t->call.nr = s->nr;
	memcpy(t->call.args, s->args, sizeof(t->call.args));
	t->call.pc = s->pc;
	t->call.sp = s->sp;
}

static int on_new(struct km_engine *e, struct vmmd_kmod_slot *s, uint64_t token, struct engine_event *ev)
{
	struct engine_task *parent = s->parent ? task_of(e, s->parent) : NULL;
	struct engine_task *t = km_task_new(e, s->id, mm_inherit(parent ? parent->mm : NULL, s->clone_flags & CLONE_VM));

	if (!s->parent && e->launched)
		e->launched--;
	if (!t) {
		log_error("kmod: out of memory for task %u: it is killed", s->tid);
		km_answer_with(e, s, token, VMMD_KMOD_KILL);
		return 0;
	}
	if (parent && t->mm != parent->mm) /* the copy of the parent's area is its own */
		t->scratch = parent->scratch;
	t->tid = (pid_t)s->tid;
	t->tgid = (pid_t)s->tgid;
	t->launching = s->parent ? parent && parent->launching : !e->begun;
	t->type = VMMD_KMOD_NEW;
	t->token = token;
	t->stopped = true;
	ev->parent_owner = parent ? parent->owner : NULL;
	ev->clone_flags = s->clone_flags;
	return report(t, ENGINE_NEW, ev);
}

static int on_gone(struct km_engine *e, struct vmmd_kmod_slot *s, uint64_t token, struct engine_event *ev)
{
	struct engine_task *t = task_of(e, s->id);
	int status = (int)s->value;
	bool child = s->parent;

	km_answer_with(e, s, token, VMMD_KMOD_RUN);
	if (!t && child)
		return 0;
	if (!t) { /* it never went on after it was taken over */
		if (e->launched)
			e->launched--;
		ev->type = ENGINE_GONE;
		ev->status = status;
		return 1;
	}
	report(t, ENGINE_GONE, ev);
	ev->status = status;
	task_free(t);
	return 1;
}

static int on_entry(struct engine_task *t, struct vmmd_kmod_slot *s, struct engine_event *ev)
{
	if (t->launching && !engine_is_exec(t->call.nr)) {
		t->stopped = false;
		km_answer_with(t->e, s, t->token, VMMD_KMOD_RUN);
		return 0;
	}
	if (s->flags & VMMD_KMOD_S_INLINE && t->call.nr >= 0 && t->call.nr < VMMD_KMOD_NR) {
		t->inline_addr = t->call.args[t->e->inlines[t->call.nr] & VMMD_KMOD_INLINE_ARG];
		t->inline_len = s->data_len <= sizeof(s->data) ? s->data_len : 0;
	}
	ev->call = t->call;
	ev->filtered = s->flags & VMMD_KMOD_S_SECCOMP;
	return report(t, ENGINE_ENTRY, ev);
}

static int on_exec(struct engine_task *t, struct vmmd_kmod_slot *s, struct engine_event *ev)
{
	struct mm *mm = mm_new();

	if (mm) {
		mm_put(t->mm, t->scratch);
		t->mm = mm;
	} else {
		mm_put(t->mm, 0); /* without one it shares no areas */
		t->mm = NULL;
	}
	t->scratch = 0;
	t->launching = false;
	if (!t->e->begun) {
		int rc;

		t->e->begun = true;
		rc = select_now(t->e);
		if (rc < 0) {
			log_error("kmod: cannot select: %s: task %d is killed", strerror(-rc), (int)s->tid);
			t->stopped = false;
			km_answer_with(t->e, s, t->token, VMMD_KMOD_KILL);
			return 0;
		}
	}
	ev->former_tid = t->tid;
	t->tid = (pid_t)s->tid;
	t->tgid = (pid_t)s->tgid;
	return report(t, ENGINE_EXEC, ev);
}

static int on_stop(struct engine_task *t, struct vmmd_kmod_slot *s, uint64_t token, struct engine_event *ev)
{
	t->type = s->type;
	t->token = token;
	t->stopped = true;
	t->value = s->value;
	t->inline_len = 0;
	take_call(t, s);
	switch (t->type) {
	case VMMD_KMOD_ENTRY:
		return on_entry(t, s, ev);
	case VMMD_KMOD_EXIT:
		ev->call = t->call;
		ev->result = t->value;
		return report(t, ENGINE_EXIT, ev);
	case VMMD_KMOD_SIGNAL:
		if (t->launching)
			break;
		ev->info = (siginfo_t *)(void *)s->data;
		return report(t, ENGINE_SIGNAL, ev);
	case VMMD_KMOD_EXEC:
		return on_exec(t, s, ev);
	case VMMD_KMOD_EXITING:
		if (t->launching)
			break;
		ev->status = (int)t->value;
		return report(t, ENGINE_EXITING, ev);
	default:
		break;
	}
	t->stopped = false;
	km_answer_with(t->e, s, token, VMMD_KMOD_RUN);
	return 0;
}

/* One token of the ring: 1 and an event, or 0 if it was void or the engine's own business. */
static int on_token(struct km_engine *e, uint64_t token, struct engine_event *ev)
{
	uint32_t i = (uint32_t)token;
	struct vmmd_kmod_slot *s = i < e->nslots ? &e->slots[i] : NULL;
	struct engine_task *t;

	if (!s || __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == VMMD_KMOD_FREE || s->seq != token >> 32)
		return 0;
	t = task_of(e, s->id);
	if (s->flags & VMMD_KMOD_S_KILLED) {
		if (t) {
			t->stopped = false; /* its resume finds nobody; GONE follows */
			t->killed = true;
		}
		km_answer_with(e, s, token, VMMD_KMOD_RUN);
		return 0;
	}
	if (t && t->stopped && t->token == token)
		return 0; /* it comes again for a flag that we did not ask for */
	if (s->type == VMMD_KMOD_GONE)
		return on_gone(e, s, token, ev);
	if (t && km_put_off(t, token))
		return 0;
	if (s->type == VMMD_KMOD_NEW && !t)
		return on_new(e, s, token, ev);
	if (t)
		return on_stop(t, s, token, ev);
	km_answer_with(e, s, token, VMMD_KMOD_KILL); /* one that there was no memory for */
	return 0;
}

static bool km_next_token(struct km_engine *e, uint64_t *token)
{
	if (!e->nagain)
		return km_take(e, token);
	*token = e->again[--e->nagain];
	return true;
}

static int km_next(struct engine *base, struct engine_event *ev, bool block)
{
	struct km_engine *e = km(base);

	for (;;) {
		uint64_t token;
		int rc;

		if (e->detached)
			return -ECHILD;
		if (km_announce_taken(e, ev))
			return 1;
		if (km_next_token(e, &token)) {
			e->stats.stops++;
			rc = on_token(e, token, ev);
			if (!rc)
				continue;
			km_ring_bell(e); /* its task does not wait for what the layers do with this event */
			e->stats.events++;
			return rc;
		}
		if (!e->stats.tasks && !e->launched) {
			km_ring_bell(e);
			return -ECHILD;
		}
		if (!block) {
			km_ring_bell(e);
			return 0;
		}
		rc = km_wait(e);
		if (rc < 0)
			return rc == -EINTR ? 0 : rc;
	}
}

/* ------------------------------------------------------------------------ resume */

static void set_place(struct vmmd_kmod_answer *to, const struct engine_task *t, const struct vmmd_call *c)
{
	if (c->pc != t->call.pc) {
		to->flags |= VMMD_KMOD_A_PC;
		to->pc = c->pc;
	}
	if (c->sp != t->call.sp) {
		to->flags |= VMMD_KMOD_A_SP;
		to->sp = c->sp;
	}
}

static void set_call(struct vmmd_kmod_answer *to, const struct vmmd_call *c)
{
	to->flags |= VMMD_KMOD_A_NR | VMMD_KMOD_A_ARGS;
	to->nr = c->nr;
	memcpy(to->args, c->args, sizeof(to->args));
}

static void at_entry(struct vmmd_kmod_answer *to, const struct engine_task *t, const struct engine_action *a)
{
	if (a->changed)
		set_place(to, t, a->call);
	if (a->type == ENGINE_RETURN) {
		to->action = VMMD_KMOD_RETURN;
		to->result = a->result;
		return;
	}
	if (a->changed)
		set_call(to, a->call);
	if (a->want_exit)
		to->flags |= VMMD_KMOD_A_EXIT;
}

static void at_exit_of(struct vmmd_kmod_answer *to, const struct engine_task *t, const struct engine_action *a)
{
	if (a->type == ENGINE_RUN) {
		to->action = VMMD_KMOD_REISSUE;
		set_call(to, a->call);
		if (a->want_exit)
			to->flags |= VMMD_KMOD_A_EXIT;
		return;
	}
	if (a->changed)
		set_place(to, t, a->call);
	if (a->result != t->value) {
		to->flags |= VMMD_KMOD_A_RESULT;
		to->result = a->result;
	}
}

static int km_install_fd(struct engine *base, struct engine_task *t, int fd, bool cloexec)
{
	struct vmmd_kmod_install in = {.id = t->id, .fd = fd, .flags = cloexec ? O_CLOEXEC : 0};
	int n = ioctl(km(base)->fd, VMMD_IOC_INSTALL, &in);

	return n < 0 ? -errno : n;
}

static int km_resume(struct engine *base, struct engine_task *t, const struct engine_action *a)
{
	struct vmmd_kmod_slot *s = km_slot(t);
	struct vmmd_kmod_answer to = {.action = VMMD_KMOD_RUN};
	struct engine_action with_fd;

	if (t->taken) {
		km_taken_goes_on(t);
		return 0;
	}
	if (!t->stopped)
		return t->killed ? -ESRCH : -EINVAL;
	if (a->type == ENGINE_RETURN_FD) {
		with_fd = *a;
		with_fd.type = ENGINE_RETURN;
		with_fd.result = km_install_fd(base, t, a->fd, a->cloexec);
		a = &with_fd;
	}
	if (t->type == VMMD_KMOD_ENTRY)
		at_entry(&to, t, a);
	else if (t->type == VMMD_KMOD_EXIT)
		at_exit_of(&to, t, a);
	else if (t->type == VMMD_KMOD_SIGNAL && a->type == ENGINE_DROP)
		to.action = VMMD_KMOD_DROP;
	else if (t->type == VMMD_KMOD_SIGNAL)
		to.flags = VMMD_KMOD_A_SIGINFO;
	t->stopped = false;
	t->inline_len = 0;
	s->answer = to;
	km_answer(km(base), s, t->token);
	return 0;
}

/* The module says in the slot that the task has left, before it ends. */
static bool km_held(struct engine *base, struct engine_task *t)
{
	(void)base;
	return t->stopped && !(__atomic_load_n(&km_slot(t)->flags, __ATOMIC_ACQUIRE) & VMMD_KMOD_S_KILLED);
}

/* ------------------------------------------------------------- selecting more */

static int km_reselect(struct engine *base, const struct engine_select *select)
{
	struct km_engine *e = km(base);

	e->now = select ? *select : e->select;
	return select_now(e);
}

/* -------------------------------------------------------------- the interface */

static int open_device(char *why, size_t len)
{
	struct vmmd_kmod_info info;
	int fd = open(VMMD_KMOD_DEVICE, O_RDWR | O_CLOEXEC);
	int rc = fd < 0 ? -errno : 0;

	if (rc == -ENOENT || rc == -ENXIO || rc == -ENODEV)
		snprintf(why, len, "there is no %s: the kernel module vmmd is not loaded", VMMD_KMOD_DEVICE);
	else if (rc < 0)
		snprintf(why, len, "%s: %s", VMMD_KMOD_DEVICE, strerror(-rc));
	if (rc < 0)
		return rc;
	if (ioctl(fd, VMMD_IOC_INFO, &info) < 0)
		info.abi_major = info.abi_minor = 0;
	if (info.abi_major == VMMD_KMOD_ABI_MAJOR && info.abi_minor >= VMMD_KMOD_ABI_MINOR)
		return fd;
	snprintf(why, len, "the kernel module speaks version %u.%u of its interface, not %d.%d; load the one that came with this vmmd",
		 info.abi_major, info.abi_minor, VMMD_KMOD_ABI_MAJOR, VMMD_KMOD_ABI_MINOR);
	close(fd);
	return -EPROTO;
}

static int km_probe(char *why, size_t len)
{
	int fd = open_device(why, len);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int share(struct km_engine *e)
{
	struct vmmd_kmod_create how = {
		.flags = e->release ? VMMD_KMOD_F_RELEASE : 0,
		.foreign = e->foreign == ENGINE_FOREIGN_NATIVE ? VMMD_KMOD_FOREIGN_NATIVE : VMMD_KMOD_FOREIGN_REFUSE,
		.max_tasks = TASKS_MAX,
		.spin_us = KM_SPIN_US,
	};
	void *map;
	int rc = e->begun ? km_take_shape(e, &how) : ioctl(e->fd, VMMD_IOC_CREATE, &how) < 0 ? -errno : 0;

	if (rc < 0)
		return rc;
	map = mmap(NULL, how.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, e->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	/* A child of ours that had it would keep the engine alive beyond us. */
	madvise(map, how.map_size, MADV_DONTFORK);
	e->map = map;
	e->map_size = how.map_size;
	e->header = map;
	e->ring = (const volatile uint64_t *)(const void *)(e->map + sysconf(_SC_PAGESIZE));
	e->ring_mask = how.ring_entries - 1;
	e->slots = (struct vmmd_kmod_slot *)(void *)(e->map + how.slots_offset);
	e->nslots = (uint32_t)((how.map_size - how.slots_offset) / sizeof(struct vmmd_kmod_slot));
	e->tasks = calloc(e->nslots, sizeof(struct engine_task *));
	km_wait_init(e);
	return e->tasks ? 0 : -ENOMEM;
}

static void engine_free(struct km_engine *e)
{
	for (uint32_t i = 0; e->tasks && i < e->nslots; i++)
		if (e->tasks[i])
			task_free(e->tasks[i]);
	free(e->tasks);
	free(e->again);
	if (e->map)
		munmap(e->map, e->map_size);
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

static int km_create(struct engine **out, const struct engine_config *config)
{
	struct km_engine *e = calloc(1, sizeof(*e));
	char why[160];
	int rc;

	if (!e)
		return -ENOMEM;
	e->base.ops = &engine_kmod;
	e->select = *config->select;
	e->now = *config->select;
	e->performs = config->performs;
	e->foreign = config->foreign;
	e->release = config->release;
	e->begun = config->taken;
	e->fd = config->taken ? *config->taken : open_device(why, sizeof(why));
	if (config->taken)
		*config->taken = -1;
	rc = e->fd < 0 ? e->fd : share(e);
	if (rc == 0)
		rc = select_now(e);
	if (rc == 0 && config->taken)
		rc = km_take_tasks(e);
	if (rc < 0) {
		engine_free(e);
		return rc;
	}
	*out = &e->base;
	return 0;
}

/* The module does the rest when its descriptor is closed: it kills the tasks, or lets them go. */
static void km_destroy(struct engine *base)
{
	km_ring_bell(km(base));
	engine_free(km(base));
}

/* The module has its own copy of the selection. */
static int km_filter(struct engine *base, const void **prog, size_t *count)
{
	(void)base;
	*prog = NULL;
	*count = 0;
	return 0;
}

static int km_hand(const struct engine *base)
{
	return ((const struct km_engine *)(const void *)base)->fd;
}

static int km_launch(struct engine *base, pid_t pid)
{
	struct vmmd_kmod_attach how = {.pid = pid};

	if (ioctl(km(base)->fd, VMMD_IOC_ATTACH, &how) < 0)
		return -errno;
	km(base)->launched += how.attached;
	return 0;
}

static void km_detach(struct engine *base)
{
	struct km_engine *e = km(base);

	km_ring_bell(e);
	e->detached = true;
	ioctl(e->fd, VMMD_IOC_DETACH);
}

/* It is no client of ours that is yet to become a program. Of its threads some may be ours when it fails. */
static int km_attach(struct engine *base, pid_t pid)
{
	int rc;

	km(base)->begun = true;
	rc = select_now(km(base));
	if (rc == 0)
		rc = km_launch(base, pid);
	if (rc < 0)
		km_detach(base);
	return rc;
}

static int km_fd(struct engine *base)
{
	(void)base;
	return -1; /* next() waits and answers in one */
}

static void km_set_owner(struct engine_task *t, void *owner)
{
	t->owner = owner;
}

static void km_identity(const struct engine_task *t, pid_t *tid, pid_t *tgid)
{
	*tid = t->tid;
	*tgid = t->tgid;
}

static struct engine_task *find_tid(const struct km_engine *e, pid_t tid)
{
	for (uint32_t i = 0; i < e->nslots; i++)
		if (e->tasks[i] && e->tasks[i]->tid == tid)
			return e->tasks[i];
	return NULL;
}

static int km_inject(struct engine *base, pid_t tid, const siginfo_t *info)
{
	struct engine_task *t = find_tid(km(base), tid);

	if (!t)
		return -ESRCH;
	return syscall(SYS_rt_tgsigqueueinfo, t->tgid, tid, info->si_signo, info) < 0 ? -errno : 0;
}

/* By id: its number may be another's as soon as its parent has waited for it. */
static int km_kill(struct engine *base, struct engine_task *t)
{
	struct vmmd_kmod_kill k = {.id = t->id};

	if (km(base)->detached)
		return -ESRCH;
	return ioctl(km(base)->fd, VMMD_IOC_KILL, &k) < 0 ? -errno : 0;
}

static void km_kill_all(struct engine *base)
{
	struct km_engine *e = km(base);

	for (uint32_t i = 0; i < e->nslots; i++)
		if (e->tasks[i])
			km_kill(base, e->tasks[i]);
}

static void km_stats(const struct engine *base, struct engine_stats *out)
{
	const struct km_engine *e = (const struct km_engine *)(const void *)base;

	*out = e->stats;
	out->task_bytes = sizeof(struct engine_task);
	out->coming = e->launched;
}

const struct engine_ops engine_kmod = {
	.name = "kmod",
	.features = ENGINE_F_ENTRY | ENGINE_F_EXIT | ENGINE_F_REWRITE | ENGINE_F_RESULT | ENGINE_F_REISSUE |
		    ENGINE_F_SIGNAL | ENGINE_F_LIFECYCLE | ENGINE_F_ATTACH | ENGINE_F_RESELECT | ENGINE_F_INSTALL_FD |
		    ENGINE_F_ERRNO | ENGINE_F_PATHS | ENGINE_F_RELEASE | ENGINE_F_INSTALL_ANY | ENGINE_F_HAND_OVER,
	.probe = km_probe,
	.how = km_how,
	.create = km_create,
	.destroy = km_destroy,
	.filter = km_filter,
	.launch = km_launch,
	.attach = km_attach,
	.detach = km_detach,
	.next = km_next,
	.fd = km_fd,
	.install_fd = km_install_fd,
	.held = km_held,
	.hand = km_hand,
	.set_owner = km_set_owner,
	.resume = km_resume,
	.read = km_read,
	.write = km_write,
	.scratch = km_scratch,
	.identity = km_identity,
	.reselect = km_reselect,
	.inject = km_inject,
	.kill = km_kill,
	.kill_all = km_kill_all,
	.stats = km_stats,
};
