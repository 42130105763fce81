// SPDX-License-Identifier: GPL-2.0
/* register_ftrace_direct() takes an ftrace_ops, and unregister… frees its filter. */
#include <linux/ftrace.h>
int (*probe)(struct ftrace_ops *, unsigned long) = register_ftrace_direct;
