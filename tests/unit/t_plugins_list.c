/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_plugins_list.c - tests of vmmd/plugins_list.c, with the plugins of tests/unit/fixtures and those of vmmd. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmmd/plugins_list.h"

static char dir[64];

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "(none)";
}

/* The entry of a plugin, or NULL. */
static const json_t *called(const json_t *all, const char *name)
{
	const json_t *found = NULL;
	const json_t *o;
	size_t i;

	json_array_foreach(all, i, o) {
		if (strcmp(text(o, "name"), name) != 0)
			continue;
		CU_ASSERT_PTR_NULL(found); /* each once */
		found = o;
	}
	return found;
}

/* Of a plugin with options: their names and types. */
static const char *option_type(const json_t *plugin, const char *name)
{
	const json_t *o = called(json_object_get(plugin, "options"), name);

	return o ? text(o, "type") : "(no such)";
}

/* A directory that is searched first. */
static void make_dir(const char *more)
{
	char list[4200];

	strcpy(dir, "/tmp/vmmd-unit.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(list, sizeof(list), "%s:%s", dir, more);
	setenv("VMMD_PLUGIN_PATH", list, 1);
}

static void put(const char *name, const char *contents)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(contents, f);
	fclose(f);
}

static void take(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

static void test_what_a_plugin_says(void)
{
	char spec[4200];
	const json_t *one;
	json_t *all;

	setenv("VMMD_PLUGIN_PATH", unit_dir(), 1);
	all = plugins_list();
	one = called(all, "one");
	CU_ASSERT_PTR_NOT_NULL_FATAL(one);
	CU_ASSERT_STRING_EQUAL(text(one, "version"), "1");
	CU_ASSERT_STRING_EQUAL(text(one, "summary"), "does nothing");
	snprintf(spec, sizeof(spec), "%s/one.so", unit_dir());
	CU_ASSERT_STRING_EQUAL(text(one, "file"), spec);
	CU_ASSERT(json_is_array(json_object_get(one, "options")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(one, "options")), 0);
	CU_ASSERT_PTR_NULL(json_object_get(one, "error"));
	json_decref(all);
}

static void test_options(void)
{
	static const char *const layers[] = {"ask", "deny", "null", "remap", "rewrite", "trace"};
	const json_t *trace, *format;
	json_t *all;

	unsetenv("VMMD_PLUGIN_PATH"); /* this build's own are found beside the program */
	all = plugins_list();
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		const json_t *o = called(all, layers[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(o);
		CU_ASSERT_PTR_NULL(json_object_get(o, "error"));
	}
	trace = called(all, "trace");
	CU_ASSERT_STRING_EQUAL(option_type(trace, "format"), "choice");
	format = called(json_object_get(trace, "options"), "format");
	CU_ASSERT(json_array_size(json_object_get(format, "choices")) >= 2);
	CU_ASSERT_STRING_NOT_EQUAL(text(format, "help"), "(none)");
	CU_ASSERT_STRING_EQUAL(option_type(called(all, "deny"), "syscalls"), "syscalls");
	json_decref(all);
}

/* One that cannot be loaded is listed with the reason; the others do not suffer. */
static void test_broken(void)
{
	const json_t *o;
	json_t *all;

	make_dir(unit_dir());
	put("broken.so", "this is no library\n");
	put("empty.so", "");
	put("not-a-plugin.txt", "");
	put("UPPER.so", "");
	all = plugins_list();
	o = called(all, "broken");
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	CU_ASSERT_STRING_NOT_EQUAL(text(o, "error"), "(none)");
	CU_ASSERT_PTR_NOT_NULL(strstr(text(o, "error"), "broken.so"));
	CU_ASSERT_PTR_NULL(json_object_get(o, "options"));
	CU_ASSERT_PTR_NULL(json_object_get(o, "version"));
	CU_ASSERT_PTR_NOT_NULL(json_object_get(called(all, "empty"), "error"));
	CU_ASSERT_PTR_NULL(called(all, "not-a-plugin"));
	CU_ASSERT_PTR_NULL(called(all, "UPPER"));
	CU_ASSERT_PTR_NOT_NULL(json_object_get(called(all, "stranger"), "error"));
	CU_ASSERT_PTR_NULL(json_object_get(called(all, "one"), "error"));
	json_decref(all);
	take("broken.so");
	take("empty.so");
	take("not-a-plugin.txt");
	take("UPPER.so");
	rmdir(dir);
}

/* Sorted; of one name the file that would be loaded. */
static void test_order(void)
{
	json_t *all, *o;
	size_t i;

	make_dir(unit_dir());
	put("one.so", "");
	all = plugins_list();
	CU_ASSERT(json_array_size(all) > 1);
	json_array_foreach(all, i, o)
		CU_ASSERT(i == 0 || strcmp(text(json_array_get(all, i - 1), "name"), text(o, "name")) <= 0);
	CU_ASSERT_PTR_NOT_NULL(json_object_get(called(all, "one"), "error"));
	json_decref(all);
	take("one.so");
	rmdir(dir);
}

UNIT_SUITE(plugins_list, UNIT_TEST(test_what_a_plugin_says), UNIT_TEST(test_options), UNIT_TEST(test_broken),
	   UNIT_TEST(test_order));
