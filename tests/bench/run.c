/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - start, wait, count.
 */
#include "tests/bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 10000 /* what still runs that long after the command is killed */
#define RUN_S 120	/* and the command, too, after so long */
#define NOT_RUN 125

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double timeval_ns(const struct timeval *tv)
{
	return (double)tv->tv_sec * 1e9 + (double)tv->tv_usec * 1e3;
}

static int used(const struct runner *r, double *ns)
{
	struct rusage u;

	if (r->cg.dir[0])
		return cg_usage(&r->cg, ns);
	if (getrusage(RUSAGE_CHILDREN, &u))
		return -errno;
	*ns = timeval_ns(&u.ru_utime) + timeval_ns(&u.ru_stime);
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void set_timer(time_t seconds)
{
	struct itimerval t = { .it_value = { .tv_sec = seconds } };

	setitimer(ITIMER_REAL, &t, NULL);
}

int runner_init(struct runner *r)
{
	struct sigaction sa = { .sa_handler = on_alarm }; /* no call is restarted */

	sigaction(SIGALRM, &sa, NULL);
	r->begun = mmap(NULL, sizeof(*r->begun), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (r->begun == MAP_FAILED)
		return -errno;
	cg_open(&r->cg);
	return 0;
}

void runner_fini(struct runner *r)
{
	cg_close(&r->cg);
}

/* Joining a cgroup takes its time, now and then; the clock starts behind it. */
static _Noreturn void start(const struct runner *r, char *const argv[])
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(r->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (in < 0 || out < 0 || (r->cg.dir[0] && cg_join(&r->cg)) || (r->cwd && chdir(r->cwd)))
		_exit(NOT_RUN);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	close(in);
	close(out);
	signal(SIGPIPE, SIG_DFL);
	*r->begun = now_ns();
	execvp(argv[0], argv);
	_exit(NOT_RUN);
}

/* Reap what the command has left behind. */
static int drain(const struct runner *r)
{
	for (int ms = 0;; ms++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0)
			return errno == ECHILD ? 0 : -errno;
		if (pid > 0)
			continue;
		if (ms == LINGER_MS)
			cg_kill(&r->cg);
		if (ms == 2 * LINGER_MS)
			return -ETIMEDOUT;
		usleep(1000);
	}
}

int runner_run(const struct runner *r, char *const argv[], struct run *run)
{
	double before = 0, after = 0;
	pid_t pid, got;
	int err = used(r, &before);

	if (err)
		return err;
	/* Not earlier: what was left behind before the first run is none of ours. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		return -errno;
	pid = fork();
	if (!pid)
		start(r, argv);
	if (pid < 0)
		return -errno;
	set_timer(RUN_S);
	do { /* orphans of the command come to us, too */
		got = wait4(-1, &run->status, __WALL, NULL);
		if (got < 0 && errno == EINTR) { /* it takes too long, or somebody wants us to end */
			cg_kill(&r->cg);
			kill(pid, SIGKILL);
		}
	} while (got != pid && (got > 0 || errno == EINTR));
	set_timer(0);
	run->wall = now_ns() - *r->begun;
	err = got < 0 ? -errno : drain(r);
	if (!err)
		err = used(r, &after);
	run->cpu = err ? 0 : after - before;
	if (!err && WIFEXITED(run->status) && WEXITSTATUS(run->status) == NOT_RUN)
		err = -ENOEXEC;
	return err;
}
