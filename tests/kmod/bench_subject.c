// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_subject.c - a program that times each of its calls by itself.
 *
 *   each_subject
 *
 * As subject (tests/bench) it says "ready PID" and obeys a command a line:
 *
 *   pin CPU           run on this CPU only, -1: on all
 *   crowd N           make N idle processes, which end with this one
 *   each WHAT N B     do WHAT (getppid, getuid, open) N times B times; answers the ns
 *                     that one took in the fastest tenth of N
 *   cold WHAT N       the same one by one, each just after another process had the CPU
 *   time WHAT MS      as subject does: the mean, how often, 0
 *
 * Where the host takes a CPU away for a while most calls take as long as that;
 * the fastest tell what was done.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define N_MAX 10000

static long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

/* The open is of a name that is not there: the kernel has little to do, so what is left is the stop. */
static bool once(const char *what)
{
	static char path[200];

	if (what[0] == 'g')
		return syscall(what[3] == 'p' ? SYS_getppid : SYS_getuid) >= 0;
	if (!path[0])
		snprintf(path, sizeof(path), "%s/nothing-of-this-name", getenv("W"));
	return open(path, O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT;
}

/* Another process of this CPU has had its turn when this returns. */
static bool yield(void)
{
	static int to[2], from[2];
	char c = 0;

	if (!to[1]) {
		if (pipe(to) || pipe(from))
			return false;
		if (fork() == 0) {
			close(to[1]);
			while (read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1)
				;
			_exit(0);
		}
	}
	return write(to[1], &c, 1) == 1 && read(from[0], &c, 1) == 1;
}

static void each(const char *what, int n, int batch, bool cold)
{
	static long took[N_MAX];
	bool good = true;

	for (int i = 0; i < n; i++) {
		long start;

		good &= !cold || yield();
		start = now_ns();
		for (int k = 0; k < batch; k++)
			good &= once(what);
		took[i] = now_ns() - start;
	}
	qsort(took, (size_t)n, sizeof(*took), by_value);
	if (good)
		printf("%.2f\n", (double)took[n / 10] / batch);
	else
		printf("error %s\n", what);
}

static void some_time(const char *what, int ms)
{
	long start = now_ns(), count = 0;

	while (now_ns() - start < ms * 1000000L && once(what))
		count++;
	printf("%.2f %ld 0\n", (double)(now_ns() - start) / (double)(count ? count : 1), count);
}

static bool pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static bool crowd(int n)
{
	pid_t p = 1;

	for (int i = 0; i < n && p > 0; i++) {
		p = fork();
		if (p == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
	usleep(500000); /* until they are at rest */
	return p > 0;
}

int main(void)
{
	char line[128], what[32];
	int n, batch;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", (int)getpid());
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "each %31s %d %d", what, &n, &batch) == 3 && n > 0 && n <= N_MAX && batch > 0)
			each(what, n, batch, false);
		else if (sscanf(line, "cold %31s %d", what, &n) == 2 && n > 0 && n <= N_MAX)
			each(what, n, 1, true);
		else if (sscanf(line, "time %31s %d", what, &n) == 2)
			some_time(what, n);
		else if (sscanf(line, "pin %d", &n) == 1)
			printf("%s\n", pin(n) ? "ok" : "error pin");
		else if (sscanf(line, "crowd %d", &n) == 1)
			printf("%s\n", crowd(n) ? "ok" : "error fork");
		else
			printf("error not a command\n");
	}
	return 0;
}
