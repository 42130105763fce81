/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_mm.c - tests of vmmd/engine/mm.c. */
#include "tests/unit/unit.h"

#include "vmmd/engine/mm.h"

static void test_inherit(void)
{
	struct mm *mm = mm_new(), *shared, *copy, *first;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mm);
	shared = mm_inherit(mm, true);
	copy = mm_inherit(mm, false);
	first = mm_inherit(NULL, true);
	CU_ASSERT_PTR_EQUAL(shared, mm);
	CU_ASSERT(copy && copy != mm && first && first != mm);
	mm_put(copy, 0x1000);
	mm_put(first, 0);
	mm_put(shared, 0);
	mm_put(mm, 0);
	mm_put(NULL, 0x1000);
}

/* What a task leaves behind is for the next, once. */
static void test_areas(void)
{
	struct mm *mm = mm_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(mm);
	for (int i = 0; i < 3; i++)
		mm_inherit(mm, true);
	CU_ASSERT_EQUAL(mm_take(mm), 0);
	mm_put(mm, 0x1000);
	mm_put(mm, 0);
	mm_put(mm, 0x2000);
	CU_ASSERT_EQUAL(mm_take(mm) + mm_take(mm), 0x3000);
	CU_ASSERT_EQUAL(mm_take(mm), 0);
	CU_ASSERT_EQUAL(mm_take(NULL), 0);
	mm_put(mm, 0x1000);
}

UNIT_SUITE(mm, UNIT_TEST(test_inherit), UNIT_TEST(test_areas));
