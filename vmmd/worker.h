/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.h - the process of one session.
 *
 * The parent forks and calls worker_main(), which does not return. The worker
 * owns everything in struct worker_start.
 */
#ifndef VMMD_WORKER_H
#define VMMD_WORKER_H

#include <sys/types.h>

/* Where they stand, in this order, in the new process. */
#define WORKER_FD 3
#define WORKER_FDS 4

struct worker_start {
	int control;	/* socketpair to the parent: connections come, state lines go; EOF: the parent is gone */
	int client;	/* the connection that asked */
	int client_err; /* the client's standard error, or -1 */
	int engine;	/* the one of a worker that died, to go on with; or -1 */
	uid_t uid;	/* who asked (SO_PEERCRED) */
	gid_t gid;
	char *request;	/* the request line, NUL-terminated, no newline; malloc()ed */
};

/*
 * What the parent hears from a worker on `control`, one JSON line each:
 *   {"state":"running","name":…,"engine":"ptrace","layers":"a b c","pid":N,"command":[…]}
 * with, if the session is to outlive its worker, the engine's descriptor and the
 * client's standard error (SCM_RIGHTS): they replace those of the state before;
 * and what it sends: one byte 'c' with a descriptor (SCM_RIGHTS) followed by
 * the request line and '\n': a connection with its first request.
 */
_Noreturn void worker_main(struct worker_start *);

/*
 * The same, for a client that is another user in a fresh image of this program:
 * a plugin of theirs must not find the parent's memory in its own. The
 * descriptors stand at WORKER_FD and behind, and no others are open.
 */
_Noreturn void worker_begin(struct worker_start *);
/* What that image does with its arguments: `vmmd --worker UID GID`. */
_Noreturn void worker_resume(const char *uid, const char *gid);

#endif
