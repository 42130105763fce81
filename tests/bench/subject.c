/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * subject.c - the program that is measured: it times system calls inside itself.
 *
 *   subject
 *
 * It prints "ready PID" and then obeys one command a line on standard input,
 * answering each with one line, until end of file:
 *
 *   pin CPU        run on this CPU only, -1: on all
 *   run NR CALLS   make system call NR CALLS times; answers ns per call
 *   time WHAT MS   do WHAT (timed.c) again and again for so long; answers ns each, how many
 *                  in all, and the processor time in ns of this process and its children
 *   crowd P T      make P idle processes and T idle threads; answers "ok"
 *   drop           end the crowd; answers "ok"
 *
 * `run` answers with the mean, so that what happens seldom counts with its
 * share; a round that was disturbed is for the driver to outvote. The process that makes the calls is
 * older than its crowd, which is the worst case for a tracer that walks its
 * tasks in order of age. The crowd dies with the subject (PR_SET_PDEATHSIG).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/timed.h"

#define WARM_UP_SHARE 20 /* of the calls; side_stops() knows it, too */
#define THREADS_PER_PROCESS 1000
#define THREAD_STACK (64 * 1024)

struct crowd {
	unsigned *arrived; /* shared by all processes of the crowd */
	pid_t *leaders;	   /* direct children */
	unsigned count;
};

static double time_calls(long nr, long calls)
{
	double start;

	for (long i = 0; i < calls / WARM_UP_SHARE; i++) /* caches, branch predictors, CPU clock */
		syscall(nr);
	start = timed_now();
	for (long i = 0; i < calls; i++)
		syscall(nr);
	return (timed_now() - start) / (double)calls;
}

static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static _Noreturn void idle(unsigned *arrived)
{
	__atomic_add_fetch(arrived, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static void *idle_thread(void *arrived)
{
	idle(arrived);
}

/* One process of the crowd; with threads > 0 it has that many tasks in all. */
static int crowd_fork(struct crowd *c, unsigned threads)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid) {
		c->leaders[c->count++] = pid;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (threads > 1) {
		pthread_attr_t attr;
		pthread_t id;

		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, THREAD_STACK);
		for (unsigned i = 1; i < threads; i++)
			if (pthread_create(&id, &attr, idle_thread, c->arrived))
				_exit(1);
	}
	idle(c->arrived);
}

static int crowd_make(struct crowd *c, unsigned processes, unsigned threads)
{
	unsigned groups = (threads + THREADS_PER_PROCESS - 1) / THREADS_PER_PROCESS;
	pid_t *leaders;
	int err = 0;

	if (c->count)
		return -EBUSY;
	leaders = realloc(c->leaders, (processes + groups + 1) * sizeof(*leaders));
	if (!leaders)
		return -ENOMEM;
	c->leaders = leaders;
	*c->arrived = 0;
	for (unsigned i = 0; i < processes && !err; i++)
		err = crowd_fork(c, 0);
	for (unsigned left = threads; left > 0 && !err;) {
		unsigned n = left < THREADS_PER_PROCESS ? left : THREADS_PER_PROCESS;

		err = crowd_fork(c, n);
		left -= n;
	}
	while (!err && __atomic_load_n(c->arrived, __ATOMIC_SEQ_CST) < processes + threads) {
		usleep(2000);
		if (waitpid(-1, NULL, WNOHANG) > 0) /* one of the crowd failed */
			err = -EAGAIN;
	}
	return err;
}

static void crowd_drop(struct crowd *c)
{
	for (unsigned i = 0; i < c->count; i++)
		kill(c->leaders[i], SIGKILL);
	for (unsigned i = 0; i < c->count; i++)
		waitpid(c->leaders[i], NULL, 0);
	c->count = 0;
}

static void answer(int err)
{
	if (err)
		printf("error %s\n", strerror(-err));
	else
		printf("ok\n");
}

static void answer_timed(const char *what, unsigned ms)
{
	struct timed t;
	int err = timed_run(&t, what, ms);

	if (err)
		answer(err);
	else
		printf("%.2f %ld %.0f\n", t.ns, t.count, t.cpu);
}

static bool obey(struct crowd *c, const char *line)
{
	char what[32];
	long nr, calls;
	unsigned p, t;
	int cpu;

	if (sscanf(line, "run %ld %ld", &nr, &calls) == 2)
		printf("%.2f\n", time_calls(nr, calls));
	else if (sscanf(line, "time %31s %u", what, &t) == 2)
		answer_timed(what, t);
	else if (sscanf(line, "pin %d", &cpu) == 1)
		answer(pin(cpu) ? -errno : 0);
	else if (sscanf(line, "crowd %u %u", &p, &t) == 2)
		answer(crowd_make(c, p, t));
	else if (!strcmp(line, "drop\n")) {
		crowd_drop(c);
		answer(0);
	} else
		return false;
	return true;
}

int main(void)
{
	struct crowd crowd = { 0 };
	char line[128];

	setvbuf(stdout, NULL, _IOLBF, 0);
	crowd.arrived = mmap(NULL, sizeof(unsigned), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crowd.arrived == MAP_FAILED)
		return 1;
	printf("ready %d\n", (int)getpid());
	while (fgets(line, sizeof(line), stdin))
		if (!obey(&crowd, line))
			printf("error not a command\n");
	crowd_drop(&crowd);
	free(crowd.leaders);
	return 0;
}
