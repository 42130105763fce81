// SPDX-License-Identifier: GPL-2.0
/* mm->flags is a bitmap with accessors. */
#include <linux/sched/coredump.h>
#include <linux/mm.h>
unsigned long probe(struct mm_struct *mm);
unsigned long probe(struct mm_struct *mm)
{
	return __mm_flags_get_dumpable(mm);
}
