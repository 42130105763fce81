// SPDX-License-Identifier: GPL-2.0
/* dequeue_signal() is for current only. */
#include <linux/sched/signal.h>
int (*probe)(sigset_t *, kernel_siginfo_t *, enum pid_type *) = dequeue_signal;
