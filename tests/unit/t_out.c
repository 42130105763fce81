/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_out.c - tests of vmmd/out.c. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmmd/loop.h"
#include "vmmd/out.h"

static struct loop *loop;
static char path[64];
static char text[400000];

static void begin(void)
{
	loop = loop_new();
	strcpy(path, "/tmp/vmmd-out-XXXXXX");
	close(mkstemp(path));
}

static const char *contents(void)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = 0;
	if (f)
		fclose(f);
	return text;
}

static void finish(void)
{
	unlink(path);
	loop_free(loop);
}

static void on_time(struct loop_timer *t)
{
	(void)t;
	loop_break(loop);
}

static void test_a_file_is_flushed_after_a_while(void)
{
	struct loop_timer timer;
	struct vmmd_out *o;

	begin();
	o = out_new_file(loop, path, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	out_write(o, "one\n", 4);
	out_write(o, "two\n", 4);
	CU_ASSERT_STRING_EQUAL(contents(), "");
	loop_timer_init(&timer, on_time);
	loop_timer_start(loop, &timer, OUT_FLUSH_MS * 2, 0);
	loop_run(loop);
	CU_ASSERT_STRING_EQUAL(contents(), "one\ntwo\n");
	out_write(o, "three\n", 6);
	out_flush(o);
	CU_ASSERT_STRING_EQUAL(contents(), "one\ntwo\nthree\n");
	out_write(o, "four\n", 5);
	out_free(o);
	CU_ASSERT_STRING_EQUAL(contents(), "one\ntwo\nthree\nfour\n");
	/* Continued, and begun anew. */
	o = out_new_file(loop, path, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	out_write(o, "five\n", 5);
	out_free(o);
	CU_ASSERT_STRING_EQUAL(contents(), "one\ntwo\nthree\nfour\nfive\n");
	o = out_new_file(loop, path, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	out_free(o);
	CU_ASSERT_STRING_EQUAL(contents(), "");
	finish();
}

static void test_a_file_takes_any_size_in_order(void)
{
	size_t sizes[] = { 1, 32767, 32768, 5, 32769, 100000, 7, 40000 }, total = 0;
	char *big = malloc(100000);
	struct vmmd_out *o;

	begin();
	o = out_new_file(loop, path, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(big, 'a' + (int)i, sizes[i]);
		out_write(o, big, sizes[i]);
		total += sizes[i];
	}
	out_free(o);
	contents();
	CU_ASSERT_EQUAL(strlen(text), total);
	for (size_t i = 0, at = 0; i < sizeof(sizes) / sizeof(sizes[0]); at += sizes[i++]) {
		CU_ASSERT_EQUAL(text[at], 'a' + (int)i);
		CU_ASSERT_EQUAL(text[at + sizes[i] - 1], 'a' + (int)i);
	}
	free(big);
	finish();
}

static void test_a_descriptor_is_written_at_once_and_not_closed(void)
{
	struct vmmd_out *o;
	int fd;

	begin();
	fd = open(path, O_WRONLY | O_CLOEXEC);
	o = out_new_fd(fd);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	out_write(o, "now\n", 4);
	CU_ASSERT_STRING_EQUAL(contents(), "now\n");
	out_free(o);
	CU_ASSERT_EQUAL(close(fd), 0);
	finish();
}

static void test_what_cannot_be_opened(void)
{
	begin();
	errno = 0;
	CU_ASSERT_PTR_NULL(out_new_file(loop, "/nonexistent/x", false));
	CU_ASSERT_EQUAL(errno, ENOENT);
	CU_ASSERT_PTR_NULL(out_new_fd(-1));
	CU_ASSERT_EQUAL(errno, EBADF);
	CU_ASSERT_PTR_NULL(out_new_pipe(-1));
	finish();
}

static void test_a_slow_reader_loses_lines_and_hears_of_it(void)
{
	static char drained[1 << 20];
	char line[101];
	struct vmmd_out *o;
	int p[2];
	ssize_t n;

	CU_ASSERT_EQUAL_FATAL(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	o = out_new_pipe(p[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	memset(line, 'x', 99);
	line[99] = '\n';
	for (int i = 0; i < 2000; i++)
		out_write(o, line, 100);
	n = read(p[0], drained, sizeof(drained));
	CU_ASSERT(n > 0 && n % 100 == 0 && n < 200000);
	out_write(o, "back\n", 5);
	snprintf(text, sizeof(text), "[%zd lost]\nback\n", 2000 - n / 100);
	n = read(p[0], drained, sizeof(drained) - 1);
	drained[n > 0 ? n : 0] = 0;
	CU_ASSERT_STRING_EQUAL(drained, text);
	out_free(o);
	close(p[0]);
	close(p[1]);
}

static void test_a_reader_that_has_gone(void)
{
	struct vmmd_out *o;
	int p[2];

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	CU_ASSERT_EQUAL_FATAL(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	o = out_new_fd(p[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	out_write(o, "x\n", 2);
	out_write(o, "y\n", 2);
	out_free(o);
	o = out_new_pipe(p[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	out_write(o, "x\n", 2);
	out_write(o, "y\n", 2);
	out_free(o);
	close(p[1]);
}

UNIT_SUITE(out, UNIT_TEST(test_a_file_is_flushed_after_a_while),
	   UNIT_TEST(test_a_file_takes_any_size_in_order),
	   UNIT_TEST(test_a_descriptor_is_written_at_once_and_not_closed),
	   UNIT_TEST(test_what_cannot_be_opened),
	   UNIT_TEST(test_a_slow_reader_loses_lines_and_hears_of_it),
	   UNIT_TEST(test_a_reader_that_has_gone));
