/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seccomp_worker.h - a worker with the seccomp engine, for its tests. See guest.h.
 *
 * One thread, as in the worker: next() sleeps until there is a call, and what
 * the engine finds out about ends is had by ready().
 */
#ifndef TESTS_SECCOMP_WORKER_H
#define TESTS_SECCOMP_WORKER_H

#include "tests/unit/guest.h"

#include <poll.h>

#include "vmmd/engine/seccomp.h"

static struct engine_event ev;
static int someone, another; /* owners */

static inline void need_engine(void)
{
	char why[200] = "";

	ops = &engine_seccomp;
	if (ops->probe(why, sizeof(why)) < 0)
		unit_skip(why);
	sel.want[SYS_getpgid] = VMMD_WANT_ENTRY;
}

static inline void begin(const char *name, int count)
{
	start(name);
	page->count = count;
	CU_ASSERT_EQUAL_FATAL(ops->listen(engine, client, listener), 0);
}

static inline int next(void)
{
	int rc;

	memset(&ev, 0, sizeof(ev));
	do
		rc = ops->next(engine, &ev, true);
	while (rc == 0);
	return rc;
}

static inline void expect(enum engine_event_type type)
{
	CU_ASSERT_EQUAL_FATAL(next(), 1);
	CU_ASSERT_EQUAL_FATAL(ev.type, type);
}

static inline int resume(struct engine_action a)
{
	return ops->resume(engine, ev.task, &a);
}

static inline int resume_new(void *owner)
{
	const struct engine_action go = {.type = ENGINE_GO};

	ops->set_owner(ev.task, owner);
	return ops->resume(engine, ev.task, &go);
}

/* The first call of a task. */
static inline struct engine_task *expect_new(void *owner)
{
	expect(ENGINE_NEW);
	CU_ASSERT_PTR_NULL(ev.owner);
	CU_ASSERT_EQUAL(resume_new(owner), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT_PTR_EQUAL(ev.owner, owner);
	return ev.task;
}

static inline void expect_gone(const void *owner)
{
	expect(ENGINE_GONE);
	CU_ASSERT_PTR_EQUAL(ev.owner, owner);
	CU_ASSERT_EQUAL(ev.status, ENGINE_STATUS_UNKNOWN);
}

/* … while others may go on, so next() would not hear of it. */
static inline void expect_watched_end(const void *owner)
{
	struct pollfd p = {.fd = ops->fd(engine), .events = POLLIN};

	memset(&ev, 0, sizeof(ev));
	while (ops->next(engine, &ev, false) == 0)
		if (poll(&p, 1, 1) > 0) /* not for long: on its way it may ask something of the engine */
			ops->ready(engine);
	CU_ASSERT_EQUAL(ev.type, ENGINE_GONE);
	CU_ASSERT_PTR_EQUAL(ev.owner, owner);
}

/* To the end, without a question. */
static inline void let_end(void)
{
	while (next() == 1)
		if (ev.type != ENGINE_GONE)
			CU_ASSERT_EQUAL(ev.type == ENGINE_NEW ? resume_new(&another) : resume(run_action()), 0);
}

static inline uint32_t tasks(void)
{
	struct engine_stats st;

	ops->stats(engine, &st);
	return st.tasks;
}

static inline int client_status(void)
{
	int status = -1;

	CU_ASSERT_EQUAL(waitpid(client, &status, 0), client);
	return status;
}

#endif
