/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_session.c - tests of vmmd/session.c; order and cancelling are tested by tests/scenario. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/conf.h"
#include "vmmd/loop.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

static struct loop *loop;
static struct conf *conf;
static struct session *s;
static char why[600];

static void layer(const char *options)
{
	char spec[4096];

	snprintf(spec, sizeof(spec), "%s/../script.so%s", unit_dir(), options);
	CU_ASSERT_EQUAL_FATAL(conf_layer(conf, spec, why, sizeof(why)), 0);
}

static void begin(void)
{
	loop = loop_new();
	conf = conf_new();
}

static void start(void)
{
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
}

static void finish(void)
{
	session_free(s);
	conf_free(conf);
	loop_free(loop);
}

static void test_what_does_not_start(void)
{
	begin();
	CU_ASSERT_EQUAL(conf_layer(conf, "no-such-layer", why, sizeof(why)), 0);
	CU_ASSERT_PTR_NULL(session_new(loop, conf, -1, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "no-such-layer"));
	conf_free(conf);
	conf = conf_new();
	/* A layer that opens, and one that does not: both are gone afterwards. */
	layer("");
	layer(",on=open:-5");
	CU_ASSERT_PTR_NULL(session_new(loop, conf, -1, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, strerror(5)));
	conf_free(conf);
	conf = conf_new();
	layer(",no-such-option=1");
	CU_ASSERT_PTR_NULL(session_new(loop, conf, -1, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "no-such-option"));
	finish();
}

static void test_a_stack_has_a_limit(void)
{
	begin();
	for (int i = 0; i < VMMD_MAX_LAYERS - STACK_LIVE; i++)
		layer("");
	start();
	CU_ASSERT_EQUAL(s->stack->n, VMMD_MAX_LAYERS - STACK_LIVE);
	session_free(s);
	layer("");
	s = NULL;
	CU_ASSERT_PTR_NULL(session_new(loop, conf, -1, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "at most"));
	finish();
}

/* Tickets answered by several threads at once: each exactly once. */
enum { TASKS = 200, THREADS = 4 };
static uint64_t tickets[TASKS];
static atomic_int answered;

static void *answer_all(void *arg)
{
	(void)arg;
	for (int i = 0; i < TASKS; i++) {
		int rc = session_resume(s, 0, tickets[i], VMMD_PASS, 0);

		if (!rc)
			atomic_fetch_add(&answered, 1);
		else if (rc != -ESRCH)
			atomic_fetch_add(&answered, 100000);
	}
	return NULL;
}

static void test_answers_race(void)
{
	struct task *tasks[TASKS];
	pthread_t thread[THREADS];
	int got = 0;

	begin();
	layer("");
	start();
	for (int i = 0; i < TASKS; i++) {
		struct vmmd_task_info info = { .tid = 100 + i, .tgid = 100 + i };

		tasks[i] = task_new(s, NULL, &info, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(tasks[i]);
		tasks[i]->call.asked = s->stack->layers[0];
		tickets[i] = session_ticket(s, &tasks[i]->call);
		CU_ASSERT_NOT_EQUAL(tickets[i], 0);
		CU_ASSERT_EQUAL(session_ticket(s, &tasks[i]->call), tickets[i]);
		CU_ASSERT_TRUE(session_suspend(s, &tasks[i]->call));
		s->stack->layers[0]->stats.waiting++;
	}
	CU_ASSERT_EQUAL(s->stats.suspended, TASKS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, answer_all, NULL);
	/* Some of them die meanwhile. */
	for (int i = 0; i < TASKS; i += 10)
		session_cancel(s, &tasks[i]->call);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	while (session_next_answered(s))
		got++;
	CU_ASSERT(got <= atomic_load(&answered));
	CU_ASSERT(got >= TASKS - TASKS / 10);
	CU_ASSERT(atomic_load(&answered) <= TASKS);
	CU_ASSERT_EQUAL(s->stats.suspended, 0);
	CU_ASSERT_EQUAL(HASH_COUNT(s->tickets), 0);
	CU_ASSERT_PTR_NULL(s->answered);
	s->stack->layers[0]->stats.waiting = 0;
	finish();
}

static void test_who_may_answer(void)
{
	struct vmmd_task_info info = { .tid = 1, .tgid = 1 };
	struct task *t;
	uint64_t ticket;

	begin();
	layer("");
	layer("");
	start();
	t = task_new(s, NULL, &info, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	/* Nothing can end a suspension without a ticket. */
	CU_ASSERT_FALSE(session_suspend(s, &t->call));
	t->call.layer = 1;
	ticket = session_ticket(s, &t->call);
	CU_ASSERT_EQUAL(session_resume(s, 0, ticket, VMMD_PASS, 0), -ESRCH);
	CU_ASSERT_EQUAL(session_resume(s, 1, ticket + 1, VMMD_PASS, 0), -ESRCH);
	CU_ASSERT_EQUAL(session_resume(s, 1, 0, VMMD_PASS, 0), -ESRCH);
	session_unticket(s, &t->call);
	CU_ASSERT_EQUAL(session_resume(s, 1, ticket, VMMD_PASS, 0), -ESRCH);
	/* An answer that comes before the layer takes its request back is void. */
	ticket = session_ticket(s, &t->call);
	CU_ASSERT_EQUAL(session_resume(s, 1, ticket, VMMD_PASS, 0), 0);
	session_unticket(s, &t->call);
	CU_ASSERT_PTR_NULL(session_next_answered(s));
	finish();
}

static void test_latency(void)
{
	uint64_t sum = 0;

	begin();
	start();
	session_count_latency(s, session_clock_ns());
	session_count_latency(s, session_clock_ns() - 1500);
	session_count_latency(s, 0);
	for (int i = 0; i < SESSION_BUCKETS; i++)
		sum += s->stats.latency[i];
	CU_ASSERT_EQUAL(sum, 3);
	CU_ASSERT_EQUAL(s->stats.latency[SESSION_BUCKETS - 1], 1);
	finish();
}

UNIT_SUITE(session, UNIT_TEST(test_what_does_not_start), UNIT_TEST(test_a_stack_has_a_limit),
	   UNIT_TEST(test_answers_race), UNIT_TEST(test_who_may_answer), UNIT_TEST(test_latency));
