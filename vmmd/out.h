/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * out.h - where layers write text.
 *
 * Three kinds: the client's standard error (each write at once, so that lines
 * appear in the order of events), a file (buffered, flushed when full and at
 * the latest after OUT_FLUSH_MS), and a pipe to a live trace (never blocks:
 * what does not fit is counted and said in the next line that does).
 */
#ifndef VMMD_OUT_H
#define VMMD_OUT_H

#include <stddef.h>

#include "vmmd/loop.h"

#define OUT_FLUSH_MS 100

struct vmmd_out;

/* NULL with errno set. The descriptors stay the caller's. */
struct vmmd_out *out_new_fd(int fd);
struct vmmd_out *out_new_pipe(int fd);
/* The file is emptied, or continued. */
struct vmmd_out *out_new_file(struct loop *, const char *path, bool again);
void out_write(struct vmmd_out *, const void *buf, size_t len);
void out_flush(struct vmmd_out *);
void out_free(struct vmmd_out *);
/* A layer's outputs are a list. */
struct vmmd_out **out_link(struct vmmd_out *);

#endif
