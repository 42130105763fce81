// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * log.c - one line to the log of this process.
 *
 * The only mutable state of a process besides main.c: set up before the first
 * thread starts, read-only afterwards. A line is formatted on the stack and
 * written at once, so lines of several processes do not mix.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmmd/log.h"

static struct {
	int fd;
	enum vmmd_log_level max;
	char prefix[64];
} log_state = {.fd = 2, .max = VMMD_LOG_WARNING, .prefix = "vmmd"};

void log_setup(int fd, const char *prefix, enum vmmd_log_level max)
{
	log_state.fd = fd;
	log_state.max = max;
	snprintf(log_state.prefix, sizeof(log_state.prefix), "%s", prefix);
}

/* Bytes of tasks and clients may be in a line: keep terminals safe from them. */
static void make_plain(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			s[i] = '?';
}

void log_vmsg(enum vmmd_log_level level, const char *fmt, va_list ap)
{
	static const char *const names[] = {"error: ", "warning: ", "", "debug: "};
	int saved = errno;
	char line[1024];
	int n, m;

	if (level > log_state.max || log_state.fd < 0)
		return;
	n = snprintf(line, sizeof(line) - 1, "%s: %s", log_state.prefix, names[level]);
	m = vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, fmt, ap);
	if (m < 0)
		return;
	n = n + m < (int)sizeof(line) - 2 ? n + m : (int)sizeof(line) - 2;
	make_plain(line, (size_t)n);
	line[n++] = '\n';
	if (write(log_state.fd, line, (size_t)n) < 0) {
		/* nowhere left to say it */
	}
	errno = saved;
}

void log_msg(enum vmmd_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, fmt, ap);
	va_end(ap);
}
