/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perform.h - run a path call for a task and give it the result.
 *
 * The worker makes the call itself, with its own copy of the paths, in the
 * task's root, working directory, umask and credentials. So what was decided
 * on is what is done: no other thread of the program can change the path in
 * between. Which calls: perform.tbl.
 *
 * One call at a time in a process: the umask is the process's, and root's
 * worker changes its identity for the call. The task must be stopped in it.
 * Nothing here waits for another program: no FIFO, terminal or other device is
 * opened, and no lease waited for. What waits is a file system that itself
 * waits: a dead server, or a program that serves files (FUSE). If such a
 * program is a task of the same session, nobody may perform for that session.
 *
 * The worker cannot see from outside whether a task has confined itself by
 * landlock(7) or an own label of a security module: such tasks make their
 * calls themselves.
 */
#ifndef VMMD_PERFORM_H
#define VMMD_PERFORM_H

#include <stdbool.h>
#include <vmmd/plugin.h>

struct perform_task {
	pid_t tid, tgid;
	/* The task's memory: a count, which is short where memory ends, or -errno. */
	ssize_t (*read)(void *arg, uint64_t addr, void *buf, size_t len);
	ssize_t (*write)(void *arg, uint64_t addr, const void *buf, size_t len);
	/* Does it still wait in its call? Else its number may be another's by now. */
	bool (*held)(void *arg);
	void *arg;
};

struct perform_result {
	int64_t value; /* as the call returns it: -4095..-1 are errnos */
	int fd;	       /* >= 0: to be installed in the task, its number is the result; the caller closes it */
	bool cloexec;  /* how to install it */
};

/* Is there a row for it? Any thread. */
bool perform_can(int64_t nr);

/*
 * paths[i] is used for the call's i-th path argument (VMMD_ARG_PATH in
 * proto/syscalls.tbl); NULL: it is copied from the task, once. 0, or -EOPNOTSUPP
 * when it cannot be done faithfully from outside; then nothing has happened.
 * *result is set in any case.
 */
int perform(const struct perform_task *, const struct vmmd_call *, const char *const paths[2],
	    struct perform_result *);

#endif
