/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scale.c - one session with thousands of tasks: what they cost, what is left.
 *
 *   scale VMMCTL SUBJECT
 *
 * Two sessions run at the same time, one with a single task, one with a crowd
 * of idle processes and threads beside the task that works. The suite prints
 * one line a test, numbers included, and is small enough for every test run;
 * the benchmark measures the same at larger sizes. On ptrace, which knows every
 * task; tests/system/held.sh is about thousands of notifications.
 */
#include "tests/bench/side.h"
#include "tests/bench/table.h"

#include <errno.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 2000
#define THREADS 2000
#define TASKS (1 + PROCESSES + THREADS)
#define ROUNDS 11
#define CALLS 2000
#define CREATE_SECONDS 30
#define MEMORY_LIMIT 2048 /* bytes a task */
/* The budget, 1.2, is for `make bench` on a quiet machine; a walk over all tasks would be 15. */
#define COST_LIMIT 3.0

struct scale {
	const char *vmmctl;
	struct side one, many;
	unsigned passed, failed;
};

static void __attribute__((format(printf, 3, 4)))
report(struct scale *s, bool ok, const char *fmt, ...)
{
	va_list ap;

	printf(ok ? "ok scale/" : "not ok scale/");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	ok ? s->passed++ : s->failed++;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A number of `vmmctl show --json`, -1 if there is none. */
static double session_number(const struct scale *s, const char *key)
{
	char cmd[512];
	json_t *show;
	double n = -1;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "'%s' show --json %d", s->vmmctl, (int)s->many.tracer);
	f = popen(cmd, "re");
	if (!f)
		return -1;
	show = json_loadf(f, 0, NULL);
	if (show)
		n = json_number_value(json_object_get(show, key));
	json_decref(show);
	pclose(f);
	return n;
}

/* CPU seconds that a process has used. */
static double cpu_seconds(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f) {
		/* The name in parentheses is ours: it has no blanks. */
		if (fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			   &user, &system) != 2)
			user = system = 0;
		fclose(f);
	}
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int start(const struct scale *s, struct side *side, const char *subject)
{
	const char *argv[] = { s->vmmctl, "run", "--private", "-e", "ptrace", "-l", "null,syscalls=getppid",
			       "--", subject, NULL };
	int r = side_start(side, (char *const *)argv);

	if (!r)
		r = side_find_watcher(side, s->vmmctl);
	if (r)
		fprintf(stderr, "scale: cannot start a session: %s\n", strerror(-r));
	return r;
}

static bool test_crowd(struct scale *s)
{
	double before = 0, after = 0, each, start_time = seconds(), t;
	int r = side_tracer_memory(&s->many, &before);

	if (!r)
		r = side_do(&s->many, "crowd %d %d", PROCESSES, THREADS);
	t = seconds() - start_time;
	report(s, !r && t < CREATE_SECONDS,
	       "crowd: %d processes and %d threads made in %.1f s (limit %d s)", PROCESSES,
	       THREADS, t, CREATE_SECONDS);
	if (r)
		return false;
	/* Before `show`, whose answer takes memory of the worker too. */
	r = side_tracer_memory(&s->many, &after);
	each = (after - before) / (TASKS - 1);
	report(s, !r && each <= MEMORY_LIMIT, "memory: %.0f bytes a task (limit %d)", each,
	       MEMORY_LIMIT);
	t = session_number(s, "tasks_now");
	report(s, t == TASKS, "crowd-counted: the session counts %.0f tasks of %d", t, TASKS);
	return true;
}

/* One measurement on one CPU: medians in ns, and the median of the rounds' ratios. */
static int measure_cost(struct scale *s, double *alone, double *among, double *ratio)
{
	double one[ROUNDS], many[ROUNDS], both[ROUNDS];
	int cpu = sched_getcpu();
	int r = side_pin(&s->one, cpu);

	if (!r)
		r = side_pin(&s->many, cpu);
	for (int i = 0; i < ROUNDS && !r; i++) {
		r = side_run(&s->one, SYS_getppid, CALLS, &one[i]);
		if (!r)
			r = side_run(&s->many, SYS_getppid, CALLS, &many[i]);
		if (!r)
			both[i] = many[i] / one[i];
	}
	if (r)
		return r;
	*alone = quantile(one, ROUNDS, 0.5);
	*among = quantile(many, ROUNDS, 0.5);
	*ratio = quantile(both, ROUNDS, 0.5);
	return 0;
}

/* A busy machine makes it look worse, never better: the best of three counts. */
static void test_cost(struct scale *s)
{
	double alone = 0, among = 0, ratio = COST_LIMIT + 1;
	int r = 0;

	for (int i = 0; i < 3 && !r && ratio > COST_LIMIT; i++)
		r = measure_cost(s, &alone, &among, &ratio);
	if (r)
		report(s, false, "cost: a subject stopped answering");
	else
		report(s, ratio <= COST_LIMIT,
		       "cost: a stop takes %.2f us alone, %.2f us among %d tasks, %.2f times (limit %.1f)",
		       alone / 1e3, among / 1e3, TASKS, ratio, COST_LIMIT);
}

static void test_idle(struct scale *s)
{
	double before, used;

	usleep(200 * 1000); /* what the last stops left to do */
	before = cpu_seconds(s->many.tracer);
	sleep(1);
	used = cpu_seconds(s->many.tracer) - before;
	report(s, used <= 0.01, "idle: the worker used %.2f s of CPU in one second without events",
	       used);
}

/* Tasks are reaped after the subject has seen them go: give it a moment. */
static double settle(const struct scale *s, const char *key, double want)
{
	double n = -1;

	for (int i = 0; i < 50; i++) {
		n = session_number(s, key);
		if (n == want)
			break;
		usleep(100 * 1000);
	}
	return n;
}

static void test_drop(struct scale *s)
{
	double n, first = 0, second = 0;
	int r = side_do(&s->many, "drop");

	n = settle(s, "tasks_now", 1);
	report(s, !r && n == 1, "drop: %.0f task is left of %d", n, TASKS);
	n = settle(s, "processes", 1);
	report(s, n == 1, "drop-processes: %.0f process is left", n);
	n = session_number(s, "suspended");
	report(s, n == 0, "drop-suspended: %.0f requests are open", n);

	r = side_tracer_memory(&s->many, &first);
	for (int i = 0; i < 2 && !r; i++) {
		r = side_do(&s->many, "crowd %d %d", PROCESSES / 2, THREADS / 2);
		if (!r)
			r = side_do(&s->many, "drop");
	}
	settle(s, "tasks_now", 1);
	if (!r)
		r = side_tracer_memory(&s->many, &second);
	report(s, !r && second - first <= 256 * 1024,
	       "again: two more crowds leave %.0f KiB behind (limit 256)", (second - first) / 1024);
}

static void test_end(struct scale *s)
{
	pid_t worker = s->many.tracer;
	int status = side_stop(&s->many);
	int i;

	report(s, WIFEXITED(status) && !WEXITSTATUS(status), "status: the program's own, %d",
	       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	for (i = 0; i < 50 && !kill(worker, 0); i++)
		usleep(100 * 1000);
	report(s, i < 50, "end: the worker has ended with its session");
}

int main(int argc, char **argv)
{
	struct scale s = { 0 };
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: scale VMMCTL SUBJECT\n");
		return 2;
	}
	s.vmmctl = argv[1];
	signal(SIGPIPE, SIG_IGN);
	r = start(&s, &s.one, argv[2]);
	if (!r)
		r = start(&s, &s.many, argv[2]);
	report(&s, !r, "start: two sessions");
	if (!r && test_crowd(&s)) {
		test_cost(&s);
		test_idle(&s);
		test_drop(&s);
		test_end(&s);
	}
	side_stop(&s.one);
	side_stop(&s.many);
	printf("scale: %u passed, %u failed, 0 skipped\n", s.passed, s.failed);
	return s.failed ? 1 : 0;
}
