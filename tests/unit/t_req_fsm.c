/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_req_fsm.c - tests of vmmd/req_fsm.c; the states are tested by tests/scenario. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tests/scenario/fake.h"
#include "vmmd/choose.h"
#include "vmmd/conf.h"
#include "vmmd/loop.h"
#include "vmmd/req_fsm.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

static struct loop *loop;
static struct conf *conf;
static struct session *s;
static char why[600];

static void begin(const char *rules)
{
	char spec[4096];

	loop = loop_new();
	conf = conf_new();
	snprintf(spec, sizeof(spec), "%s/../script.so%s%s", unit_dir(), *rules ? ",on=" : "", rules);
	CU_ASSERT_EQUAL_FATAL(conf_layer(conf, spec, why, sizeof(why)), 0);
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
}

static void start(void)
{
	CU_ASSERT_EQUAL_FATAL(req_fsm_start_with(s, fake_named("full"), why, sizeof(why)), 0);
}

static void finish(void)
{
	if (s->engine)
		s->engine->ops->destroy(s->engine);
	s->engine = NULL;
	session_free(s);
	conf_free(conf);
	loop_free(loop);
}

static void push(enum engine_event_type type, pid_t tid, int64_t nr)
{
	struct fake_event ev = { .type = type, .tid = tid, .tgid = tid };

	ev.call.nr = nr;
	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
}

/* A storm of events must not keep timers and descriptors from their turn. */
static void test_a_turn_is_bounded(void)
{
	begin("entry:read:pass");
	start();
	for (int i = 0; i < 1000; i++)
		push(ENGINE_NEW, 100 + i, 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT(s->stats.tasks > 0);
	CU_ASSERT(s->stats.tasks < 1000);
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_EQUAL(s->stats.tasks, 1000);
	for (int i = 0; i < 1000; i++)
		push(ENGINE_GONE, 100 + i, 0);
	while (req_fsm_poll(s, false) == 0)
		;
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), -ECHILD);
	CU_ASSERT_EQUAL(s->stats.tasks, 0);
	finish();
}

static void test_the_first_process_is_remembered(void)
{
	struct fake_event gone = { .type = ENGINE_GONE, .tid = 100, .status = 0x700 };

	begin("entry:read:pass");
	start();
	push(ENGINE_NEW, 100, 0);
	push(ENGINE_NEW, 200, 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_EQUAL(s->first, 100);
	CU_ASSERT_FALSE(s->first_gone);
	CU_ASSERT_EQUAL(fake_push(s->engine, &gone), 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_TRUE(s->first_gone);
	CU_ASSERT_EQUAL(s->first_status, 0x700);
	CU_ASSERT_EQUAL(s->stats.tasks, 1);
	finish();
}

static void test_at_exit_kill(void)
{
	struct fake_event gone = { .type = ENGINE_GONE, .tid = 100 };

	begin("entry:read:pass");
	conf->kill_at_exit = true;
	start();
	push(ENGINE_NEW, 100, 0);
	push(ENGINE_NEW, 200, 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, 200), "go");
	CU_ASSERT_EQUAL(fake_push(s->engine, &gone), 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, 200), "kill");
	finish();
}

/* ------------------------------------------------------------------ a running process */

static struct engine_ops attaching;
static uint32_t coming; /* threads that have not been reported */
static pid_t attached;
static int detached, attach_error;

static int attach(struct engine *e, pid_t pid)
{
	(void)e;
	attached = pid;
	return attach_error;
}

static void detach(struct engine *e)
{
	(void)e;
	detached++;
}

static void stats(const struct engine *e, struct engine_stats *st)
{
	fake_named("full")->stats(e, st);
	st->coming = coming;
}

/* A fake engine that can, with `pid` attached of which so many threads are yet to be seen. */
static void begin_attached(pid_t pid, uint32_t threads)
{
	attaching = *fake_named("full");
	attaching.attach = attach;
	attaching.detach = detach;
	attaching.stats = stats;
	coming = threads;
	begin("entry:read:pass");
	conf->kill_at_exit = true;
	s->attaches = true;
	start();
	s->engine->ops = &attaching;
	CU_ASSERT_EQUAL(req_fsm_attach(s, pid), 0);
	CU_ASSERT_EQUAL(attached, pid);
}

static void push_thread(pid_t tid, pid_t tgid)
{
	struct fake_event ev = { .type = ENGINE_NEW, .tid = tid, .tgid = tgid };

	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
}

/* The process has ended with its last thread, and not with the last that has been seen. */
static void test_threads_that_are_yet_to_come(void)
{
	struct engine_event unseen = { .type = ENGINE_GONE, .status = 0x300 };

	begin_attached(100, 2);
	CU_ASSERT_EQUAL(s->first, 100);
	coming--;
	push_thread(102, 100);
	push_thread(300, 300);
	push(ENGINE_GONE, 102, 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_FALSE(s->first_gone);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, 300), "go");
	CU_ASSERT_PTR_NULL(fake_action(s->engine, 300));
	coming--;
	req_fsm_event(s, &unseen);
	CU_ASSERT_TRUE(s->first_gone);
	CU_ASSERT_EQUAL(s->first_status, 0x300);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, 300), "kill");
	/* Nor twice. */
	unseen.status = 0;
	req_fsm_event(s, &unseen);
	CU_ASSERT_EQUAL(s->first_status, 0x300);
	finish();
}

/* One that was never seen ends while others are there. */
static void test_a_thread_that_never_came(void)
{
	struct engine_event unseen = { .type = ENGINE_GONE, .status = 0x300 };

	begin_attached(100, 1);
	push_thread(101, 100);
	coming--;
	req_fsm_event(s, &unseen);
	CU_ASSERT_FALSE(s->first_gone);
	push(ENGINE_GONE, 101, 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), -ECHILD);
	CU_ASSERT_TRUE(s->first_gone);
	CU_ASSERT_EQUAL(s->first_status, 0);
	finish();
}

static void test_attach(void)
{
	begin_attached(100, 1);
	CU_ASSERT_EQUAL(detached, 0);
	req_fsm_detach(s);
	CU_ASSERT_EQUAL(detached, 1);
	s->first = 0;
	attach_error = -EPERM;
	CU_ASSERT_EQUAL(req_fsm_attach(s, 200), -EPERM);
	CU_ASSERT_EQUAL(s->first, 0);
	attach_error = 0;
	finish();
	/* An engine that cannot is refused before it is made. */
	begin("entry:read:pass");
	s->attaches = true;
	attaching.features &= ~(uint32_t)ENGINE_F_ATTACH;
	CU_ASSERT_EQUAL(req_fsm_start_with(s, &attaching, why, sizeof(why)), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "cannot take over a running process"));
	CU_ASSERT_PTR_NULL(s->engine);
	finish();
}

static void test_reselect(void)
{
	struct vmmd_layer *l;
	struct conf *more;
	char spec[4096];

	begin("entry:read:pass");
	start();
	CU_ASSERT_EQUAL(fake_selection(s->engine)->want[SYS_write], 0);
	more = conf_new();
	snprintf(spec, sizeof(spec), "%s/../script.so,on=entry:write:pass", unit_dir());
	CU_ASSERT_EQUAL_FATAL(conf_layer(more, spec, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(stack_push(s->stack, &l, &more->layers[0], 2, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(req_fsm_reselect(s), 0);
	CU_ASSERT_EQUAL(fake_selection(s->engine)->want[SYS_write], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(fake_selection(s->engine)->want[SYS_read], VMMD_WANT_ENTRY);
	stack_pop(s->stack, l);
	CU_ASSERT_EQUAL(req_fsm_reselect(s), 0);
	CU_ASSERT_EQUAL(fake_selection(s->engine)->want[SYS_write], 0);
	conf_free(more);
	finish();
}

static void test_choose(void)
{
	begin("entry:read:pass");
	CU_ASSERT_EQUAL(conf_engine(conf, "no-such-engine"), 0);
	why[0] = 0;
	CU_ASSERT_PTR_NULL(choose_engine(s, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "no-such-engine"));
	CU_ASSERT(req_fsm_start(s, NULL, why, sizeof(why)) < 0);
	CU_ASSERT_PTR_NULL(s->engine);
	/* Refused before anything runs: the layer and what it needs are named. */
	finish();
	begin("exit:read:reissue:getpid");
	CU_ASSERT(req_fsm_start_with(s, fake_named("no-reissue"), why, sizeof(why)) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "script[0]"));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"reissue\""));
	CU_ASSERT_PTR_NULL(s->engine);
	finish();
}

/* Another call comes while an answer is due: its thread has been replaced, and that answer is nobody's. */
static void test_an_entry_ends_a_suspension(void)
{
	struct engine_event ev = { .type = ENGINE_ENTRY, .fixed = true };
	struct vmmd_req *req;
	uint64_t ticket;

	begin("entry:read:suspend");
	start();
	push(ENGINE_NEW, 100, 0);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	push(ENGINE_ENTRY, 100, SYS_read);
	CU_ASSERT_EQUAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_EQUAL_FATAL(s->stats.suspended, 1);
	req = &s->tasks->call;
	ticket = req->ticket;
	ev.owner = s->tasks;
	ev.task = s->tasks->engine_task;
	ev.call.nr = SYS_read;
	req_fsm_event(s, &ev);
	CU_ASSERT_EQUAL(s->stats.suspended, 1);
	CU_ASSERT_NOT_EQUAL(req->ticket, ticket);
	CU_ASSERT_EQUAL(session_resume(s, req->layer, ticket, VMMD_PASS, 0), -ESRCH);
	CU_ASSERT_EQUAL(session_resume(s, req->layer, req->ticket, VMMD_PASS, 0), 0);
	finish();
}

UNIT_SUITE(req_fsm, UNIT_TEST(test_a_turn_is_bounded),
	   UNIT_TEST(test_the_first_process_is_remembered), UNIT_TEST(test_at_exit_kill),
	   UNIT_TEST(test_threads_that_are_yet_to_come), UNIT_TEST(test_a_thread_that_never_came),
	   UNIT_TEST(test_attach), UNIT_TEST(test_reselect), UNIT_TEST(test_choose),
	   UNIT_TEST(test_an_entry_ends_a_suspension));
