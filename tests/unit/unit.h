/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit.h - what a unit test file says.
 *
 *	#include "tests/unit/unit.h"
 *	static void test_foo(void) { CU_ASSERT_EQUAL(foo(), 1); }
 *	UNIT_SUITE(foo, UNIT_TEST(test_foo), UNIT_TEST(test_bar));
 *
 * in tests/unit/t_foo.c, the tests of vmmd/foo.c. Nothing else is to be
 * registered: the build makes the list of suites from the names of the files.
 *
 * Each test runs in a child of its own, so it may fork, change its directory,
 * its signals and its descriptors. Besides a failed assertion these fail it: a
 * crash, exit(), UNIT_SECONDS without an end, and a descriptor, a thread or a
 * child (of a child …) that is left over. What it prints is shown only then.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <CUnit/CUnit.h>
#include <stddef.h>

#define UNIT_SECONDS 20

struct unit_test {
	const char *name;
	void (*fn)(void);
};

struct unit_suite {
	const char *name;
	const struct unit_test *tests;
	size_t count;
};

#define UNIT_TEST(fn_)                                                                             \
	{                                                                                          \
		#fn_, fn_                                                                          \
	}

#define UNIT_SUITE(name_, ...)                                                                     \
	static const struct unit_test unit_tests_##name_[] = { __VA_ARGS__ };                      \
	extern const struct unit_suite unit_suite_##name_;                                         \
	const struct unit_suite unit_suite_##name_ = {                                             \
		#name_, unit_tests_##name_,                                                        \
		sizeof(unit_tests_##name_) / sizeof(unit_tests_##name_[0])                         \
	}

/* End this test here: it cannot be made on this host. `why` is one short clause. */
_Noreturn void unit_skip(const char *why);

/* The directory of the built test fixtures (plugins to be loaded), without a trailing slash. */
const char *unit_dir(void);

/* Every suite of the build, closed by NULL. */
extern const struct unit_suite *const unit_suites[];

#endif
