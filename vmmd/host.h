/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h - what vmmd offers to layers: the implementation of struct vmmd_host. */
#ifndef VMMD_HOST_H
#define VMMD_HOST_H

#include <jansson.h>

#include "vmmd/layer.h"

extern const struct vmmd_host host_table;

/* Stop all timers and watches of a layer; its callbacks end here. */
void host_layer_quiet(struct vmmd_layer *);
/* Free what the layer got from the host. */
void host_layer_fini(struct vmmd_layer *);

/* Is argument `index` of the call the address of a path or another text? Any index. */
bool host_is_text(const struct vmmd_call *, unsigned index);

/* For host_at.c: reading without the note of it, writing, scratch memory. */
ssize_t host_read_raw(struct vmmd_req *, uint64_t addr, void *buf, size_t len);
ssize_t host_write(struct vmmd_req *, uint64_t addr, const void *buf, size_t len);
int host_scratch(struct vmmd_req *, size_t len, uint64_t *addr);

/* What a layer must have said to have calls run in the task's place. */
#define HOST_AT_WANTS (VMMD_WANT_PATHS | VMMD_WANT_MEMORY)

/* host_at.c: the functions of the table that run calls in the task's place. */
int host_set_path(struct vmmd_req *, unsigned index, const char *path);
enum vmmd_verdict host_at_call(struct vmmd_req *, const struct vmmd_call *, const char *const paths[2]);
int host_at_open(struct vmmd_req *, int dirfd, const char *path, uint64_t flags, uint32_t mode);
enum vmmd_verdict host_reply_fd(struct vmmd_req *, int fd, int flags);
/*
 * For req_fsm.c: the call as it stands has copies for arguments and goes to the
 * kernel now. Either they are put into the task's memory and the call points
 * there (0), or the call is run here and the request has its result (1); -errno.
 */
int host_at_kernel(struct vmmd_req *);

/* Rows of a command's answer. */
struct vmmd_reply {
	json_t *rows; /* array of objects */
};

#endif
