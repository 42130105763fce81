/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.h - the selection as one classic BPF program, made by libseccomp.
 *
 * Decides in the kernel what runs natively, what fails with a fixed errno
 * (bypass.tbl, foreign ABIs) and what stops.
 */
#ifndef VMMD_ENGINE_FILTER_H
#define VMMD_ENGINE_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "vmmd/engine/engine.h"

struct filter {
	void *prog; /* struct sock_filter[count] */
	size_t count;
};

/* How an engine has its calls stopped. */
struct filter_plan {
	const struct engine_select *select;
	enum engine_how (*how)(uint32_t want);
	enum engine_foreign foreign;
	uint32_t trace;	     /* what a traced call returns: SCMP_ACT_TRACE(…) */
	bool traced;	     /* tasks are traced: rows of bypass.tbl for that apply, and clone3(2) stops */
	bool performs;	     /* calls are run in their place: rows of bypass.tbl for that apply */
	const char *notifies; /* the engine whose calls in own.tbl notify, if nothing dearer stops them; NULL: none do */
};

/* 0 or -errno. */
int filter_build(struct filter *, const struct filter_plan *);
void filter_free(struct filter *);
/* How the program made from the plan stops a call that bypass.tbl says nothing about. */
enum engine_how filter_how(const struct filter_plan *, int64_t nr);

/* The answer of bypass.tbl for an x86-64 call: 0 or an errno. */
int filter_bypass(const struct filter_plan *, int64_t nr, const uint64_t args[6]);

#endif
