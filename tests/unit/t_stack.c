/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_stack.c - tests of vmmd/stack.c; the walks are tested by tests/scenario. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmmd/conf.h"
#include "vmmd/loop.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

static struct loop *loop;
static struct conf *conf;
static struct session *s;
static char why[600], text[2000], log_path[64];
static int log_fd;

static void layer(struct conf *c, const char *name, const char *rules)
{
	char spec[4096];

	snprintf(spec, sizeof(spec), "%s/../script.so,name=%s,log=%s%s%s", unit_dir(), name,
		 log_path, *rules ? ",on=" : "", rules);
	CU_ASSERT_EQUAL_FATAL(conf_layer(c, spec, why, sizeof(why)), 0);
}

static void begin(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	snprintf(log_path, sizeof(log_path), "/proc/self/fd/%d", log_fd);
	loop = loop_new();
	conf = conf_new();
}

static void start(void)
{
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
}

static const char *logged(void)
{
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return text;
}

static void finish(void)
{
	session_free(s);
	conf_free(conf);
	loop_free(loop);
	close(log_fd);
}

static void test_wants(void)
{
	const struct vmmd_layer *a, *b;

	begin();
	layer(conf, "a", "entry:read:pass+signal:*:pass");
	layer(conf, "b", "exit:read:result:1+exec:pass");
	layer(conf, "c", "entry:@all:pass");
	layer(conf, "d", "entry:stat:rarely+exit:stat:result:1");
	start();
	a = s->stack->layers[0];
	b = s->stack->layers[1];
	CU_ASSERT_EQUAL(stack_wants(s->stack, a, SYS_read), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(stack_wants(s->stack, a, SYS_write), 0);
	CU_ASSERT_EQUAL(stack_wants(s->stack, a, -1), 0);
	/* To change the result implies the exit. */
	CU_ASSERT_EQUAL(stack_wants(s->stack, b, SYS_read), VMMD_WANT_EXIT | VMMD_WANT_RESULT);
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, SYS_read),
			VMMD_WANT_ENTRY | VMMD_WANT_EXIT | VMMD_WANT_RESULT);
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, SYS_write), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, 100000), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, -1), VMMD_WANT_ENTRY);
	/* What has to be asked for is not wanted of every call. */
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, SYS_stat),
			VMMD_WANT_ENTRY | VMMD_WANT_EXIT | VMMD_WANT_RESULT | VMMD_WANT_RARELY);
	CU_ASSERT_EQUAL(stack_always(s->stack, NULL, SYS_stat), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(stack_always(s->stack, b, SYS_stat), 0);
	CU_ASSERT_EQUAL(stack_always(s->stack, NULL, SYS_read),
			VMMD_WANT_ENTRY | VMMD_WANT_EXIT | VMMD_WANT_RESULT);
	CU_ASSERT_EQUAL(stack_always(s->stack, NULL, -1), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(stack_events(s->stack, a), VMMD_EVENT_SIGNAL);
	CU_ASSERT_EQUAL(stack_events(s->stack, NULL), VMMD_EVENT_SIGNAL | VMMD_EVENT_EXEC);
	finish();
}

/* Only if all that want a call have said which paths concern them. */
static void test_narrow(void)
{
	struct vmmd_layer *l;
	struct conf *more;
	int fd;

	begin();
	layer(conf, "a", "advisory:yes+below:/v+below:/t+entry:open:pass+entry:rename:pass+exit:unlink:pass");
	layer(conf, "b", "advisory:yes+below:/v+below:/u+entry:open:pass");
	layer(conf, "c", "entry:rename:pass");
	layer(conf, "d", "advisory:yes+below:/x+below:/+entry:stat:pass");
	layer(conf, "e", "refuse:rmdir:1");
	layer(conf, "f", "advisory:yes+below:/v+entry:rmdir:pass");
	start();
	CU_ASSERT_TRUE(stack_is_narrow(s->stack, SYS_open));
	CU_ASSERT_TRUE(stack_is_narrow(s->stack, SYS_unlink));
	CU_ASSERT_FALSE(stack_is_narrow(s->stack, SYS_rename));
	CU_ASSERT_FALSE(stack_is_narrow(s->stack, SYS_stat));
	CU_ASSERT_FALSE(stack_is_narrow(s->stack, SYS_rmdir)); /* e refuses it, whatever its path is */
	CU_ASSERT_FALSE(stack_is_narrow(s->stack, SYS_access)); /* nobody wants it */
	CU_ASSERT_EQUAL_FATAL(s->stack->below.n, 3);
	CU_ASSERT_STRING_EQUAL(s->stack->below.dir[0], "/v");
	CU_ASSERT_STRING_EQUAL(s->stack->below.dir[1], "/t");
	CU_ASSERT_STRING_EQUAL(s->stack->below.dir[2], "/u");
	/* What a live layer says is not known to the engine. */
	more = conf_new();
	layer(more, "t", "advisory:yes+below:/z+entry:open:pass");
	fd = memfd_create("live", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(stack_push(s->stack, &l, &more->layers[0], fd, why, sizeof(why)), 0);
	CU_ASSERT_FALSE(stack_is_narrow(s->stack, SYS_open));
	CU_ASSERT_TRUE(stack_is_narrow(s->stack, SYS_unlink));
	CU_ASSERT_EQUAL(s->stack->below.n, 3);
	stack_pop(s->stack, l);
	CU_ASSERT_TRUE(stack_is_narrow(s->stack, SYS_open));
	conf_free(more);
	close(fd);
	finish();
}

/* It confines, so it must be asked about every path: what it says is refused. */
static void test_narrow_confining(void)
{
	begin();
	layer(conf, "a", "below:/v+advisory:yes");
	CU_ASSERT_PTR_NULL(session_new(loop, conf, -1, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, strerror(EPERM)));
	finish();
}

static void test_layers_close_outermost_first(void)
{
	begin();
	layer(conf, "a", "");
	layer(conf, "b", "");
	layer(conf, "c", "");
	start();
	session_free(s);
	CU_ASSERT_STRING_EQUAL(logged(), "c close\nb close\na close\n");
	s = NULL;
	finish();
}

static void test_a_layer_that_does_not_open_closes_the_others(void)
{
	begin();
	layer(conf, "a", "");
	layer(conf, "b", "");
	layer(conf, "c", "open:-12");
	CU_ASSERT_PTR_NULL(session_new(loop, conf, -1, why, sizeof(why)));
	CU_ASSERT_STRING_EQUAL(logged(), "b close\na close\n");
	finish();
}

static void test_commands(void)
{
	begin();
	layer(conf, "a", "");
	layer(conf, "b", "");
	layer(conf, "b", "");
	start();
	CU_ASSERT_EQUAL(stack_command(s->stack, "nobody", "x y", NULL), -ENOENT);
	CU_ASSERT_EQUAL(stack_command(s->stack, "a", "1 pass", NULL), -EINVAL);
	finish();
}

static void test_live_layers(void)
{
	struct vmmd_layer *l[3] = { NULL };
	struct conf *more;
	int fd;

	begin();
	layer(conf, "a", "entry:read:pass");
	start();
	more = conf_new();
	layer(more, "t", "entry:write:pass+entry:read:pass");
	fd = memfd_create("live", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(stack_push(s->stack, &l[0], &more->layers[0], fd, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(stack_push(s->stack, &l[1], &more->layers[0], fd, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(s->stack->n, 3);
	CU_ASSERT_EQUAL(l[0]->index, 1);
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, SYS_write), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(stack_push(s->stack, &l[2], &more->layers[0], fd, why, sizeof(why)), -EBUSY);
	/* The first goes, the second stays where it is. */
	stack_pop(s->stack, l[0]);
	CU_ASSERT_EQUAL(s->stack->n, 3);
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, SYS_write), VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(s->stack->entry[SYS_read], 1u << 0 | 1u << 2);
	CU_ASSERT_EQUAL(stack_push(s->stack, &l[0], &more->layers[0], fd, why, sizeof(why)), 0);
	stack_pop(s->stack, l[1]);
	stack_pop(s->stack, l[0]);
	CU_ASSERT_EQUAL(s->stack->n, 1);
	CU_ASSERT_EQUAL(stack_wants(s->stack, NULL, SYS_write), 0);
	conf_free(more);
	close(fd);
	finish();
}

UNIT_SUITE(stack, UNIT_TEST(test_wants), UNIT_TEST(test_narrow), UNIT_TEST(test_narrow_confining),
	   UNIT_TEST(test_layers_close_outermost_first),
	   UNIT_TEST(test_a_layer_that_does_not_open_closes_the_others), UNIT_TEST(test_commands),
	   UNIT_TEST(test_live_layers));
