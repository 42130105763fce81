/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live.h - traces attached to a running session.
 *
 * A live trace is a trace layer above all others whose output goes through a
 * pipe to a control connection. It slows nothing down: what the reader does
 * not take is dropped and counted.
 */
#ifndef VMMD_LIVE_H
#define VMMD_LIVE_H

#include "vmmd/control.h"
#include "vmmd/session.h"

/* Handle the request "trace"; replies itself. */
void live_start(struct session *, struct control_conn *, const json_t *msg);
/* This connection takes more again. */
void live_room(struct session *, const struct control_conn *);
/* End the trace of this connection, or all (NULL), without a mark. */
void live_stop(struct session *, const struct control_conn *);
/* The session has ended: send what is left and the replies. */
void live_end(struct session *);

#endif
