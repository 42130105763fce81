/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify.h - a seccomp listener: receiving notifications and answering them.
 *
 * The mechanism alone, for the engines that use it (seccomp.c, ptrace_notify.c).
 * Semantics rest on seccomp_unotify(2). One thread receives; answers are given
 * with the owner's turn.
 */
#ifndef VMMD_ENGINE_NOTIFY_H
#define VMMD_ENGINE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <vmmd/plugin.h>

struct notify {
	int fd; /* the listener, or -1 */
	bool sync;	/* the kernel has the synchronous wake-up */
	bool single;	/* there is one CPU */
	pid_t last;	/* the task heard of last … */
	unsigned alone; /* … and how often in a row */
};

/* One notification: `id` names it until it is answered or its task has gone. */
struct notify_call {
	uint64_t id;
	pid_t tid;
	struct vmmd_call call; /* sp is 0: not known */
};

/* Can notifications be used, and the memory of tasks that are not traced be read? 0, or -errno with a clause. */
int notify_probe(bool untraced, char *why, size_t len);
/* What seccomp(2) is given with the filter. */
uint32_t notify_flags(void);
/*
 * Fetch the listener that process `pid` is about to get under number `fd`. Waits
 * for it a few seconds at most. -EBADF: it never came, or is none.
 */
int notify_open(struct notify *, pid_t pid, int fd);
void notify_close(struct notify *);

/*
 * Sleep until there is a notification: 1. 0: none, look after your other
 * business (a signal came, or a task went while it was fetched). -ECHILD: the
 * last task that could notify has gone.
 */
int notify_receive(struct notify *, struct notify_call *);
/* Would notify_receive() find one at once? */
bool notify_waiting(const struct notify *);
/* Is the task still in that call? */
bool notify_valid(const struct notify *, uint64_t id);
/* Answers. -ESRCH: the task has gone. */
int notify_continue(struct notify *, uint64_t id);
int notify_result(struct notify *, uint64_t id, int64_t result);
/* Install a copy of `fd` and go on waiting: its number, or -errno. */
int notify_install(const struct notify *, uint64_t id, int fd, bool cloexec);
/* Install a copy of `fd`; its number is the result. */
int notify_result_fd(struct notify *, uint64_t id, int fd, bool cloexec);

#endif
