/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timed.c - the calls of the per-call rows.
 *
 * The files are those that prepare.sh has made below $W: a directory, and a
 * file of one byte whose path has at least six components.
 */
#include "tests/bench/timed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define THREAD_CALLS 25 /* of each thread, each time */

struct files {
	char deep[PATH_MAX];
	int fd; /* of that file */
	pid_t parent;
};

struct action {
	const char *name;
	bool (*once)(const struct files *);
	long count; /* what `once` does, in calls */
};

double timed_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static bool do_getppid(const struct files *f)
{
	return syscall(SYS_getppid) == f->parent;
}

static bool do_stat(const struct files *f)
{
	struct stat st;

	(void)f;
	return !stat("/tmp", &st) && S_ISDIR(st.st_mode);
}

static bool do_stat_deep(const struct files *f)
{
	struct stat st;

	return !stat(f->deep, &st) && st.st_size == 1;
}

static bool do_open(const struct files *f)
{
	int fd = open(f->deep, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && !close(fd);
}

static bool do_pread(const struct files *f)
{
	char byte = 0;

	return pread(f->fd, &byte, 1, 0) == 1 && byte == 'x';
}

static bool ended_well(pid_t pid, int code)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static bool do_fork(const struct files *f)
{
	pid_t pid = fork();

	(void)f;
	if (!pid)
		_exit(7);
	return pid > 0 && ended_well(pid, 7);
}

static bool do_exec(const struct files *f)
{
	static char name[] = "true";
	char *argv[] = { name, NULL };
	pid_t pid;

	(void)f;
	return !posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) && ended_well(pid, 0);
}

static void *thread_stats(void *arg)
{
	for (int i = 0; i < THREAD_CALLS; i++)
		if (!do_stat_deep(arg))
			return NULL;
	return arg;
}

static bool do_threads(const struct files *f)
{
	pthread_t id[THREADS];
	bool ok = true;
	void *result;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&id[i], NULL, thread_stats, (void *)(uintptr_t)f))
			abort();
	for (int i = 0; i < THREADS; i++)
		ok &= !pthread_join(id[i], &result) && result;
	return ok;
}

static const struct action actions[] = {
	{ "getppid", do_getppid, 1 },	{ "stat", do_stat, 1 },	  { "stat6", do_stat_deep, 1 },
	{ "open", do_open, 1 },		{ "pread", do_pread, 1 }, { "fork", do_fork, 1 },
	{ "exec", do_exec, 1 },		{ "threads", do_threads, THREADS * THREAD_CALLS },
};

const char *const timed_names[] = { "getppid", "stat",	"stat6",   "open", "pread",
				    "fork",    "exec",	"threads", NULL };

static double cpu_ns(void)
{
	static const int who[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
	double ns = 0;
	struct rusage u;

	for (int i = 0; i < 2; i++)
		if (!getrusage(who[i], &u))
			ns += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
			      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
	return ns;
}

/* One before the clock starts; then in growing batches, so that the clock is not what is timed. */
static int repeat(struct timed *t, const struct action *a, const struct files *f, unsigned ms)
{
	double cpu = cpu_ns(), start, now;
	long done = 0;

	if (!a->once(f))
		return -EPROTO;
	start = timed_now();
	do {
		long batch = done ? done / 8 + 1 : 1;

		for (long i = 0; i < batch; i++)
			if (!a->once(f))
				return -EPROTO;
		done += batch;
		now = timed_now();
	} while (now - start < ms * 1e6);
	t->ns = (now - start) / (double)(done * a->count);
	t->count = (done + 1) * a->count;
	t->cpu = cpu_ns() - cpu;
	return 0;
}

int timed_run(struct timed *t, const char *name, unsigned ms)
{
	const char *dir = getenv("W");
	struct files f = { .parent = getppid() };
	int r = -EINVAL;

	snprintf(f.deep, sizeof(f.deep), "%s/a/b/c/d/file", dir ? dir : "");
	f.fd = open(f.deep, O_RDONLY | O_CLOEXEC);
	if (f.fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(name, actions[i].name))
			r = repeat(t, &actions[i], &f, ms);
	close(f.fd);
	return r;
}
