/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_live.c - tests of vmmd/live.c: a real trace layer and a real connection,
 * on an engine without processes.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/scenario/fake.h"
#include "vmmd/conf.h"
#include "vmmd/live.h"
#include "vmmd/loop.h"
#include "vmmd/report.h"
#include "vmmd/req_fsm.h"
#include "vmmd/stack.h"

#define TID 100

static struct loop *loop;
static struct conf *conf;
static struct session *s;
static struct control_conn *conn;
static struct loop_timer timer;
static int client;
static char why[600];
static char text[4 * 1024 * 1024]; /* what the client has got */
static size_t len;

static void on_line(struct control_conn *c, json_t *msg, int fd)
{
	(void)fd;
	live_start(s, c, msg);
}

static void on_closed(struct control_conn *c)
{
	live_stop(s, c);
	conn = NULL;
}

static void on_room(struct control_conn *c)
{
	live_room(s, c);
}

static const struct control_handlers handlers = {.on_line = on_line, .on_closed = on_closed, .on_room = on_room};

static void on_timer(struct loop_timer *t)
{
	(void)t;
	loop_break(loop);
}

/* What the loop has to do, and what the client gets meanwhile. */
static void turn(bool reading)
{
	ssize_t n;

	loop_timer_start(loop, &timer, 20, 0);
	loop_run(loop);
	loop_timer_stop(loop, &timer);
	while (reading && (n = recv(client, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = '\0';
}

static void push(enum engine_event_type type, int64_t nr)
{
	struct fake_event ev = {.type = type, .tid = TID, .tgid = TID};

	ev.call.nr = nr;
	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
	req_fsm_poll(s, false);
}

static void begin(void)
{
	char spec[4096];
	int sv[2];

	unsetenv("VMMD_PLUGIN_PATH"); /* this build's own are found beside the program */
	loop = loop_new();
	conf = conf_new();
	snprintf(spec, sizeof(spec), "%s/../script.so,on=entry:write:pass", unit_dir());
	CU_ASSERT_EQUAL_FATAL(conf_layer(conf, spec, why, sizeof(why)), 0);
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL_FATAL(req_fsm_start_with(s, fake_named("full"), why, sizeof(why)), 0);
	push(ENGINE_NEW, 0);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, TID), "go");
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	client = sv[1];
	conn = control_new(loop, sv[0], &handlers, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn);
	loop_timer_init(&timer, on_timer);
}

static void finish(void)
{
	live_stop(s, NULL);
	if (conn)
		control_close(conn);
	close(client);
	CU_ASSERT_PTR_NULL(fake_breach(s->engine));
	req_fsm_stop(s);
	session_free(s);
	conf_free(conf);
	loop_free(loop);
}

static void trace(int id, const char *options)
{
	char line[600];
	int n = snprintf(line, sizeof(line), "{\"id\":%d,\"op\":\"trace\",\"options\":\"%s\"}\n", id, options);

	CU_ASSERT_EQUAL(send(client, line, (size_t)n, MSG_NOSIGNAL), n);
	turn(true);
}

static void call(int64_t nr, int64_t result)
{
	push(ENGINE_ENTRY, nr);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, TID), "run exit");
	CU_ASSERT_EQUAL_FATAL(fake_kernel(s->engine, TID, result, 0, 0), 0);
	req_fsm_poll(s, false);
	CU_ASSERT_PTR_NOT_NULL(fake_action(s->engine, TID));
}

static void test_lines_reach_the_connection(void)
{
	begin();
	trace(5, "syscalls=getpid");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\"id\":5,\"more\":true,\"event\":{\"attached\":"));
	CU_ASSERT_EQUAL(fake_selection(s->engine)->want[SYS_getpid], VMMD_WANT_ENTRY | VMMD_WANT_EXIT);
	call(SYS_getpid, 77);
	turn(true);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"event\":{\"line\":\"[100] getpid() = 77\"}"));
	finish();
}

static void test_stop_leaves_no_mark(void)
{
	json_t *before, *after;

	begin();
	trace(1, "syscalls=@all");
	CU_ASSERT_EQUAL(s->stack->n, 2);
	call(SYS_getpid, 77);
	push(ENGINE_ENTRY, SYS_read); /* it is in a call that the trace follows */
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, TID), "run exit");
	before = report_session(s);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(before, "layers")), 2);
	shutdown(client, SHUT_RDWR);
	turn(false);
	CU_ASSERT_PTR_NULL(conn);
	CU_ASSERT_PTR_NULL(s->lives);
	CU_ASSERT_EQUAL(s->stack->n, 1);
	CU_ASSERT_EQUAL(fake_selection(s->engine)->want[SYS_getpid], 0);
	CU_ASSERT_EQUAL(fake_selection(s->engine)->want[SYS_write], VMMD_WANT_ENTRY);
	after = report_session(s);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(after, "layers")), 1);
	json_decref(before);
	json_decref(after);
	/* The call it was in goes on with its own result, and the next asks nobody but the layer. */
	CU_ASSERT_EQUAL(fake_kernel(s->engine, TID, 3, 0, 0), 0);
	req_fsm_poll(s, false);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, TID), "return 3");
	push(ENGINE_ENTRY, SYS_write);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, TID), "run");
	finish();
}

static void test_refused(void)
{
	begin();
	trace(1, "no-such=1");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\"id\":1,\"ok\":false"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "no-such"));
	CU_ASSERT_EQUAL(s->stack->n, 1);
	CU_ASSERT_PTR_NULL(s->lives);
	for (int id = 2; id < 2 + STACK_LIVE; id++)
		trace(id, "syscalls=getpid");
	len = 0;
	trace(90, "syscalls=getpid");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\"id\":90,\"ok\":false"));
	CU_ASSERT_EQUAL(s->stack->n, 1 + STACK_LIVE);
	live_stop(s, conn);
	CU_ASSERT_EQUAL(s->stack->n, 1);
	finish();
}

/* Nobody waits for a reader: lines are lost, and how many is said when there is room again. */
static void test_a_slow_reader(void)
{
	enum { CALLS = 30000 };
	char options[200];
	int lines = 0, lost = 0, n;

	begin();
	snprintf(options, sizeof(options), "syscalls=getpid,label=%060d", 0);
	trace(1, options);
	for (int i = 1; i <= CALLS; i++) {
		call(SYS_getpid, i);
		if (i % 1000 == 0)
			turn(false);
	}
	CU_ASSERT(control_queued(conn) < CONTROL_QUEUE_MAX / 2);
	for (int quiet = 0; quiet < 3;) {
		size_t had = len;

		turn(true);
		quiet = len == had ? quiet + 1 : 0;
	}
	call(SYS_getpid, 0); /* the note comes with the next line */
	turn(true);
	for (char *p = text, *end; (end = memchr(p, '\n', (size_t)(text + len - p))); p = end + 1) {
		const char *note;

		*end = '\0';
		lines += strstr(p, "getpid() = ") != NULL;
		note = strstr(p, "\"line\":\"[");
		if (note && sscanf(note, "\"line\":\"[%d lost]\"", &n) == 1)
			lost += n;
	}
	CU_ASSERT(lost > 0);
	CU_ASSERT(lines > 1000);
	CU_ASSERT_EQUAL(lines + lost, CALLS + 1);
	finish();
}

static void test_the_session_ends(void)
{
	const char *line, *end;

	begin();
	trace(7, "syscalls=getpid");
	call(SYS_getpid, 4242);
	push(ENGINE_GONE, 0);
	live_end(s);
	turn(true);
	line = strstr(text, "getpid() = 4242");
	end = strstr(text, "{\"id\":7,\"ok\":true");
	CU_ASSERT_PTR_NOT_NULL(line);
	CU_ASSERT(end > line);
	CU_ASSERT_PTR_NULL(conn);
	finish();
}

UNIT_SUITE(live, UNIT_TEST(test_lines_reach_the_connection), UNIT_TEST(test_stop_leaves_no_mark),
	   UNIT_TEST(test_refused), UNIT_TEST(test_a_slow_reader), UNIT_TEST(test_the_session_ends));
