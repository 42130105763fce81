/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * side.c - start a subject, talk to it, look at its tracer from outside.
 *
 * Who the tracer is comes from /proc/PID/status. Where nobody traces the
 * subject, the session of vmmctl whose program it is has the worker's pid as
 * its number, which is checked.
 */
#include "tests/bench/side.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
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

#define READY_TIMEOUT_MS 10000
#define ANSWER_TIMEOUT_MS 120000
#define END_TIMEOUT_MS 10000

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

static int read_answer(struct side *s, char *line, size_t len, int timeout)
{
	struct pollfd p = { .fd = fileno(s->from), .events = POLLIN };

	/* One line is asked for at a time, so stdio holds nothing back. */
	if (poll(&p, 1, timeout) <= 0)
		return -ETIMEDOUT;
	if (!fgets(line, (int)len, s->from))
		return -EPIPE;
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static _Noreturn void side_exec(const struct side *s, char *const argv[], int in, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (s->cg.dir[0] && cg_join(&s->cg))
		_exit(125);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(125);
	execvp(argv[0], argv);
	fprintf(stderr, "bench: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int start(struct side *s, char *const argv[])
{
	int in[2], out[2], pid, r;
	char line[128];

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
		side_exec(s, argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	s->to = fdopen(in[1], "w");
	s->from = fdopen(out[0], "r");
	if (s->child < 0 || !s->to || !s->from)
		return -ENOMEM;
	r = read_answer(s, line, sizeof(line), READY_TIMEOUT_MS);
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

int side_start(struct side *s, char *const argv[])
{
	memset(s, 0, sizeof(*s));
	return start(s, argv);
}

int side_start_counted(struct side *s, char *const argv[])
{
	memset(s, 0, sizeof(*s));
	cg_open(&s->cg); /* without one there is another way: side_time() */
	return start(s, argv);
}

/* The worker of the session whose program is this subject, according to `vmmctl ps`. */
static pid_t session_worker(const struct side *s, const char *vmmctl)
{
	char cmd[PATH_MAX + 32];
	json_t *all, *e;
	pid_t worker = 0;
	size_t i;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "'%s' ps --json", vmmctl);
	f = popen(cmd, "re");
	if (!f)
		return 0;
	all = json_loadf(f, 0, NULL);
	json_array_foreach(all, i, e) {
		const char *session = json_string_value(json_object_get(e, "session"));

		if (session && json_integer_value(json_object_get(e, "pid")) == s->subject)
			worker = atoi(session);
	}
	json_decref(all);
	pclose(f);
	return worker > 0 && proc_number(worker, "status", "Tgid") == worker ? worker : 0;
}

int side_find_watcher(struct side *s, const char *vmmctl)
{
	char path[64];
	int pid = 0;
	FILE *f;

	if (s->tracer)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)s->subject, (int)s->subject);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	s->tracer = pid > 0 ? pid : session_worker(s, vmmctl);
	return s->tracer ? 0 : -ESRCH;
}

static int side_tell(struct side *s, char *line, size_t len, const char *fmt, va_list ap)
{
	int r = vfprintf(s->to, fmt, ap) < 0 || fputc('\n', s->to) == EOF || fflush(s->to);

	return r ? -EPIPE : read_answer(s, line, len, ANSWER_TIMEOUT_MS);
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

/* Processor time of all threads that a process has now, in ns. */
static double threads_cpu(pid_t pid)
{
	char path[300];
	struct dirent *e;
	double sum = 0, ns;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (f && fscanf(f, "%lf", &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return sum;
}

/* What the cgroup has used, or else what the tracer has. */
static double watched_cpu(const struct side *s)
{
	double ns = 0;

	if (s->cg.dir[0])
		return cg_usage(&s->cg, &ns) ? 0 : ns;
	return s->tracer ? threads_cpu(s->tracer) : 0;
}

int side_time(struct side *s, const char *what, unsigned ms, struct side_timed *t)
{
	double before = watched_cpu(s), own;
	char line[128];
	int r = side_ask(s, line, sizeof(line), "time %s %u", what, ms);

	if (!r && (sscanf(line, "%lf %ld %lf", &t->wall, &t->count, &own) != 3 || t->count < 1)) {
		fprintf(stderr, "bench: subject says: %s\n", line);
		r = -EPROTO;
	}
	if (!r)
		t->cpu = (watched_cpu(s) - before + (s->cg.dir[0] ? 0 : own)) / (double)t->count;
	return r;
}

static int pin_threads(pid_t pid, const cpu_set_t *set)
{
	char path[64];
	struct dirent *e;
	int r = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (!d)
		return -errno;
	while (!r && (e = readdir(d)))
		if (e->d_name[0] != '.' && sched_setaffinity(atoi(e->d_name), sizeof(*set), set))
			r = -errno;
	closedir(d);
	return r;
}

int side_pin(struct side *s, int cpu)
{
	cpu_set_t set;
	int r = 0;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	if (s->tracer)
		r = pin_threads(s->tracer, &set);
	return r ? r : side_do(s, "pin %d", cpu);
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

int side_tracer_calls(struct side *s, const char *what, unsigned ms, double *calls, long *count)
{
	struct side_timed t = { .count = 0 };
	char pid[16];
	int err[2], r;
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
		r = side_time(s, what, ms, &t);
	*count = t.count;
	kill(strace, SIGINT);
	if (!r)
		r = strace_total(f, calls);
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
	for (int ms = 0; s->child > 0 && waitpid(s->child, &status, WNOHANG) == 0; ms++) {
		if (ms == END_TIMEOUT_MS)
			kill(s->child, SIGKILL);
		usleep(1000);
	}
	cg_close(&s->cg);
	memset(s, 0, sizeof(*s));
	return status;
}
