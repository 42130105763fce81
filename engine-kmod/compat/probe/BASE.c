// SPDX-License-Identifier: GPL-2.0
/* What every kernel we know has. */
#include <linux/ftrace.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/tracepoint.h>
