/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_filter.c - tests of vmmd/engine/filter.c.
 *
 * The program is run by a small interpreter of classic BPF that knows what
 * seccomp(2) allows; what it answers is compared with what the selection says.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "vmmd/engine/filter.h"

#define STOP (SECCOMP_RET_TRACE | 0x766d)
#define ERR(e_) (SECCOMP_RET_ERRNO | (uint32_t)(e_))
#define BROKEN 0xdeadbeefu /* what no filter returns */
#define X32 0x40000000

static struct engine_select sel;
static struct filter filter;

static bool jumps(const struct sock_filter *i, uint32_t a)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return a == i->k;
	case BPF_JGT:
		return a > i->k;
	case BPF_JGE:
		return a >= i->k;
	default:
		return a & i->k;
	}
}

static uint32_t interpret(const struct sock_filter *prog, size_t n, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &prog[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k + 4 > sizeof(*d))
				return BROKEN;
			memcpy(&a, (const char *)d + i->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += jumps(i, a) ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			return BROKEN;
		}
	}
	return BROKEN;
}

static uint32_t answer(uint32_t arch, int nr, const uint64_t args[6])
{
	struct seccomp_data d = {.nr = nr, .arch = arch};

	for (int i = 0; i < 6; i++)
		d.args[i] = args[i];
	return interpret(filter.prog, filter.count, &d);
}

static void build(enum engine_foreign foreign)
{
	CU_ASSERT_EQUAL_FATAL(filter_build(&filter, &sel, foreign, STOP), 0);
	/* The kernel takes no more, and a 16-bit count. */
	CU_ASSERT_FATAL(filter.count > 0 && filter.count <= BPF_MAXINSNS);
}

/* What the selection says of a number of this machine that no row of bypass.tbl is about. */
static uint32_t selected(int nr)
{
	bool stop = nr == __NR_clone3 || (nr >= 0 && nr < ENGINE_NR_MAX ? sel.want[nr] : sel.want_other);

	return stop ? STOP : SECCOMP_RET_ALLOW;
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
};

static const struct row rows[] = {
#define BYPASS(call, arg, mask, error, why) {__NR_##call, arg, mask, error},
#include "vmmd/engine/bypass.tbl"
#undef BYPASS
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void check_row(const struct row *r)
{
	const uint64_t others[] = {0, ~r->mask, 1, UINT64_MAX << 32 & ~r->mask};
	uint64_t args[6];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int error = r->mask ? 0 : r->error;

		memset(args, 0xff, sizeof(args)); /* the bit in another argument means nothing */
		args[r->arg] = others[i] & ~r->mask;
		expect(AUDIT_ARCH_X86_64, r->nr, args, error ? ERR(error) : selected(r->nr));
		CU_ASSERT_EQUAL(filter_bypass(r->nr, args), error);
		for (uint64_t bit = 1; bit; bit <<= 1) {
			if (!(r->mask & bit))
				continue;
			args[r->arg] = (others[i] & ~r->mask) | bit;
			expect(AUDIT_ARCH_X86_64, r->nr, args, ERR(r->error));
			CU_ASSERT_EQUAL(filter_bypass(r->nr, args), r->error);
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

static void check(void)
{
	check_with(ENGINE_FOREIGN_REFUSE);
	check_with(ENGINE_FOREIGN_NATIVE);
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
		sel.want[nr] = nr % 3 == 1 || nr * 7 % 11 < 4;
	check();
}

UNIT_SUITE(filter, UNIT_TEST(test_none), UNIT_TEST(test_some), UNIT_TEST(test_all), UNIT_TEST(test_all_but_some),
	   UNIT_TEST(test_other_only), UNIT_TEST(test_every_third));
