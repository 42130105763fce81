/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * side.c - start a subject, talk to it, look at its tracer from outside.
 *
 * Who the tracer is comes from /proc/PID/status, so nothing here depends on
 * how vmmd names its workers.
 */
#include "tests/bench/side.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 120000

/* The number behind `key` in a file of "Key:  number" lines, or -1. */
static long proc_number(pid_t pid, const char *file, const char *key)
{
	char path[64], line[256];
	size_t len = strlen(key);
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	fclose(f);
	return value;
}

static int read_answer(struct side *s, char *line, size_t len)
{
	struct pollfd p = { .fd = fileno(s->from), .events = POLLIN };

	/* One line is asked for at a time, so stdio holds nothing back. */
	if (poll(&p, 1, ANSWER_TIMEOUT_MS) <= 0)
		return -ETIMEDOUT;
	if (!fgets(line, (int)len, s->from))
		return -EPIPE;
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static _Noreturn void side_exec(char *const argv[], int in, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(125);
	execvp(argv[0], argv);
	fprintf(stderr, "bench: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int side_start(struct side *s, char *const argv[])
{
	int in[2], out[2], pid, r;
	char line[128];

	memset(s, 0, sizeof(*s));
	if (pipe2(in, O_CLOEXEC))
		return -errno;
	if (pipe2(out, O_CLOEXEC)) {
		r = -errno;
		close(in[0]);
		close(in[1]);
		return r;
	}
	s->child = fork();
	if (!s->child)
		side_exec(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	s->to = fdopen(in[1], "w");
	s->from = fdopen(out[0], "r");
	if (s->child < 0 || !s->to || !s->from)
		return -ENOMEM;
	r = read_answer(s, line, sizeof(line));
	if (r)
		return r;
	if (sscanf(line, "ready %d", &pid) != 1)
		return -EPROTO;
	s->subject = pid;
	r = (int)proc_number(s->subject, "status", "TracerPid");
	/* The tracer may be a thread; what is wanted is its process. */
	s->tracer = r > 0 ? (pid_t)proc_number(r, "status", "Tgid") : 0;
	return 0;
}

static int side_tell(struct side *s, char *line, size_t len, const char *fmt, va_list ap)
{
	int r = vfprintf(s->to, fmt, ap) < 0 || fputc('\n', s->to) == EOF || fflush(s->to);

	return r ? -EPIPE : read_answer(s, line, len);
}

static int side_ask(struct side *s, char *line, size_t len, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = side_tell(s, line, len, fmt, ap);
	va_end(ap);
	return r;
}

int side_do(struct side *s, const char *fmt, ...)
{
	char line[128];
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = side_tell(s, line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!r && strcmp(line, "ok")) {
		fprintf(stderr, "bench: subject says: %s\n", line);
		r = -EPROTO;
	}
	return r;
}

int side_run(struct side *s, long nr, long calls, double *ns)
{
	char line[128];
	int r = side_ask(s, line, sizeof(line), "run %ld %ld", nr, calls);

	if (!r && sscanf(line, "%lf", ns) != 1)
		r = -EPROTO;
	return r;
}

int side_pin(struct side *s, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	if (s->tracer && sched_setaffinity(s->tracer, sizeof(set), &set))
		return -errno;
	return side_do(s, "pin %d", cpu);
}

int side_tracer_memory(const struct side *s, double *bytes)
{
	long kib = proc_number(s->tracer, "smaps_rollup", "Pss");

	if (kib < 0)
		kib = proc_number(s->tracer, "status", "VmRSS");
	if (kib < 0)
		return -ESRCH;
	*bytes = (double)kib * 1024;
	return 0;
}

/* The last line of `strace -c -U calls,name` is "N total". */
static int strace_total(FILE *f, double *total)
{
	char line[256];
	int r = -ENODATA;

	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) > 5 && !strcmp(line + strlen(line) - 5, "total") &&
		    sscanf(line, "%lf", total) == 1)
			r = 0;
	}
	return r;
}

/* Wait for strace's own word that it has attached. */
static int strace_attached(FILE *f)
{
	char line[256];

	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "attached"))
			return 0;
		fprintf(stderr, "bench: %s", line);
	}
	return -EPERM;
}

int side_tracer_calls(struct side *s, long nr, long calls, double *total)
{
	char pid[16];
	int err[2], r;
	double ns;
	pid_t strace;
	FILE *f;

	snprintf(pid, sizeof(pid), "%d", (int)s->tracer);
	if (pipe2(err, O_CLOEXEC))
		return -errno;
	strace = fork();
	if (!strace) {
		dup2(err[1], 2);
		execlp("strace", "strace", "-c", "-U", "calls,name", "-f", "-p", pid, (char *)NULL);
		dprintf(2, "strace: %s\n", strerror(errno));
		_exit(127);
	}
	close(err[1]);
	f = fdopen(err[0], "r");
	if (strace < 0 || !f) {
		close(err[0]);
		return -ENOMEM;
	}
	r = strace_attached(f);
	if (!r)
		r = side_run(s, nr, calls, &ns);
	kill(strace, SIGINT);
	if (!r)
		r = strace_total(f, total);
	fclose(f);
	waitpid(strace, NULL, 0);
	return r;
}

int side_stop(struct side *s)
{
	int status = 0;

	if (s->to)
		fclose(s->to); /* end of file: the subject ends, then who watches it */
	if (s->from)
		fclose(s->from);
	if (s->child > 0)
		waitpid(s->child, &status, 0);
	memset(s, 0, sizeof(*s));
	return status;
}
