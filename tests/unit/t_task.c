/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_task.c - tests of vmmd/task.c; the hooks of layers are tested by tests/scenario/data.scn. */
#include "tests/unit/unit.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/conf.h"
#include "vmmd/loop.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

static struct loop *loop;
static struct conf *conf;
static struct session *s;

static void begin(void)
{
	char why[200];

	loop = loop_new();
	conf = conf_new();
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
}

static void finish(void)
{
	session_free(s);
	conf_free(conf);
	loop_free(loop);
}

static struct task *add(pid_t tid, pid_t tgid, struct task *parent)
{
	struct vmmd_task_info info = { .tid = tid, .tgid = tgid };
	struct task *t = task_new(s, NULL, &info, parent);

	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	return t;
}

static void test_numbers(void)
{
	struct task *a, *b, *c;

	begin();
	a = add(100, 100, NULL);
	b = add(101, 100, a);
	c = add(200, 200, b);
	CU_ASSERT_EQUAL(s->stats.tasks, 3);
	CU_ASSERT_EQUAL(s->stats.processes, 2);
	CU_ASSERT_PTR_EQUAL(a->process, b->process);
	CU_ASSERT_PTR_NOT_EQUAL(a->process, c->process);
	task_free(a);
	CU_ASSERT_EQUAL(s->stats.processes, 2);
	task_free(b);
	CU_ASSERT_EQUAL(s->stats.processes, 1);
	task_free(c);
	CU_ASSERT_EQUAL(s->stats.tasks, 0);
	CU_ASSERT_EQUAL(s->stats.processes, 0);
	CU_ASSERT_EQUAL(s->stats.tasks_max, 3);
	CU_ASSERT_EQUAL(s->stats.tasks_ever, 3);
	CU_ASSERT_PTR_NULL(s->tasks);
	finish();
}

/* Of a process that ran before us any thread may be seen first. */
static void test_the_leader_comes_later(void)
{
	struct task *thread, *leader, *other;

	begin();
	s->first = 100;
	thread = add(102, 100, NULL);
	leader = add(100, 100, NULL);
	other = add(200, 200, NULL);
	CU_ASSERT_PTR_EQUAL(leader->process, thread->process);
	CU_ASSERT_PTR_NOT_EQUAL(other->process, thread->process);
	CU_ASSERT_EQUAL(s->stats.processes, 2);
	task_free(thread);
	task_free(leader);
	CU_ASSERT_EQUAL(s->stats.processes, 1);
	task_free(other);
	finish();
}

static void test_data_costs_nothing_until_set(void)
{
	struct task *t;
	int x;

	begin();
	t = add(100, 100, NULL);
	CU_ASSERT_PTR_NULL(task_data(t, 0));
	CU_ASSERT_EQUAL(task_set_data(t, 0, NULL), 0);
	CU_ASSERT_EQUAL(process_set_data(s, t->process, 1, NULL), 0);
	CU_ASSERT_PTR_NULL(t->data);
	CU_ASSERT_PTR_NULL(t->process->data);
	CU_ASSERT_EQUAL(task_set_data(t, 1, &x), 0);
	CU_ASSERT_EQUAL(process_set_data(s, t->process, 0, &x), 0);
	CU_ASSERT_PTR_NULL(task_data(t, 0));
	CU_ASSERT_PTR_EQUAL(task_data(t, 1), &x);
	CU_ASSERT_PTR_EQUAL(process_data(t->process, 0), &x);
	CU_ASSERT_EQUAL(task_set_data(t, 1, NULL), 0);
	CU_ASSERT_PTR_NULL(task_data(t, 1));
	task_free(t);
	finish();
}

/* The budget: 2 KiB a task in the daemon, the process of its own included. */
static void test_memory_of_a_task(void)
{
	struct task *t;

	begin();
	t = add(100, 100, NULL);
	CU_ASSERT(malloc_usable_size(t) + malloc_usable_size(t->process) < 2048);
	task_free(t);
	finish();
}

static void test_requests_belong_to_the_task(void)
{
	struct task *t;

	begin();
	t = add(100, 100, NULL);
	CU_ASSERT_PTR_EQUAL(t->call.task, t);
	CU_ASSERT_PTR_EQUAL(t->report.task, t);
	CU_ASSERT_PTR_EQUAL(t->call.calls, t->calls);
	CU_ASSERT_PTR_NULL(t->report.calls);
	CU_ASSERT_EQUAL(t->call.magic, REQ_MAGIC);
	/* session_free() takes what is left. */
	finish();
}

UNIT_SUITE(task, UNIT_TEST(test_numbers), UNIT_TEST(test_the_leader_comes_later), UNIT_TEST(test_data_costs_nothing_until_set),
	   UNIT_TEST(test_memory_of_a_task), UNIT_TEST(test_requests_belong_to_the_task));
