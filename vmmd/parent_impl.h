/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parent_impl.h - what the files of the parent share; nobody else includes it.
 *
 *	parent.c	listens, reads requests, hands connections over
 *	parent_worker.c	starts workers, hears them, reaps them, has others go on
 */
#ifndef VMMD_PARENT_IMPL_H
#define VMMD_PARENT_IMPL_H

#include <stddef.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

#include "vmmd/control.h"
#include "vmmd/listen.h"
#include "vmmd/loop.h"
#include "vmmd/parent.h"

struct peer {
	LIST_ENTRY(peer) list;
	struct parent *parent;
	struct control_conn *conn;
	struct ucred who;
};

struct worker {
	struct loop_io io; /* first: handlers get at the worker through it */
	struct loop_io end; /* of its process; only if another may go on */
	int pidfd;	    /* -1: that is not watched */
	LIST_ENTRY(worker) list;
	struct parent *parent;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	int sock; /* -1: at its end, to be reaped */
	int waited; /* for its end, or for its beginning, ms */
	bool starting; /* it has told nothing yet */
	int client; /* the connection that asked for it, or -1: for us to write to, and for its successor */
	json_int_t id; /* of that request */
	int left; /* times that the client was seen gone before there was a session */
	time_t started;
	/* What one that goes on in its place would get; -1 and NULL: none does. */
	int fds[CONTROL_LEFT];
	char *request;
	unsigned again;	   /* how often one has, … */
	time_t again_since; /* … from then on */
	json_t *state; /* what the worker told, known keys only; NULL: not running yet */
};

struct parent {
	const struct parent_config *cfg;
	struct loop *loop;
	struct listener listener;
	struct loop_io accept_io;
	struct loop_timer accept_timer;
	struct loop_timer reap_timer;
	struct loop_timer left_timer;
	struct loop_signal term, intr, hup;
	LIST_HEAD(peers, peer) peers;
	LIST_HEAD(workers, worker) workers;
	unsigned int npeers;
	bool ending;
	json_t *engines; /* answer of the probes, made when first asked for */
};

/* Loop watchers carry no argument; these are embedded in struct parent. */
#define PARENT_OF(watcher, member) ((struct parent *)((char *)(watcher) - offsetof(struct parent, member)))

/* parent.c */
void parent_end_if_idle(struct parent *);
void parent_peer_close(struct peer *);
/* Around closing what somebody else has sent, which may wait: it does not for long. */
void parent_hurry(bool begin);
/* Let go of standard descriptors `first` to `last`. 0 or -errno. */
int parent_to_null(int first, int last);

/* parent_worker.c */
void parent_workers_init(struct parent *);
/* Give the connection and its request, of that id, to a new worker. The peer is gone if this returns 0. */
int parent_worker_start(struct peer *, json_int_t id, int client_err);
/* Let all of them see the end, each does with its tasks what its policy says; and wait a little. */
void parent_workers_end(struct parent *);

#endif
