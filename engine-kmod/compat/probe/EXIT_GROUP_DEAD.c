// SPDX-License-Identifier: GPL-2.0
/* The tracepoint sched_process_exit says whether the whole group ends. */
#include <trace/events/sched.h>
static void exit_probe(void *data, struct task_struct *p, bool group_dead)
{
}
void probe(void);
void probe(void)
{
	register_trace_sched_process_exit(exit_probe, NULL);
}
