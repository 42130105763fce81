// SPDX-License-Identifier: GPL-2.0-or-later
/* mm.c - an address space of tasks, and the scratch areas in it that no task has any more. */
#include <stdlib.h>

#include "vmmd/engine/mm.h"

struct mm *mm_new(void)
{
	struct mm *mm = calloc(1, sizeof(*mm));

	if (mm)
		mm->refs = 1;
	return mm;
}

struct mm *mm_inherit(struct mm *parent, bool share)
{
	if (!share || !parent)
		return mm_new();
	parent->refs++;
	return parent;
}

void mm_put(struct mm *mm, uint64_t scratch)
{
	if (!mm)
		return;
	if (--mm->refs == 0) {
		free(mm->areas);
		free(mm);
		return;
	}
	if (scratch) {
		uint64_t *p = reallocarray(mm->areas, mm->free + 1, sizeof(*p));

		if (!p)
			return; /* the area is lost until the address space ends */
		mm->areas = p;
		mm->areas[mm->free++] = scratch;
	}
}

uint64_t mm_take(struct mm *mm)
{
	return mm && mm->free ? mm->areas[--mm->free] : 0;
}
