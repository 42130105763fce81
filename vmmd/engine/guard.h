/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.h - killing a session's processes where the kernel does not do it.
 *
 * A traced task dies with its tracer (PTRACE_O_EXITKILL). Tasks that are not
 * traced are kept in a table that the worker shares with a small process, the
 * guard; when the worker is gone, however it died, the guard kills them. Owned
 * by the engine, called with its turn.
 */
#ifndef VMMD_ENGINE_GUARD_H
#define VMMD_ENGINE_GUARD_H

#include <stdint.h>
#include <sys/types.h>

struct guard {
	uint64_t *pids; /* one bit for each process number; shared with the guard */
	int life;	/* a connection whose end tells the guard that we are gone */
	pid_t pid;
};

/* Start the guard: forks. 0 or -errno. */
int guard_start(struct guard *);
/* The process that was launched. */
void guard_first(struct guard *, pid_t);
/*
 * Have the guard keep a copy of the listener: while it has one, calls that nobody
 * will answer any more wait for the end instead of failing.
 */
void guard_hold(const struct guard *, int fd);
/* A process belongs to the session, or does no longer. */
void guard_add(struct guard *, pid_t);
void guard_remove(struct guard *, pid_t);
/* SIGKILL for all processes known and all that descend from them. */
void guard_kill(const struct guard *);
/* Kill them, and let the guard go. */
void guard_end(struct guard *);

#endif
