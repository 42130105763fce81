/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * impl.h - what the files of the client library share.
 */
#ifndef VMMCTL_IMPL_H
#define VMMCTL_IMPL_H

#include "clients/lib/vmmctl.h"

struct vmmctl {
	int fd;
	json_int_t id; /* of the last request */
	char *in;      /* received: in[0 .. len) */
	size_t len, cap;
	char error[512];
};

/* Note why, and return -err (err of either sign). */
int vmmctl_fail(struct vmmctl *, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The fields of a request that makes a session of `pid`. NULL with a line in `why`. */
json_t *vmmctl_session_fields(const struct vmmctl_launch *, pid_t pid, char *why, size_t len);
/* The event that says "attached"; 0, or -errno with a line for vmmctl_error(). */
int vmmctl_await_attached(struct vmmctl *, json_t **event);
/* Keep away from 0, 1 and 2, which may be closed. Takes `fd`, returns it or a higher one, or -errno. */
int vmmctl_high_fd(int fd);

#endif
