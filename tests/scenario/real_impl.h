/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * real_impl.h - shared by the files of the engine with processes, by nobody else.
 *
 *   real.c       the interface of fake.h and the engine's table
 *   real_play.c  the two engines of the module, and what has come of an action
 *   real_push.c  what a scenario has the puppets do
 */
#ifndef TESTS_REAL_IMPL_H
#define TESTS_REAL_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/kmod/vm.h"
#include "tests/scenario/action.h"
#include "tests/scenario/fake.h"
#include "tests/scenario/puppet.h"

/* How far a call has come that the scenario has had a puppet make. */
enum stage_of_call { IDLE, MADE, TOLD, PASSED, AT_KERNEL, ANSWERED };

/* A task of the scenario. */
struct actor {
	struct actor *next;
	pid_t tid, tgid;   /* the scenario's numbers */
	pid_t real, group; /* the system's */
	int number;	   /* of the puppet */
	uint64_t scratch;  /* its area, 0: none */
	struct engine_task *task;
	bool held;		   /* the core has an event of it */
	enum engine_event_type at; /* … this one */
	bool dying, ending, gone_told;
	bool exec_due; /* an exec is under way … */
	bool replaced; /* … in the place of a call, which has no result for the new program */
	enum stage_of_call stage;
	struct vmmd_call call; /* as the tested engine has it */
	uint64_t pc, sp;       /* where it was made */
	bool want_exit;
	int64_t result; /* what the puppet is to have */
	slot *kernel;	/* the understudy's request, not answered */
	int signal;	/* was sent and not seen */
	uint32_t delivered; /* how many of `deliver` there had been */
	siginfo_t *info; /* the core's while it is held at a signal */
	int deliver;	 /* the signal that it became */
	int injected;
	bool has_gone;
	struct engine_event gone;
	struct action *actions;
};

/* An event that waits for the core to take it. */
struct ready {
	struct ready *next;
	struct actor *actor;
	struct engine_event ev;
};

struct real {
	struct engine base;
	struct engine *tested;
	struct vm understudy;
	struct stage *stage;
	int fd; /* of the stage's memory */
	int puppets;
	uint32_t firsts; /* of them that nobody has made */
	struct engine_select select;
	struct actor *actors;
	struct actor *coming; /* is being made */
	struct ready *ready;  /* for the core */
	bool started;
	char breach[300], taken[300];
};

static inline struct real *real_of(const struct engine *e)
{
	return (struct real *)(uintptr_t)e;
}

static inline struct puppet *real_puppet(const struct real *r, const struct actor *a)
{
	return &r->stage->puppet[a->number];
}

/* real_play.c */
void real_breach(struct real *, const char *what, const struct actor *);
/* By the scenario's number, and by the tested engine's task; NULL: none. */
struct actor *real_find(const struct real *, pid_t tid);
struct actor *real_of_task(const struct real *, const struct engine_task *);
/* Let what happens come in from both engines, until this is so; false: it does not come about. */
typedef bool (*real_cond)(struct real *, struct actor *);
bool real_until(struct real *, real_cond, struct actor *);
bool real_is_ready(struct real *, struct actor *);	/* the core has an event of it to take */
bool real_has_gone(struct real *, struct actor *);
bool real_not_held(struct real *, struct actor *);	/* the tested engine waits for no answer */
bool real_was_delivered(struct real *, struct actor *); /* its signal */
void real_for_core(struct real *, struct actor *, const struct engine_event *);
/* In the kernel's place: this is the result of its call. */
void real_kernel_gives(struct real *, struct actor *, int64_t result);
/* The last action on it has happened. */
void real_settle(struct real *, struct actor *);
/* It can be told something else: a call that nobody waits for is answered. 0 or -errno. */
int real_at_rest(struct real *, struct actor *);

#endif
