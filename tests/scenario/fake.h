/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake.h - an engine without processes, for the scenarios. real.c has the same for an engine
 * with processes.
 *
 * It implements struct engine_ops. Events come from fake_push(), which are
 * handed out by next() in order; what the core does with a task is kept as
 * text until fake_action() takes it. The engine watches the contract of
 * engine.h: the first breach is kept for fake_breach().
 */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include "vmmd/engine/engine.h"

#define FAKE_BASE 0x10000u /* the memory of every task */
#define FAKE_SIZE 0x10000u
#define FAKE_PC 0x401000u
#define FAKE_SP 0x7ffe0000u
#define FAKE_SCRATCH 0x700000000000u /* the scratch area of task N is N times its size above this */
#define FAKE_FD 77 /* the number of any descriptor that is installed in a task */

/*
 * "full", or one that lacks a feature: "no-exit", "no-rewrite", "no-reissue",
 * "no-signal". "mixed": memory arguments are not safe, and calls of which only the
 * entry is wanted are fixed; "notify": all are, and there are entries and tasks only;
 * "fixed": all are, but exits can be had (as while a live trace is attached);
 * "module": no entry is fixed, and descriptors can be installed at all of them. NULL:
 * no such.
 */
const struct engine_ops *fake_named(const char *name);

/* Can a scenario with this line be played? */
bool fake_plays(const char *line);
/* What layers say, with the numbers above in the place of those that are so here. */
void fake_retell(const struct engine *, char *text, size_t len);

/* What to push. */
struct fake_event {
	enum engine_event_type type;
	pid_t tid;
	pid_t tgid, parent;   /* NEW */
	uint64_t clone_flags; /* NEW */
	pid_t former_tid;     /* EXEC: the task that becomes `tid` */
	int status;	      /* EXITING, GONE */
	struct vmmd_call call; /* ENTRY */
	bool again;	       /* ENTRY: as the core has asked */
	siginfo_t info;	      /* SIGNAL */
};

/* 0, or -errno: no such task, or one that is stopped already. */
int fake_push(struct engine *, const struct fake_event *);
/*
 * The kernel has run the call: an exit event if one was asked for, else
 * -EINVAL. `pc` and `sp` are where the program goes on, 0: as before.
 */
int fake_kernel(struct engine *, pid_t tid, int64_t result, uint64_t pc, uint64_t sp);
/* From now on the task is dying: to resume it gives -ESRCH. */
int fake_dying(struct engine *, pid_t tid);

/*
 * The oldest action on a task that was not taken yet, or NULL: "go",
 * "deliver TERM", "drop", "return -13", "run", "run exit", "run open(0x1) exit",
 * "kill", "return fd", "return fd cloexec", "install", "install cloexec", "again".
 * Valid until the next call.
 */
const char *fake_action(struct engine *, pid_t tid);
/* As fake_action(), of any task: "100 go" … */
const char *fake_any_action(struct engine *);
const char *fake_breach(const struct engine *);

/* The memory of a task at FAKE_BASE, FAKE_SIZE bytes. */
unsigned char *fake_memory(struct engine *, pid_t tid);
const struct engine_select *fake_selection(const struct engine *);
/* Any task that is alive, or 0. */
pid_t fake_any_task(const struct engine *);
/* The signal that was injected last into a task, or 0. */
int fake_injected(struct engine *, pid_t tid);

#endif
