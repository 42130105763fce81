/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bare.h - what the two bare supervisors have in common.
 *
 * bare_ptrace and bare_notify are the floor that vmmd is compared with: the
 * least that a supervisor of either kind must do. Nothing here is shared with
 * vmmd's engines but the table of system calls. Functions return 0 or a
 * negative errno.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BARE_NR_MAX 512
#define BARE_PATH_MAX 4096

/* Which system calls stop. */
struct bare_set {
	bool want[BARE_NR_MAX];
	bool all;
};

/* @all, @path, @none, or names and numbers with '+' between them. */
int bare_set_parse(struct bare_set *, const char *spec);
/* The first argument of this call that is a path, or -1. */
int bare_path_arg(unsigned nr);
/* Install the filter: `action` for the set, everything else allowed. What seccomp(2) returned, or -errno. */
int bare_filter(const struct bare_set *, uint32_t action, unsigned flags);
/* A string from the memory of a task; its length, or -errno. */
ssize_t bare_read_path(pid_t, uint64_t addr, char path[BARE_PATH_MAX]);

/* Bind a thread (0: the caller) to one CPU. */
int bare_pin(pid_t, int cpu);
/* The CPU on which a task ran last, from /proc; -1: not known. */
int bare_task_cpu(pid_t);
/* Bind the caller to that CPU if it is not there already; *bound remembers. */
void bare_follow(int cpu, int *bound);
/* The number of CPUs that the caller may use. */
int bare_cpus(void);

#endif
