/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selftest.h - what the module's self tests share.
 *
 * A test is a function in a process of its own, root, in the test machine. The
 * first CHECK() that fails ends it with a reason. When it has ended, or was
 * ended because its time was over, every other process is killed and the
 * module must be as it was: nobody holds it.
 */
#ifndef VMMD_TESTS_KMOD_SELFTEST_H
#define VMMD_TESTS_KMOD_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct test {
	const char *name;
	void (*run)(void);
	unsigned int limit; /* seconds; 0: the usual */
};

/* One table a file. Each ends with a test without a name. */
extern const struct test tests_entry[], tests_events[], tests_exit[], tests_attach[], tests_filter[], tests_death[],
	tests_others[], tests_held[], tests_hostile[];

void test_fail(const char *file, int line, const char *what, ...) __attribute__((noreturn, format(printf, 3, 4)));
void test_skip(const char *why) __attribute__((noreturn));

/* In the test's process and in its children alike. */
#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			test_fail(__FILE__, __LINE__, "not so: %s", #cond);                                                 \
	} while (0)
#define CHECK_EQ(a, b)                                                                                                 \
	do {                                                                                                           \
		long long a_ = (long long)(a), b_ = (long long)(b);                                                    \
		if (a_ != b_)                                                                                          \
			test_fail(__FILE__, __LINE__, "%s is %lld, not %s %lld", #a, a_, #b, b_);                      \
	} while (0)

/* How long a long test may be: its count divided by what the command line says, at least least. */
int scaled(int count, int least);

/* The module. */
#define MODULE "vmmd"
int module_load(const char *parameters); /* 0 or -errno */
int module_unload(void);		 /* 0 or -errno, at once */
long module_refs(void);
long read_number(const char *path);	       /* -1 if it cannot be read */
int write_text(const char *path, const char *text); /* 0 or -errno */

/* This program as a set-user-ID file of root. */
int copy_setuid(const char *to); /* 0 or -errno */

/* Processes. */
int child_status(pid_t pid);		/* waits; as a shell has it: 128 + N for signal N */
void nap(unsigned int milliseconds);
bool soon(bool (*what)(void *), void *arg, unsigned int milliseconds);
long long now_us(void);

#endif
