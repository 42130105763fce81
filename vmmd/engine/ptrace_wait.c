// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace_wait.c - getting wait statuses.
 *
 * wait4(-1) looks at every tracee until it finds one that has something to
 * say: about 12 ns for each, cached, which is nothing for ten tasks and a
 * hundred microseconds for four thousand. So with many tasks we sleep in
 * sigtimedwait(2) on SIGCHLD, whose siginfo names the task, and wait for that
 * one alone.
 *
 * SIGCHLD does not queue: of tasks that stop while one is pending only the
 * first is named. All tasks are therefore looked at once in a while, so seldom
 * that it costs little per event, and before sleeping for long. A stop that
 * fell under the table is found then.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "vmmd/engine/ptrace_impl.h"

/* Up to here looking at all of them is cheaper than another system call. */
#define FEW_TASKS 64
/* Look at all of them once in (number of tasks / this) events … */
#define SCAN_SHARE 16
/* … and after this long with nothing named, for each task. */
#define SCAN_IDLE_NS 400

static int wait_any(pid_t *tid, int *status, int flags)
{
	pid_t r = wait4(-1, status, __WALL | flags, NULL);

	if (r > 0) {
		*tid = r;
		return 1;
	}
	return r == 0 || errno == EINTR ? 0 : -errno;
}

static int scan(struct pt_engine *e, pid_t *tid, int *status)
{
	int rc = wait_any(tid, status, WNOHANG);

	if (rc == 0) {
		e->since_scan = 0;
		e->settled = true;
	}
	return rc;
}

/* -EAGAIN: nothing was named in time. 0: named, but already dealt with. */
static int wait_named(const struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	struct timespec soon = {.tv_nsec = (long)e->ntasks * SCAN_IDLE_NS}, *limit = &soon;
	siginfo_t info;
	sigset_t chld;
	pid_t r;

	if (!block)
		soon.tv_nsec = 0;
	else if (e->settled)
		limit = NULL;
	if (soon.tv_nsec > 999999999)
		soon.tv_nsec = 999999999;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigtimedwait(&chld, &info, limit) < 0)
		return -errno;
	r = wait4(info.si_pid, status, __WALL | WNOHANG, NULL);
	if (r <= 0)
		return 0;
	*tid = r;
	return 1;
}

static int wait_many(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	for (;;) {
		int rc;

		if (e->since_scan >= e->ntasks / SCAN_SHARE) {
			rc = scan(e, tid, status);
			if (rc)
				return rc;
		}
		rc = wait_named(e, block, tid, status);
		if (rc > 0) {
			e->since_scan++;
			e->settled = false;
			return rc;
		}
		if (rc == -EINTR)
			return 0;
		if (rc == -EAGAIN) {
			rc = scan(e, tid, status);
			if (rc || !block)
				return rc;
		}
	}
}

int pt_wait(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	if (e->stashed) {
		struct pt_stash *s = &e->stash[--e->stashed];

		*tid = s->tid;
		*status = s->status;
		return 1;
	}
	if (e->ntasks > FEW_TASKS)
		return wait_many(e, block, tid, status);
	e->since_scan = UINT32_MAX; /* SIGCHLDs of now mean nothing later */
	return wait_any(tid, status, block ? 0 : WNOHANG);
}
