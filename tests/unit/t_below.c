/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_below.c - tests of vmmd/below.c. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "vmmd/below.h"

static void test_clean(void)
{
	static const char *const bad[] = {"", "x", "x/y", "//", "/a/", "/a//b", "/./a", "/a/.", "/a/../b", "/.."};
	static const char *const good[] = {"/a", "/a/b.c", "/...", "/.a/..b", "/a"};
	struct below b = {0};
	char text[5000];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(below_add(&b, bad[i]), -EINVAL);
	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[4096] = '\0';
	CU_ASSERT_EQUAL(below_add(&b, text), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(b.n, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CU_ASSERT_EQUAL(below_add(&b, good[i]), 0);
	CU_ASSERT_EQUAL_FATAL(b.n, 4); /* each once */
	CU_ASSERT_STRING_EQUAL(b.dir[1], "/a/b.c");
	text[4095] = '\0';
	CU_ASSERT_EQUAL(below_add(&b, text), 0);
	CU_ASSERT_EQUAL(b.n, 5);
	below_fini(&b);
}

static void test_narrow(void)
{
	struct below b = {0};

	CU_ASSERT_FALSE(below_is_narrow(&b));
	CU_ASSERT_EQUAL(below_add(&b, "/a"), 0);
	CU_ASSERT_TRUE(below_is_narrow(&b));
	/* Everything is below the root. */
	CU_ASSERT_EQUAL(below_add(&b, "/"), 0);
	CU_ASSERT_FALSE(below_is_narrow(&b));
	below_fini(&b);
	CU_ASSERT_EQUAL(b.n, 0);
	CU_ASSERT_FALSE(below_is_narrow(&b));
}

UNIT_SUITE(below, UNIT_TEST(test_clean), UNIT_TEST(test_narrow));
