// SPDX-License-Identifier: GPL-2.0
/* The tracepoint task_newtask has 64 flags. */
#include <trace/events/task.h>
static void new_probe(void *data, struct task_struct *p, u64 flags)
{
}
void probe(void);
void probe(void)
{
	register_trace_task_newtask(new_probe, NULL);
}
