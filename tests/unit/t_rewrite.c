/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_rewrite.c - tests of vmmd/plugins/rewrite. */
#define vmmd_plugin rewrite_vmmd_plugin
#include "vmmd/plugins/rewrite/rewrite.c"

#include <sys/syscall.h>

#include "tests/unit/mock_host.h"

static struct vmmd_layer layer;
static struct vmmd_req req;

static void test_check(void)
{
	static const char *const good[] = {
		"creat:open(a0;0x241;a1)", "getppid:getpid()", "unlink:getpid()=0", "a:b(0)=-1",
		"a:b(a0;a1;a2;a3;a4;a5)",  "a:b(-100;0777;0xffffffffffffffff)",
	};
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "a rule begins with the name of a system call and ':'"},
		{"creat", "a rule begins with the name of a system call and ':'"},
		{":open()", "a rule begins with the name of a system call and ':'"},
		{"creat:open", "after ':' comes the name of the new system call and '('"},
		{"creat:(a0)", "after ':' comes the name of the new system call and '('"},
		{"creat:open(", "argument 1 is not a0 to a5 or a number, followed by ';' or ')'"},
		{"creat:open(a6)", "argument 1 is not a0 to a5 or a number, followed by ';' or ')'"},
		{"creat:open(a0;)", "argument 2 is not a0 to a5 or a number, followed by ';' or ')'"},
		{"creat:open(a0;x)", "argument 2 is not a0 to a5 or a number, followed by ';' or ')'"},
		{"creat:open(a0 )", "argument 1 is not a0 to a5 or a number, followed by ';' or ')'"},
		{"creat:open(18446744073709551616)",
		 "argument 1 is not a0 to a5 or a number, followed by ';' or ')'"},
		{"creat:open(1;2;3;4;5;6;7)", "a system call has at most six arguments"},
		{"creat:open()=", "after '=' comes a number, the new result"},
		{"creat:open()=x", "after '=' comes a number, the new result"},
		{"creat:open()x", "a rule ends with ')' or '=RESULT'"},
		{"creat:open()=1x", "a rule ends with ')' or '=RESULT'"},
	};
	char why[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CU_ASSERT_EQUAL(rewrite_check(good[i], why, sizeof(why)), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(rewrite_check(bad[i].text, why, sizeof(why)), -1);
		CU_ASSERT_STRING_EQUAL(why, bad[i].why);
	}
}

static void test_creat(void)
{
	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &rewrite_plugin, "rewrite"), 0);
	CU_ASSERT_EQUAL(layer.want[SYS_creat], VMMD_WANT_ENTRY | VMMD_WANT_REWRITE);
	CU_ASSERT_EQUAL(layer.want[SYS_open], 0);
	CU_ASSERT_TRUE(layer.advisory);
	mock_req(&req, SYS_creat, 0x1000, 0640, 77, 88);
	CU_ASSERT_EQUAL(rewrite_plugin.entry(layer.self, &req), VMMD_PASS);
	CU_ASSERT_EQUAL(req.call.nr, SYS_open);
	CU_ASSERT_EQUAL(req.call.args[0], 0x1000);
	CU_ASSERT_EQUAL(req.call.args[1], 0x241);
	CU_ASSERT_EQUAL(req.call.args[2], 0640);
	CU_ASSERT_EQUAL(req.call.args[3], 88);
	CU_ASSERT_EQUAL(layer.counter[0], 1);
	mock_req(&req, -1, 1, 2, 3, 4);
	CU_ASSERT_EQUAL(rewrite_plugin.entry(layer.self, &req), VMMD_PASS);
	CU_ASSERT_EQUAL(req.call.nr, -1);
	mock_close(&layer);
}

static void test_arguments(void)
{
	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &rewrite_plugin, "rewrite,rules=dup2:dup3(a1;a0)+stat:newfstatat(-100;a0;a1)"), 0);
	mock_req(&req, SYS_dup2, 5, 6, 7, 0);
	rewrite_plugin.entry(layer.self, &req);
	CU_ASSERT_EQUAL(req.call.nr, SYS_dup3);
	CU_ASSERT_EQUAL(req.call.args[0], 6);
	CU_ASSERT_EQUAL(req.call.args[1], 5);
	CU_ASSERT_EQUAL(req.call.args[2], 0); /* not written */
	mock_req(&req, SYS_stat, 5, 6, 7, 8);
	rewrite_plugin.entry(layer.self, &req);
	CU_ASSERT_EQUAL(req.call.nr, SYS_newfstatat);
	CU_ASSERT_EQUAL(req.call.args[0], (uint64_t)-100);
	CU_ASSERT_EQUAL(req.call.args[1], 5);
	CU_ASSERT_EQUAL(req.call.args[2], 6);
	CU_ASSERT_EQUAL(req.call.args[3], 0);
	mock_close(&layer);
}

static void finish(int64_t result)
{
	req.result = result;
	req.exit = true;
	CU_ASSERT_EQUAL(rewrite_plugin.exit(layer.self, &req), VMMD_PASS);
}

static void test_result(void)
{
	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &rewrite_plugin, "rewrite,rules=unlink:access(a0;0)=7+getppid:access(0;0)=8"), 0);
	mock_req(&req, SYS_unlink, 0x1000, 0, 0, 0);
	rewrite_plugin.entry(layer.self, &req);
	finish(0);
	CU_ASSERT_EQUAL(req.result, 7);
	CU_ASSERT_PTR_NULL(req.task_data);
	mock_req(&req, SYS_getppid, 0, 0, 0, 0);
	rewrite_plugin.entry(layer.self, &req);
	finish(0);
	CU_ASSERT_EQUAL(req.result, 8);
	/* Errors stay; so do the results of calls the program made itself. */
	mock_req(&req, SYS_unlink, 0x1000, 0, 0, 0);
	rewrite_plugin.entry(layer.self, &req);
	finish(-ENOENT);
	CU_ASSERT_EQUAL(req.result, -ENOENT);
	mock_req(&req, SYS_access, 0x1000, 0, 0, 0);
	CU_ASSERT_EQUAL(rewrite_plugin.entry(layer.self, &req), VMMD_PASS);
	finish(0);
	CU_ASSERT_EQUAL(req.result, 0);
	mock_close(&layer);
}

static void test_open_errors(void)
{
	static const char *const t[][2] = {
		{"rewrite,rules=foo:open()", "rules: no system call is called \"foo\""},
		{"rewrite,rules=creat:bar()", "rules: no system call is called \"bar\""},
		{"rewrite,rules=creat:open(a0;1;2;3)", "rules: open takes 3 arguments, not 4"},
		{"rewrite,rules=creat:open(a0)+creat:getpid()", "rules: two rules for creat"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CU_ASSERT_EQUAL(mock_open(&layer, &rewrite_plugin, t[i][0]), -EINVAL);
		CU_ASSERT_STRING_EQUAL(layer.log, t[i][1]);
	}
	CU_ASSERT_EQUAL(mock_open(&layer, &rewrite_plugin, "rewrite,rules=creat"), -EINVAL);
}

UNIT_SUITE(rewrite, UNIT_TEST(test_check), UNIT_TEST(test_creat), UNIT_TEST(test_arguments),
	   UNIT_TEST(test_result), UNIT_TEST(test_open_errors));
