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

struct side {
	pid_t child;   /* what was started */
	pid_t subject; /* the subject itself */
	pid_t tracer;  /* process that traces the subject; 0: none */
	FILE *to, *from;
};

/* Start argv, which must end in the subject, and wait until it is ready. */
int side_start(struct side *, char *const argv[]);
/* Send one command; the answer must be "ok". */
int side_do(struct side *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Let it make `calls` system calls `nr`; ns per call. It makes some more first, to warm up. */
int side_run(struct side *, long nr, long calls, double *ns);
/* How many it makes in all. */
static inline double side_stops(long calls)
{
	return (double)(calls + calls / 20);
}
/* Subject and tracer on one CPU; -1: wherever they like. */
int side_pin(struct side *, int cpu);
/* Memory of the tracer, bytes (PSS; RSS where that may not be read). */
int side_tracer_memory(const struct side *, double *bytes);
/* System calls its tracer makes while the subject makes `calls` calls `nr`. */
int side_tracer_calls(struct side *, long nr, long calls, double *total);
/* End it; the status of what was started, as in waitpid(2). */
int side_stop(struct side *);

#endif
