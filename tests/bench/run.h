/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - run one command to its end; wall and processor time of all it started.
 *
 * Whatever outlives the command, a daemon of its own included, is waited for
 * before the processor time is read, but not before the wall time is. So one
 * process can do one run at a time and may have no other children.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "tests/bench/cg.h"

struct run {
	double wall; /* ns, from the execve(2) of the command to its end */
	double cpu;  /* ns, of it and of all it started */
	int status;  /* as in waitpid(2) */
};

struct runner {
	struct cg cg;	 /* without one: resource usage of waited-for children */
	const char *cwd; /* NULL: ours */
	const char *out; /* file for output and errors */
	double *begun;	 /* when the command was executed; shared with it until then */
};

/* Make a cgroup if that is allowed. The first run makes the caller the one who reaps orphans. */
int runner_init(struct runner *);
void runner_fini(struct runner *);
/* 0 when the command was run, whatever its status. */
int runner_run(const struct runner *, char *const argv[], struct run *);

#endif
