/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm.h - an address space of tasks, and the scratch areas in it that no task has
 * any more. For engines that put such areas into their tasks; with their turn.
 */
#ifndef VMMD_ENGINE_MM_H
#define VMMD_ENGINE_MM_H

#include <stdbool.h>
#include <stdint.h>

/* Tasks with CLONE_VM share one. */
struct mm {
	uint32_t refs;
	uint32_t free; /* scratch areas whose tasks have gone */
	uint64_t *areas;
};

/* Of a program that begins; NULL: no memory. */
struct mm *mm_new(void);
/* Of a child, sharing its parent's or with a copy of it. `parent` may be NULL. NULL: no memory. */
struct mm *mm_inherit(struct mm *parent, bool share);
/* A task leaves it, and its scratch area, 0 if it has none, is for others. NULL does nothing. */
void mm_put(struct mm *, uint64_t scratch);
/* An area that is free, or 0. NULL has none. */
uint64_t mm_take(struct mm *);

#endif
