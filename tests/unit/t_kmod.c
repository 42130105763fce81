/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_kmod.c - tests of vmmd/engine/kmod_select.c and kmod_take.c.
 *
 * What the module is given is judged here as the module judges it, and compared
 * with what is explained of the engine. No module is needed: going on with an
 * engine whose process has died is tested with a module by the system tests, here
 * what is done with the tasks until they have been announced.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/bpf.h"
#include "vmmd/engine/kmod.h"
#include "vmmd/engine/kmod_impl.h"
#include "vmmd/engine/own.h"
#include "vmmd/sysent.h"

static struct engine_select want;
static struct km_selection got;

static void begin(enum engine_foreign foreign)
{
	CU_ASSERT_EQUAL_FATAL(km_selection_build(&got, &want, foreign, false), 0);
}

static void finish(void)
{
	km_selection_free(&got);
	memset(&want, 0, sizeof(want));
}

/* A call that has its bit never gets to the filter; all others are the filter's. */
static uint32_t judge_with(int nr, uint64_t arg0, uint64_t arg1)
{
	const struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64, .args = {arg0, arg1}};
	uint32_t says = bpf_run(got.filter.prog, got.filter.count, &d);

	if (nr >= 0 && nr < VMMD_KMOD_NR && got.native[nr / 64] >> (nr % 64) & 1) {
		CU_ASSERT_EQUAL(says, SECCOMP_RET_ALLOW);
		return SECCOMP_RET_ALLOW;
	}
	return says;
}

static uint32_t judge(int nr)
{
	return judge_with(nr, 0, 0);
}

static uint32_t expected(int nr)
{
	const struct engine_own *own = engine_own(&engine_kmod, false, nr);

	switch (engine_handles(&engine_kmod, &want, false, nr)) {
	case ENGINE_HOW_ALLOW:
		return SECCOMP_RET_ALLOW;
	case ENGINE_HOW_ERRNO:
		return SECCOMP_RET_ERRNO | (own ? (uint32_t)own->error : want.refuse[nr]);
	case ENGINE_HOW_TRACE:
		return SECCOMP_RET_TRACE;
	default:
		return BPF_BROKEN;
	}
}

static void agrees(void)
{
	begin(ENGINE_FOREIGN_REFUSE);
	for (int nr = -1; nr <= ENGINE_NR_MAX + 1; nr++) {
		if (judge(nr) != expected(nr))
			fprintf(stderr, "call %d: %#x, not %#x\n", nr, judge(nr), expected(nr));
		CU_ASSERT_EQUAL(judge(nr), expected(nr));
	}
	finish();
}

static void test_as_it_is_explained(void)
{
	agrees();
	want.want[SYS_getpid] = VMMD_WANT_ENTRY;
	want.want[SYS_clone3] = VMMD_WANT_EXIT;
	want.refuse[SYS_socket] = EACCES;
	want.refuse[SYS_ptrace] = EIO;
	agrees();
	memset(want.want, VMMD_WANT_ENTRY, sizeof(want.want));
	want.want_other = VMMD_WANT_ENTRY;
	want.refuse[SYS_connect] = EPERM;
	agrees();
}

/* A refused call has no bit, so the filter refuses it. */
static void test_refused(void)
{
	want.refuse[SYS_socket] = EACCES;
	begin(ENGINE_FOREIGN_REFUSE);
	CU_ASSERT_EQUAL(judge(SYS_socket), SECCOMP_RET_ERRNO | EACCES);
	CU_ASSERT_EQUAL(judge(SYS_getpid), SECCOMP_RET_ALLOW);
	CU_ASSERT(got.native[SYS_getpid / 64] >> (SYS_getpid % 64) & 1);
	CU_ASSERT_EQUAL(judge(SYS_io_uring_setup), SECCOMP_RET_ERRNO | ENOSYS);
	finish();
}

/* Nobody is traced, so tracing is free; a listener of the task's own is not. */
static void test_not_traced(void)
{
	begin(ENGINE_FOREIGN_NATIVE);
	CU_ASSERT_EQUAL(judge(SYS_ptrace), SECCOMP_RET_ALLOW);
	CU_ASSERT_EQUAL(judge(SYS_clone3), SECCOMP_RET_ALLOW);
	CU_ASSERT_EQUAL(judge_with(SYS_clone, 0x00800000 /* CLONE_UNTRACED */, 0), SECCOMP_RET_ALLOW);
	CU_ASSERT_EQUAL(judge_with(SYS_seccomp, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER), SECCOMP_RET_ERRNO | EBUSY);
	CU_ASSERT_EQUAL(judge_with(SYS_seccomp, 1, 0), SECCOMP_RET_ALLOW);
	finish();
}

static void test_paths_are_delivered(void)
{
	begin(ENGINE_FOREIGN_REFUSE);
	CU_ASSERT_EQUAL(got.inlines[SYS_open], VMMD_KMOD_INLINE_STRING | 0);
	CU_ASSERT_EQUAL(got.inlines[SYS_openat], VMMD_KMOD_INLINE_STRING | 1);
	CU_ASSERT_EQUAL(got.inlines[SYS_getpid], 0);
	CU_ASSERT_EQUAL(km_path_arg(SYS_getpid), -1);
	CU_ASSERT_EQUAL(km_path_arg(-1), -1);
	finish();
}

static bool has_call(int nr, uint8_t path_arg, uint8_t dir_arg)
{
	for (uint32_t i = 0; i < got.npath_calls; i++)
		if (got.path_calls[i].nr == nr && got.path_calls[i].path_arg == path_arg &&
		    got.path_calls[i].dir_arg == dir_arg)
			return true;
	return false;
}

static bool has_row(uint32_t i, const char *path, uint16_t action)
{
	const struct vmmd_kmod_path *row = &got.paths[i];

	return row->len == strlen(path) && memcmp((const char *)(uintptr_t)row->path, path, row->len) == 0 &&
	       row->action == action && row->error == 0;
}

/* The table of paths: all is native but what is below these. The filter stops the calls first. */
static void test_table_of_paths(void)
{
	static const char *const below[] = {"/virtual", "/tmp/real"};
	static const int calls[] = {SYS_open, SYS_openat, SYS_renameat2, SYS_symlinkat, SYS_fanotify_mark};

	want.want[SYS_getpid] = VMMD_WANT_ENTRY;
	begin(ENGINE_FOREIGN_REFUSE);
	CU_ASSERT_PTR_NULL(got.paths);
	CU_ASSERT_EQUAL(got.npaths, 0);
	CU_ASSERT_EQUAL(got.npath_calls, 0);
	finish();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		want.want[calls[i]] = VMMD_WANT_ENTRY | VMMD_WANT_PATHS;
		want.by_path[calls[i]] = true;
	}
	want.below = below;
	want.nbelow = 2;
	begin(ENGINE_FOREIGN_REFUSE);
	CU_ASSERT_EQUAL(judge(SYS_openat), SECCOMP_RET_TRACE);
	CU_ASSERT_EQUAL_FATAL(got.npaths, 3);
	CU_ASSERT(has_row(0, "/", VMMD_KMOD_PATH_NATIVE));
	CU_ASSERT(has_row(1, "/virtual", VMMD_KMOD_PATH_STOP));
	CU_ASSERT(has_row(2, "/tmp/real", VMMD_KMOD_PATH_STOP));
	CU_ASSERT_EQUAL(got.npath_calls, 6);
	CU_ASSERT(has_call(SYS_open, 0, 255));
	CU_ASSERT(has_call(SYS_openat, 1, 0));
	CU_ASSERT(has_call(SYS_renameat2, 1, 0));
	CU_ASSERT(has_call(SYS_renameat2, 3, 2));
	CU_ASSERT(has_call(SYS_symlinkat, 2, 1));
	CU_ASSERT(has_call(SYS_fanotify_mark, 4, 3));
	finish();
}

/* More directories than the module takes: it stops for all paths. */
static void test_table_too_large(void)
{
	static const char *below[VMMD_KMOD_PATHS];

	for (size_t i = 0; i < VMMD_KMOD_PATHS; i++)
		below[i] = "/x";
	want.want[SYS_open] = VMMD_WANT_ENTRY;
	want.by_path[SYS_open] = true;
	want.below = below;
	want.nbelow = VMMD_KMOD_PATHS;
	begin(ENGINE_FOREIGN_REFUSE);
	CU_ASSERT_PTR_NULL(got.paths);
	CU_ASSERT_EQUAL(judge(SYS_open), SECCOMP_RET_TRACE);
	km_selection_free(&got);
	want.nbelow--;
	begin(ENGINE_FOREIGN_REFUSE);
	CU_ASSERT_EQUAL(got.npaths, VMMD_KMOD_PATHS);
	finish();
}

/* Every call with paths that layers may know of has its rows, or is none that a table decides. */
static void test_calls_of_the_table(void)
{
	for (int nr = -1; nr <= ENGINE_NR_MAX; nr++) {
		const struct vmmd_syscall *sc = sysent(nr);
		int paths = 0;

		for (int i = 0; sc && i < sc->nargs; i++)
			paths += sc->kind[i] == VMMD_ARG_PATH;
		if (nr == SYS_chroot || nr == SYS_pivot_root || nr == SYS_openat2)
			CU_ASSERT_FALSE(engine_tells_paths(nr))
		else
			CU_ASSERT_EQUAL(engine_tells_paths(nr), paths > 0);
	}
}

/* ------------------------------------------------------------------ taking over */

static void test_taken_are_announced_first(void)
{
	uint64_t again[3];
	struct km_engine e = {.again = again};
	struct engine_task b = {.e = &e, .taken = true}, a = {.e = &e, .taken = true, .next = &b};
	struct engine_event ev = {0};

	e.taken = &a;
	CU_ASSERT_TRUE(km_announce_taken(&e, &ev));
	CU_ASSERT_PTR_EQUAL(ev.task, &a);
	CU_ASSERT_EQUAL(ev.type, ENGINE_NEW);
	CU_ASSERT_PTR_NULL(ev.parent_owner);
	CU_ASSERT_TRUE(km_announce_taken(&e, &ev));
	CU_ASSERT_PTR_EQUAL(ev.task, &b);
	CU_ASSERT_FALSE(km_announce_taken(&e, &ev));
}

/* What comes of a task before its announcement is answered waits for that, the last token of it. */
static void test_taken_put_off(void)
{
	uint64_t again[3];
	struct km_engine e = {.again = again};
	struct engine_task t = {.e = &e, .taken = true};

	CU_ASSERT_TRUE(km_put_off(&t, 5));
	CU_ASSERT_TRUE(km_put_off(&t, 6));
	CU_ASSERT_EQUAL(e.nagain, 0);
	km_taken_goes_on(&t);
	CU_ASSERT_EQUAL_FATAL(e.nagain, 1);
	CU_ASSERT_EQUAL(again[0], 6);
	CU_ASSERT_FALSE(km_put_off(&t, 7));
	/* Nothing came of this one. */
	t.taken = true;
	km_taken_goes_on(&t);
	CU_ASSERT_EQUAL(e.nagain, 1);
}

/* A descriptor that somebody may have made up is asked nothing before it is known to be the device. */
static void test_taken_is_the_device(void)
{
	struct vmmd_kmod_create shape;
	struct km_engine e = {.fd = open("/dev/null", O_RDWR | O_CLOEXEC)};
	int rc = km_take_shape(&e, &shape);

	CU_ASSERT(rc == -ENOTTY || rc == -ENOENT); /* where there is no device nothing is it */
	close(e.fd);
	e.fd = -1;
	CU_ASSERT_EQUAL(km_take_shape(&e, &shape), -EBADF);
}

UNIT_SUITE(kmod, UNIT_TEST(test_as_it_is_explained), UNIT_TEST(test_refused), UNIT_TEST(test_not_traced),
	   UNIT_TEST(test_paths_are_delivered), UNIT_TEST(test_table_of_paths), UNIT_TEST(test_table_too_large),
	   UNIT_TEST(test_calls_of_the_table), UNIT_TEST(test_taken_are_announced_first), UNIT_TEST(test_taken_put_off),
	   UNIT_TEST(test_taken_is_the_device));
