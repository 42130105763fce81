// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace_wait.c - getting wait statuses.
 *
 * wait4(-1) looks at every tracee until it finds one that has something to
 * say: about 12 ns for each, cached, which is nothing for ten tasks and a
 * hundred microseconds for four thousand. It begins with the same one each time,
 * so a busy task would keep others from being found: now and then all that have
 * stopped are taken, and again as long as there are several. With many tasks we sleep in
 * sigtimedwait(2) on SIGCHLD, whose siginfo names the task, and wait for that
 * one alone.
 *
 * SIGCHLD does not queue: of tasks that stop while one is pending only the
 * first is named. What fell under the table is found in three ways, from the
 * cheap to the sure: tasks that were heard of lately are asked one by one
 * after each named one, those that have been quiet more and more seldom; all
 * tasks are looked at once in a while, so seldom that it costs little per
 * event; and all are looked at before sleeping without a limit. For the last,
 * `settled` means: all were looked at and found quiet, and no SIGCHLD has been
 * taken since. A stop after that look has its own SIGCHLD, pending or to come.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "vmmd/engine/ptrace_impl.h"

/* Up to here looking at all of them is cheaper than another system call. */
#define FEW_TASKS 64
/* Of few, look at all of them once in so many events. */
#define FEW_EVENTS 4
/* Of many, look at all of them once in so many events, or in (number of tasks / SCAN_SHARE) … */
#define SCAN_EVENTS 1000
#define SCAN_SHARE 4
#define SCAN_NOW (UINT32_MAX / 2)
/*
 * … and after this long with nothing named. Longer than a tick of the kernel:
 * a shorter sleep sets the timer of the CPU again each time, which in a
 * virtual machine costs as much as a stop.
 */
#define SCAN_IDLE_NS 5000000

/* See pt_wait_moment(). */
#define MOMENT_NS 1000000

static int wait_any(pid_t *tid, int *status, int flags)
{
	pid_t r = wait4(-1, status, __WALL | flags, NULL);

	if (r > 0) {
		*tid = r;
		return 1;
	}
	return r == 0 || errno == EINTR ? 0 : -errno;
}

/* While it was kept here an execve(2) may have put another thread in this one's place. */
static bool is_stale(const struct pt_stash *s)
{
	siginfo_t info;

	if (!WIFSTOPPED(s->status) || !(s->status >> 16))
		return false;
	return ptrace(PTRACE_GETSIGINFO, s->tid, NULL, &info) == 0 && info.si_code != s->status >> 8;
}

static int pop(struct pt_engine *e, pid_t *tid, int *status)
{
	while (e->stashed) {
		struct pt_stash *s = &e->stash[--e->stashed];

		if (is_stale(s))
			continue;
		*tid = s->tid;
		*status = s->status;
		return 1;
	}
	return 0;
}

/*
 * Look at all tasks. Those with news are stopped or dead, so each is found once
 * and a busy one keeps nobody from being found. Called with an empty stash.
 */
static int scan(struct pt_engine *e, pid_t *tid, int *status)
{
	struct pt_stash found[PT_STASH];
	int n = 0, rc = 1;

	while (n < PT_STASH) {
		rc = wait_any(&found[n].tid, &found[n].status, WNOHANG);
		if (rc <= 0)
			break;
		n++;
	}
	if (rc <= 0) {
		e->since_scan = 0;
		e->settled = true;
	} else {
		e->since_scan = SCAN_NOW; /* there may be more */
	}
	if (!n)
		return rc;
	while (n > 0) /* the first one found is the first one out */
		e->stash[e->stashed++] = found[--n];
	return pop(e, tid, status);
}

/* Ask it, too, after the next events. */
void pt_recent(struct pt_engine *e, pid_t tid)
{
	struct pt_recent *worst = e->recent;

	for (uint32_t i = 0; i < e->nrecent; i++) {
		if (e->recent[i].tid == tid) {
			e->recent[i].quiet = 0;
			return;
		}
		if (e->recent[i].quiet > worst->quiet)
			worst = &e->recent[i];
	}
	if (e->nrecent < PT_RECENT)
		worst = &e->recent[e->nrecent++];
	*worst = (struct pt_recent){.tid = tid};
}

/* The rest of the recent ones, since the last task was named. */
static int ask_recent(struct pt_engine *e, pid_t *tid, int *status)
{
	while (e->ask > 0) {
		struct pt_recent *p = &e->recent[--e->ask];
		pid_t r;

		if (e->ask >= e->nrecent || p->tid == e->named || e->round & ((1u << p->quiet) - 1))
			continue;
		r = wait4(p->tid, status, __WALL | WNOHANG, NULL);
		if (r > 0) {
			*tid = r;
			p->quiet = 0;
			return 1;
		}
		if (r < 0 || ++p->quiet > PT_RECENT_QUIET)
			*p = e->recent[--e->nrecent];
	}
	return 0;
}

/* -EAGAIN: nothing was named in time. 0: named, but already dealt with. */
static int wait_named(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	const struct timespec soon = {.tv_nsec = block ? SCAN_IDLE_NS : 0};
	siginfo_t info;
	sigset_t chld;
	pid_t r;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigtimedwait(&chld, &info, block && e->settled ? NULL : &soon) < 0)
		return -errno;
	/* It may have hidden others, whether or not this one has been dealt with. */
	e->settled = false;
	e->named = info.si_pid;
	e->ask = e->nrecent;
	e->round++;
	r = wait4(info.si_pid, status, __WALL | WNOHANG, NULL);
	if (r <= 0)
		return 0;
	*tid = r;
	return 1;
}

static int wait_many(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	for (;;) {
		int rc = ask_recent(e, tid, status);

		if (rc)
			return rc;
		if (e->since_scan >= SCAN_EVENTS && e->since_scan >= e->ntasks / SCAN_SHARE) {
			rc = scan(e, tid, status);
			if (rc)
				return rc;
		}
		rc = wait_named(e, block, tid, status);
		if (rc > 0)
			return rc;
		if (rc == -EINTR)
			return 0;
		if (rc == -EAGAIN) {
			rc = scan(e, tid, status);
			if (rc || !block)
				return rc;
		}
	}
}

int pt_wait_moment(struct pt_engine *e)
{
	const struct timespec moment = {.tv_nsec = MOMENT_NS};
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	e->since_scan = e->ntasks; /* whom this SIGCHLD names is not looked at */
	e->settled = false;
	if (sigtimedwait(&chld, NULL, &moment) > 0)
		return 1;
	return errno == EAGAIN ? 0 : -errno;
}

static int wait_few(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	int rc = 0;

	if (e->ntasks > 1 && (e->crowded || e->since_scan >= FEW_EVENTS)) {
		rc = scan(e, tid, status);
		e->crowded = e->stashed > 0;
		e->since_scan = 0;
	}
	if (rc == 0)
		rc = wait_any(tid, status, block ? 0 : WNOHANG);
	e->since_scan++;
	return rc;
}

int pt_wait(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	int rc;

	if (pop(e, tid, status))
		return 1;
	if (e->ntasks <= FEW_TASKS) {
		e->many = false;
		return wait_few(e, block, tid, status);
	}
	if (!e->many) /* SIGCHLDs of then mean nothing now */
		e->since_scan = SCAN_NOW;
	e->many = true;
	rc = wait_many(e, block, tid, status);
	if (rc > 0) {
		e->since_scan++;
		/* A newborn's parent has stopped as well, or will in a moment. */
		if (!pt_find(e, *tid))
			e->since_scan = SCAN_NOW;
		pt_recent(e, *tid);
	}
	return rc;
}
