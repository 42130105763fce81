/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_plugin.c - tests of vmmd/plugin.c, with the plugins of tests/unit/fixtures. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmmd/plugin_loader.h"

static char why[1024];

static int open_nothing(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
{
	(void)host;
	(void)layer;
	(void)self;
	return 0;
}

static const struct vmmd_plugin good = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(good),
	.name = "good-1",
	.version = "1",
	.summary = "s",
	.open = open_nothing,
};

/* The table is refused and the reason names `field`. */
static void refused(const struct vmmd_plugin *t, const char *field)
{
	why[0] = 0;
	CU_ASSERT(plugin_check(t, why, sizeof(why)) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, field));
}

static void test_good_table(void)
{
	CU_ASSERT_EQUAL(plugin_check(&good, why, sizeof(why)), 0);
}

static void test_bad_tables_name_the_field(void)
{
	struct vmmd_plugin t;

#define BREAK(field, value)                                                                        \
	t = good;                                                                                  \
	t.field = value;                                                                           \
	refused(&t, #field)
	BREAK(magic, 1);
	BREAK(abi_major, VMMD_ABI_MAJOR + 1);
	BREAK(abi_major, 0);
	BREAK(abi_minor, VMMD_ABI_MINOR + 1);
	BREAK(size, 8);
	BREAK(flags, 1);
	BREAK(name, NULL);
	BREAK(name, "");
	BREAK(name, "UPPER");
	BREAK(name, "a/b");
	BREAK(name, "a234567890123456789012345678901x");
	BREAK(version, NULL);
	BREAK(summary, NULL);
	BREAK(open, NULL);
#undef BREAK
	/* Ours and theirs are in the line. */
	t = good;
	t.abi_minor = 77;
	refused(&t, "77");
	t = good;
	t.size = sizeof(t) + 100; /* a newer minor's tail is not our business */
	CU_ASSERT_EQUAL(plugin_check(&t, why, sizeof(why)), 0);
}

static void test_bad_options(void)
{
	static const char *const none[] = { NULL };
	struct vmmd_option o[3] = { { .name = "a", .type = VMMD_OPT_INT, .help = "h" } };
	struct vmmd_plugin t = good;

	t.options = o;
	CU_ASSERT_EQUAL(plugin_check(&t, why, sizeof(why)), 0);
	o[0].help = NULL;
	refused(&t, "help");
	o[0].help = "h";
	o[0].type = (enum vmmd_opt_type)99;
	refused(&t, "type");
	o[0].type = VMMD_OPT_CHOICE;
	refused(&t, "choices");
	o[0].choices = none;
	refused(&t, "choices");
	o[0].type = VMMD_OPT_BOOL;
	o[0].name = "A B";
	refused(&t, "A B");
	o[0].name = "a";
	o[1] = o[0];
	refused(&t, "twice");
}

static const char *fixture(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s.so", unit_dir(), name);
	return path;
}

static void test_load(void)
{
	struct plugin *p = NULL;

	CU_ASSERT_EQUAL_FATAL(plugin_get(&p, fixture("one"), "here: ", why, sizeof(why)), 0);
	CU_ASSERT_STRING_EQUAL(plugin_table(p)->name, "one");
	CU_ASSERT_STRING_EQUAL(plugin_path(p), fixture("one"));
	plugin_put(p);
	plugin_put(NULL);
}

/* The loader must not take one for the other, whatever descriptors they come through. */
static void test_several_at_once(void)
{
	struct plugin *p[4] = { NULL };

	CU_ASSERT_EQUAL_FATAL(plugin_get(&p[0], fixture("one"), "", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(plugin_get(&p[1], fixture("two"), "", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(plugin_get(&p[2], fixture("one"), "", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(plugin_get(&p[3], fixture("older"), "", why, sizeof(why)), 0);
	CU_ASSERT_STRING_EQUAL(plugin_table(p[0])->name, "one");
	CU_ASSERT_STRING_EQUAL(plugin_table(p[1])->name, "two");
	CU_ASSERT_STRING_EQUAL(plugin_table(p[2])->name, "one");
	CU_ASSERT_STRING_EQUAL(plugin_table(p[3])->name, "older");
	/* The first goes; the others stay usable. */
	plugin_put(p[0]);
	CU_ASSERT_STRING_EQUAL(plugin_table(p[2])->summary, "does nothing");
	for (int i = 1; i < 4; i++)
		plugin_put(p[i]);
}

static void test_a_short_table_is_completed(void)
{
	struct plugin *p = NULL;

	CU_ASSERT_EQUAL_FATAL(plugin_get(&p, fixture("older"), "", why, sizeof(why)), 0);
	CU_ASSERT_PTR_NULL(plugin_table(p)->entry);
	CU_ASSERT_PTR_NULL(plugin_table(p)->command);
	CU_ASSERT_PTR_NOT_NULL(plugin_table(p)->open);
	plugin_put(p);
}

/* Loading `name` gives `rc` and a line that begins with where, and says `text`. */
static void not_loaded(const char *name, int rc, const char *text)
{
	struct plugin *p = NULL;

	why[0] = 0;
	CU_ASSERT_EQUAL(plugin_get(&p, name, "f:1:2: ", why, sizeof(why)), rc);
	CU_ASSERT_EQUAL(strncmp(why, "f:1:2: ", 7), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, text));
	CU_ASSERT_PTR_NULL(strchr(why, '\n'));
	CU_ASSERT_PTR_NULL(p);
}

static void test_what_is_no_plugin(void)
{
	not_loaded(fixture("null"), -EINVAL, "NULL");
	not_loaded(fixture("stranger"), -EINVAL, "vmmd_plugin");
	not_loaded("/etc/passwd", -ENOEXEC, "/etc/passwd");
	not_loaded("/etc", -EINVAL, "regular");
	not_loaded("/nonexistent/x.so", -ENOENT, "No such file");
	not_loaded("no-such-layer", -ENOENT, "no-such-layer");
	not_loaded("Bad Name", -EINVAL, "Bad Name");
	not_loaded("", -EINVAL, "");
	not_loaded("..", -EINVAL, "..");
}

static void copy(const char *from, const char *to)
{
	char buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		CU_ASSERT_EQUAL(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void test_what_others_can_write_is_not_loaded(void)
{
	char dir[] = "/tmp/vmmd-plugin-XXXXXX", path[64], outside[64];
	struct plugin *p = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/one.so", dir);
	snprintf(outside, sizeof(outside), "%s/link.so", dir);
	copy(fixture("one"), path);
	CU_ASSERT_EQUAL(plugin_get(&p, path, "", why, sizeof(why)), 0);
	plugin_put(p);
	chmod(path, 0664);
	not_loaded(path, -EACCES, "0664");
	chmod(path, 0646);
	not_loaded(path, -EACCES, "0646");
	CU_ASSERT_EQUAL(symlink("one.so", outside), 0);
	not_loaded(outside, -EACCES, "0646");
	chmod(path, 0644);
	chmod(dir, 0777);
	not_loaded(path, -EACCES, "directory");
	chmod(dir, 0700);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 12345, 0), 0);
		not_loaded(path, -EACCES, "12345");
	}
	unlink(outside);
	unlink(path);
	rmdir(dir);
}

struct seen {
	char names[200];
};

static void note(void *arg, const char *name)
{
	struct seen *s = arg;

	strcat(s->names, name);
	strcat(s->names, " ");
}

static void test_each_and_search_path(void)
{
	char dir[] = "/tmp/vmmd-plugin-XXXXXX", path[64], list[128];
	struct seen seen = { "" };
	struct plugin *p = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/zz-top.so", dir);
	copy(fixture("two"), path);
	snprintf(list, sizeof(list), "/nonexistent:%s::%s", dir, dir);
	setenv("VMMD_PLUGIN_PATH", list, 1);
	CU_ASSERT_EQUAL(plugin_each(note, &seen), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.names, "zz-top "));
	CU_ASSERT_PTR_NULL(strstr(strstr(seen.names, "zz-top ") + 1, "zz-top "));
	CU_ASSERT_EQUAL(plugin_get(&p, "zz-top", "", why, sizeof(why)), 0);
	if (p)
		CU_ASSERT_STRING_EQUAL(plugin_path(p), path);
	plugin_put(p);
	unlink(path);
	rmdir(dir);
}

UNIT_SUITE(plugin, UNIT_TEST(test_good_table), UNIT_TEST(test_bad_tables_name_the_field),
	   UNIT_TEST(test_bad_options), UNIT_TEST(test_load), UNIT_TEST(test_several_at_once),
	   UNIT_TEST(test_a_short_table_is_completed), UNIT_TEST(test_what_is_no_plugin),
	   UNIT_TEST(test_what_others_can_write_is_not_loaded),
	   UNIT_TEST(test_each_and_search_path));
