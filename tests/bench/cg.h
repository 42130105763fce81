/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cg.h - processor time of a tree of processes, by a cgroup of its own.
 *
 * A cgroup counts whoever was started in it, whoever became its parent and
 * whether or not anybody waited for it. Making one needs the right to; where
 * cg_open() fails the caller has to count otherwise. Functions return 0 or a
 * negative errno.
 */
#ifndef BENCH_CG_H
#define BENCH_CG_H

#include <limits.h>

struct cg {
	char dir[PATH_MAX]; /* empty: there is none */
};

/* Make one below the caller's own cgroup (version 2). */
int cg_open(struct cg *);
/* The calling process, and what it starts from now on, counts in it. */
int cg_join(const struct cg *);
/* Processor time used so far, in ns. */
int cg_usage(const struct cg *, double *ns);
/* Kill what is left in it. */
void cg_kill(const struct cg *);
/* Wait until it is empty, and remove it. */
void cg_close(struct cg *);

#endif
