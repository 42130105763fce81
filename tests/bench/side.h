/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * side.h - one running subject and who watches it.
 *
 * A benchmark compares sides: the subject alone, under a bare tracer, under
 * vmmd. All sides of a comparison run at the same time; the one that is not
 * asked sleeps in read(2). The caller owns the struct; side_stop() ends what
 * side_start() began. Functions return 0 or a negative errno.
 */
#ifndef BENCH_SIDE_H
#define BENCH_SIDE_H

#include <stdio.h>
#include <sys/types.h>

#include "tests/bench/cg.h"

struct side {
	pid_t child;   /* what was started */
	pid_t subject; /* the subject itself */
	pid_t tracer;  /* process that traces the subject; 0: none */
	FILE *to, *from;
	struct cg cg; /* of side_start_counted(), where that was allowed */
};

struct side_timed {
	double wall, cpu; /* ns of one; the watcher's processor time is included */
	long count;	  /* how many were done */
};

/* Start argv, which must end in the subject, and wait until it is ready. */
int side_start(struct side *, char *const argv[]);
/* The same in a cgroup of its own, where one may be made. */
int side_start_counted(struct side *, char *const argv[]);
/*
 * Who watches a subject that nobody traces: a child that was there before the
 * subject was, or the worker of the session that vmmctl knows. 0 and
 * `tracer`, or -ESRCH.
 */
int side_find_watcher(struct side *, const char *vmmctl);
/* Send one command; the answer must be "ok". */
int side_do(struct side *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Let it make `calls` system calls `nr`; ns per call. It makes some more first, to warm up. */
int side_run(struct side *, long nr, long calls, double *ns);
/* Let it do `what` (timed.h) for some time. */
int side_time(struct side *, const char *what, unsigned ms, struct side_timed *);
/* Subject and tracer on one CPU; -1: wherever they like. */
int side_pin(struct side *, int cpu);
/* Memory of the tracer, bytes (PSS; RSS where that may not be read). */
int side_tracer_memory(const struct side *, double *bytes);
/* System calls its tracer makes, as strace counts them, while the subject does `what`; how often it did. */
int side_tracer_calls(struct side *, const char *what, unsigned ms, double *calls, long *count);
/* End it; the status of what was started, as in waitpid(2). */
int side_stop(struct side *);

#endif
