/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * req_path.h - copies of paths in the place of a call's arguments.
 *
 * A copy has an address at which no program can have anything: not canonical on
 * x86-64. A program can pass such a number all the same, so it is none of those
 * among the call's arguments. Reads at it are served from the copy
 * (req_path_read()); before the kernel runs the call the copy is put into the task
 * or the call is run by us (host_at_kernel()). Copies belong to the request and
 * end with it.
 */
#ifndef VMMD_REQ_PATH_H
#define VMMD_REQ_PATH_H

#include "vmmd/req.h"

/* Copy `path` for the layer asked; *addr is what stands for it. -ENAMETOOLONG, -ENOMEM. */
int req_path_add(struct vmmd_req *, const char *path, uint64_t *addr);
/*
 * Was any copy made by a layer that confines? The program must not get at what has become
 * of it, which may be the copy of another layer.
 */
bool req_path_confines(const struct vmmd_req *);
/* The text behind an address, or NULL: it is not a copy's. */
const char *req_path_text(const struct vmmd_req *, uint64_t addr);
/* As the host table's read: -ENOENT if `addr` is in no copy. */
ssize_t req_path_read(const struct vmmd_req *, uint64_t addr, void *buf, size_t len);
/* Does an argument of the call as it stands point to a copy? */
bool req_path_used(const struct vmmd_req *);
/* The descriptor that was to be the result is not. */
void req_path_drop_fd(struct vmmd_req *);
/* The request has ended: descriptor and copies go. */
void req_path_free(struct vmmd_req *);

#endif
