/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kmod_impl.h - shared by the files of the kmod engine, by nobody else.
 *
 *   kmod.c         life of the engine and its tasks, their requests, resuming
 *   kmod_ring.c    taking requests, answering, waiting
 *   kmod_take.c    going on with an engine whose process has died
 *   kmod_mem.c     memory of tasks
 *   kmod_select.c  what stops, as the module wants it
 *
 * What the module and a daemon say to each other is in proto/vmmd_kmod.h.
 */
#ifndef VMMD_ENGINE_KMOD_IMPL_H
#define VMMD_ENGINE_KMOD_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/vmmd_kmod.h"
#include "vmmd/engine/engine.h"
#include "vmmd/engine/filter.h"
#include "vmmd/engine/mm.h"

struct km_engine;

struct engine_task {
	struct km_engine *e;
	void *owner;
	uint64_t id;
	pid_t tid, tgid;
	bool launching;	 /* before its first execve(2) */
	bool taken;	 /* over: its ENGINE_NEW is not resumed; `later` is what came meanwhile, or 0 */
	uint64_t later;
	struct engine_task *next; /* km_engine.taken */
	bool stopped;	 /* the request `token` is to be answered */
	bool killed;	 /* … by anything, for nobody waits for it */
	uint32_t type;	 /* of that request */
	uint64_t token;
	int64_t value;
	struct vmmd_call call;
	uint64_t inline_addr; /* what the slot's data is a copy of */
	uint32_t inline_len;  /* 0: of nothing */
	uint64_t scratch;
	struct mm *mm;
};

struct km_engine {
	struct engine base;
	int fd;
	uint8_t *map;
	size_t map_size;
	struct vmmd_kmod_header *header;
	const volatile uint64_t *ring;
	uint32_t ring_mask;
	struct vmmd_kmod_slot *slots;
	uint32_t nslots;
	struct engine_task **tasks; /* by slot */
	uint32_t launched;	    /* threads taken over that have not been announced */
	struct engine_task *taken;  /* to be announced */
	uint64_t *again;	    /* tokens that were put off and whose turn has come */
	uint32_t nagain;
	bool release, performs;
	bool detached; /* all tasks have been let go */
	bool begun; /* the first program is in place: calls may be refused */
	enum engine_foreign foreign;
	struct engine_select select; /* the first selection … */
	struct engine_select now;    /* … and what is wanted now besides */
	uint8_t inlines[VMMD_KMOD_NR]; /* which argument comes with its call: VMMD_KMOD_INLINE_* */
	uint64_t bell;		     /* a token whose task sleeps, to be told with the next call */
	bool ringing;		     /* there is one */
	int spins;		     /* > 0: look for events before sleeping; how well that has paid off */
	unsigned sleeps, sleeps_max; /* until that is tried again, 0: never; and how many the next time */
	int64_t tried;		     /* when it was */
	struct engine_stats stats;
};

static inline struct vmmd_kmod_slot *km_slot(const struct engine_task *t)
{
	return &t->e->slots[(uint32_t)t->id];
}

/* kmod.c */
struct engine_task *km_task_new(struct km_engine *, uint64_t id, struct mm *);

/* kmod_take.c */
int km_take_shape(struct km_engine *, struct vmmd_kmod_create *shape);
int km_take_tasks(struct km_engine *); /* when the memory is mapped */
bool km_announce_taken(struct km_engine *, struct engine_event *);
/* A request of a task that is taken over and not yet answered for: true, its token waits. */
bool km_put_off(struct engine_task *, uint64_t token);
void km_taken_goes_on(struct engine_task *);

/* kmod_ring.c */
#define KM_SPIN_US 50 /* how long either side waits actively for the other */
bool km_take(struct km_engine *, uint64_t *token);
void km_answer(struct km_engine *, struct vmmd_kmod_slot *, uint64_t token);
void km_answer_with(struct km_engine *, struct vmmd_kmod_slot *, uint64_t token, uint32_t action);
void km_ring_bell(struct km_engine *);
void km_wait_init(struct km_engine *);
int km_wait(struct km_engine *);

/* kmod_mem.c */
ssize_t km_read(struct engine_task *, uint64_t addr, void *buf, size_t len);
ssize_t km_write(struct engine_task *, uint64_t addr, const void *buf, size_t len);
int km_scratch(struct engine *, struct engine_task *, uint64_t *addr);

/* kmod_select.c */
struct km_selection {
	struct filter filter;
	uint64_t native[VMMD_KMOD_NR / 64]; /* a bit for each call that the filter need not see */
	uint8_t inlines[VMMD_KMOD_NR];
	struct vmmd_kmod_path *paths; /* NULL: all that is not native stops, whatever its paths are */
	uint32_t npaths, npath_calls;
	struct vmmd_kmod_path_call path_calls[2 * VMMD_KMOD_NR];
};

enum engine_how km_how(uint32_t want);
/* Which argument of a call is the path that comes with it; -1: none. */
int km_path_arg(int64_t nr);
int km_selection_build(struct km_selection *, const struct engine_select *, enum engine_foreign, bool performs);
void km_selection_free(struct km_selection *);

#endif
