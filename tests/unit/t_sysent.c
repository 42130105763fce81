/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_sysent.c - the table of system calls against the kernel's header, and sets.
 */
#include "tests/unit/unit.h"
#include "vmmd/sysent.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

static void test_table(void)
{
	/* Spot checks against the header this machine has; the other rows are checked in test_rows(). */
	CU_ASSERT_EQUAL(sysent_nr("read"), SYS_read);
	CU_ASSERT_EQUAL(sysent_nr("creat"), SYS_creat);
	CU_ASSERT_EQUAL(sysent_nr("openat2"), SYS_openat2);
	CU_ASSERT_EQUAL(sysent_nr("set_mempolicy_home_node"), SYS_set_mempolicy_home_node);
	CU_ASSERT_EQUAL(sysent_nr("file_setattr"), 469);
	CU_ASSERT_EQUAL(sysent_nr("pselect6"), SYS_pselect6);
	CU_ASSERT_STRING_EQUAL(sysent(SYS_newfstatat)->name, "newfstatat");
	CU_ASSERT_EQUAL(sysent_nr(""), -1);
	CU_ASSERT_EQUAL(sysent_nr("nosuchcall"), -1);
}

static void test_unknown_numbers(void)
{
	static const int64_t none[] = { -1, 337, 423, 470, 511, 512, 1000, 0x40000000, INT64_MIN,
					INT64_MAX };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CU_ASSERT_PTR_NULL(sysent(none[i]));
}

/* What the head of the table promises, for every row. */
static void test_rows(void)
{
	int rows = 0;

	for (int nr = 0; nr < SYSENT_MAX; nr++) {
		const struct vmmd_syscall *call = sysent(nr);

		if (call == NULL)
			continue;
		rows++;
		CU_ASSERT_EQUAL(sysent_nr(call->name), nr);
		CU_ASSERT(call->ret != VMMD_ARG_NONE && call->ret < VMMD_ARG_KIND_COUNT);
		CU_ASSERT(call->nargs <= 6);
		for (int i = 0; i < 6; i++) {
			int kind = call->kind[i], next = i < 5 ? call->kind[i + 1] : 0;

			CU_ASSERT_EQUAL(kind != VMMD_ARG_NONE, i < call->nargs);
			if (kind == VMMD_ARG_DIRFD)
				CU_ASSERT_EQUAL(next, VMMD_ARG_PATH);
			if (kind == VMMD_ARG_BUFIN || kind == VMMD_ARG_BUFOUT ||
			    kind == VMMD_ARG_OUTPATH || kind == VMMD_ARG_SOCKADDR)
				CU_ASSERT(next == VMMD_ARG_UINT || next == VMMD_ARG_INT);
		}
	}
	CU_ASSERT_EQUAL(rows, 383);
}

static void test_kinds(void)
{
	const struct vmmd_syscall *call = sysent(SYS_symlinkat);

	CU_ASSERT_EQUAL(call->nargs, 3);
	CU_ASSERT_EQUAL(call->kind[0], VMMD_ARG_STR);
	CU_ASSERT_EQUAL(call->kind[1], VMMD_ARG_DIRFD);
	CU_ASSERT_EQUAL(call->kind[2], VMMD_ARG_PATH);
	CU_ASSERT_EQUAL(sysent(SYS_openat)->ret, VMMD_ARG_FD);
	CU_ASSERT_EQUAL(sysent(SYS_getcwd)->kind[0], VMMD_ARG_OUTPATH);
	CU_ASSERT_EQUAL(sysent(SYS_fork)->nargs, 0);
}

static int add(struct vmmd_set *set, const char *item)
{
	char why[128] = "";
	int rc = sysent_set_add(set, item, why, sizeof(why));

	CU_ASSERT_EQUAL(rc == 0, why[0] == '\0');
	return rc;
}

static void test_set_names(void)
{
	struct vmmd_set set = { 0 };

	CU_ASSERT_FALSE(sysent_set_has(&set, SYS_openat));
	CU_ASSERT_EQUAL(add(&set, "openat"), 0);
	CU_ASSERT_EQUAL(add(&set, "500"), 0);
	CU_ASSERT_EQUAL(add(&set, "0"), 0);
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_openat));
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_read));
	CU_ASSERT_TRUE(sysent_set_has(&set, 500));
	CU_ASSERT_FALSE(sysent_set_has(&set, 501));
	CU_ASSERT_FALSE(sysent_set_has(&set, 512));
	CU_ASSERT_FALSE(sysent_set_has(&set, -1));
	CU_ASSERT_EQUAL(add(&set, "!openat"), 0);
	CU_ASSERT_FALSE(sysent_set_has(&set, SYS_openat));
}

static void test_set_groups(void)
{
	struct vmmd_set set = { 0 };

	CU_ASSERT_EQUAL(add(&set, "@path"), 0);
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_symlink));
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_execveat));
	CU_ASSERT_TRUE(sysent_set_has(&set, 469));
	CU_ASSERT_FALSE(sysent_set_has(&set, SYS_write));
	CU_ASSERT_FALSE(sysent_set_has(&set, 400));
	CU_ASSERT_EQUAL(add(&set, "@net"), 0);
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_recvmmsg));
	CU_ASSERT_EQUAL(add(&set, "!@path"), 0);
	CU_ASSERT_FALSE(sysent_set_has(&set, SYS_symlink));
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_connect));
	CU_ASSERT_EQUAL(add(&set, "@process"), 0);
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_pidfd_send_signal));
	CU_ASSERT_FALSE(sysent_set_has(&set, SYS_getpid));
}

static void test_set_all(void)
{
	struct vmmd_set set = { 0 };

	CU_ASSERT_EQUAL(add(&set, "@all"), 0);
	CU_ASSERT_EQUAL(add(&set, "!write"), 0);
	CU_ASSERT_TRUE(sysent_set_has(&set, SYS_read));
	CU_ASSERT_FALSE(sysent_set_has(&set, SYS_write));
	CU_ASSERT_TRUE(sysent_set_has(&set, 511));
	CU_ASSERT_TRUE(sysent_set_has(&set, 512));
	CU_ASSERT_TRUE(sysent_set_has(&set, -1));
	CU_ASSERT_TRUE(sysent_set_has(&set, INT64_MAX));
	CU_ASSERT_EQUAL(add(&set, "!@all"), 0);
	CU_ASSERT_FALSE(sysent_set_has(&set, SYS_read));
	CU_ASSERT_FALSE(sysent_set_has(&set, -1));
}

static void test_set_errors(void)
{
	static const char *const bad[] = { "",	  "!",	  "512", "99999999999999999999", "-1", "0x1",
					   "@",	  "@foo", "!!read", "Read", " read", "read ", "1a" };
	struct vmmd_set set = { 0 }, empty = { 0 };
	char why[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(add(&set, bad[i]), -EINVAL);
	CU_ASSERT_EQUAL(memcmp(&set, &empty, sizeof(set)), 0);
	sysent_set_add(&set, "512", why, sizeof(why));
	CU_ASSERT_STRING_EQUAL(why, "512 is not below 512");
	sysent_set_add(&set, "foo", why, sizeof(why));
	CU_ASSERT_STRING_EQUAL(why, "no system call \"foo\"");
}

UNIT_SUITE(sysent, UNIT_TEST(test_table), UNIT_TEST(test_unknown_numbers), UNIT_TEST(test_rows),
	   UNIT_TEST(test_kinds), UNIT_TEST(test_set_names), UNIT_TEST(test_set_groups),
	   UNIT_TEST(test_set_all), UNIT_TEST(test_set_errors));
