/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_host.c - tests of vmmd/host.c, on a layer and a request of the fake engine. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/scenario/fake.h"
#include "vmmd/conf.h"
#include "vmmd/host.h"
#include "vmmd/loop.h"
#include "vmmd/req_fsm.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

static const struct vmmd_host *const h = &host_table;
static struct loop *loop;
static struct conf *conf;
static struct session *s;
static struct vmmd_layer *l;
static char why[600];

static void begin(void)
{
	char spec[4096];

	loop = loop_new();
	conf = conf_new();
	snprintf(spec, sizeof(spec), "%s/../script.so,name=me,on=entry:read:suspend", unit_dir());
	CU_ASSERT_EQUAL_FATAL(conf_layer(conf, spec, why, sizeof(why)), 0);
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL_FATAL(req_fsm_start_with(s, fake_named("full"), why, sizeof(why)), 0);
	l = s->stack->layers[0];
}

/* A request that waits at the entry of read(). Its task has this process' number. */
static struct vmmd_req *request(void)
{
	struct fake_event ev = { .type = ENGINE_NEW, .tid = getpid(), .tgid = getpid() };

	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
	CU_ASSERT_EQUAL_FATAL(req_fsm_poll(s, false), 0);
	ev.type = ENGINE_ENTRY;
	ev.call.nr = SYS_read;
	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
	CU_ASSERT_EQUAL_FATAL(req_fsm_poll(s, false), 0);
	return &s->tasks->call;
}

static void finish(void)
{
	s->engine->ops->destroy(s->engine);
	s->engine = NULL;
	session_free(s);
	conf_free(conf);
	loop_free(loop);
}

/* No entry of the table was forgotten. */
static void test_the_table_is_complete(void)
{
	const char *p = (const char *)h + offsetof(struct vmmd_host, option);

	CU_ASSERT_EQUAL(h->size, sizeof(*h));
	CU_ASSERT_EQUAL(h->abi_major, VMMD_ABI_MAJOR);
	CU_ASSERT_EQUAL(h->abi_minor, VMMD_ABI_MINOR);
	for (; p < (const char *)(h + 1); p += sizeof(void *)) {
		void *fn;

		memcpy(&fn, p, sizeof(fn));
		CU_ASSERT_PTR_NOT_NULL(fn);
	}
}

static void test_selection(void)
{
	struct vmmd_set set = { .bits = { 1u << SYS_read }, .other = true };

	begin();
	CU_ASSERT_EQUAL(h->want(l, SYS_read, VMMD_WANT_ENTRY), -EBUSY);
	CU_ASSERT_EQUAL(h->want_set(l, &set, VMMD_WANT_ENTRY), -EBUSY);
	CU_ASSERT_EQUAL(h->want_all(l, VMMD_WANT_ENTRY), -EBUSY);
	CU_ASSERT_EQUAL(h->want_events(l, VMMD_EVENT_EXEC), -EBUSY);
	l->opening = true;
	CU_ASSERT_EQUAL(h->want(l, -1, VMMD_WANT_ENTRY), -EINVAL);
	CU_ASSERT_EQUAL(h->want(l, 100000, VMMD_WANT_ENTRY), -EINVAL);
	CU_ASSERT_EQUAL(h->want(l, SYS_read, 0x100), -EINVAL);
	CU_ASSERT_EQUAL(h->want_events(l, 0x80), -EINVAL);
	CU_ASSERT_EQUAL(h->want(l, SYS_write, VMMD_WANT_REISSUE), 0);
	CU_ASSERT_EQUAL(layer_wants(l, SYS_write), VMMD_WANT_REISSUE | VMMD_WANT_EXIT);
	CU_ASSERT_EQUAL(h->want_set(l, &set, VMMD_WANT_REWRITE), 0);
	CU_ASSERT_EQUAL(layer_wants(l, SYS_read), VMMD_WANT_REWRITE | VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer_wants(l, -5), VMMD_WANT_REWRITE | VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer_wants(l, SYS_open), 0);
	/* What has to be asked for is asked for at entry, and not wanted of every call. */
	CU_ASSERT_EQUAL(h->want(l, SYS_readlink, VMMD_WANT_RESULT | VMMD_WANT_RARELY), 0);
	CU_ASSERT_EQUAL(layer_wants(l, SYS_readlink),
			VMMD_WANT_ENTRY | VMMD_WANT_EXIT | VMMD_WANT_RESULT | VMMD_WANT_RARELY);
	CU_ASSERT_EQUAL(layer_always(l, SYS_readlink), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer_always(l, SYS_write), VMMD_WANT_REISSUE | VMMD_WANT_EXIT);
	CU_ASSERT_TRUE(h->set_has(&set, 0));
	CU_ASSERT_TRUE(h->set_has(&set, -1));
	CU_ASSERT_FALSE(h->set_has(&set, 1));
	CU_ASSERT_FALSE(h->set_has(NULL, 0));
	l->opening = false;
	finish();
}

/* Which paths concern a layer, if it may be got round. */
static void test_only_below(void)
{
	begin();
	CU_ASSERT_EQUAL(h->only_below(l, "/a"), -EBUSY);
	l->opening = true;
	l->advisory = false;
	CU_ASSERT_EQUAL(h->only_below(l, "/a"), -EPERM);
	CU_ASSERT_EQUAL(h->advisory(l), 0);
	CU_ASSERT_EQUAL(h->only_below(l, "a"), -EINVAL);
	CU_ASSERT_FALSE(below_is_narrow(&l->below));
	CU_ASSERT_EQUAL(h->only_below(l, "/a"), 0);
	CU_ASSERT_EQUAL(h->only_below(l, "/b"), 0);
	CU_ASSERT_EQUAL(l->below.n, 2);
	CU_ASSERT_TRUE(below_is_narrow(&l->below));
	l->live = true;
	CU_ASSERT_EQUAL(h->only_below(l, "/c"), 0);
	CU_ASSERT_EQUAL(l->below.n, 2);
	l->live = false;
	l->opening = false;
	finish();
}

static void test_options(void)
{
	begin();
	CU_ASSERT_STRING_EQUAL(h->option(l, "name")->text, "me");
	CU_ASSERT_TRUE(h->option(l, "name")->given);
	CU_ASSERT_EQUAL(h->option(l, "on")->count, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h->option(l, "no-such"));
	CU_ASSERT_FALSE(h->option(l, "no-such")->given);
	finish();
}

static void test_counters(void)
{
	char name[40];
	uint64_t *first, *c = NULL;

	begin();
	first = h->counter(l, "n0");
	*first += 5;
	for (int i = 1; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		c = h->counter(l, name);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		(*c)++;
	}
	CU_ASSERT_PTR_EQUAL(h->counter(l, "n0"), first);
	CU_ASSERT_EQUAL(*first, 5);
	CU_ASSERT_PTR_NOT_EQUAL(c, first);
	/* What has no room of its own shares one. */
	CU_ASSERT_PTR_EQUAL(h->counter(l, "n98"), c);
	CU_ASSERT(*c > 1);
	memset(name, 'x', sizeof(name));
	name[39] = 0;
	CU_ASSERT_PTR_EQUAL(h->counter(l, name), h->counter(l, name));
	finish();
}

static void test_replies(void)
{
	struct vmmd_reply r = { .rows = json_array() };
	char big[6000];

	h->reply_field(&r, "a", "%d", 1);
	h->reply_row(&r);
	h->reply_field(&r, "path", "%s", "caf\xc3\xa9");
	h->reply_field(&r, "raw", "%s", "x\xff\xfey");
	memset(big, 'b', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	h->reply_field(&r, "big", "%s", big);
	CU_ASSERT_EQUAL(json_array_size(r.rows), 2);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_array_get(r.rows, 0), "a")), "1");
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_array_get(r.rows, 1), "path")),
		"caf\xc3\xa9");
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_array_get(r.rows, 1), "raw")), "x??y");
	CU_ASSERT_PTR_NOT_NULL(json_object_get(json_array_get(r.rows, 1), "big"));
	json_decref(r.rows);
}

static void put(uint64_t addr, const void *data, size_t len)
{
	memcpy(fake_memory(s->engine, getpid()) + (addr - FAKE_BASE), data, len);
}

static void test_strings(void)
{
	struct vmmd_req *req;
	char buf[64];

	begin();
	req = request();
	put(0x10ffb, "across", 7); /* the page ends behind "acros" */
	CU_ASSERT_EQUAL(h->read_str(req, 0x10ffb, buf, sizeof(buf)), 6);
	CU_ASSERT_STRING_EQUAL(buf, "across");
	CU_ASSERT_EQUAL(h->read_str(req, 0x10ffb, buf, 7), 6);
	CU_ASSERT_EQUAL(h->read_str(req, 0x10ffb, buf, 6), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(h->read_str(req, 0x10ffb, buf, 0), -ENAMETOOLONG);
	/* One that runs into memory that is not there. */
	put(FAKE_BASE + FAKE_SIZE - 3, "end", 3);
	CU_ASSERT_EQUAL(h->read_str(req, FAKE_BASE + FAKE_SIZE - 3, buf, sizeof(buf)), -EFAULT);
	CU_ASSERT_EQUAL(h->read_str(req, 0, buf, sizeof(buf)), -EFAULT);
	CU_ASSERT_EQUAL(h->read_str(req, UINT64_MAX, buf, sizeof(buf)), -EFAULT);
	finish();
}

static void test_vectors(void)
{
	struct iovec v[100];
	struct vmmd_req *req;
	char buf[256];

	begin();
	req = request();
	for (int i = 0; i < 100; i++)
		v[i] = (struct iovec){ (void *)(uintptr_t)(0x11000 + i), 1 };
	for (int i = 0; i < 100; i++)
		put(0x11000 + (uint64_t)i, &"0123456789"[i % 10], 1);
	put(0x12000, v, sizeof(v));
	CU_ASSERT_EQUAL(h->read_iov(req, 0x12000, 100, buf, sizeof(buf)), 100);
	CU_ASSERT_EQUAL(memcmp(buf, "01234567890123456789", 20), 0);
	CU_ASSERT_EQUAL(buf[99], '9');
	CU_ASSERT_EQUAL(h->read_iov(req, 0x12000, 100, buf, 7), 7);
	CU_ASSERT_EQUAL(h->read_iov(req, 0x12000, 0, buf, 7), 0);
	CU_ASSERT_EQUAL(h->read_iov(req, 0x12000, 1025, buf, 7), -EINVAL);
	CU_ASSERT_EQUAL(h->read_iov(req, 1, 1, buf, 7), -EFAULT);
	/* Hostile lengths and addresses: what can be read is read. */
	v[0].iov_len = SIZE_MAX;
	put(0x12000, v, sizeof(v[0]));
	CU_ASSERT_EQUAL(h->read_iov(req, 0x12000, 2, buf, 50), 50);
	v[0].iov_len = 1;
	v[1].iov_base = (void *)1;
	put(0x12000, v, sizeof(v));
	CU_ASSERT_EQUAL(h->read_iov(req, 0x12000, 3, buf, 50), 1);
	v[0].iov_base = (void *)1;
	put(0x12000, v, sizeof(v));
	CU_ASSERT_EQUAL(h->read_iov(req, 0x12000, 3, buf, 50), -EFAULT);
	finish();
}

/* The task is this process, so the answers can be compared with getcwd() and readlink(). */
static void test_paths(void)
{
	struct vmmd_req *req;
	char buf[4096], want[4096];
	int fd;

	begin();
	req = request();
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(want, sizeof(want)));
	CU_ASSERT_EQUAL(h->cwd(req, buf, sizeof(buf)), (ssize_t)strlen(want));
	CU_ASSERT_STRING_EQUAL(buf, want);
	CU_ASSERT_EQUAL(h->cwd(req, buf, strlen(want)), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(h->root(req, buf, sizeof(buf)), 1);
	CU_ASSERT_STRING_EQUAL(buf, "/");
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(h->fd_path(req, fd, buf, sizeof(buf)), 9);
	CU_ASSERT_STRING_EQUAL(buf, "/dev/null");
	close(fd);
	CU_ASSERT_EQUAL(h->fd_path(req, fd, buf, sizeof(buf)), -ENOENT);
	CU_ASSERT_EQUAL(h->fd_path(req, -1, buf, sizeof(buf)), -EBADF);
	finish();
}

static int rings;

static void on_timer(void *arg)
{
	rings++;
	if (arg && rings == 3)
		h->timer_stop(*(struct vmmd_timer **)arg);
}

static void on_time(struct loop_timer *t)
{
	(void)t;
	loop_break(loop);
}

static void run_for(int64_t ms)
{
	struct loop_timer t;

	loop_timer_init(&t, on_time);
	loop_timer_start(loop, &t, ms, 0);
	loop_run(loop);
}

static void test_timers(void)
{
	struct vmmd_timer *once, *stopped, *repeat;

	begin();
	once = h->timer_start(l, 5, false, on_timer, NULL);
	stopped = h->timer_start(l, 5, false, on_timer, NULL);
	CU_ASSERT_PTR_NOT_NULL(once);
	h->timer_stop(stopped);
	h->timer_stop(NULL);
	run_for(30);
	CU_ASSERT_EQUAL(rings, 1);
	rings = 0;
	repeat = h->timer_start(l, 2, true, on_timer, &repeat);
	run_for(60);
	CU_ASSERT_EQUAL(rings, 3);
	/* One that never fires ends with the layer. */
	h->timer_start(l, 3600000, true, on_timer, NULL);
	finish();
}

static short seen;

static void on_watch(void *arg, short revents)
{
	seen = revents;
	h->watch_stop(*(struct vmmd_watch **)arg);
}

static void test_watches(void)
{
	struct vmmd_watch *w;
	int p[2];

	begin();
	CU_ASSERT_EQUAL_FATAL(pipe2(p, O_CLOEXEC), 0);
	CU_ASSERT_PTR_NULL(h->watch_start(l, -1, POLLIN, on_watch, &w));
	CU_ASSERT_PTR_NULL(h->watch_start(l, p[0], 0, on_watch, &w));
	w = h->watch_start(l, p[0], POLLIN, on_watch, &w);
	CU_ASSERT_EQUAL(write(p[1], "x", 1), 1);
	run_for(20);
	CU_ASSERT_EQUAL(seen, POLLIN);
	h->watch_stop(NULL);
	h->watch_start(l, p[0], POLLIN, on_watch, &w);
	finish();
	close(p[0]);
	close(p[1]);
}

static void test_out_only_in_open(void)
{
	begin();
	errno = 0;
	CU_ASSERT_PTR_NULL(h->out_open(l, "/dev/null"));
	CU_ASSERT_EQUAL(errno, EBUSY);
	l->opening = true;
	CU_ASSERT_PTR_NULL(h->out_open(l, "-")); /* this session has no standard error */
	CU_ASSERT_PTR_NOT_NULL(h->out_open(l, "/dev/null"));
	l->opening = false;
	finish();
}

UNIT_SUITE(host, UNIT_TEST(test_the_table_is_complete), UNIT_TEST(test_selection), UNIT_TEST(test_only_below),
	   UNIT_TEST(test_options), UNIT_TEST(test_counters), UNIT_TEST(test_replies),
	   UNIT_TEST(test_strings), UNIT_TEST(test_vectors), UNIT_TEST(test_paths),
	   UNIT_TEST(test_timers), UNIT_TEST(test_watches), UNIT_TEST(test_out_only_in_open));
