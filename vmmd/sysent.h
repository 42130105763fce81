/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysent.h - the table of system calls, and sets of them.
 *
 * The table is proto/syscalls.tbl, x86-64. Constant data, any thread.
 */
#ifndef VMMD_SYSENT_H
#define VMMD_SYSENT_H

#include <vmmd/plugin.h>

#define SYSENT_MAX 512 /* numbers in the table are below */

const struct vmmd_syscall *sysent(int64_t nr);	/* NULL: no such call */
int64_t sysent_nr(const char *name);		/* -1: no such name */

/* A set of numbers; `other` stands for all numbers that no call has. */
struct vmmd_set {
	uint64_t bits[SYSENT_MAX / 64];
	bool other;
};

bool sysent_set_has(const struct vmmd_set *, int64_t nr);
/*
 * Add what `item` names: a call, a decimal number below SYSENT_MAX, or a group
 * (@all: every number; @path: calls with a PATH argument; @net: calls on
 * sockets; @process: clone, fork, vfork, clone3, execve, execveat, exit, exit_group, wait4, waitid, kill family).
 * "!NAME" takes it out again. 0 or -EINVAL with a clause in `why`.
 */
int sysent_set_add(struct vmmd_set *, const char *item, char *why, size_t len);

#endif
