// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_filter.c - what the kernel decides without the daemon: the filter
 * program, the path table; and what it delivers with a stop.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, ret) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), BPF_STMT(BPF_RET | BPF_K, ret)
#define RET(ret) BPF_STMT(BPF_RET | BPF_K, ret)
#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

/* An engine with this filter, which looks at all calls that are named; FOREIGN_FILTER. */
static int filter(struct vm *vm, const struct sock_filter *prog, size_t len)
{
	struct vmmd_kmod_create create = { .foreign = VMMD_KMOD_FOREIGN_FILTER, .max_tasks = 16 };
	struct vmmd_kmod_select sel =
		vm_selection(ON(GONE), SYS_getuid, SYS_getgid, SYS_geteuid, SYS_getegid, SYS_getppid, SYS_getpgrp, -1);

	vm_make(vm, &create);
	sel.filter = (uintptr_t)prog;
	sel.filter_len = (uint32_t)len;
	return ioctl(vm->fd, VMMD_IOC_SELECT, &sel) == 0 ? 0 : -errno;
}

static void h_4242(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242;
	}
}

static long int80(long nr)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret) : "0"(nr) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static void c_verdicts(void *arg)
{
	(void)arg;
	CHECK(syscall(SYS_getuid) == -1 && errno == 117);
	CHECK_EQ(syscall(SYS_getgid), 4242);
	CHECK_EQ(syscall(SYS_geteuid), 4242);
	CHECK_EQ(syscall(SYS_getegid), 0);
	CHECK_EQ(syscall(SYS_getpgrp), getpgrp());
	CHECK_EQ(int80(20), 4242);
	CHECK(int80(24) == -ENOTTY);
	CHECK(syscall(0x40000000 + SYS_getuid) == -1 && errno == EDOM);
}

static const struct sock_filter verdicts[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 4, 0),
	LOAD(nr),
	IF(20, SECCOMP_RET_TRACE),
	RET(SECCOMP_RET_ERRNO | ENOTTY),
	LOAD(nr),
	IF(SYS_getuid, SECCOMP_RET_ERRNO | 117),
	IF(SYS_getgid, SECCOMP_RET_TRACE),
	IF(SYS_geteuid, SECCOMP_RET_USER_NOTIF),
	IF(SYS_getegid, SECCOMP_RET_ALLOW),
	IF(SYS_getppid, SECCOMP_RET_KILL_PROCESS),
	IF(0x40000000 + SYS_getuid, SECCOMP_RET_ERRNO | EDOM),
	RET(SECCOMP_RET_LOG),
};

static void t_verdicts(void)
{
	struct vm vm;
	pid_t p;

	CHECK_EQ(filter(&vm, verdicts, LENGTH(verdicts)), 0);
	p = vm_spawn(&vm, c_verdicts, NULL);
	vm_serve(&vm, p, h_4242, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

static void c_getppid(void *arg)
{
	(void)arg;
	syscall(SYS_getppid);
}

static void t_kill(void)
{
	static const uint32_t kills[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, 0x12340000 };
	struct sock_filter prog[] = { RET(0) };
	struct vm vm;
	int status;
	pid_t p;

	for (size_t i = 0; i < LENGTH(kills); i++) {
		prog[0].k = kills[i];
		CHECK_EQ(filter(&vm, prog, 1), 0);
		p = vm_spawn(&vm, c_getppid, NULL);
		vm_serve(&vm, p, NULL, NULL);
		status = child_status(p);
		CHECK(status == 128 + SIGKILL || status == 128 + SIGSYS);
		vm_close(&vm);
	}
}

/* Arguments and the instruction pointer are the filter's to look at. */
static void c_arguments(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid, 1, 2, 3, 4, 5, 6), 4242);
	CHECK_EQ(syscall(SYS_getuid, 1, 2, 3, 4, 5, 7), 0);
	CHECK_EQ(syscall(SYS_getuid, 1, 2, 3, 4, 5, 6 + (1ull << 32)), 0);
}

static void t_arguments(void)
{
	struct sock_filter prog[] = {
		LOAD(args[5]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		RET(SECCOMP_RET_TRACE),
		RET(SECCOMP_RET_ALLOW),
	};
	struct vm vm;
	pid_t p;

	CHECK_EQ(filter(&vm, prog, LENGTH(prog)), 0);
	p = vm_spawn(&vm, c_arguments, NULL);
	vm_serve(&vm, p, h_4242, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* What seccomp(2) refuses is refused. */
static void t_refused(void)
{
	static const struct sock_filter bad[][3] = {
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET(0), RET(0) },			 /* beyond the data */
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(0), RET(0) },			 /* not aligned */
		{ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RET(0), RET(0) },			 /* not a word */
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF), RET(0), RET(0) }, /* of packets */
		{ BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RET(0), RET(0) },
		{ BPF_STMT(BPF_LD | BPF_W | BPF_MEM, 16), RET(0), RET(0) }, /* no such cell */
		{ BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(0), RET(0) },
		{ BPF_JUMP(BPF_JMP | BPF_JA, 9, 0, 0), RET(0), RET(0) },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 7, 7), RET(0), RET(0) },
		{ BPF_STMT(0xffff, 0), RET(0), RET(0) },
		{ RET(0), RET(0), LOAD(nr) }, /* no end */
	};
	static struct sock_filter longest[4097];
	struct vm vm;

	for (size_t i = 0; i < LENGTH(bad); i++) {
		if (filter(&vm, bad[i], 3) != -EINVAL)
			test_fail(__FILE__, __LINE__, "program %zu is accepted", i);
		vm_close(&vm);
	}
	for (size_t i = 0; i < LENGTH(longest); i++)
		longest[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	CHECK_EQ(filter(&vm, longest, 4096), 0);
	vm_close(&vm);
	CHECK_EQ(filter(&vm, longest, 4097), -EINVAL);
	vm_close(&vm);
	CHECK_EQ(filter(&vm, (void *)8, 4), -EFAULT);
	vm_close(&vm);
}

/* Another selection while tasks run; a refused one changes nothing. */
static void c_reselect(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid), 1);
	CHECK_EQ(syscall(SYS_getgid), 0);
	CHECK_EQ(syscall(SYS_geteuid), 2);
	CHECK_EQ(syscall(SYS_getuid), 0);
	CHECK_EQ(syscall(SYS_getgid), 3);
}

static void t_reselect(void)
{
	struct vmmd_kmod_select sel = vm_selection(ON(GONE), SYS_getgid, -1), bad = sel;
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, SYS_geteuid, -1);
	p = vm_spawn(&vm, c_reselect, NULL);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 1);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_geteuid);
	bad.filter = 8;
	bad.filter_len = 1;
	CHECK(ioctl(vm.fd, VMMD_IOC_SELECT, &bad) == -1);
	vm_select(&vm, &sel);
	vm_return(&vm, s, 2);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getgid), 3);
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* ---- paths */
#define PATH(p, how, err) { (uintptr_t)(p), sizeof(p) - 1, VMMD_KMOD_PATH_##how, err }
#define EXACT(p, how) { (uintptr_t)(p), sizeof(p) - 1, VMMD_KMOD_PATH_##how | VMMD_KMOD_PATH_EXACT, 0 }

static void path_engine(struct vm *vm)
{
	const struct vmmd_kmod_path paths[] = {
		PATH("/", NATIVE, 0),	      PATH("/virtual", STOP, 0),      PATH("/forbidden", ERRNO, EACCES),
		PATH("/virtual/real", NATIVE, 0), EXACT("/tmp/exact", STOP), EXACT("/virtual/one", NATIVE),
	};
	const struct vmmd_kmod_path_call calls[] = {
		{ SYS_open, 0, 255 }, { SYS_openat, 1, 0 }, { SYS_rename, 0, 255 }, { SYS_rename, 1, 255 },
		{ SYS_newfstatat, 1, 0 }, { SYS_utimensat, 1, 0 },
	};
	struct vmmd_kmod_select sel =
		vm_selection(ON(GONE), SYS_open, SYS_openat, SYS_rename, SYS_newfstatat, SYS_utimensat, -1);
	struct vmmd_kmod_create create = { .max_tasks = 16 };

	vm_make(vm, &create);
	sel.paths = (uintptr_t)paths;
	sel.paths_len = LENGTH(paths);
	sel.path_calls = (uintptr_t)calls;
	sel.path_calls_len = LENGTH(calls);
	if (ioctl(vm->fd, VMMD_IOC_SELECT, &sel) != 0 && errno == EOPNOTSUPP && !(vm_info().features & VMMD_KMOD_HAS_PATHS))
		test_skip("this module has no path table");
	vm_select(vm, &sel);
}

static long try(const char *path)
{
	long ret = syscall(SYS_open, path, O_RDONLY | O_CREAT, 0600);

	if (ret >= 0 && ret < 100) {
		close((int)ret);
		return 0;
	}
	return ret < 0 ? -errno : ret;
}

static void c_paths(void *arg)
{
	static const struct {
		const char *path;
		long want;
	} rows[] = {
		{ "/tmp/x", 0 },
		{ "/virtual/x", 4242 },
		{ "/virtual", 4242 },
		{ "/virtual/", 4242 },
		{ "/virtualx", 0 },
		{ "/tmp/../virtual/x", 4242 },
		{ "//virtual///./x", 4242 },
		{ "/./virtual/../virtual/x", 4242 },
		{ "/../../virtual/x", 4242 },
		{ "/tmp/../tmp/x", 0 },
		{ "/../tmp/x", 0 },
		{ "/forbidden/a", -EACCES },
		{ "/forbidden", -EACCES },
		{ "/tmp/../forbidden/b", -EACCES },
		{ "/virtual/real/x", 0 },
		{ "/virtual/real/../x", 4242 },
		{ "/tmp/exact", 4242 },
		{ "/tmp/exactly", 0 },
		{ "/virtual/one", 0 },
		{ "/virtual/one/x", 4242 },
	};

	(void)arg;
	for (size_t i = 0; i < LENGTH(rows); i++)
		if (try(rows[i].path) != rows[i].want)
			test_fail(__FILE__, __LINE__, "%s gives %ld, not %ld", rows[i].path, try(rows[i].path), rows[i].want);
}

/* What is passed on the way counts as well: what it is to the daemon is not what it is to the kernel. */
static void c_up(void *arg)
{
	(void)arg;
	CHECK_EQ(try("/virtual/../tmp/x"), 4242);
	CHECK_EQ(try("/virtual/a/b/../../../tmp/x"), 4242);
	CHECK_EQ(try("/virtual/real/../../tmp/x"), 4242);
	CHECK_EQ(try("/virtual/real/a/../x"), -ENOENT);
	CHECK_EQ(try("/forbidden/../tmp/x"), 4242);
	CHECK_EQ(try("/tmp/exact/../x"), 4242);
	CHECK_EQ(try("/tmp/../tmp/../tmp/x"), 0);
	CHECK(chdir("/virtual/real") == 0);
	CHECK_EQ(try("../real/x"), 0);
	CHECK_EQ(try("../../tmp/x"), 4242);
	CHECK(chdir("/virtual") == 0);
	CHECK_EQ(try("../tmp/x"), 4242);
	CHECK_EQ(try("../virtual/real/x"), 4242);
}

static void c_relative(void *arg)
{
	(void)arg;
	CHECK(chdir("/tmp") == 0);
	CHECK_EQ(try("x"), 0);
	CHECK_EQ(try("../virtual/x"), 4242);
	CHECK_EQ(try("exact"), 4242);
	CHECK(chdir("/virtual") == 0);
	CHECK_EQ(try("x"), 4242);
	CHECK_EQ(try("real/x"), 0);
	CHECK_EQ(syscall(SYS_openat, AT_FDCWD, "y", O_RDONLY), 4242);
}

/* The path of an open descriptor; opened by a call that nobody stops for. */
static int hold(const char *path, int flags)
{
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &(struct open_how){ .flags = (unsigned)flags }, sizeof(struct open_how));

	CHECK(fd >= 0);
	return fd;
}

static long at(int dir, const char *path)
{
	long ret = syscall(SYS_openat, dir, path, O_RDONLY);

	if (ret >= 0 && ret < 100) {
		close((int)ret);
		return 0;
	}
	return ret < 0 ? -errno : ret;
}

/* Below a descriptor; one of a file, or that only names it, is as good. */
static void c_descriptor(void *arg)
{
	int tmp = hold("/tmp", O_RDONLY | O_DIRECTORY), root = hold("/", O_RDONLY | O_DIRECTORY);
	int virtual = hold("/virtual", O_PATH), real = hold("/virtual/real", O_PATH), file = hold("/tmp/x", O_RDONLY);

	(void)arg;
	CHECK_EQ(at(tmp, "x"), 0);
	CHECK_EQ(at(tmp, "../tmp/x"), 0);
	CHECK_EQ(at(tmp, "exact"), 4242);
	CHECK_EQ(at(tmp, "../virtual/x"), 4242);
	CHECK_EQ(at(tmp, "/virtual/x"), 4242);
	CHECK_EQ(at(tmp, "../forbidden"), -EACCES);
	CHECK_EQ(at(root, "tmp/x"), 0);
	CHECK_EQ(at(root, "virtual/x"), 4242);
	CHECK_EQ(at(virtual, "x"), 4242);
	CHECK_EQ(at(virtual, "../tmp/x"), 4242);
	CHECK_EQ(at(virtual, "/tmp/x"), 0);
	CHECK_EQ(at(real, "x"), 0);
	CHECK_EQ(at(real, "../x"), 4242);
	CHECK_EQ(at(file, "x"), -ENOTDIR);
	CHECK_EQ(at(-1, "/tmp/x"), 0);
}

static long stat_of(int fd, const char *path)
{
	struct stat st;
	long ret = syscall(SYS_newfstatat, fd, path, &st, AT_EMPTY_PATH);

	return ret < 0 ? -errno : ret;
}

static long touch(int fd)
{
	long ret = syscall(SYS_utimensat, fd, NULL, NULL, 0);

	return ret < 0 ? -errno : ret;
}

/* Without a path it is the descriptor's file; what nobody can name is nobody's business. */
static void c_empty(void *arg)
{
	int x = hold("/tmp/x", O_RDWR), virtual = hold("/virtual", O_RDONLY), path = hold("/virtual/real", O_PATH);
	int exact = hold("/tmp/exact", O_RDWR), gone = hold("/tmp/gone", O_RDWR), ends[2];

	(void)arg;
	CHECK(pipe(ends) == 0 && unlink("/tmp/gone") == 0);
	CHECK_EQ(stat_of(x, ""), 0);
	CHECK_EQ(stat_of(virtual, ""), 4242);
	CHECK_EQ(stat_of(path, ""), 0);
	CHECK_EQ(stat_of(exact, ""), 4242);
	CHECK_EQ(stat_of(ends[0], ""), 0);
	CHECK_EQ(touch(x), 0);
	CHECK_EQ(touch(virtual), 4242);
	CHECK_EQ(touch(ends[1]), 0);
	CHECK_EQ(stat_of(AT_FDCWD, ""), 0);
	CHECK(chdir("/virtual") == 0);
	CHECK_EQ(stat_of(AT_FDCWD, ""), 4242);
	/* In doubt: a file that has lost its name, a name below a pipe, no descriptor. */
	CHECK_EQ(stat_of(gone, ""), 4242);
	CHECK_EQ(stat_of(ends[0], "x"), 4242);
	CHECK_EQ(stat_of(999, ""), 4242);
}

/* In doubt it stops. */
static void c_doubt(void *arg)
{
	static char path[8192];
	long r;

	(void)arg;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	r = try(path);
	CHECK(r == 4242 || r == -ENAMETOOLONG);
	r = try((char *)8);
	CHECK(r == 4242 || r == -EFAULT);
	r = syscall(SYS_openat, 999, "x", O_RDONLY);
	CHECK(r == 4242 || (r == -1 && errno == EBADF));
	CHECK_EQ(syscall(SYS_rename, "/tmp/x", "/virtual/y"), 4242);
	CHECK_EQ(syscall(SYS_rename, "/virtual/y", "/tmp/x"), 4242);
	CHECK_EQ(syscall(SYS_rename, "/tmp/x", "/tmp/y"), 0);
	CHECK(syscall(SYS_rename, "/tmp/y", "/forbidden/x") == -1 && errno == EACCES);
}

static void paths(void (*run)(void *))
{
	struct vm vm;
	pid_t p;

	mkdir("/virtual", 0755);
	mkdir("/virtual/real", 0755);
	close(open("/tmp/x", O_RDWR | O_CREAT, 0600));
	close(open("/tmp/exact", O_RDWR | O_CREAT, 0600));
	close(open("/tmp/gone", O_RDWR | O_CREAT, 0600));
	close(open("/virtual/real/x", O_RDWR | O_CREAT, 0600));
	path_engine(&vm);
	p = vm_spawn(&vm, run, NULL);
	vm_serve(&vm, p, h_4242, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

static void t_paths(void) { paths(c_paths); }
static void t_up(void) { paths(c_up); }
static void t_relative(void) { paths(c_relative); }
static void t_descriptor(void) { paths(c_descriptor); }
static void t_empty(void) { paths(c_empty); }
static void t_doubt(void) { paths(c_doubt); }

static void t_bad_paths(void)
{
	const struct vmmd_kmod_path bad[] = {
		PATH("relative", STOP, 0), PATH("/a/../b", STOP, 0), PATH("/a//b", STOP, 0), PATH("/a/", STOP, 0), PATH("", STOP, 0),
		PATH("/a\0b", STOP, 0),    { (uintptr_t) "/a", 2, 0x77, 0 }, { 8, 4, 0, 0 },	     { (uintptr_t) "/a", 1u << 30, 0, 0 },
	};
	const struct vmmd_kmod_path_call call = { SYS_open, 0, 255 }, bad_calls[] = { { 600, 0, 255 }, { SYS_open, 6, 255 }, { SYS_open, 0, 7 } };
	struct vmmd_kmod_select sel = vm_selection(0, SYS_open, -1);
	const struct vmmd_kmod_path good = PATH("/a", STOP, 0);
	struct vm vm;

	path_engine(&vm);
	sel.paths_len = sel.path_calls_len = 1;
	sel.path_calls = (uintptr_t)&call;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		sel.paths = (uintptr_t)&bad[i];
		if (ioctl(vm.fd, VMMD_IOC_SELECT, &sel) == 0)
			test_fail(__FILE__, __LINE__, "path %zu is accepted", i);
	}
	sel.paths = (uintptr_t)&good;
	vm_select(&vm, &sel);
	for (size_t i = 0; i < LENGTH(bad_calls); i++) {
		sel.path_calls = (uintptr_t)&bad_calls[i];
		if (ioctl(vm.fd, VMMD_IOC_SELECT, &sel) == 0)
			test_fail(__FILE__, __LINE__, "call %zu is accepted", i);
	}
	sel.path_calls = (uintptr_t)&call;
	sel.paths_len = 0xffffffff;
	CHECK(ioctl(vm.fd, VMMD_IOC_SELECT, &sel) == -1);
	vm_close(&vm);
}

/* ---- what a stop brings with it */
static char long_path[600];

static void c_inline(void *arg)
{
	(void)arg;
	syscall(SYS_open, "/some/path", 0);
	syscall(SYS_open, long_path, 0);
	syscall(SYS_open, (char *)8, 0);
	syscall(SYS_write, -1, "binary\0data", 11);
	syscall(SYS_getuid);
}

static void t_inline(void)
{
	static uint8_t args[VMMD_KMOD_NR];
	struct vmmd_kmod_select sel = vm_selection(ON(GONE), SYS_open, SYS_write, SYS_getuid, -1);
	struct vmmd_kmod_create create = { .max_tasks = 16 };
	struct vm vm;
	slot *s;
	pid_t p;

	args[SYS_open] = 0 | VMMD_KMOD_INLINE_STRING;
	args[SYS_write] = 1 | VMMD_KMOD_INLINE_BYTES;
	sel.inline_args = (uintptr_t)args;
	memset(long_path, 'y', sizeof(long_path) - 1);
	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	p = vm_spawn(&vm, c_inline, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_open);
	CHECK((s->flags & (VMMD_KMOD_S_INLINE | VMMD_KMOD_S_CUT)) == VMMD_KMOD_S_INLINE);
	CHECK(s->data_len >= 10 && strcmp((char *)s->data, "/some/path") == 0);
	vm_return(&vm, s, 0);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_open);
	CHECK((s->flags & (VMMD_KMOD_S_INLINE | VMMD_KMOD_S_CUT)) == (VMMD_KMOD_S_INLINE | VMMD_KMOD_S_CUT));
	CHECK(memcmp(s->data, long_path, 250) == 0);
	vm_return(&vm, s, 0);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_open);
	CHECK(!(s->flags & VMMD_KMOD_S_INLINE) || s->data_len == 0);
	vm_return(&vm, s, 0);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_write);
	CHECK(s->flags & VMMD_KMOD_S_INLINE && memcmp(s->data, "binary\0data", 11) == 0);
	vm_return(&vm, s, 0);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK(!(s->flags & VMMD_KMOD_S_INLINE));
	vm_run(&vm, s);
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

const struct test tests_filter[] = {
	{ "filter/verdicts", t_verdicts, 0 },
	{ "filter/kill", t_kill, 0 },
	{ "filter/arguments", t_arguments, 0 },
	{ "filter/refused", t_refused, 0 },
	{ "filter/reselect", t_reselect, 0 },
	{ "paths/table", t_paths, 0 },
	{ "paths/up", t_up, 0 },
	{ "paths/relative", t_relative, 0 },
	{ "paths/descriptor", t_descriptor, 0 },
	{ "paths/empty", t_empty, 0 },
	{ "paths/in-doubt", t_doubt, 0 },
	{ "paths/refused", t_bad_paths, 0 },
	{ "inline/arguments", t_inline, 0 },
	{ NULL, NULL, 0 },
};
