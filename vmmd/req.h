/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * req.h - one event of one task on its way through the stack.
 *
 * A request is part of its task: a task has one for the system call it is in
 * and one for everything the kernel reports about it (an exec is reported in
 * the middle of a call). Nothing is allocated for an event. The plugins know
 * it as the opaque `struct vmmd_req`.
 */
#ifndef VMMD_REQ_H
#define VMMD_REQ_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>
#include <vmmd/plugin.h>

struct task;
struct vmmd_layer;

/* What the request is about. The order is that of the layers' statistics. */
enum req_event { REQ_ENTRY, REQ_EXIT, REQ_SIGNAL, REQ_EXEC, REQ_TASK_NEW, REQ_TASK_EXIT, REQ_EVENTS_ };

/* Steps of the state machine in req_fsm.c. */
enum req_step { REQ_IDLE, REQ_ENTER, REQ_KERNEL, REQ_AGAIN, REQ_LEAVE, REQ_ANSWER };

/* Where a suspended request stands. */
enum req_wait {
	REQ_RUNNING,  /* not suspended */
	REQ_TICKETED, /* a layer took a ticket and has not returned yet */
	REQ_ANSWERED, /* resumed before the layer returned, or waiting in the session's queue */
	REQ_SUSPENDED,
};

/* Places in req->calls. */
enum { REQ_CALL_NOW, REQ_CALL_ENGINE, REQ_CALL_NEXT, REQ_CALL_VIEWS };

#define REQ_MAGIC 0x72657121u

struct vmmd_req {
	uint32_t magic;
	enum req_event event; /* as the layer now asked should see it */
	enum req_step step;
	enum req_wait wait;
	struct task *task;
	/*
	 * [NOW] the call as it stands, [ENGINE] as the engine has it, [NEXT] to be
	 * reissued, [VIEWS + i] as layer i had passed it. NULL: not a call.
	 */
	struct vmmd_call *calls;
	siginfo_t *info; /* signal: the engine's */
	int64_t result;
	uint32_t entered; /* layers to ask at exit */
	int layer;	  /* index of the layer asked last; the walk goes on from here */
	struct vmmd_layer *asked; /* that layer */
	uint32_t want;	  /* what that layer may do here: VMMD_WANT_* */
	uint8_t wants[VMMD_MAX_LAYERS]; /* what each entered layer wanted of the call as it came to it */
	uint16_t reissues; /* without the kernel having run */
	bool has_result;  /* reply() was called in this callback */
	bool has_next;	  /* reissue() was called in this callback */
	bool follow;	  /* follow() was called in this callback … */
	bool followed;	  /* … of some layer at this entry */
	bool moved;	  /* pc or sp were set on the way up */
	bool at_exit;	  /* the engine holds the task at the exit of the call, not at entry */
	bool no_reissue;  /* a successful exec */
	bool dropped;	  /* the signal */
	bool kill;	  /* a broken layer: end the task */
	bool resumed;	  /* `answer` is the verdict of layer `layer` */
	int64_t start_ns; /* when the engine reported it */

	/* Guarded by session->lock from ticket() to the end of the suspension. */
	uint64_t ticket;
	enum vmmd_verdict answer;
	int64_t answer_result;
	int64_t deadline_ms; /* of the session's layer-timeout, or 0 */
	struct vmmd_req *prev, *next; /* session->answered */
	struct vmmd_req *late_prev, *late; /* session->suspended */
	UT_hash_handle hh;	      /* session->tickets, by ticket */

	bool fixed;	  /* entry: the engine cannot change the call; see engine.h */
	bool filtered;	  /* entry: only the kernel may run it, for the program's own filters */
	bool read_other;  /* the layer asked has read memory that no argument points to … */
	uint8_t read_args; /* … or that these do: bit I */
	int fd;		  /* result: a descriptor to be installed, or -1 */
	bool fd_cloexec;
	struct req_path *paths; /* req_path.c: copies in the place of arguments */
	uint64_t path_last;	/* address of the newest */

	uint64_t scratch; /* address of the task's scratch area, 0: not asked for yet */
	uint32_t scratch_used;
};

static inline const struct vmmd_call *req_view(const struct vmmd_req *req)
{
	if (!req->calls)
		return NULL;
	return req->event == REQ_EXIT ? &req->calls[REQ_CALL_VIEWS + req->layer] : &req->calls[REQ_CALL_NOW];
}

#endif
