/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_engine.c - tests of vmmd/engine/engine.c. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "vmmd/engine/engine.h"

#define ALL ((1u << ENGINE_F_COUNT_) - 1)

static char why[400];

static const struct engine_ops *choose(const char *name, uint32_t all, uint32_t any, const struct engine_select *select)
{
	const struct engine_need need = {.all = all, .any = any, .select = select};

	why[0] = '\0';
	return engine_choose(name, &need, why, sizeof(why));
}

static const struct engine_ops *named(const char *name)
{
	for (const struct engine_ops *const *e = engine_all; *e; e++)
		if (strcmp((*e)->name, name) == 0)
			return *e;
	return NULL;
}

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
	CU_ASSERT_PTR_EQUAL(choose("auto", 0, 0, NULL), *e);
	CU_ASSERT_PTR_EQUAL(choose("auto", (*e)->features, 0, NULL), *e);
}

static void test_named(void)
{
	for (const struct engine_ops *const *e = engine_all; *e; e++) {
		const struct engine_ops *got = choose((*e)->name, (*e)->features, 0, NULL);

		CU_ASSERT_PTR_EQUAL(got, works(*e) ? *e : NULL);
		if (!got)
			CU_ASSERT_PTR_NOT_NULL(strstr(why, "cannot work here"));
	}
}

/* An engine that has what is needed and does not work here is a better reason than all that lack it. */
static void test_auto_names_the_one_that_could(void)
{
	if (works(named("kmod")))
		unit_skip("the kernel module is loaded: it serves");
	CU_ASSERT_PTR_NULL(choose("auto", ENGINE_F_ATTACH, 0, NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "engine kmod cannot work here"));
}

static void test_an_unknown_name_lists_the_known(void)
{
	CU_ASSERT_PTR_NULL(choose("no-such", 0, 0, NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"no-such\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "auto"));
	for (const struct engine_ops *const *e = engine_all; *e; e++)
		CU_ASSERT_PTR_NOT_NULL(strstr(why, (*e)->name));
	CU_ASSERT_PTR_NULL(choose("", 0, 0, NULL));
	CU_ASSERT_PTR_NULL(choose("Auto", 0, 0, NULL));
}

static void test_what_is_missing_is_named(void)
{
	for (const struct engine_ops *const *e = engine_all; *e; e++)
		for (int bit = 0; bit < ENGINE_F_COUNT_; bit++) {
			char quoted[40];

			if ((*e)->features & 1u << bit)
				continue;
			snprintf(quoted, sizeof(quoted), "\"%s\"", engine_feature_names[bit]);
			CU_ASSERT_PTR_NULL(choose((*e)->name, 1u << bit, 0, NULL));
			CU_ASSERT_PTR_NOT_NULL(strstr(why, quoted));
			CU_ASSERT_PTR_NOT_NULL(strstr(why, (*e)->name));
		}
}

/* One of several is enough; if there is none the first of them is named. */
static void test_any(void)
{
	const struct engine_ops *e = named("ptrace"), *s = named("seccomp");

	CU_ASSERT_PTR_EQUAL(choose("ptrace", 0, ENGINE_F_REWRITE | ENGINE_F_PATHS, NULL), e);
	if (works(s))
		CU_ASSERT_PTR_EQUAL(choose("seccomp", ENGINE_F_ENTRY, ENGINE_F_REWRITE | ENGINE_F_INSTALL_FD, NULL), s);
	CU_ASSERT_PTR_NULL(choose("seccomp", 0, ENGINE_F_REWRITE | ENGINE_F_PATHS, NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"rewrite\""));
}

/* Two mechanisms are of no use where one is never used. */
static void test_auto_and_the_selection(void)
{
	static struct engine_select s;
	const struct engine_ops *hybrid = named("hybrid"), *ptrace = named("ptrace");
	uint32_t need = ENGINE_F_ENTRY | ENGINE_F_EXIT;

	if (!works(hybrid))
		unit_skip("no notifications on this host");
	if (works(named("kmod")))
		unit_skip("the kernel module is loaded: \"auto\" takes it");
	s.want[1] = VMMD_WANT_ENTRY | VMMD_WANT_EXIT;
	CU_ASSERT_PTR_EQUAL(choose("auto", need, 0, &s), ptrace);
	s.want[2] = VMMD_WANT_ENTRY;
	CU_ASSERT_PTR_EQUAL(choose("auto", need, 0, &s), hybrid);
	s.refuse[2] = 1; /* it does not stop */
	CU_ASSERT_PTR_EQUAL(choose("auto", need, 0, &s), ptrace);
	s.want_other = VMMD_WANT_ENTRY;
	CU_ASSERT_PTR_EQUAL(choose("auto", need, 0, &s), hybrid);
	/* By name it is to be had. */
	s.want[2] = s.want_other = 0;
	CU_ASSERT_PTR_EQUAL(choose("hybrid", need, 0, &s), hybrid);
}

static void test_how(void)
{
	static const uint32_t wants[] = {VMMD_WANT_EXIT, VMMD_WANT_REWRITE, VMMD_WANT_RESULT, VMMD_WANT_REISSUE};
	const uint32_t cheap = VMMD_WANT_ENTRY | VMMD_WANT_PATHS | VMMD_WANT_MEMORY;
	const struct engine_ops *h = named("hybrid");

	for (const struct engine_ops *const *e = engine_all; *e; e++) {
		CU_ASSERT_EQUAL((*e)->how(0), ENGINE_HOW_ALLOW);
		CU_ASSERT((*e)->how(VMMD_WANT_ENTRY) > ENGINE_HOW_ERRNO);
	}
	CU_ASSERT_EQUAL(named("ptrace")->how(cheap), ENGINE_HOW_TRACE);
	CU_ASSERT_EQUAL(named("kmod")->how(cheap), ENGINE_HOW_TRACE);
	CU_ASSERT_EQUAL(named("seccomp")->how(cheap), ENGINE_HOW_NOTIFY);
	CU_ASSERT_EQUAL(h->how(cheap), ENGINE_HOW_NOTIFY);
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		CU_ASSERT_EQUAL(h->how(cheap | wants[i]), ENGINE_HOW_TRACE);
}

static void test_uses(void)
{
	static struct engine_select s;
	const struct engine_ops *h = named("hybrid");

	CU_ASSERT_TRUE(engine_uses(h, &s, ENGINE_HOW_ALLOW));
	CU_ASSERT_FALSE(engine_uses(h, &s, ENGINE_HOW_NOTIFY));
	s.want[ENGINE_NR_MAX - 1] = VMMD_WANT_ENTRY;
	CU_ASSERT_TRUE(engine_uses(h, &s, ENGINE_HOW_NOTIFY));
	CU_ASSERT_FALSE(engine_uses(h, &s, ENGINE_HOW_TRACE));
	s.want_other = VMMD_WANT_EXIT;
	CU_ASSERT_TRUE(engine_uses(h, &s, ENGINE_HOW_TRACE));
	s.refuse[ENGINE_NR_MAX - 1] = 1;
	CU_ASSERT_FALSE(engine_uses(h, &s, ENGINE_HOW_NOTIFY));
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
	const struct engine_need need = {.all = 0};
	char small[8] = "xxxxxxx";

	CU_ASSERT_PTR_NULL(engine_choose("no-such", &need, small, 4));
	CU_ASSERT_EQUAL(strlen(small), 3);
	CU_ASSERT_EQUAL(small[4], 'x');
}

UNIT_SUITE(engine, UNIT_TEST(test_auto_takes_the_first_that_serves), UNIT_TEST(test_named),
	   UNIT_TEST(test_auto_names_the_one_that_could), UNIT_TEST(test_an_unknown_name_lists_the_known),
	   UNIT_TEST(test_what_is_missing_is_named),
	   UNIT_TEST(test_any), UNIT_TEST(test_auto_and_the_selection), UNIT_TEST(test_how), UNIT_TEST(test_uses),
	   UNIT_TEST(test_names), UNIT_TEST(test_small_why));
