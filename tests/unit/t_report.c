/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_report.c - tests of vmmd/report.c, on sessions of an engine without processes. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tests/scenario/fake.h"
#include "vmmd/conf.h"
#include "vmmd/loop.h"
#include "vmmd/report.h"
#include "vmmd/req_fsm.h"

static struct loop *loop;
static struct conf *conf;
static struct session *s;
static char why[600];

static void layer(const char *rules)
{
	char spec[4096];

	snprintf(spec, sizeof(spec), "%s/../script.so%s%s", unit_dir(), *rules ? ",on=" : "", rules);
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
	CU_ASSERT_EQUAL_FATAL(req_fsm_start_with(s, fake_named("full"), why, sizeof(why)), 0);
}

static void finish(void)
{
	req_fsm_stop(s);
	session_free(s);
	conf_free(conf);
	loop_free(loop);
}

static void push(enum engine_event_type type, pid_t tid, int64_t nr)
{
	struct fake_event ev = {.type = type, .tid = tid, .tgid = tid};

	ev.call.nr = nr;
	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
	req_fsm_poll(s, false);
}

static json_int_t number(const json_t *o, const char *key)
{
	CU_ASSERT(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "(none)";
}

static void test_a_session_that_has_not_begun(void)
{
	json_t *o;
	char *layers;

	begin();
	start();
	o = report_tasks(s);
	CU_ASSERT_STRING_EQUAL(text(o, "on_failure"), "kill");
	CU_ASSERT_EQUAL(number(o, "first"), 0);
	CU_ASSERT(json_is_false(json_object_get(o, "first_gone")));
	CU_ASSERT_EQUAL(number(o, "tasks_ever"), 0);
	CU_ASSERT(json_is_array(json_object_get(o, "layers")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(o, "layers")), 0);
	CU_ASSERT(json_is_array(json_object_get(o, "tasks")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(o, "tasks")), 0);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(o, "latency")), 0);
	json_decref(o);
	layers = report_layers(s);
	CU_ASSERT_STRING_EQUAL(layers, "");
	free(layers);
	finish();
}

static void test_layers(void)
{
	const json_t *a, *l;
	char *layers;
	json_t *o;

	begin();
	layer("");
	layer("entry:read:count:reads+entry:write:reply:-1");
	start();
	layers = report_layers(s);
	CU_ASSERT_STRING_EQUAL(layers, "script script");
	free(layers);
	push(ENGINE_NEW, 100, 0);
	push(ENGINE_ENTRY, 100, SYS_write);
	push(ENGINE_ENTRY, 100, SYS_read);
	o = report_session(s);
	CU_ASSERT_STRING_EQUAL(text(o, "engine"), "full");
	a = json_object_get(o, "layers");
	CU_ASSERT_EQUAL_FATAL(json_array_size(a), 2);
	l = json_array_get(a, 0);
	CU_ASSERT_EQUAL(number(l, "layer"), 0);
	CU_ASSERT_EQUAL(number(json_object_get(l, "asked"), "entry"), 0);
	l = json_array_get(a, 1);
	CU_ASSERT_EQUAL(number(l, "layer"), 1);
	CU_ASSERT_STRING_EQUAL(text(l, "name"), "script");
	CU_ASSERT_PTR_NOT_NULL(strstr(text(l, "file"), "/script.so"));
	CU_ASSERT(json_is_false(json_object_get(l, "live")));
	CU_ASSERT_EQUAL(number(json_object_get(l, "asked"), "entry"), 2);
	CU_ASSERT_EQUAL(number(l, "replied"), 1);
	CU_ASSERT_EQUAL(number(l, "rewritten"), 0);
	CU_ASSERT_EQUAL(number(json_object_get(l, "counters"), "reads"), 1);
	json_decref(o);
	finish();
}

static void test_session(void)
{
	size_t i, events = 0;
	json_t *o, *bucket;

	begin();
	layer("entry:read:pass");
	conf->on_failure = CONF_RELEASE;
	start();
	push(ENGINE_NEW, 100, 0);
	push(ENGINE_NEW, 200, 0);
	push(ENGINE_ENTRY, 100, SYS_read);
	push(ENGINE_GONE, 100, 0);
	o = report_session(s);
	CU_ASSERT_STRING_EQUAL(text(o, "on_failure"), "release");
	CU_ASSERT_EQUAL(number(o, "first"), 100);
	CU_ASSERT(json_is_true(json_object_get(o, "first_gone")));
	CU_ASSERT_EQUAL(number(o, "tasks_now"), 1);
	CU_ASSERT_EQUAL(number(o, "tasks_max"), 2);
	CU_ASSERT_EQUAL(number(o, "tasks_ever"), 2);
	CU_ASSERT_EQUAL(number(o, "processes"), 1);
	CU_ASSERT_EQUAL(number(json_object_get(o, "events"), "entry"), 1);
	CU_ASSERT(number(o, "task_bytes") >= (json_int_t)sizeof(struct task));
	CU_ASSERT(number(o, "stops") >= 0);
	json_array_foreach(json_object_get(o, "latency"), i, bucket)
	{
		json_int_t from = number(bucket, "from_ns");

		CU_ASSERT(from > 0 && !(from & (from - 1)));
		events += (size_t)number(bucket, "count");
	}
	CU_ASSERT(events > 0 && events <= 4);
	CU_ASSERT_PTR_NULL(json_object_get(o, "tasks"));
	json_decref(o);
	finish();
}

/* The entry of a task in the list. */
static const json_t *task(const json_t *o, pid_t tid)
{
	size_t i;
	const json_t *t;

	json_array_foreach(json_object_get(o, "tasks"), i, t)
		if (number(t, "tid") == tid)
			return t;
	CU_FAIL_FATAL("no such task");
	return NULL;
}

static void test_tasks(void)
{
	json_t *o;

	begin();
	layer("entry:read:suspend+exit:@all:pass");
	start();
	for (pid_t tid = 100; tid <= 400; tid += 100)
		push(ENGINE_NEW, tid, 0);
	push(ENGINE_ENTRY, 200, SYS_read);
	push(ENGINE_ENTRY, 300, SYS_write);
	push(ENGINE_ENTRY, 400, 1000);
	o = report_tasks(s);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(o, "tasks")), 4);
	CU_ASSERT_STRING_EQUAL(text(task(o, 100), "state"), "running");
	CU_ASSERT_PTR_NULL(json_object_get(task(o, 100), "call"));
	CU_ASSERT_PTR_NULL(json_object_get(task(o, 100), "layer"));
	CU_ASSERT_STRING_EQUAL(text(task(o, 200), "state"), "suspended");
	CU_ASSERT_STRING_EQUAL(text(task(o, 200), "call"), "read");
	CU_ASSERT_STRING_EQUAL(text(task(o, 200), "layer"), "script[0]");
	CU_ASSERT_STRING_EQUAL(text(task(o, 300), "state"), "kernel");
	CU_ASSERT_STRING_EQUAL(text(task(o, 300), "call"), "write");
	CU_ASSERT_EQUAL(number(task(o, 400), "call"), 1000);
	CU_ASSERT_EQUAL(number(o, "suspended"), 1);
	CU_ASSERT_EQUAL(number(json_array_get(json_object_get(o, "layers"), 0), "waiting"), 1);
	json_decref(o);
	finish();
}

UNIT_SUITE(report, UNIT_TEST(test_a_session_that_has_not_begun), UNIT_TEST(test_layers), UNIT_TEST(test_session),
	   UNIT_TEST(test_tasks));
