/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * req_fsm.h - from the engine's event to its action, through the stack.
 *
 * Event thread only.
 */
#ifndef VMMD_REQ_FSM_H
#define VMMD_REQ_FSM_H

#include "vmmd/session.h"

struct engine_event;
struct engine_ops;

/*
 * Choose an engine for the session's stack and make it, or go on with the one behind the
 * descriptor *taken, which is the engine's then. 0 or -errno with a line in `why`.
 */
int req_fsm_start(struct session *, int *taken, char *why, size_t len);
/* The same with a given engine; it must have what the stack needs. */
int req_fsm_start_with(struct session *, const struct engine_ops *, char *why, size_t len);
/* With on-failure: restart, the descriptor that another worker needs to go on, which stays the engine's; else -1. */
int req_fsm_hand(const struct session *);
/* Can more be selected while tasks run? */
bool req_fsm_may_reselect(const struct session *);
/* The stack has changed: select anew. */
int req_fsm_reselect(struct session *);

/*
 * Take over the process that waits to execve(2) the session's program. The
 * classic BPF program it must install first stays the engine's.
 */
int req_fsm_launch(struct session *, pid_t, const void **prog, size_t *count);
/*
 * Instead of that, for a session that attaches: take over a running process, as far as this process may
 * trace it. And let it go with all its children, unharmed: req_fsm_poll() then says that no task is left.
 */
int req_fsm_attach(struct session *, pid_t);
void req_fsm_detach(struct session *);
/* May calls be run in the tasks' place (perform.h)? Then the worker must keep the rights for it. */
bool req_fsm_performs(const struct session *);
/* What seccomp(2) is to be given with it; if it says NEW_LISTENER, the process says under which number it will get it. */
uint32_t req_fsm_filter_flags(const struct session *);
int req_fsm_listen(struct session *, pid_t, int fd);
/* Are there events that only a thread of its own can wait for? It runs req_fsm_receive() until req_fsm_shut(). */
bool req_fsm_receives(const struct session *);
void req_fsm_receive(struct session *);
void req_fsm_shut(struct session *);
/* A descriptor of the engine to be polled, or -1, and what to do when it is readable. */
int req_fsm_fd(const struct session *);
void req_fsm_ready(struct session *);
/* SIGKILL for every task. */
void req_fsm_kill_all(struct session *);
/* End the engine: kill or release all tasks, as the session's policy says. */
void req_fsm_stop(struct session *);
const char *req_fsm_engine(const struct session *);
uint64_t req_fsm_stops(const struct session *);
/* Tasks that the engine has, whether announced or not. */
uint32_t req_fsm_tasks(const struct session *);
size_t req_fsm_task_bytes(const struct session *);

/* Handle one event of the session's engine. */
void req_fsm_event(struct session *, struct engine_event *);
/* Go on with all requests that were resumed. */
void req_fsm_drain(struct session *);
/* Handle events until there is none; blocking once if `block`. -ECHILD when no task is left. */
int req_fsm_poll(struct session *, bool block);

#endif
