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
 * first is named. What was not named is found in three ways, the cheap one
 * first: after a moment without news the tasks resumed last are asked, after a
 * longer one all are, and in any case all are asked once in so many events that
 * the share of each is small. Only when all were asked in vain do we sleep
 * without limit.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "vmmd/engine/ptrace_impl.h"

/* Up to here looking at all of them is cheaper than another system call. */
#define FEW_TASKS 64
/* Look at all of them once in (number of tasks / this) events, and then at most so often in a row. */
#define SCAN_SHARE 16
#define SCAN_BURST 4
/* A moment, and for each task a bit of a longer one. */
#define MOMENT_NS 50000
#define LONGER_NS 400

static int wait_any(pid_t *tid, int *status, int flags)
{
	pid_t r = wait4(-1, status, __WALL | flags, NULL);

	if (r > 0) {
		*tid = r;
		return 1;
	}
	return r == 0 || errno == EINTR ? 0 : -errno;
}

static int wait_one(pid_t want, pid_t *tid, int *status)
{
	pid_t r = wait4(want, status, __WALL | WNOHANG, NULL);

	*tid = r;
	return r > 0;
}

/* All tasks. The one that was heard of last says nothing about the others. */
static int scan(struct pt_engine *e, pid_t *tid, int *status)
{
	int rc = wait_any(tid, status, WNOHANG);

	if (rc <= 0 || *tid == e->last_tid || ++e->scan_burst >= SCAN_BURST) {
		e->since_scan = 0;
		e->scan_burst = 0;
	}
	return rc;
}

static int ask_recent(const struct pt_engine *e, pid_t *tid, int *status)
{
	for (int i = 0; i < PT_RECENT; i++)
		if (e->recent[i] && wait_one(e->recent[i], tid, status))
			return 1;
	return 0;
}

/* -EAGAIN: nothing was named in time. 0: named, but already dealt with. */
static int wait_named(int64_t limit_ns, pid_t *tid, int *status)
{
	struct timespec limit = {limit_ns / 1000000000, limit_ns % 1000000000};
	siginfo_t info;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigtimedwait(&chld, &info, limit_ns < 0 ? NULL : &limit) < 0)
		return -errno;
	return wait_one(info.si_pid, tid, status);
}

static int64_t patience(const struct pt_engine *e, bool block)
{
	if (!block)
		return 0;
	switch (e->quiet) {
	case PT_BUSY:
		return MOMENT_NS;
	case PT_MOMENT:
		return (int64_t)e->ntasks * LONGER_NS;
	default:
		return -1;
	}
}

/* Nothing was named: look for what was not. */
static int look(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	if (!block || e->quiet == PT_MOMENT) {
		e->quiet = PT_SETTLED;
		return scan(e, tid, status);
	}
	e->quiet = PT_MOMENT;
	return ask_recent(e, tid, status);
}

static int wait_many(struct pt_engine *e, bool block, pid_t *tid, int *status)
{
	int rc = 0;

	while (rc == 0) {
		if (e->since_scan >= e->ntasks / SCAN_SHARE)
			rc = scan(e, tid, status);
		if (rc == 0)
			rc = wait_named(patience(e, block), tid, status);
		if (rc == -EINTR)
			return 0;
		if (rc == -EAGAIN) {
			rc = look(e, block, tid, status);
			if (rc == 0 && !block)
				return 0;
		}
	}
	if (rc > 0) {
		e->since_scan++;
		e->quiet = PT_BUSY;
		e->last_tid = *tid;
	}
	return rc;
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
