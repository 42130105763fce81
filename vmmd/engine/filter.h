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

/* Calls of `select`, and clone3(2), stop with `action` (SCMP_ACT_TRACE(…)). 0 or -errno. */
int filter_build(struct filter *, const struct engine_select *, enum engine_foreign, uint32_t action);
void filter_free(struct filter *);

/* The answer of bypass.tbl for an x86-64 call: 0 or an errno. */
int filter_bypass(int64_t nr, const uint64_t args[6]);

#endif
