/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * work.h - real work: commands, what they work on, and what they must have produced.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/run.h"

struct work {
	const char *key;
	const char *what;
	const char *cmd;   /* for sh(1); $W is the directory that work_open() made */
	const char *check; /* writes what the command has left, beside its output; NULL: nothing */
	bool placement;	   /* shows where tasks and worker run; nothing that anybody does all day */
};

/* Closed by an entry without key. */
extern const struct work work_all[];
const struct work *work_find(const char *key);

struct work_place {
	char dir[PATH_MAX];
	char out[PATH_MAX];
	struct runner runner;
};

#define WORK_PREFIX_MAX 64

#define WORK_FULL 10 /* size: so much of everything; less for a quick look */

/*
 * Make $W below $TMPDIR with prepare.sh, which is in `dir` as load is; it changes the
 * environment so that runs are alike.
 */
int work_open(struct work_place *, const char *dir, unsigned size);
/* Remove it. */
void work_close(struct work_place *);
/*
 * Run it under `prefix` (a command line to which the work is added, closed by
 * NULL; NULL itself: natively); *sum is the checksum of all that came out.
 * -EPROTO: the command failed.
 */
int work_run(struct work_place *, const struct work *, const char *const *prefix, struct run *,
	     uint64_t *sum);

#endif
