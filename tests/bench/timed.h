/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timed.h - what a program does all day, done again and again and timed.
 */
#ifndef BENCH_TIMED_H
#define BENCH_TIMED_H

struct timed {
	double ns;  /* wall time of one */
	long count; /* how many were done, warming up included */
	double cpu; /* ns, of this process and of children it waited for, for all of them */
};

/* The names of all, closed by NULL. */
extern const char *const timed_names[];

double timed_now(void);
/*
 * Do it for about `ms` milliseconds. Every result is looked at: -EPROTO if one
 * is not as it would be natively, -EINVAL if there is nothing of that name.
 */
int timed_run(struct timed *, const char *name, unsigned ms);

#endif
