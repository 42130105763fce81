// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seccomp.c - the engine that rests on seccomp notifications alone.
 *
 * No task is traced, so strace(1) and gdb(1) work inside; there are entries and
 * nothing else. What ptrace(2) would tell has to be found out:
 *
 *   a new task    known from its first notification on; pinned by a pidfd, which
 *                 is taken while the task is held in that call
 *   its end       its pidfd polls readable; all pidfds are in one epoll set, which
 *                 the owner polls (fd(), ready())
 *   the last end  the listener polls POLLHUP
 *   the children  of a process that forks are looked up a moment later, and while
 *                 it is held in exit_group(2): so guard.c can kill what would
 *                 otherwise have become a stranger without ever being heard of. One
 *                 that loses its parent to a signal within that moment, and never
 *                 makes a call that stops, outlives the session; confined as it is.
 *
 * What a notification says of its task is true as long as its id is valid, so
 * memory that was read counts only if it is so afterwards. A task that waits for
 * its answer can only be killed (WAIT_KILLABLE_RECV); before that, signals restart
 * the call, but for handlers without SA_RESTART: the program sees EINTR then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "vmmd/engine/filter.h"
#include "vmmd/engine/guard.h"
#include "vmmd/engine/notify.h"
#include "vmmd/engine/procfs.h"
#include "vmmd/engine/seccomp.h"

/* pidfd_open(2): of a thread; Linux 6.9. */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

/* Children of one process that are looked up at a time. */
#define CHILDREN_MAX 4096
/* How long after a fork. */
#define LOOK_NS 5000000

enum sc_state {
	SC_QUIET, /* runs; or waits for an answer nobody owes it */
	SC_NEW,	  /* ENGINE_NEW reported, its call is still to be */
	SC_READY, /* in e->ready */
	SC_ENTRY, /* ENGINE_ENTRY reported */
};

struct sc_engine;

struct engine_task {
	struct sc_engine *e;
	void *owner;
	pid_t tid, tgid;
	int pidfd;	   /* -1: its end is noticed with that of its process */
	uint8_t state;	   /* enum sc_state */
	bool reported;	   /* ENGINE_NEW was */
	bool launching;	   /* before its first execve(2) */
	bool executed;	   /* … which it has been let into */
	bool forked;	   /* leader: its process has children … */
	bool forking;	   /* … which are to be looked up: in e->forking */
	struct engine_task *forking_next;
	uint64_t id;	   /* of the notification it waits in; 0: none */
	struct vmmd_call call;
	struct engine_task *prev, *next; /* e->ready or e->gone */
	UT_hash_handle hh;		 /* e->tasks, by tid */
};

struct sc_engine {
	struct engine base;
	struct engine_select select;
	struct filter filter;
	struct notify notify;
	struct guard guard;
	int epoll; /* pidfds, the timer, and the listener for POLLHUP */
	int timer; /* when to look up the children of e->forking */
	struct engine_task *forking;
	struct engine_task *tasks;
	struct engine_task *ready; /* reported new, their call is next */
	struct engine_task *gone;  /* out of `tasks` */
	struct engine_stats stats;
	uint32_t unwatched; /* threads without a pidfd */
	bool over; /* no task is left that could notify */
};

/* What threads of a process share: clone(2). */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

static struct sc_engine *sc(struct engine *e)
{
	return (struct sc_engine *)(void *)e;
}

static enum engine_how sc_how(uint32_t want)
{
	return want ? ENGINE_HOW_NOTIFY : ENGINE_HOW_ALLOW;
}

/* --------------------------------------------------------------------- tasks */

static struct engine_task *find(struct sc_engine *e, pid_t tid)
{
	struct engine_task *t;

	HASH_FIND_INT(e->tasks, &tid, t);
	return t;
}

/*
 * A leader's stands for its process: the process ends with the last thread. A
 * thread's own needs Linux 6.9; without it its end is that of its process.
 */
static int open_pidfd(pid_t tid)
{
	int fd = (int)syscall(SYS_pidfd_open, tid, 0);

	return fd < 0 && errno != ESRCH ? (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD) : fd;
}

/* Pin it first, then ask who it is. NULL: it has gone, or nobody could watch it. */
static struct engine_task *task_new(struct sc_engine *e, pid_t tid)
{
	struct engine_task *t = calloc(1, sizeof(*t));
	struct epoll_event ev = {.events = EPOLLIN};
	struct procfs_status st;

	if (!t)
		return NULL;
	t->pidfd = open_pidfd(tid);
	ev.data.ptr = t;
	if (procfs_status(tid, &st) < 0 || (t->pidfd < 0 && st.tgid == tid) ||
	    (t->pidfd >= 0 && epoll_ctl(e->epoll, EPOLL_CTL_ADD, t->pidfd, &ev) < 0)) {
		if (t->pidfd >= 0)
			close(t->pidfd);
		free(t);
		return NULL;
	}
	t->e = e;
	t->tid = tid;
	t->tgid = st.tgid;
	e->unwatched += t->pidfd < 0;
	HASH_ADD_INT(e->tasks, tid, t);
	if (++e->stats.tasks > e->stats.tasks_max)
		e->stats.tasks_max = e->stats.tasks;
	return t;
}

/*
 * Its process is one of the session's, until its leader's pidfd says that it has
 * ended; so the leader is on the books too. It is true now that `t` is what it was taken for.
 */
static int task_join(struct engine_task *t)
{
	struct sc_engine *e = t->e;

	if (t->tid != t->tgid && !find(e, t->tgid) && !task_new(e, t->tgid))
		return -ESRCH;
	guard_add(&e->guard, t->tgid);
	return 0;
}

static void task_gone(struct engine_task *t);

/* Threads that could not be watched have ended with their process. */
static void threads_gone(struct sc_engine *e, pid_t tgid)
{
	struct engine_task *t, *tmp;

	if (e->unwatched)
		HASH_ITER(hh, e->tasks, t, tmp)
			if (t->tgid == tgid && t->tid != tgid && t->pidfd < 0)
				task_gone(t);
}

/* It has ended: off the books; its event is still to be reported. */
static void task_gone(struct engine_task *t)
{
	struct sc_engine *e = t->e;

	if (t->pidfd >= 0)
		close(t->pidfd); /* leaves the epoll set with it */
	else
		e->unwatched--;
	t->pidfd = -1;
	if (t->state == SC_READY)
		DL_DELETE(e->ready, t);
	if (t->forking)
		LL_DELETE2(e->forking, t, forking_next);
	t->forking = false;
	t->id = 0;
	HASH_DEL(e->tasks, t);
	e->stats.tasks--;
	DL_APPEND(e->gone, t);
	if (t->tid != t->tgid)
		return;
	guard_remove(&e->guard, t->tgid);
	threads_gone(e, t->tgid);
}

/* Nobody notifies any more: whoever is still on the books has ended, or is about to. */
static void all_gone(struct sc_engine *e)
{
	while (e->tasks)
		task_gone(e->tasks);
}

/* Whatever becomes of their parent, they are ours to kill. */
static void adopt_children(struct sc_engine *e, const struct engine_task *t)
{
	pid_t *pids = malloc(CHILDREN_MAX * sizeof(*pids));
	int n = pids ? procfs_children(t->tgid, pids, CHILDREN_MAX) : 0;

	for (int i = 0; i < n; i++) {
		struct engine_task *child = find(e, pids[i]) ? NULL : task_new(e, pids[i]);

		if (child)
			task_join(child);
	}
	free(pids);
}

static ssize_t copy(struct engine_task *t, uint64_t addr, void *buf, size_t len, bool to_task)
{
	struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};
	ssize_t n;

	if (len == 0)
		return 0;
	if (to_task && t->id && !notify_valid(&t->e->notify, t->id))
		return -EFAULT;
	n = to_task ? process_vm_writev(t->tid, &local, 1, &remote, 1, 0) :
		      process_vm_readv(t->tid, &local, 1, &remote, 1, 0);
	if (n < 0)
		return -EFAULT;
	/* Until here it was this task; what was read is its own. */
	if (!to_task && t->id && !notify_valid(&t->e->notify, t->id))
		return -EFAULT;
	return n;
}

static ssize_t sc_read(struct engine_task *t, uint64_t addr, void *buf, size_t len)
{
	return copy(t, addr, buf, len, false);
}

static void look_up(struct sc_engine *e)
{
	uint64_t times;

	(void)!read(e->timer, &times, sizeof(times));
	while (e->forking) {
		struct engine_task *t = e->forking;

		LL_DELETE2(e->forking, t, forking_next);
		t->forking = false;
		adopt_children(e, t);
	}
}

static bool makes_thread(struct engine_task *t)
{
	uint64_t flags = t->call.args[0];

	if (t->call.nr == SYS_clone3 && sc_read(t, t->call.args[0], &flags, sizeof(flags)) != sizeof(flags))
		return true; /* it will fail */
	return flags & CLONE_THREAD;
}

/* It is about to fork, if it succeeds: look for the child soon. */
static void on_fork(struct sc_engine *e, struct engine_task *leader)
{
	const struct itimerspec soon = {.it_value = {.tv_nsec = LOOK_NS}};

	leader->forked = true;
	if (leader->forking)
		return;
	if (!e->forking)
		timerfd_settime(e->timer, 0, &soon, NULL);
	leader->forking = true;
	LL_PREPEND2(e->forking, leader, forking_next);
}

/* The engine's own interest in a call: own.tbl. */
static void follow(struct sc_engine *e, struct engine_task *t)
{
	struct engine_task *leader;
	bool ends = false;

	switch (t->call.nr) {
	case SYS_exit:
	case SYS_exit_group:
		ends = true;
		break;
	case SYS_clone:
	case SYS_clone3:
		if (makes_thread(t))
			return;
		break;
	case SYS_fork:
	case SYS_vfork:
		break;
	default:
		return;
	}
	leader = find(e, t->tgid);
	if (!leader)
		return;
	if (!ends)
		on_fork(e, leader);
	else if (leader->forked)
		adopt_children(e, leader);
}

static void sc_ready(struct engine *base)
{
	struct sc_engine *e = sc(base);
	struct epoll_event evs[64];
	int n;

	do {
		n = epoll_wait(e->epoll, evs, 64, 0);
		for (int i = 0; i < n; i++) {
			if (evs[i].data.ptr == &e->timer)
				look_up(e);
			else if (evs[i].data.ptr)
				task_gone(evs[i].data.ptr);
			else
				e->over = true;
		}
	} while (n == 64);
}

/* -------------------------------------------------------------------- events */

static int report(struct engine_task *t, enum engine_event_type type, struct engine_event *ev)
{
	ev->type = type;
	ev->task = t;
	ev->owner = t->owner;
	t->e->stats.events++;
	return 1;
}

static int report_entry(struct engine_task *t, struct engine_event *ev)
{
	t->state = SC_ENTRY;
	report(t, ENGINE_ENTRY, ev);
	ev->call = t->call;
	ev->fixed = true;
	return 1;
}

static int report_gone(struct sc_engine *e, struct engine_event *ev)
{
	struct engine_task *t = e->gone;
	bool reported = t->reported;

	DL_DELETE(e->gone, t);
	report(t, ENGINE_GONE, ev);
	ev->status = ENGINE_STATUS_UNKNOWN;
	free(t);
	return reported;
}

/* Is the call the layers' business? Before its first program the process is still the client. */
static bool is_reported(struct engine_task *t)
{
	bool exec = engine_is_exec(t->call.nr);

	if (t->launching && !exec && t->executed)
		t->launching = false;
	if (exec)
		t->executed = true;
	return engine_wanted(&t->e->select, t->call.nr) && (!t->launching || exec);
}

/* Another task of its process that is reported, so that the owner knows them for one; its leader mostly. */
static const struct engine_task *peer_of(struct sc_engine *e, const struct engine_task *t)
{
	const struct engine_task *leader = find(e, t->tgid);
	struct engine_task *other, *tmp;

	if (t->tid == t->tgid)
		return NULL;
	if (leader && leader->reported)
		return leader;
	HASH_ITER(hh, e->tasks, other, tmp)
		if (other != t && other->tgid == t->tgid && other->reported)
			return other;
	return NULL;
}

static int on_call(struct sc_engine *e, const struct notify_call *n, struct engine_event *ev)
{
	const struct engine_task *peer;
	struct engine_task *t = find(e, n->tid);

	e->stats.stops++;
	if (!t) {
		t = task_new(e, n->tid);
		/* It has gone, and its number may be another's; or nobody could watch it. */
		if (!t || !notify_valid(&e->notify, n->id) || task_join(t) < 0) {
			if (t)
				task_gone(t);
			notify_result(&e->notify, n->id, -ENOMEM);
			return 0;
		}
	}
	/* Of one that is still reported new this is another call: its thread was replaced in execve(2). */
	if (t->state != SC_NEW)
		t->state = SC_QUIET;
	t->id = n->id;
	t->call = n->call;
	follow(e, t);
	if (!is_reported(t)) {
		t->id = 0;
		notify_continue(&e->notify, n->id);
		return 0;
	}
	if (t->state == SC_NEW)
		return 0;
	if (t->reported)
		return report_entry(t, ev);
	t->reported = true;
	t->state = SC_NEW;
	report(t, ENGINE_NEW, ev);
	peer = peer_of(e, t);
	if (peer) {
		ev->parent_owner = peer->owner;
		ev->clone_flags = THREAD_FLAGS;
	}
	return 1;
}

/* What needs no sleep: 1 and an event, 0, -ECHILD. */
static int pending(struct sc_engine *e, struct engine_event *ev)
{
	while (e->gone)
		if (report_gone(e, ev))
			return 1;
	if (e->ready) {
		struct engine_task *t = e->ready;

		DL_DELETE(e->ready, t);
		return report_entry(t, ev);
	}
	if (e->notify.fd < 0 && !e->tasks) /* the client has gone before it began */
		return -ECHILD;
	if (!e->over)
		return 0;
	if (!e->tasks)
		return -ECHILD;
	all_gone(e);
	return pending(e, ev);
}

static int sc_next(struct engine *base, struct engine_event *ev, bool block)
{
	struct sc_engine *e = sc(base);

	for (;;) {
		struct notify_call call;
		int rc = pending(e, ev);

		if (rc)
			return rc;
		if (!block && !notify_waiting(&e->notify))
			return 0;
		rc = notify_receive(&e->notify, &call);
		if (rc == 0)
			return 0;
		if (rc < 0) {
			e->over = true;
			continue;
		}
		rc = on_call(e, &call, ev);
		if (rc)
			return rc;
	}
}

/* ------------------------------------------------------------------ resuming */

static int sc_resume(struct engine *base, struct engine_task *t, const struct engine_action *a)
{
	struct sc_engine *e = sc(base);
	uint64_t id = t->id;

	if (t->state == SC_NEW) {
		t->state = id ? SC_READY : SC_QUIET;
		if (id)
			DL_APPEND(e->ready, t);
		return 0;
	}
	if (t->state != SC_ENTRY)
		return -EINVAL;
	t->state = SC_QUIET;
	t->id = 0;
	switch (a->type) {
	case ENGINE_RUN:
		return a->changed ? notify_result(&e->notify, id, -ENOSYS) : notify_continue(&e->notify, id);
	case ENGINE_RETURN:
		return notify_result(&e->notify, id, a->result);
	case ENGINE_RETURN_FD:
		return notify_result_fd(&e->notify, id, a->fd, a->cloexec);
	default:
		return -EINVAL;
	}
}

static int sc_install_fd(struct engine *base, struct engine_task *t, int fd, bool cloexec)
{
	return t->id ? notify_install(&sc(base)->notify, t->id, fd, cloexec) : -ENOTSUP;
}

static bool sc_held(struct engine *base, struct engine_task *t)
{
	return t->id && notify_valid(&sc(base)->notify, t->id);
}

static ssize_t sc_write(struct engine_task *t, uint64_t addr, const void *buf, size_t len)
{
	return copy(t, addr, (void *)(uintptr_t)buf, len, true);
}

/* ----------------------------------------------------------------------- life */

static int sc_probe(char *why, size_t len)
{
	return notify_probe(true, why, len);
}

/* One descriptor for each task. */
static void raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int sc_create(struct engine **out, const struct engine_config *config)
{
	struct sc_engine *e = calloc(1, sizeof(*e));
	struct epoll_event ev = {.events = EPOLLIN};
	struct filter_plan plan = {
		.how = sc_how,
		.foreign = config->foreign,
		.performs = config->performs,
		.notifies = engine_seccomp.name,
	};
	int rc;

	if (!e)
		return -ENOMEM;
	e->base.ops = &engine_seccomp;
	e->select = *config->select;
	e->notify.fd = -1;
	plan.select = &e->select;
	e->timer = -1;
	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll < 0) {
		rc = -errno;
		goto fail;
	}
	e->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	ev.data.ptr = &e->timer;
	if (e->timer < 0 || epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->timer, &ev) < 0) {
		rc = -errno;
		goto fail_epoll;
	}
	rc = filter_build(&e->filter, &plan);
	if (rc < 0)
		goto fail_epoll;
	rc = guard_start(&e->guard);
	if (rc < 0)
		goto fail_filter;
	raise_files();
	*out = &e->base;
	return 0;
fail_filter:
	filter_free(&e->filter);
fail_epoll:
	if (e->timer >= 0)
		close(e->timer);
	close(e->epoll);
fail:
	free(e);
	return rc;
}

static void sc_destroy(struct engine *base)
{
	struct sc_engine *e = sc(base);
	struct engine_task *t, *tmp;

	guard_end(&e->guard);
	all_gone(e);
	DL_FOREACH_SAFE(e->gone, t, tmp)
		free(t);
	notify_close(&e->notify);
	close(e->timer);
	close(e->epoll);
	filter_free(&e->filter);
	free(e);
}

static int sc_filter(struct engine *base, const void **prog, size_t *count)
{
	*prog = sc(base)->filter.prog;
	*count = sc(base)->filter.count;
	return 0;
}

static uint32_t sc_filter_flags(const struct engine *base)
{
	(void)base;
	return notify_flags();
}

static int sc_listen(struct engine *base, pid_t pid, int fd)
{
	struct sc_engine *e = sc(base);
	struct epoll_event ev = {.events = 0};
	int rc = e->notify.fd < 0 ? notify_open(&e->notify, pid, fd) : -EALREADY;

	if (rc == 0 && epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->notify.fd, &ev) < 0)
		rc = -errno;
	if (rc == 0)
		guard_hold(&e->guard, e->notify.fd);
	return rc;
}

static int sc_launch(struct engine *base, pid_t pid)
{
	struct engine_task *t = task_new(sc(base), pid);

	if (!t)
		return -ESRCH;
	t->launching = true;
	guard_first(&sc(base)->guard, pid);
	return 0;
}

static int sc_fd(struct engine *base)
{
	return sc(base)->epoll;
}

static void sc_set_owner(struct engine_task *t, void *owner)
{
	t->owner = owner;
}

static int sc_scratch(struct engine *base, struct engine_task *t, uint64_t *addr)
{
	(void)base;
	(void)t;
	(void)addr;
	return -ENOTSUP;
}

static void sc_identity(const struct engine_task *t, pid_t *tid, pid_t *tgid)
{
	*tid = t->tid;
	*tgid = t->tgid;
}

static int sc_reselect(struct engine *base, const struct engine_select *select)
{
	(void)base;
	return select ? -ENOTSUP : 0;
}

static int sc_inject(struct engine *base, pid_t tid, const siginfo_t *info)
{
	struct engine_task *t = find(sc(base), tid);

	if (!t)
		return -ESRCH;
	return syscall(SYS_rt_tgsigqueueinfo, t->tgid, tid, info->si_signo, info) < 0 ? -errno : 0;
}

static int sc_kill(struct engine *base, struct engine_task *t)
{
	(void)base;
	/* A pidfd cannot mean another process that has its number by now. */
	if (t->pidfd >= 0)
		return syscall(SYS_pidfd_send_signal, t->pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
	return kill(t->tgid, SIGKILL) < 0 ? -errno : 0;
}

static void sc_kill_all(struct engine *base)
{
	guard_kill(&sc(base)->guard);
}

static void sc_stats(const struct engine *base, struct engine_stats *out)
{
	*out = ((const struct sc_engine *)(const void *)base)->stats;
	out->task_bytes = sizeof(struct engine_task);
}

const struct engine_ops engine_seccomp = {
	.name = "seccomp",
	.features = ENGINE_F_ENTRY | ENGINE_F_INSTALL_FD | ENGINE_F_ERRNO,
	.probe = sc_probe,
	.how = sc_how,
	.create = sc_create,
	.destroy = sc_destroy,
	.filter = sc_filter,
	.filter_flags = sc_filter_flags,
	.listen = sc_listen,
	.launch = sc_launch,
	.next = sc_next,
	.fd = sc_fd,
	.ready = sc_ready,
	.install_fd = sc_install_fd,
	.held = sc_held,
	.set_owner = sc_set_owner,
	.resume = sc_resume,
	.read = sc_read,
	.write = sc_write,
	.scratch = sc_scratch,
	.identity = sc_identity,
	.reselect = sc_reselect,
	.inject = sc_inject,
	.kill = sc_kill,
	.kill_all = sc_kill_all,
	.stats = sc_stats,
};
