/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_engine.c - tests of vmmd/engine/engine.c. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "vmmd/engine/engine.h"

#define ALL ((1u << ENGINE_F_COUNT_) - 1)

static char why[400];

static bool works(const struct engine_ops *e)
{
	char clause[200] = "";

	return e->probe(clause, sizeof(clause)) == 0;
}

static void test_auto_takes_the_first_that_serves(void)
{
	const struct engine_ops *const *e = engine_all;

	while (*e && !works(*e))
		e++;
	if (!*e)
		unit_skip("no engine works on this host");
	CU_ASSERT_PTR_EQUAL(engine_choose("auto", 0, why, sizeof(why)), *e);
	CU_ASSERT_PTR_EQUAL(engine_choose("auto", (*e)->features, why, sizeof(why)), *e);
}

static void test_named(void)
{
	for (const struct engine_ops *const *e = engine_all; *e; e++) {
		const struct engine_ops *got = engine_choose((*e)->name, (*e)->features, why, sizeof(why));

		CU_ASSERT_PTR_EQUAL(got, works(*e) ? *e : NULL);
		if (!got)
			CU_ASSERT_PTR_NOT_NULL(strstr(why, "cannot work here"));
	}
}

static void test_an_unknown_name_lists_the_known(void)
{
	CU_ASSERT_PTR_NULL(engine_choose("no-such", 0, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"no-such\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "auto"));
	for (const struct engine_ops *const *e = engine_all; *e; e++)
		CU_ASSERT_PTR_NOT_NULL(strstr(why, (*e)->name));
	CU_ASSERT_PTR_NULL(engine_choose("", 0, why, sizeof(why)));
	CU_ASSERT_PTR_NULL(engine_choose("Auto", 0, why, sizeof(why)));
}

static void test_what_is_missing_is_named(void)
{
	for (const struct engine_ops *const *e = engine_all; *e; e++)
		for (int bit = 0; bit < ENGINE_F_COUNT_; bit++) {
			char quoted[40];

			if ((*e)->features & 1u << bit)
				continue;
			why[0] = '\0';
			snprintf(quoted, sizeof(quoted), "\"%s\"", engine_feature_names[bit]);
			CU_ASSERT_PTR_NULL(engine_choose((*e)->name, 1u << bit, why, sizeof(why)));
			CU_ASSERT_PTR_NOT_NULL(strstr(why, quoted));
			CU_ASSERT_PTR_NOT_NULL(strstr(why, (*e)->name));
		}
}

static void test_names(void)
{
	for (int a = 0; a < ENGINE_F_COUNT_; a++)
		for (int b = 0; b <= a; b++) {
			const char *one = engine_feature_names[a], *other = engine_feature_names[b];

			CU_ASSERT(one && other && (strcmp(one, other) == 0) == (a == b));
		}
	for (const struct engine_ops *const *e = engine_all; *e; e++)
		CU_ASSERT_EQUAL((*e)->features & ~ALL, 0);
}

/* `why` has an end, however small it is. */
static void test_small_why(void)
{
	char small[8] = "xxxxxxx";

	CU_ASSERT_PTR_NULL(engine_choose("no-such", 0, small, 4));
	CU_ASSERT_EQUAL(strlen(small), 3);
	CU_ASSERT_EQUAL(small[4], 'x');
}

UNIT_SUITE(engine, UNIT_TEST(test_auto_takes_the_first_that_serves), UNIT_TEST(test_named),
	   UNIT_TEST(test_an_unknown_name_lists_the_known), UNIT_TEST(test_what_is_missing_is_named),
	   UNIT_TEST(test_names), UNIT_TEST(test_small_why));
