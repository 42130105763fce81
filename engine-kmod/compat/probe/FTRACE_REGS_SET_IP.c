// SPDX-License-Identifier: GPL-2.0
/* ftrace_regs_set_instruction_pointer() */
#include <linux/ftrace.h>
void probe(struct ftrace_regs *r);
void probe(struct ftrace_regs *r)
{
	ftrace_regs_set_instruction_pointer(r, 0);
}
