/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * req_fsm.h - from the engine's event to its action, through the stack.
 *
 * The only place that knows both. Event thread only.
 */
#ifndef VMMD_REQ_FSM_H
#define VMMD_REQ_FSM_H

#include "vmmd/session.h"

struct engine_event;
struct engine_ops;

/* Choose an engine for the session's stack and make it. 0 or -errno with a line in `why`. */
int req_fsm_start(struct session *, char *why, size_t len);
/* The same with a given engine; it must have what the stack needs. */
int req_fsm_start_with(struct session *, const struct engine_ops *, char *why, size_t len);
/* What req_fsm_start() would choose. */
const struct engine_ops *req_fsm_choose(struct session *, char *why, size_t len);
/* The name of that engine, or NULL. */
const char *req_fsm_choice(struct session *, char *why, size_t len);
/* The stack has changed: select anew. */
int req_fsm_reselect(struct session *);

/*
 * Take over the process that waits to execve(2) the session's program. The
 * classic BPF program it must install first stays the engine's.
 */
int req_fsm_launch(struct session *, pid_t, const void **prog, size_t *count);
/* SIGKILL for every task. */
void req_fsm_kill_all(struct session *);
/* End the engine: kill or release all tasks, as the session's policy says. */
void req_fsm_stop(struct session *);
const char *req_fsm_engine(const struct session *);
uint64_t req_fsm_stops(const struct session *);
size_t req_fsm_task_bytes(const struct session *);

/* Handle one event of the session's engine. */
void req_fsm_event(struct session *, struct engine_event *);
/* Go on with all requests that were resumed. */
void req_fsm_drain(struct session *);
/* Handle events until there is none; blocking once if `block`. -ECHILD when no task is left. */
int req_fsm_poll(struct session *, bool block);

#endif
