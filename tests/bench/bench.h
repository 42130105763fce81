/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h - what the parts of one benchmark run share.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>

#include "tests/bench/matrix.h"
#include "tests/bench/table.h"
#include "tests/bench/who.h"
#include "tests/bench/work.h"

#define ROUNDS_MAX 64

struct bench {
	char dir[PATH_MAX]; /* of this program and those it starts */
	const char *vmmctl;
	bool quick;
	unsigned rounds;
	long stop_calls;   /* calls of a round that stop */
	long native_calls; /* … and that do not */
	unsigned tasks;	   /* the largest crowd */
	unsigned call_ms;  /* for one sample of a per-call row */
	double call_s;	   /* no round of calls begins later than this after the first one */
	double deadline;   /* timed_now() when the work should be done; after the first round */
	unsigned work_rounds;
	int cpu;
	struct who_list who;
	struct table table;
	struct matrix calls, work;
	struct work_place place;
	bool cgroup; /* processor time is that of cgroups */
	const volatile sig_atomic_t *stop; /* somebody wants it to end */
};

/* stops.c: what a stop costs beside a bare loop; rows of the table, for each engine. */
void stops_measure(struct bench *, const struct engine_info *);
void tasks_measure(struct bench *, const struct engine_info *);
/* calls.c and real.c: the matrices. 0 or a negative errno. */
int calls_measure(struct bench *);
int real_measure(struct bench *);
/* real.c: rows of the table with the budgets for real work. */
void real_budgets(struct bench *);

#endif
