/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmmctl.h - speak to vmmd: connect, ask, start programs.
 *
 * The protocol is vmmd-control(7). A connection serves one request at a time
 * and belongs to one thread. Functions return 0 (or what they say) or -errno;
 * vmmctl_error() then has one clear line. Descriptors made here are
 * close-on-exec and never 0, 1 or 2.
 */
#ifndef VMMCTL_H
#define VMMCTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct vmmctl; /* a connection */

/* ------------------------------------------------------------- connections */

/*
 * Connect to the daemon that listens on `path`. It must run as root or as this
 * user; for root any user will do if `anyone`.
 */
int vmmctl_open(struct vmmctl **, const char *path, bool anyone);
/* Connect to a service: the user's, or else the system's. -ENOENT: there is none. */
int vmmctl_open_service(struct vmmctl **);
/* Start a private daemon, which ends with its only session; it holds our standard error until that runs. */
int vmmctl_open_private(struct vmmctl **, char *why, size_t len);
/* Wrap a connected socket; takes `fd`. */
int vmmctl_open_fd(struct vmmctl **, int fd);
void vmmctl_close(struct vmmctl *);
int vmmctl_fd(const struct vmmctl *);
/* Fail with -ETIMEDOUT when the daemon is silent for so long; 0: wait for ever (as at the start). */
void vmmctl_timeout(struct vmmctl *, unsigned int seconds);

/*
 * Call `fn` for each daemon that can be reached: services and private
 * instances; for root those of all users. Sockets of private instances that
 * are no more are removed. Stops when `fn` does not return 0, and returns that.
 */
int vmmctl_each(int (*fn)(struct vmmctl *, const char *path, void *arg), void *arg);

/* ---------------------------------------------------------------- requests */

/* Send a request; `fields` (stolen, may be NULL) are added to it. `fd` goes with it unless -1. */
int vmmctl_send(struct vmmctl *, const char *op, json_t *fields, int fd);
/*
 * What comes back: 1 and *msg = an event of a stream, 0 and *msg = the reply,
 * -ECONNRESET: the daemon hung up, or the -errno of a refusal. Free *msg with
 * json_decref().
 */
int vmmctl_next(struct vmmctl *, json_t **msg);
/* After fork(2): the other process has sent the request, this one reads on. */
void vmmctl_take_over(struct vmmctl *);
/* Both, for requests with one reply. */
int vmmctl_call(struct vmmctl *, const char *op, json_t *fields, json_t **reply);
/* Why the last function failed. */
const char *vmmctl_error(const struct vmmctl *);

/* Text for JSON: what is not UTF-8 becomes '?', what is behind `max` bytes is cut. */
json_t *vmmctl_text(const char *, size_t max);

/* ------------------------------------------------------------------ launch */

struct vmmctl_launch {
	const char *name;	 /* of the session; NULL: the base name of argv[0] */
	const char *config_file; /* or NULL */
	const char *const *layers;
	size_t nlayers;
	const char *engine; /* or NULL */
	char *const *argv;  /* closed by NULL; vmmctl_attach(): not looked at */
	bool summary;	    /* the reply at the session's end is wanted */
};

/* The fields "config" and "layers" of a request, with the file read. NULL with a line in `why`. */
json_t *vmmctl_config(const char *file, const char *const *layers, size_t n, char *why, size_t len);

enum { VMMCTL_REFUSED = 125, VMMCTL_CANNOT_EXEC = 126, VMMCTL_NOT_FOUND = 127 };

/*
 * Become argv[0] in a session of the daemon behind `c`. Returns only if that
 * failed: an exit status of the enum above, with a line in `why`. The program
 * has the descriptors, signal mask and dispositions that this process has now.
 */
int vmmctl_launch(struct vmmctl *, const struct vmmctl_launch *, char *why, size_t len);

/* ------------------------------------------------------------------ attach */

/*
 * Attach the running process `pid` to a session of the daemon behind `c`. 0 and
 * *event (to be freed) as soon as it is: "attached" is the number of the session, "engine"
 * what stops it. -errno with a line in `why`. The reply, vmmctl_next(), comes at the
 * session's end; it has the "status" of the process only if that has ended.
 * The process is let go when the connection ends.
 */
int vmmctl_attach(struct vmmctl *, const struct vmmctl_launch *, pid_t pid, json_t **event, char *why, size_t len);
/* Let it go now; the reply comes then. Safe to be called by a signal handler. 0 or -errno. */
int vmmctl_detach(const struct vmmctl *);

#endif
