/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_null.c - tests of vmmd/plugins/null. */
#define vmmd_plugin null_vmmd_plugin
#include "vmmd/plugins/null/null.c"

#include <sys/syscall.h>

#include "tests/unit/mock_host.h"

static struct vmmd_layer layer;
static struct vmmd_req req;

static void test_wants(void)
{
	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &null_plugin, "null,syscalls=getpid+openat"), 0);
	CU_ASSERT_TRUE(layer.advisory);
	CU_ASSERT_EQUAL(layer.want[SYS_getpid], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_getppid], 0);
	CU_ASSERT_EQUAL(layer.events, 0);
	mock_req(&req, SYS_openat, 0, MOCK_PTR("/x"), 0, 0);
	CU_ASSERT_EQUAL(null_plugin.entry(layer.self, &req), VMMD_PASS);
	CU_ASSERT_EQUAL(req.read_args, 0);
	mock_close(&layer);
	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &null_plugin, "null,exit,events"), 0);
	CU_ASSERT_EQUAL(layer.want_other, VMMD_WANT_ENTRY | VMMD_WANT_EXIT);
	CU_ASSERT_NOT_EQUAL(layer.events, 0);
	mock_close(&layer);
}

/* One path of a call is read, if it has one, and nothing comes of it. */
static void test_paths(void)
{
	static const struct {
		int64_t nr;
		uint64_t args[2];
		unsigned read;
	} t[] = {
		{SYS_open, {MOCK_UNMAPPED - 1}, 1},	   {SYS_openat, {0, MOCK_UNMAPPED - 1}, 2},
		{SYS_rename, {MOCK_UNMAPPED - 1, 7}, 1}, {SYS_getpid, {0}, 0},
		{4711, {0}, 0},
	};

	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &null_plugin, "null,paths"), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		mock_req(&req, t[i].nr, t[i].args[0], t[i].args[1], 0, 0);
		CU_ASSERT_EQUAL(null_plugin.entry(layer.self, &req), VMMD_PASS);
		CU_ASSERT_EQUAL(req.read_args, t[i].read);
		CU_ASSERT_FALSE(req.read_other);
	}
	mock_close(&layer);
}

UNIT_SUITE(null, UNIT_TEST(test_wants), UNIT_TEST(test_paths));
