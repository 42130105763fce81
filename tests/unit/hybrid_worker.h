/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hybrid_worker.h - a worker with the hybrid engine, for its tests. See guest.h.
 *
 * The test is the worker's first thread, which traces; a second one receives.
 * Events are handled by whichever got them, with the turn.
 */
#ifndef TESTS_HYBRID_WORKER_H
#define TESTS_HYBRID_WORKER_H

#include "tests/unit/guest.h"

#include "vmmd/engine/ptrace.h"

#define CHEAP (VMMD_WANT_ENTRY | VMMD_WANT_PATHS | VMMD_WANT_MEMORY)

/* --------------------------------------------------------------- the guests */

/* By turns a call that notifies and one that stops. */
static inline int guest_calls(void)
{
	for (int i = 0; i < page->count; i++)
		make_call(i, i % 2 ? SYS_getsid : SYS_getpgid);
	return 0;
}

static inline int guest_slow(void)
{
	guest_wait(1);
	return guest_calls();
}

static inline int guest_children(void)
{
	for (int i = 0; i < page->count; i++) {
		page->pid[i] = fork();
		if (page->pid[i] == 0) {
			make_call(i, SYS_getpgid);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

/* ---------------------------------------------------------------- the worker */

/* What to do about an event. False: nothing now, the test will. */
typedef bool (*on_event_fn)(const struct engine_event *, struct engine_action *);

static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t receiver;
static int received;	 /* what receive() ended with */
static int turns, wakes; /* with the turn */
static on_event_fn on_event;
static char seen[400];		  /* the events, in order */
static struct engine_event event; /* the last entry */
static struct engine_task *held[4];
static int nheld;
static int status; /* of the last that ended */

static inline void turn(void *arg, bool take)
{
	if (take)
		pthread_mutex_lock(&turn_lock);
	CU_ASSERT_PTR_EQUAL(arg, &turn_lock);
	turns += take ? 1 : -1;
	if (!take)
		pthread_mutex_unlock(&turn_lock);
}

static inline void wake(void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &turn_lock);
	wakes++;
}

static inline void handle(const struct engine_event *ev)
{
	static const char *const names[] = {"new", "entry", "exit", "signal", "exec", "exiting", "gone"};
	struct engine_action a = {.type = ENGINE_GO};

	CU_ASSERT_EQUAL(turns, 1);
	if (strlen(seen) + 16 < sizeof(seen))
		sprintf(seen + strlen(seen), "%s%s%s", *seen ? " " : "", ev->fixed ? "fixed-" : "", names[ev->type]);
	if (ev->type == ENGINE_NEW)
		ops->set_owner(ev->task, &client);
	if (ev->type == ENGINE_GONE)
		status = ev->status;
	if (ev->type == ENGINE_ENTRY) {
		CU_ASSERT_PTR_EQUAL(ev->owner, &client);
		event = *ev;
		a.type = ENGINE_RUN;
	}
	if (ev->type == ENGINE_EXIT)
		a = return_action(ev->result);
	if (on_event && !on_event(ev, &a))
		held[nheld++] = ev->task;
	else if (ev->type != ENGINE_GONE)
		CU_ASSERT_EQUAL(ops->resume(engine, ev->task, &a), 0);
}

static inline void *receive(void *arg)
{
	struct engine_event ev = {0};

	(void)arg;
	while ((received = ops->receive(engine, &ev)) == 1) {
		handle(&ev);
		turn(&turn_lock, false);
		memset(&ev, 0, sizeof(ev));
	}
	return NULL;
}

/* What ptrace(2) tells: 1, 0 or -ECHILD. */
static inline int look_at(bool block)
{
	struct engine_event ev = {0};
	int rc;

	turn(&turn_lock, true);
	rc = ops->next(engine, &ev, block);
	if (rc == 1)
		handle(&ev);
	turn(&turn_lock, false);
	if (rc == 0)
		usleep(100);
	return rc;
}

static inline int look(void)
{
	return look_at(false);
}

/* Until so many wait for an answer. */
static inline void until_held(int n)
{
	int now;

	do {
		CU_ASSERT_FATAL(look() >= 0);
		pthread_mutex_lock(&turn_lock);
		now = nheld;
		pthread_mutex_unlock(&turn_lock);
	} while (now < n);
}

static inline int resume(struct engine_task *t, struct engine_action a)
{
	int rc;

	turn(&turn_lock, true);
	rc = ops->resume(engine, t, &a);
	turn(&turn_lock, false);
	return rc;
}

static inline void listen_to_it(void)
{
	CU_ASSERT_EQUAL_FATAL(ops->listen(engine, client, listener), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&receiver, NULL, receive, NULL), 0);
}

static inline void prepare(on_event_fn fn)
{
	char why[200] = "";

	ops = &engine_hybrid;
	if (ops->probe(why, sizeof(why)) < 0)
		unit_skip(why);
	config.turn = turn;
	config.wake = wake;
	config.owner_arg = &turn_lock;
	sel.want[SYS_getpgid] |= CHEAP;
	on_event = fn;
	seen[0] = '\0';
	nheld = turns = 0;
}

/* As the worker does it: its first thread has the turn but while it sleeps. */
static inline void begin(const char *name, int count, on_event_fn fn)
{
	prepare(fn);
	page_new();
	page->count = count;
	start(name);
	listen_to_it();
}

/* To the end of all tasks; then the second thread has come to its own. */
static inline void end(void)
{
	while (look() >= 0)
		;
	pthread_join(receiver, NULL);
	CU_ASSERT_EQUAL(received, -ECHILD);
	CU_ASSERT_EQUAL(turns, 0);
	finish();
}

static inline bool hold(const struct engine_event *ev, struct engine_action *a)
{
	(void)a;
	return ev->type != ENGINE_ENTRY;
}

#endif
