/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.h - the server side of one control connection, for parent and worker.
 *
 * The protocol is described in vmmd-control(7): one JSON object a line. A
 * connection belongs to the thread of its loop. What the other end sends is
 * hostile: a line that is too long, is not a JSON object, or has no integer
 * "id" or no string "op" gets one error reply and ends this connection; the
 * handlers never see it.
 *
 * No function here frees a connection behind the caller's back: when it breaks
 * or its output overflows it is only marked, replies to it vanish, and
 * on_closed() follows from the loop. control_close() and control_release() may
 * be called in any handler; the connection must not be used after them.
 */
#ifndef VMMD_CONTROL_H
#define VMMD_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "proto/paths.h"
#include "vmmd/loop.h"

#define CONTROL_PROTOCOL VMMD_PROTOCOL
#define CONTROL_LINE_MAX (1024 * 1024)	/* longest line, the newline included */
#define CONTROL_QUEUE_MAX (8 * 1024 * 1024) /* more unsent output than this drops the connection */
#define CONTROL_ROOM (256 * 1024)	/* streams should stop at this much, see control_room() */
#define CONTROL_HAND_MAX (64 * 1024)	/* longest line that can be handed to a running worker */

struct control_conn;

struct control_handlers {
	/*
	 * A request. `msg` has an integer "id" and a string "op", and is valid
	 * until the return. `fd` came with the line (SCM_RIGHTS), or is -1; the
	 * handler owns it.
	 */
	void (*on_line)(struct control_conn *, json_t *msg, int fd);
	/* The other end has gone or was dropped. The connection is freed after the return. May be NULL. */
	void (*on_closed)(struct control_conn *);
	/* There was no room (control_room()), and now all output is sent: streams may go on. May be NULL. */
	void (*on_room)(struct control_conn *);
	/* Before and after whatever the loop has to do for a connection. May be NULL. */
	void (*turn)(bool begin);
};

/* Takes `fd` (made non-blocking), closes it on failure too. NULL: out of memory. */
struct control_conn *control_new(struct loop *, int fd, const struct control_handlers *, void *arg);
void *control_arg(const struct control_conn *);
void control_set_arg(struct control_conn *, void *arg);

/* Close and free now; unsent output is lost. on_closed() is not called. */
void control_close(struct control_conn *);
/* Read no more; close once all output is sent, then on_closed(). */
void control_finish(struct control_conn *);
/* The descriptor; still the connection's. */
int control_fd(const struct control_conn *);
/* Give the descriptor (non-blocking) back and free the rest; unsent output is lost. */
int control_release(struct control_conn *);

/* Process a request that somebody else has read, as if it had come now. NUL-terminated. */
void control_feed(struct control_conn *, const char *line, int fd);

/* Replies. `fields` and `event` are taken over (the reference is stolen); `fields` may be NULL. */
void control_reply_ok(struct control_conn *, json_int_t id, json_t *fields);
/* `err` is an errno, of either sign; the text one clear line without newline. */
void control_reply_error(struct control_conn *, json_int_t id, int err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void control_event(struct control_conn *, json_int_t id, json_t *event);

/* Bytes of output not yet sent. */
size_t control_queued(const struct control_conn *);
/* Is there room for more of a stream? If not, drop or hold what comes until on_room(). */
bool control_room(const struct control_conn *);
/* In on_line(): the text of the line, without newline; and have more bytes come behind it? */
const char *control_line(const struct control_conn *, size_t *len);
bool control_more(const struct control_conn *);

/* In requests: json_integer_value(json_object_get(msg, "id")), and a string or NULL. */
json_int_t control_id(const json_t *msg);
const char *control_str(const json_t *msg, const char *key);

/*
 * Between parent and worker: a socketpair of type SOCK_SEQPACKET, made by
 * control_pair(), one record a message. None of these blocks.
 */
int control_pair(int sv[2]);
/* Parent: hand over a connection with its first request. The caller still owns `fd`. -EAGAIN, -EMSGSIZE, -EPIPE. */
int control_hand(int sock, int fd, const char *line, size_t len);
/*
 * Worker: the next one. 1 and *fd, *line (malloc()ed, without the newline, for
 * control_feed()); 0 if there is none now; -ECONNRESET: the parent is gone.
 */
int control_take(int sock, int *fd, char **line);
/* What a worker leaves with the parent for one that goes on after it: worker.h. */
enum { CONTROL_ENGINE, CONTROL_ERR, CONTROL_LEFT };
/*
 * Worker: tell the parent a state, see worker.h. A long "command" is cut. Steals `state`;
 * copies of the descriptors go with it, up to the first that is -1. NULL: none.
 */
int control_tell(int sock, json_t *state, const int fds[CONTROL_LEFT]);
/*
 * Parent: hear one, cut likewise. 1 and *state (a new reference) and descriptors, -1 where
 * there are none, which are the caller's then; 0, -ECONNRESET; -EPROTO if it was not an object.
 */
int control_hear(int sock, json_t **state, int fds[CONTROL_LEFT]);

#endif
