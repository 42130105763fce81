/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - one line to the log of this process.
 *
 * Standard error, or for a service the same (the journal reads it). A line is
 * one write(2). Any thread. Log where a thing is decided, not where it passes.
 */
#ifndef VMMD_LOG_H
#define VMMD_LOG_H

#include <stdarg.h>
#include <vmmd/plugin.h>

/* Where lines go (default 2), what comes before each, and what is dropped. main.c and worker.c call it. */
void log_setup(int fd, const char *prefix, enum vmmd_log_level max);
void log_msg(enum vmmd_log_level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_vmsg(enum vmmd_log_level, const char *fmt, va_list);

#define log_error(...) log_msg(VMMD_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_msg(VMMD_LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_msg(VMMD_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(VMMD_LOG_DEBUG, __VA_ARGS__)

#endif
