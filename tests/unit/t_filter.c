/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_filter.c - tests of vmmd/engine/filter.c.
 *
 * The program is run by an interpreter; what it answers is compared with what the
 * selection says.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "tests/unit/bpf.h"
#include "vmmd/engine/filter.h"

#define STOP (SECCOMP_RET_TRACE | 0x766d)
#define NOTE SECCOMP_RET_USER_NOTIF
#define ERR(e_) (SECCOMP_RET_ERRNO | (uint32_t)(e_))
#define X32 0x40000000

/* Calls that notify for the engine "seccomp" whatever is selected. */
static const char own_engine[] = "seccomp";

static bool own_call(int nr)
{
	switch (nr) {
#define OWN_seccomp(call) case __NR_##call:
#define OWN_hybrid(call)
#define OWN_ptrace(call)
#define OWN(engine, call, why) OWN_##engine(call)
#include "vmmd/engine/own.tbl"
		return true;
	default:
		return false;
	}
}

static enum engine_how traced(uint32_t want)
{
	return want ? ENGINE_HOW_TRACE : ENGINE_HOW_ALLOW;
}

static enum engine_how notified(uint32_t want)
{
	return want ? ENGINE_HOW_NOTIFY : ENGINE_HOW_ALLOW;
}

static enum engine_how mixed(uint32_t want)
{
	return want & VMMD_WANT_EXIT ? traced(want) : notified(want);
}

static struct engine_select sel;
static struct filter_plan plan = {.select = &sel, .how = traced, .trace = STOP, .traced = true};
static struct filter filter;

static uint32_t answer(uint32_t arch, int nr, const uint64_t args[6])
{
	struct seccomp_data d = {.nr = nr, .arch = arch};

	for (int i = 0; i < 6; i++)
		d.args[i] = args[i];
	return bpf_run(filter.prog, filter.count, &d);
}

static void build(enum engine_foreign foreign)
{
	plan.foreign = foreign;
	CU_ASSERT_EQUAL_FATAL(filter_build(&filter, &plan), 0);
	/* The kernel takes no more, and a 16-bit count. */
	CU_ASSERT_FATAL(filter.count > 0 && filter.count <= BPF_MAXINSNS);
}

/* What the selection says of a number of this machine that no row of bypass.tbl is about. */
static uint32_t selected(int nr)
{
	bool one = nr >= 0 && nr < ENGINE_NR_MAX;
	enum engine_how how = plan.how(one ? sel.want[nr] : sel.want_other);

	if (one && sel.refuse[nr])
		return ERR(sel.refuse[nr]);
	if (nr == __NR_clone3 && plan.traced)
		return STOP;
	if (nr == __NR_mmap && plan.traced && how == ENGINE_HOW_NOTIFY)
		return STOP;
	if (how == ENGINE_HOW_ALLOW && plan.notifies && own_call(nr))
		return NOTE;
	return how == ENGINE_HOW_TRACE ? STOP : how == ENGINE_HOW_NOTIFY ? NOTE : SECCOMP_RET_ALLOW;
}

static void expect(uint32_t arch, int nr, const uint64_t args[6], uint32_t want)
{
	uint32_t got = answer(arch, nr, args);

	if (got != want)
		fprintf(stderr, "arch %#x nr %d args %#llx, %#llx: %#x, not %#x\n", arch, nr,
			(unsigned long long)args[0], (unsigned long long)args[1], got, want);
	CU_ASSERT_EQUAL(got, want);
}

struct row {
	int nr;
	unsigned arg;
	uint64_t mask;
	int error;
	enum { ANY, TRACED, PERFORMED } tasks;
};

static const struct row rows[] = {
#define BYPASS(call, arg, mask, error, tasks, why) {__NR_##call, arg, mask, error, tasks},
#include "vmmd/engine/bypass.tbl"
#undef BYPASS
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void check_row(const struct row *r)
{
	const uint64_t others[] = {0, ~r->mask, 1, UINT64_MAX << 32 & ~r->mask};
	bool holds = r->tasks == ANY || (r->tasks == TRACED ? plan.traced : plan.performs);
	uint64_t args[6];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int error = r->mask ? 0 : r->error;

		memset(args, 0xff, sizeof(args)); /* the bit in another argument means nothing */
		args[r->arg] = others[i] & ~r->mask;
		expect(AUDIT_ARCH_X86_64, r->nr, args, error && holds ? ERR(error) : selected(r->nr));
		CU_ASSERT_EQUAL(filter_bypass(&plan, r->nr, args), holds ? error : 0);
		for (uint64_t bit = 1; bit; bit <<= 1) {
			if (!(r->mask & bit))
				continue;
			args[r->arg] = (others[i] & ~r->mask) | bit;
			expect(AUDIT_ARCH_X86_64, r->nr, args, holds ? ERR(r->error) : selected(r->nr));
			CU_ASSERT_EQUAL(filter_bypass(&plan, r->nr, args), holds ? r->error : 0);
		}
	}
}

static bool in_table(int nr)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].nr == nr)
			return true;
	return false;
}

/* Every number and every row, with one foreign policy. */
static void check_with(enum engine_foreign foreign)
{
	static const int native[] = {512, 513, 1000, 1 << 20, X32 - 1, -1};
	static const int x32[] = {X32, X32 | __NR_read, X32 | __NR_clone, X32 | 512, INT_MAX, INT_MIN, -2};
	uint32_t other = foreign == ENGINE_FOREIGN_NATIVE ? SECCOMP_RET_ALLOW : ERR(ENOSYS);
	const uint64_t none[6] = {0}, all[6] = {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull};

	build(foreign);
	for (int nr = 0; nr < ENGINE_NR_MAX; nr++) {
		expect(AUDIT_ARCH_I386, nr, none, other);
		expect(AUDIT_ARCH_I386, nr, all, other);
		if (in_table(nr))
			continue;
		expect(AUDIT_ARCH_X86_64, nr, none, selected(nr));
		expect(AUDIT_ARCH_X86_64, nr, all, selected(nr));
	}
	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++)
		expect(AUDIT_ARCH_X86_64, native[i], all, selected(native[i]));
	for (size_t i = 0; i < sizeof(x32) / sizeof(x32[0]); i++)
		expect(AUDIT_ARCH_X86_64, x32[i], all, other);
	for (size_t i = 0; i < ROWS; i++)
		check_row(&rows[i]);
	filter_free(&filter);
}

/* The same selection as each engine has it stopped. */
static void check(void)
{
	for (int way = 0; way < 3; way++) {
		plan.how = way == 0 ? traced : way == 1 ? mixed : notified;
		plan.notifies = way ? own_engine : NULL;
		plan.traced = way < 2;
		plan.performs = way > 0;
		check_with(ENGINE_FOREIGN_REFUSE);
		check_with(ENGINE_FOREIGN_NATIVE);
	}
	plan = (struct filter_plan){.select = &sel, .how = traced, .trace = STOP, .traced = true};
}

static void want_all(uint8_t want)
{
	memset(sel.want, want, sizeof(sel.want));
	sel.want_other = want;
}

static void test_none(void)
{
	check();
	/* clone3 is looked at by the engine even then. */
	build(ENGINE_FOREIGN_REFUSE);
	expect(AUDIT_ARCH_X86_64, __NR_clone3, (uint64_t[6]){0}, STOP);
	filter_free(&filter);
}

/* Refusals are the kernel's, whatever else is wanted; but for clone3, which a tracer looks at. */
static void test_refused(void)
{
	sel.refuse[0] = EPERM;
	sel.refuse[__NR_openat] = 4094;
	sel.refuse[__NR_clone3] = EACCES;
	sel.refuse[ENGINE_NR_MAX - 1] = EROFS;
	check();
	sel.want[__NR_openat] = VMMD_WANT_ENTRY | VMMD_WANT_EXIT;
	want_all(VMMD_WANT_ENTRY);
	check();
	for (size_t i = 0; i < ROWS; i++)
		sel.refuse[rows[i].nr] = EXDEV;
	check();
	for (int nr = 0; nr < ENGINE_NR_MAX; nr++)
		sel.refuse[nr] = ENOTTY;
	check();
}

/* What the plan says, call by call, without the program. */
static void test_how(void)
{
	sel.want[__NR_openat] = VMMD_WANT_ENTRY;
	sel.want[__NR_read] = VMMD_WANT_ENTRY | VMMD_WANT_EXIT;
	sel.refuse[__NR_mkdir] = EPERM;
	sel.want[__NR_mmap] = VMMD_WANT_ENTRY;
	plan.how = mixed;
	plan.notifies = own_engine;
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_openat), ENGINE_HOW_NOTIFY);
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_read), ENGINE_HOW_TRACE);
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_mkdir), ENGINE_HOW_ERRNO);
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_execve), ENGINE_HOW_NOTIFY);
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_clone3), ENGINE_HOW_TRACE);
	/* The engine has tasks make it, and would wait for ever for one that waits to be received. */
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_mmap), ENGINE_HOW_TRACE);
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_getpid), ENGINE_HOW_ALLOW);
	CU_ASSERT_EQUAL(filter_how(&plan, -1), ENGINE_HOW_ALLOW);
	CU_ASSERT_EQUAL(filter_how(&plan, ENGINE_NR_MAX), ENGINE_HOW_ALLOW);
	plan.traced = false;
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_mmap), ENGINE_HOW_NOTIFY);
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_clone3), ENGINE_HOW_NOTIFY);
	plan.notifies = NULL;
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_clone3), ENGINE_HOW_ALLOW);
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_execve), ENGINE_HOW_ALLOW);
	sel.want[__NR_execve] = VMMD_WANT_EXIT;
	plan.notifies = own_engine;
	CU_ASSERT_EQUAL(filter_how(&plan, __NR_execve), ENGINE_HOW_TRACE);
}

static void test_some(void)
{
	sel.want[0] = VMMD_WANT_ENTRY;
	sel.want[__NR_openat] = VMMD_WANT_EXIT;
	sel.want[ENGINE_NR_MAX - 1] = VMMD_WANT_ENTRY | VMMD_WANT_EXIT;
	check();
	for (size_t i = 0; i < ROWS; i++)
		sel.want[rows[i].nr] = VMMD_WANT_ENTRY;
	check();
}

static void test_all(void)
{
	want_all(VMMD_WANT_ENTRY);
	check();
	sel.want_other = 0;
	check();
}

static void test_all_but_some(void)
{
	want_all(VMMD_WANT_ENTRY);
	sel.want[__NR_read] = sel.want[__NR_write] = sel.want[ENGINE_NR_MAX - 1] = 0;
	sel.want[__NR_clone3] = 0;
	check();
	for (size_t i = 0; i < ROWS; i++)
		sel.want[rows[i].nr] = 0;
	check();
}

static void test_other_only(void)
{
	sel.want_other = VMMD_WANT_ENTRY;
	check();
}

/* A selection without order: the tree that libseccomp makes must find every number. */
static void test_every_third(void)
{
	for (int nr = 0; nr < ENGINE_NR_MAX; nr++)
		sel.want[nr] = nr % 3 == 1 || nr * 7 % 11 < 4 ? 1u << nr % 2 : 0;
	check();
}

UNIT_SUITE(filter, UNIT_TEST(test_none), UNIT_TEST(test_some), UNIT_TEST(test_all), UNIT_TEST(test_all_but_some),
	   UNIT_TEST(test_other_only), UNIT_TEST(test_every_third), UNIT_TEST(test_refused), UNIT_TEST(test_how));
