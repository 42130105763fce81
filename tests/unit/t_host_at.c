/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_host_at.c - tests of vmmd/host_at.c, on requests of the fake engine.
 *
 * A request's task has this process' number and the fake engine's memory, so a
 * call that is run in its place is run for us, below a directory of the test.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/scenario/fake.h"
#include "vmmd/conf.h"
#include "vmmd/host.h"
#include "vmmd/loop.h"
#include "vmmd/req_fsm.h"
#include "vmmd/req_path.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

#define TEXT (FAKE_BASE + 0x100) /* where a path of the task is put */
#define OUT (FAKE_BASE + 0x4000) /* a buffer of the task */
#define INT64_MIN_U 0x8000000000000000u /* also the address of the first copy */

static const struct vmmd_host *const h = &host_table;
static struct loop *loop;
static struct conf *conf;
static struct session *s;
static struct vmmd_layer *l;
static struct vmmd_req *req;
static char why[600], dir[64], old[PATH_MAX];

/* A layer that suspends each call of those, on an engine of fake.h. */
static void begin(const char *engine, const char *call, uint32_t want)
{
	char spec[4096];
	int64_t nr = sysent_nr(call);

	strcpy(dir, "/tmp/vmmd-at-XXXXXX");
	CU_ASSERT_FATAL(getcwd(old, sizeof(old)) && mkdtemp(dir) && chdir(dir) == 0);
	loop = loop_new();
	conf = conf_new();
	snprintf(spec, sizeof(spec), "%s/../script.so,name=me,on=entry:%s:suspend", unit_dir(), call);
	CU_ASSERT_EQUAL_FATAL(conf_layer(conf, spec, why, sizeof(why)), 0);
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	l = s->stack->layers[0];
	l->want[nr] |= (uint8_t)want;
	l->advisory = true;
	CU_ASSERT_EQUAL_FATAL(req_fsm_start_with(s, fake_named(engine), why, sizeof(why)), 0);
}

/* Its request waits at the entry of a call. */
static void enter(const char *call, const uint64_t args[6])
{
	struct fake_event ev = {.type = ENGINE_NEW, .tid = getpid(), .tgid = getpid()};

	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
	CU_ASSERT_EQUAL_FATAL(req_fsm_poll(s, false), 0);
	CU_ASSERT_STRING_EQUAL(fake_action(s->engine, getpid()), "go");
	ev.type = ENGINE_ENTRY;
	ev.call.nr = sysent_nr(call);
	memcpy(ev.call.args, args, sizeof(ev.call.args));
	CU_ASSERT_EQUAL_FATAL(fake_push(s->engine, &ev), 0);
	CU_ASSERT_EQUAL_FATAL(req_fsm_poll(s, false), 0);
	req = &s->tasks->call;
}

static void open_at(const char *engine, const char *call, uint32_t want, const uint64_t args[6])
{
	begin(engine, call, want);
	enter(call, args);
}

#define ARGS(...) ((const uint64_t[6]){__VA_ARGS__})

static void finish(void)
{
	s->engine->ops->destroy(s->engine);
	s->engine = NULL;
	session_free(s);
	conf_free(conf);
	loop_free(loop);
	CU_ASSERT_EQUAL(chdir(old), 0);
	CU_ASSERT_EQUAL(rmdir(dir), 0); /* each test removes what it has made */
}

static void *memory(uint64_t addr)
{
	return fake_memory(s->engine, getpid()) + (addr - FAKE_BASE);
}

static uint64_t *args(void)
{
	return req->calls[REQ_CALL_NOW].args;
}

static void make(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : st.st_size;
}

/* ------------------------------------------------------------------ set_path */

static void test_set_path(void)
{
	char buf[16];

	open_at("mixed", "rename", VMMD_WANT_PATHS, ARGS(TEXT, TEXT + 8));
	strcpy(memory(TEXT), "old");
	strcpy(memory(TEXT + 8), "new");
	CU_ASSERT_EQUAL(h->set_path(req, 1, "/elsewhere"), 0);
	CU_ASSERT_EQUAL(args()[0], TEXT);
	CU_ASSERT_NOT_EQUAL(args()[1], TEXT + 8);
	CU_ASSERT_EQUAL(l->stats.rewritten, 1);
	/* Layers inside read the copy; nobody can write to it. */
	CU_ASSERT_EQUAL(h->read_str(req, args()[1], buf, sizeof(buf)), 10);
	CU_ASSERT_STRING_EQUAL(buf, "/elsewhere");
	CU_ASSERT_EQUAL(h->read_str(req, args()[1] + 1, buf, sizeof(buf)), 9);
	CU_ASSERT_EQUAL(h->read_str(req, args()[1], buf, 10), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(h->read(req, args()[1] + 11, buf, 1), -EFAULT);
	CU_ASSERT_EQUAL(h->write(req, args()[1], "x", 1), -EFAULT);
	/* Again: the last one counts. */
	CU_ASSERT_EQUAL(h->set_path(req, 1, ""), 0);
	CU_ASSERT_EQUAL(h->read_str(req, args()[1], buf, sizeof(buf)), 0);
	finish();
}

static void test_set_path_refused(void)
{
	static char longest[PATH_MAX + 1];

	open_at("mixed", "symlinkat", VMMD_WANT_PATHS, ARGS(TEXT, AT_FDCWD, TEXT));
	CU_ASSERT_EQUAL(h->set_path(req, 0, "text"), 0); /* of the link: no path, but one can be put there */
	CU_ASSERT_EQUAL(h->set_path(req, 1, "x"), -EINVAL);
	CU_ASSERT_EQUAL(h->set_path(req, 2, "x"), 0);
	CU_ASSERT_EQUAL(h->set_path(req, 3, "x"), -EINVAL);
	CU_ASSERT_EQUAL(h->set_path(req, 6, "x"), -EINVAL);
	CU_ASSERT_EQUAL(h->set_path(req, UINT_MAX, "x"), -EINVAL);
	memset(longest, 'x', PATH_MAX);
	CU_ASSERT_EQUAL(h->set_path(req, 2, longest), -ENAMETOOLONG);
	longest[PATH_MAX - 1] = '\0';
	CU_ASSERT_EQUAL(h->set_path(req, 2, longest), 0);
	CU_ASSERT_STRING_EQUAL(req_path_text(req, args()[2]), longest);
	CU_ASSERT_EQUAL(l->stats.rewritten, 3);
	/* It has not said that it would. REWRITE says it, too. */
	req->want = VMMD_WANT_ENTRY | VMMD_WANT_MEMORY;
	CU_ASSERT_EQUAL(h->set_path(req, 2, "x"), -EACCES);
	req->want = VMMD_WANT_ENTRY | VMMD_WANT_REWRITE;
	CU_ASSERT_EQUAL(h->set_path(req, 2, "x"), 0);
	req->event = REQ_EXIT;
	CU_ASSERT_EQUAL(h->set_path(req, 2, "x"), -EINVAL);
	req->event = REQ_SIGNAL;
	CU_ASSERT_EQUAL(h->set_path(req, 2, "x"), -EINVAL);
	CU_ASSERT_EQUAL(h->set_path(&s->tasks->report, 0, "x"), -EINVAL); /* no call at all */
	req->event = REQ_ENTRY;
	req->calls[REQ_CALL_NOW].nr = 100000;
	CU_ASSERT_EQUAL(h->set_path(req, 0, "x"), -EINVAL);
	req->calls[REQ_CALL_NOW].nr = -1;
	CU_ASSERT_EQUAL(h->set_path(req, 0, "x"), -EINVAL);
	finish();
}

/* ------------------------------------------------------------------- at_call */

static void test_at_call(void)
{
	const char *const paths[2] = {"made", NULL};

	open_at("mixed", "mkdir", VMMD_WANT_PATHS, ARGS(TEXT, 0755));
	strcpy(memory(TEXT), "by-the-task");
	CU_ASSERT_EQUAL(h->at_call(req, &req->calls[REQ_CALL_NOW], paths), VMMD_REPLY);
	CU_ASSERT_TRUE(req->has_result);
	CU_ASSERT_EQUAL(req->result, 0);
	CU_ASSERT_EQUAL(rmdir("made"), 0);
	/* Without copies it is read from the task. */
	CU_ASSERT_EQUAL(h->at_call(req, &req->calls[REQ_CALL_NOW], NULL), VMMD_REPLY);
	CU_ASSERT_EQUAL(h->at_call(req, &req->calls[REQ_CALL_NOW], NULL), VMMD_REPLY);
	CU_ASSERT_EQUAL(req->result, -EEXIST);
	CU_ASSERT_EQUAL(rmdir("by-the-task"), 0);
	/* … or from a copy that stands there. */
	CU_ASSERT_EQUAL(h->set_path(req, 0, "copied"), 0);
	CU_ASSERT_EQUAL(h->at_call(req, &req->calls[REQ_CALL_NOW], NULL), VMMD_REPLY);
	CU_ASSERT_EQUAL(rmdir("copied"), 0);
	/* A path that is not there is the program's error. */
	args()[0] = 8;
	CU_ASSERT_EQUAL(h->at_call(req, &req->calls[REQ_CALL_NOW], NULL), VMMD_REPLY);
	CU_ASSERT_EQUAL(req->result, -EFAULT);
	args()[0] = INT64_MIN_U + 0x100000;
	CU_ASSERT_EQUAL(h->at_call(req, &req->calls[REQ_CALL_NOW], NULL), VMMD_REPLY);
	CU_ASSERT_EQUAL(req->result, -EFAULT);
	finish();
}

/* Nothing has happened, and nothing is noted. */
static void suspended(const struct vmmd_call *call)
{
	const char *const paths[2] = {"x", "y"};

	req->has_result = false;
	req->result = 4711;
	CU_ASSERT_EQUAL(h->at_call(req, call, paths), VMMD_SUSPEND);
	CU_ASSERT_FALSE(req->has_result);
	CU_ASSERT_EQUAL(req->result, 4711);
	CU_ASSERT_EQUAL(req->fd, -1);
	CU_ASSERT_EQUAL(access("x", F_OK), -1);
}

static void test_at_call_refused(void)
{
	struct vmmd_call mkdir_x = {.nr = SYS_mkdir, .args = {TEXT, 0755}}, other = mkdir_x;
	struct engine_task *task;

	open_at("mixed", "mkdir", VMMD_WANT_PATHS, ARGS(TEXT, 0755));
	other.nr = SYS_chdir; /* it would be ours */
	suspended(&other);
	other.nr = SYS_read;
	suspended(&other);
	other.nr = -1;
	suspended(&other);
	other.nr = INT64_MAX;
	suspended(&other);
	req->want = VMMD_WANT_ENTRY | VMMD_WANT_REWRITE;
	suspended(&mkdir_x);
	req->want = VMMD_WANT_ENTRY | VMMD_WANT_MEMORY;
	req->event = REQ_EXIT;
	suspended(&mkdir_x);
	req->event = REQ_ENTRY;
	task = req->task->engine_task;
	req->task->engine_task = NULL; /* it has gone */
	suspended(&mkdir_x);
	req->task->engine_task = task;
	CU_ASSERT_EQUAL(h->at_call(req, &mkdir_x, (const char *const[2]){"x", NULL}), VMMD_REPLY);
	CU_ASSERT_EQUAL(rmdir("x"), 0);
	finish();
}

static void test_at_call_descriptor(void)
{
	struct vmmd_call call = {.nr = SYS_open, .args = {TEXT, O_RDONLY | O_CLOEXEC}};
	const char *const paths[2] = {"file", NULL};
	int first;

	open_at("mixed", "open", VMMD_WANT_PATHS, ARGS(TEXT));
	make("file", "hello");
	CU_ASSERT_EQUAL(h->at_call(req, &call, paths), VMMD_REPLY);
	first = req->fd;
	CU_ASSERT_FATAL(first >= 0);
	CU_ASSERT_TRUE(req->fd_cloexec);
	CU_ASSERT_EQUAL(fcntl(first, F_GETFD), FD_CLOEXEC); /* the worker's own never goes through an exec */
	call.args[1] = O_WRONLY;
	CU_ASSERT_EQUAL(h->at_call(req, &call, paths), VMMD_REPLY);
	CU_ASSERT_FALSE(req->fd_cloexec);
	CU_ASSERT_EQUAL(fcntl(req->fd, F_GETFL) & O_ACCMODE, O_WRONLY);
	CU_ASSERT_EQUAL(fcntl(req->fd, F_GETFD), FD_CLOEXEC);
	/* An error drops the one that was to be the result. */
	CU_ASSERT_EQUAL(h->at_call(req, &call, (const char *const[2]){"none", NULL}), VMMD_REPLY);
	CU_ASSERT_EQUAL(req->result, -ENOENT);
	CU_ASSERT_EQUAL(req->fd, -1);
	/* What cannot be handed over is not opened: an O_PATH one, and any where the task can be changed. */
	call.args[1] = O_PATH;
	CU_ASSERT_EQUAL(h->at_call(req, &call, paths), VMMD_SUSPEND);
	CU_ASSERT_EQUAL(req->fd, -1);
	call.args[1] = O_CREAT | O_WRONLY;
	req->fixed = false;
	suspended(&call);
	req->fixed = true;
	/* Nor is anything run for a program that filters its calls itself, or that ran before us. */
	req->filtered = true;
	suspended(&call);
	req->filtered = false;
	s->attaches = true;
	suspended(&call);
	s->attaches = false;
	CU_ASSERT_EQUAL(unlink("file"), 0);
	finish();
}

/* ------------------------------------------------------------------- at_open */

static void test_at_open(void)
{
	char buf[8] = "";
	int fd, at;

	open_at("mixed", "open", VMMD_WANT_MEMORY, ARGS(TEXT));
	make("file", "hello");
	fd = h->at_open(req, AT_FDCWD, "file", O_RDONLY, 0);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CU_ASSERT_EQUAL(read(fd, buf, sizeof(buf)), 5);
	CU_ASSERT_STRING_EQUAL(buf, "hello");
	/* It is the layer's: the request has nothing of it. */
	CU_ASSERT_EQUAL(req->fd, -1);
	CU_ASSERT_FALSE(req->has_result);
	close(fd);
	at = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_EQUAL(chdir("/"), 0);
	fd = h->at_open(req, at, "file", O_PATH, 0);
	CU_ASSERT(fd >= 0); /* to look at it is enough here */
	close(fd);
	fd = h->at_open(req, at, "made", O_CREAT | O_EXCL | O_WRONLY, 0600);
	CU_ASSERT(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(h->at_open(req, at, "made", O_CREAT | O_EXCL | O_WRONLY, 0600), -EEXIST);
	CU_ASSERT_EQUAL(h->at_open(req, at, "file/x", O_RDONLY, 0), -ENOTDIR);
	CU_ASSERT_EQUAL(h->at_open(req, at, "", O_RDONLY, 0), -ENOENT);
	CU_ASSERT_EQUAL(h->at_open(req, AT_FDCWD, "file", O_RDONLY, 0), -ENOENT); /* the task's is ours */
	CU_ASSERT_EQUAL(unlinkat(at, "file", 0) || unlinkat(at, "made", 0), 0);
	close(at);
	CU_ASSERT_EQUAL(h->at_open(req, at, "file", O_RDONLY, 0), -EBADF);
	CU_ASSERT_EQUAL(h->at_open(req, -5, "file", O_RDONLY, 0), -EBADF);
	finish();
}

static void test_at_open_refused(void)
{
	static char longest[PATH_MAX + 1];
	struct engine_task *task;

	open_at("mixed", "open", VMMD_WANT_PATHS, ARGS(TEXT));
	CU_ASSERT_EQUAL(mkfifo("fifo", 0600), 0);
	CU_ASSERT_EQUAL(h->at_open(req, AT_FDCWD, "fifo", O_RDONLY, 0), -EOPNOTSUPP); /* it would wait */
	CU_ASSERT_EQUAL(unlink("fifo"), 0);
	memset(longest, 'x', PATH_MAX);
	CU_ASSERT_EQUAL(h->at_open(req, AT_FDCWD, longest, O_RDONLY, 0), -ENAMETOOLONG);
	longest[NAME_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(h->at_open(req, AT_FDCWD, longest, O_RDONLY, 0), -ENAMETOOLONG);
	task = req->task->engine_task;
	req->task->engine_task = NULL;
	CU_ASSERT_EQUAL(h->at_open(req, AT_FDCWD, "/", O_RDONLY, 0), -EOPNOTSUPP);
	req->task->engine_task = task;
	req->want = VMMD_WANT_ENTRY | VMMD_WANT_REWRITE;
	CU_ASSERT_EQUAL(h->at_open(req, AT_FDCWD, "/", O_RDONLY, 0), -EACCES);
	req->want = VMMD_WANT_PATHS;
	req->event = REQ_EXIT;
	CU_ASSERT_EQUAL(h->at_open(req, AT_FDCWD, "/", O_RDONLY, 0), -EINVAL);
	req->event = REQ_ENTRY;
	CU_ASSERT_EQUAL(h->at_open(&s->tasks->report, AT_FDCWD, "/", O_RDONLY, 0), -EINVAL);
	finish();
}

/* ------------------------------------------------------------------ reply_fd */

static void test_reply_fd(void)
{
	int fd, path_fd, closed;

	open_at("mixed", "open", VMMD_WANT_PATHS, ARGS(TEXT));
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	path_fd = open("/dev/null", O_PATH | O_CLOEXEC);
	CU_ASSERT_EQUAL(h->reply_fd(req, fd, O_CLOEXEC), VMMD_REPLY);
	CU_ASSERT_TRUE(req->has_result);
	CU_ASSERT_TRUE(req->fd_cloexec);
	CU_ASSERT_NOT_EQUAL(req->fd, fd); /* a copy: the layer keeps its own */
	CU_ASSERT_EQUAL(fcntl(req->fd, F_GETFD), FD_CLOEXEC);
	closed = req->fd;
	/* Twice: the first copy is not lost. */
	CU_ASSERT_EQUAL(h->reply_fd(req, fd, 0), VMMD_REPLY);
	CU_ASSERT_FALSE(req->fd_cloexec);
	CU_ASSERT(req->fd >= 0);
	req_path_drop_fd(req);
	CU_ASSERT_EQUAL(fcntl(closed, F_GETFD), -1);
	/* Where it cannot be given away. */
	req->has_result = false;
	CU_ASSERT_EQUAL(h->reply_fd(req, path_fd, 0), VMMD_SUSPEND);
	CU_ASSERT_EQUAL(h->reply_fd(req, -1, 0), VMMD_SUSPEND);
	CU_ASSERT_EQUAL(h->reply_fd(req, closed, 0), VMMD_SUSPEND);
	req->fixed = false;
	CU_ASSERT_EQUAL(h->reply_fd(req, fd, 0), VMMD_SUSPEND);
	req->fixed = true;
	req->filtered = true;
	CU_ASSERT_EQUAL(h->reply_fd(req, fd, 0), VMMD_SUSPEND);
	req->filtered = false;
	req->event = REQ_EXIT;
	CU_ASSERT_EQUAL(h->reply_fd(req, fd, 0), VMMD_SUSPEND);
	req->event = REQ_ENTRY;
	CU_ASSERT_EQUAL(h->reply_fd(&s->tasks->report, fd, 0), VMMD_SUSPEND);
	CU_ASSERT_FALSE(req->has_result);
	CU_ASSERT_EQUAL(req->fd, -1);
	close(fd);
	close(path_fd);
	finish();
}

/* -------------------------------------------------- at the bottom of the stack */

static void test_kernel_places(void)
{
	uint64_t addr;

	open_at("full", "rename", VMMD_WANT_PATHS, ARGS(TEXT, TEXT));
	CU_ASSERT_FALSE(req->fixed);
	CU_ASSERT_EQUAL(h->set_path(req, 0, "/first"), 0);
	CU_ASSERT_EQUAL(h->set_path(req, 1, "/second"), 0);
	CU_ASSERT_EQUAL(host_at_kernel(req), 0);
	CU_ASSERT_EQUAL(h->read_str(req, args()[0], why, sizeof(why)), 6);
	CU_ASSERT_STRING_EQUAL(why, "/first");
	CU_ASSERT_EQUAL(h->read_str(req, args()[1], why, sizeof(why)), 7);
	CU_ASSERT_STRING_EQUAL(why, "/second");
	addr = args()[0];
	CU_ASSERT_EQUAL(h->write(req, addr, "x", 1), 1); /* it is the task's now */
	CU_ASSERT_EQUAL(h->read_str(req, addr, why, sizeof(why)), 6);
	CU_ASSERT_STRING_EQUAL(why, "xfirst");
	/* Of a layer that confines it must not be. */
	l->advisory = false;
	CU_ASSERT_EQUAL(h->set_path(req, 0, "/secret"), 0);
	addr = args()[0];
	CU_ASSERT_EQUAL(host_at_kernel(req), -EACCES);
	CU_ASSERT_EQUAL(args()[0], addr);
	l->advisory = true;
	finish();
}

static void test_kernel_runs_out_of_scratch(void)
{
	open_at("full", "rename", VMMD_WANT_PATHS, ARGS(TEXT, TEXT));
	CU_ASSERT_EQUAL(h->set_path(req, 0, "/first"), 0);
	req->scratch_used = 60 * 1024;
	CU_ASSERT_EQUAL(host_at_kernel(req), -ENOMEM);
	req->scratch_used = 0;
	finish();
}

static void test_kernel_runs_it_here(void)
{
	open_at("mixed", "truncate", VMMD_WANT_PATHS, ARGS(TEXT, 3));
	CU_ASSERT_TRUE(req->fixed);
	make("file", "hello");
	CU_ASSERT_EQUAL(h->set_path(req, 0, "file"), 0);
	CU_ASSERT_EQUAL(host_at_kernel(req), 1);
	CU_ASSERT_EQUAL(req->result, 0);
	CU_ASSERT_EQUAL(size_of("file"), 3);
	/* What cannot be run here: another way, or none for a layer that confines. */
	req->calls[REQ_CALL_NOW].nr = SYS_chdir;
	CU_ASSERT_EQUAL(host_at_kernel(req), -EOPNOTSUPP);
	l->advisory = false;
	CU_ASSERT_EQUAL(h->set_path(req, 0, "file"), 0);
	CU_ASSERT_EQUAL(host_at_kernel(req), -EACCES);
	l->advisory = true;
	CU_ASSERT_EQUAL(unlink("file"), 0);
	finish();
}

/* ------------------------------------------------------------ hostile numbers */

/* A number of the program that could be a copy's address stays what it is. */
static void test_number_of_the_program(void)
{
	uint64_t length = INT64_MIN_U;

	open_at("full", "truncate", VMMD_WANT_PATHS, ARGS(TEXT, INT64_MIN_U, INT64_MIN_U + 8192, 5, 0, INT64_MIN_U + 8200));
	CU_ASSERT_EQUAL(h->set_path(req, 0, "file"), 0);
	CU_ASSERT_NOT_EQUAL(args()[0], length);
	CU_ASSERT_EQUAL(h->read(req, length, why, 1), -EFAULT);
	CU_ASSERT_EQUAL(h->read(req, length + 8192, why, 1), -EFAULT);
	CU_ASSERT_EQUAL(h->read(req, length + 8200, why, 1), -EFAULT);
	CU_ASSERT_EQUAL(host_at_kernel(req), 0);
	CU_ASSERT_EQUAL(args()[1], length); /* EINVAL, and not a very long file */
	CU_ASSERT_EQUAL(args()[2], length + 8192);
	finish();
}

static void test_number_of_the_program_run_here(void)
{
	open_at("mixed", "rename", VMMD_WANT_PATHS, ARGS(TEXT, INT64_MIN_U));
	make("file", "hello");
	CU_ASSERT_EQUAL(h->set_path(req, 0, "file"), 0);
	CU_ASSERT_EQUAL(host_at_kernel(req), 1);
	CU_ASSERT_EQUAL(req->result, -EFAULT); /* not the path of the first argument */
	CU_ASSERT_EQUAL(size_of("file"), 5);
	CU_ASSERT_EQUAL(unlink("file"), 0);
	finish();
}

static void test_text_arguments(void)
{
	const struct vmmd_call call = {.nr = SYS_setxattr}, unknown = {.nr = 100000}, none = {.nr = -1};

	CU_ASSERT_TRUE(host_is_text(&call, 0));	 /* a path */
	CU_ASSERT_TRUE(host_is_text(&call, 1));	 /* a name */
	CU_ASSERT_FALSE(host_is_text(&call, 2)); /* bytes */
	CU_ASSERT_FALSE(host_is_text(&call, 5));
	CU_ASSERT_FALSE(host_is_text(&call, 6));
	CU_ASSERT_FALSE(host_is_text(&call, UINT_MAX));
	CU_ASSERT_FALSE(host_is_text(&unknown, 0));
	CU_ASSERT_FALSE(host_is_text(&none, 0));
}

UNIT_SUITE(host_at, UNIT_TEST(test_set_path), UNIT_TEST(test_set_path_refused), UNIT_TEST(test_at_call),
	   UNIT_TEST(test_at_call_refused), UNIT_TEST(test_at_call_descriptor), UNIT_TEST(test_at_open),
	   UNIT_TEST(test_at_open_refused), UNIT_TEST(test_reply_fd), UNIT_TEST(test_kernel_places),
	   UNIT_TEST(test_kernel_runs_out_of_scratch), UNIT_TEST(test_kernel_runs_it_here),
	   UNIT_TEST(test_number_of_the_program), UNIT_TEST(test_number_of_the_program_run_here),
	   UNIT_TEST(test_text_arguments));
