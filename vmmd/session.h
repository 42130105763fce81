/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session.h - one sandbox: a stack, an engine, and the tasks under it.
 *
 * One worker has one session. Everything here belongs to the event thread,
 * but for session_resume(), which any thread may call.
 */
#ifndef VMMD_SESSION_H
#define VMMD_SESSION_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmmd/conf.h"
#include "vmmd/loop.h"
#include "vmmd/task.h"

struct engine;
struct live;
struct stack;

#define SESSION_MAGIC 0x73657373u
#define SESSION_BUCKETS 32

struct session_stats {
	uint64_t events[REQ_EVENTS_]; /* reported by the engine */
	uint64_t latency[SESSION_BUCKETS]; /* of one event in the daemon, 2^i ns .. 2^(i+1) - 1; suspended time not counted */
	uint64_t suspended; /* now */
	uint32_t tasks;	    /* now */
	uint32_t tasks_max;
	uint64_t tasks_ever;
	uint32_t processes;
};

struct session {
	uint32_t magic;
	struct loop *loop;
	const struct conf *conf;
	struct stack *stack;
	struct engine *engine;
	struct task *tasks; /* utlist */
	bool attaches;	    /* it takes over a running process: the engine must be able to */
	pid_t first;	    /* the first process */
	int first_status;   /* how its process ended, as in waitpid(2); -1: nobody knows */
	bool first_gone;
	struct session_stats stats;
	int64_t now_ns; /* when the event under way was reported */
	int err_fd;	/* the client's standard error, or -1 */
	bool err_used;	/* a layer writes there */

	struct live *lives; /* live.c: traces attached now */

	/* Guarded by lock: */
	pthread_mutex_t lock;
	uint64_t last_ticket;
	struct vmmd_req *tickets;  /* uthash: suspended, or about to be */
	struct vmmd_req *answered; /* utlist: to go on, in order */

	struct vmmd_req *suspended; /* utlist, oldest first; only with a layer-timeout */
	struct loop_timer timeout;
};

/* Load and open the layers. NULL with a line in `why`. `conf` must outlive the session. */
struct session *session_new(struct loop *, const struct conf *, int err_fd, char *why, size_t len);
/* Ends everything: open requests are cancelled, layers closed. The engine must be gone. */
void session_free(struct session *);

/* Suspension: see host table. */
uint64_t session_ticket(struct session *, struct vmmd_req *);
int session_resume(struct session *, int layer, uint64_t ticket, enum vmmd_verdict, int64_t result);
/* The layer returned VMMD_SUSPEND. False: it has no ticket. */
bool session_suspend(struct session *, struct vmmd_req *);
/* The layer returned something else: an unused ticket is void. */
void session_unticket(struct session *, struct vmmd_req *);
/* The next answered request to go on with, or NULL. */
struct vmmd_req *session_next_answered(struct session *);
/* Cancel whatever the request waits for. */
void session_cancel(struct session *, struct vmmd_req *);

/*
 * A command from a client for all layers, outermost first: -ENOENT if none knows
 * it. *rows is a new reference, also on failure.
 */
int session_command(struct session *, const char *name, const char *text, json_t **rows);

/* A live layer is about to leave: no task and no request knows it any more. */
void session_forget_layer(struct session *, const struct vmmd_layer *);

int64_t session_clock_ns(void);
/* One event is done; `start` is when the engine reported it or the layer resumed it. */
void session_count_latency(struct session *, int64_t start_ns);

#endif
