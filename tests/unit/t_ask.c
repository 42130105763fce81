/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_ask.c - tests of vmmd/plugins/ask. */
#define vmmd_plugin ask_vmmd_plugin
#include "vmmd/plugins/ask/ask.c"

#include <sys/syscall.h>

#include "tests/unit/mock_host.h"

static struct vmmd_layer layer;
static struct vmmd_req reqs[4];

static void open_ask(const char *spec)
{
	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &ask_plugin, spec), 0);
}

static enum vmmd_verdict enter(unsigned i, int64_t nr, const char *path)
{
	mock_req(&reqs[i], nr, MOCK_PTR(path), 0, 0, 0);
	reqs[i].ticket = i + 1;
	reqs[i].info.tid = (pid_t)(1000 + i);
	return ask_plugin.entry(layer.self, &reqs[i]);
}

static int command(const char *name, const char *text)
{
	struct vmmd_reply reply = {&layer};

	layer.rows[0] = '\0';
	return ask_plugin.command(layer.self, name, text, &reply);
}

static uint64_t count(const char *name)
{
	return *mock_counter(&layer, name);
}

static void test_answers(void)
{
	open_ask("ask,syscalls=unlink+getpid");
	CU_ASSERT_EQUAL(enter(0, SYS_unlink, "/tmp/../etc/x\n"), VMMD_SUSPEND);
	CU_ASSERT_STRING_EQUAL(layer.log, "question 1: unlink(\"/etc/x\\x0a\") of 1000 waits");
	CU_ASSERT_EQUAL(enter(1, SYS_getpid, NULL), VMMD_SUSPEND);
	CU_ASSERT_STRING_EQUAL(layer.log, "question 2: getpid() of 1001 waits");
	CU_ASSERT_EQUAL(enter(2, SYS_unlink, "/b"), VMMD_SUSPEND);
	CU_ASSERT_EQUAL(enter(3, SYS_getppid, NULL), VMMD_PASS);
	CU_ASSERT_EQUAL(count("pending"), 3);
	CU_ASSERT_EQUAL(command("pending", ""), 0);
	CU_ASSERT_STRING_EQUAL(layer.rows,
			       "\nquestion=1 tid=1000 syscall=unlink path=/etc/x\\x0a seconds=0 "
			       "\nquestion=2 tid=1001 syscall=getpid path= seconds=0 "
			       "\nquestion=3 tid=1002 syscall=unlink path=/b seconds=0 ");
	CU_ASSERT_EQUAL(command("answer", "2 allow"), 0);
	CU_ASSERT_EQUAL(layer.resumed, 2);
	CU_ASSERT_EQUAL(layer.resume_verdict, VMMD_PASS);
	CU_ASSERT_EQUAL(command("answer", "2 allow"), -ESRCH);
	CU_ASSERT_EQUAL(command("answer", "1 deny=ENOENT"), 0);
	CU_ASSERT_EQUAL(layer.resume_verdict, VMMD_REPLY);
	CU_ASSERT_EQUAL(layer.resume_result, -ENOENT);
	CU_ASSERT_EQUAL(command("answer", "3 deny"), 0);
	CU_ASSERT_EQUAL(layer.resume_result, -EPERM);
	CU_ASSERT_EQUAL(count("asked"), 3);
	CU_ASSERT_EQUAL(count("allowed"), 1);
	CU_ASSERT_EQUAL(count("denied"), 2);
	CU_ASSERT_EQUAL(count("pending"), 0);
	CU_ASSERT_PTR_NULL(layer.timer.fn);
	mock_close(&layer);
}

static void test_bad_answers(void)
{
	static const char *const bad[] = {"", "1", "1 ", "x allow", "1allow", "1 allow=EPERM", "1 deny=",
					  "1 deny=EFOO", "-1 allow", "99999999999999999999 allow", "1 allow x"};

	open_ask("ask,syscalls=getpid");
	CU_ASSERT_EQUAL(enter(0, SYS_getpid, NULL), VMMD_SUSPEND);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(command("answer", bad[i]), -EINVAL);
	CU_ASSERT_EQUAL(command("answer", "0 allow"), -ESRCH);
	CU_ASSERT_EQUAL(command("answer", "7 allow"), -ESRCH);
	CU_ASSERT_EQUAL(command("other", "1 allow"), -ENOENT);
	CU_ASSERT_EQUAL(layer.resumes, 0);
	mock_close(&layer); /* with a question left: nothing leaks */
}

static void test_cancel(void)
{
	open_ask("ask,syscalls=getpid,timeout=5s");
	for (unsigned i = 0; i < 3; i++)
		enter(i, SYS_getpid, NULL);
	ask_plugin.cancel(layer.self, &reqs[1]);
	ask_plugin.cancel(layer.self, &reqs[1]);
	CU_ASSERT_EQUAL(command("answer", "2 allow"), -ESRCH);
	CU_ASSERT_EQUAL(count("pending"), 2);
	CU_ASSERT_PTR_NOT_NULL(layer.timer.fn);
	ask_plugin.cancel(layer.self, &reqs[0]);
	ask_plugin.cancel(layer.self, &reqs[2]);
	CU_ASSERT_EQUAL(count("cancelled"), 3);
	CU_ASSERT_EQUAL(count("pending"), 0);
	CU_ASSERT_PTR_NULL(layer.timer.fn);
	CU_ASSERT_EQUAL(layer.resumes, 0);
	mock_close(&layer);
}

/* Run the timer as vmmd does, `ms` after now. */
static void later(int64_t ms)
{
	struct ask *self = layer.self;
	struct vmmd_timer t = layer.timer;

	for (struct ask_question *q = self->oldest; q; q = q->next)
		q->since -= ms;
	layer.timer.fn = NULL;
	t.fn(t.arg);
}

static void test_timeout(void)
{
	open_ask("ask,syscalls=getpid,timeout=5s,errno=EACCES");
	enter(0, SYS_getpid, NULL);
	CU_ASSERT(layer.timer.ms > 4900 && layer.timer.ms <= 5000);
	((struct ask *)layer.self)->oldest->since -= 3000;
	enter(1, SYS_getpid, NULL);
	later(2000);
	CU_ASSERT_EQUAL(layer.resumes, 1);
	CU_ASSERT_EQUAL(layer.resumed, 1);
	CU_ASSERT_EQUAL(layer.resume_verdict, VMMD_REPLY);
	CU_ASSERT_EQUAL(layer.resume_result, -EACCES);
	CU_ASSERT(layer.timer.fn && layer.timer.ms > 2900 && layer.timer.ms <= 3000);
	later(3000);
	CU_ASSERT_EQUAL(layer.resumes, 2);
	CU_ASSERT_EQUAL(count("timeouts"), 2);
	CU_ASSERT_PTR_NULL(layer.timer.fn);
	mock_close(&layer);
	open_ask("ask,syscalls=getpid,timeout=1,default=allow");
	enter(0, SYS_getpid, NULL);
	later(1000);
	CU_ASSERT_EQUAL(layer.resume_verdict, VMMD_PASS);
	mock_close(&layer);
}

static void test_path(void)
{
	open_ask("ask,syscalls=open+rename+getpid,path=/etc/*");
	CU_ASSERT_EQUAL(layer.want[SYS_getpid], 0);
	CU_ASSERT_TRUE(layer.advisory);
	CU_ASSERT_EQUAL(enter(0, SYS_open, "/etc/x"), VMMD_SUSPEND);
	CU_ASSERT_EQUAL(enter(1, SYS_open, "/usr/x"), VMMD_PASS);
	CU_ASSERT_EQUAL(enter(1, SYS_open, (const char *)8), VMMD_REPLY);
	CU_ASSERT_EQUAL(reqs[1].result, -EFAULT);
	mock_req(&reqs[1], SYS_rename, MOCK_PTR("/a"), MOCK_PTR("/etc/b"), 0, 0);
	CU_ASSERT_EQUAL(ask_plugin.entry(layer.self, &reqs[1]), VMMD_SUSPEND);
	CU_ASSERT_STRING_EQUAL(layer.log, "question 99: rename(\"/etc/b\") of 1234 waits");
	mock_close(&layer);
	CU_ASSERT_EQUAL(mock_open(&layer, &ask_plugin, "ask"), -EINVAL);
	CU_ASSERT_STRING_EQUAL(layer.log, "nothing to ask: give syscalls");
	CU_ASSERT_EQUAL(mock_open(&layer, &ask_plugin, "ask,syscalls=getpid,path=/x"), -EINVAL);
}

/* A question with a path in it is about memory; any other is about what will run. */
static void test_advisory(void)
{
	open_ask("ask,syscalls=kill+getpid");
	CU_ASSERT_FALSE(layer.advisory);
	CU_ASSERT_EQUAL(enter(0, SYS_kill, "/x"), VMMD_SUSPEND);
	CU_ASSERT_EQUAL(reqs[0].read_args, 0);
	CU_ASSERT_FALSE(reqs[0].read_other);
	mock_close(&layer);
	open_ask("ask,syscalls=kill+unlink");
	CU_ASSERT_TRUE(layer.advisory);
	mock_close(&layer);
	open_ask("ask,syscalls=connect");
	CU_ASSERT_TRUE(layer.advisory);
	mock_close(&layer);
}

#define MANY 10000u

static void test_many(void)
{
	struct vmmd_req *many = calloc(MANY, sizeof(*many));
	int64_t start = ask_now();
	char text[40];

	CU_ASSERT_PTR_NOT_NULL_FATAL(many);
	open_ask("ask,syscalls=getpid,timeout=1h");
	for (unsigned i = 0; i < MANY; i++) {
		many[i].call.nr = SYS_getpid;
		many[i].ticket = i + 1;
		CU_ASSERT_EQUAL(ask_plugin.entry(layer.self, &many[i]), VMMD_SUSPEND);
	}
	CU_ASSERT_EQUAL(count("pending"), MANY);
	/* In an order of its own; every fourth is cancelled. 7919 and MANY share no factor. */
	for (unsigned i = 0; i < MANY; i++) {
		unsigned k = i * 7919 % MANY;

		if (k % 4 == 0) {
			ask_plugin.cancel(layer.self, &many[k]);
			continue;
		}
		snprintf(text, sizeof(text), "%u allow", k + 1);
		CU_ASSERT_EQUAL(command("answer", text), 0);
		CU_ASSERT_EQUAL(layer.resumed, k + 1);
	}
	CU_ASSERT_EQUAL(count("pending"), 0);
	CU_ASSERT_EQUAL(count("cancelled"), MANY / 4);
	CU_ASSERT(ask_now() - start < 5000);
	mock_close(&layer);
	free(many);
}

static void test_only_below(void)
{
	open_ask("ask,syscalls=openat+connect,path=/etc/sh*+/home/*/.ssh");
	CU_ASSERT_STRING_EQUAL(layer.below, " /etc /home");
	mock_close(&layer);
	open_ask("ask,syscalls=openat");
	CU_ASSERT_STRING_EQUAL(layer.below, "");
	mock_close(&layer);
}

UNIT_SUITE(ask, UNIT_TEST(test_answers), UNIT_TEST(test_bad_answers), UNIT_TEST(test_cancel),
	   UNIT_TEST(test_timeout), UNIT_TEST(test_path), UNIT_TEST(test_only_below), UNIT_TEST(test_advisory),
	   UNIT_TEST(test_many));
