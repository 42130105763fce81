/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_kill.c - SIGKILL reaches a process in any state: blocked, busy, stopped, in vfork, exec, with threads. */
#include "guest.h"
#include <linux/futex.h>

static int up[2]; /* the victim says that it is there */

static int v_pause(void)
{
	pipe_put(up[1]);
	for (;;)
		pause();
	return 0;
}

static int v_read(void)
{
	int p[2];
	char c;

	CHECK(pipe(p) == 0);
	pipe_put(up[1]);
	return (int)read(p[0], &c, 1);
}

static int v_futex(void)
{
	static int word;

	pipe_put(up[1]);
	return (int)syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static int v_spin(void)
{
	volatile long n = 0;

	pipe_put(up[1]);
	for (;;)
		n++;
	return 0;
}

static int v_calls(void)
{
	pipe_put(up[1]);
	for (;;)
		syscall(SYS_getppid);
	return 0;
}

static int v_stop(void)
{
	pipe_put(up[1]);
	raise(SIGSTOP);
	return 1;
}

static int v_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pipe_put(up[1]);
		for (;;)
			pause();
	}
	return 1;
}

static void *thread_calls(void *arg)
{
	(void)arg;
	for (;;)
		syscall(SYS_getppid);
	return NULL;
}

static void *thread_pause(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static int v_threads(void)
{
	pthread_t t;

	for (int i = 0; i < 4; i++) {
		CHECK(pthread_create(&t, NULL, thread_calls, NULL) == 0);
		CHECK(pthread_create(&t, NULL, thread_pause, NULL) == 0);
	}
	return v_pause();
}

static int v_leaderless(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, thread_calls, NULL) == 0);
	pipe_put(up[1]);
	pthread_exit(NULL);
}

/* Makes threads and processes without an end. */
static void *thread_nothing(void *arg)
{
	return arg;
}

static int v_threading(void)
{
	pthread_t t;

	pipe_put(up[1]);
	for (;;)
		if (pthread_create(&t, NULL, thread_nothing, NULL) == 0)
			pthread_join(t, NULL);
	return 0;
}

static int v_forking(void)
{
	pipe_put(up[1]);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		reap(pid);
	}
	return 0;
}

static int v_execing(void)
{
	char *argv[] = { (char *)"g_kill", (char *)"again", NULL };

	pipe_put(up[1]);
	execv("/proc/self/exe", argv);
	return 1;
}

static int v_masked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	return v_pause();
}

static int v_handler(void)
{
	on_signal(SIGALRM, ignore_it, SA_RESTART);
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } };

	setitimer(ITIMER_REAL, &it, NULL);
	return v_pause();
}

static const struct {
	const char *name;
	int (*fn)(void);
} victims[] = {
	{ "pause", v_pause },	  { "read", v_read },		{ "futex", v_futex },
	{ "busy", v_spin },	  { "system calls", v_calls },	{ "stopped", v_stop },
	{ "vfork", v_vfork },	  { "threads", v_threads },	{ "leader gone", v_leaderless },
	{ "threading", v_threading }, { "forking", v_forking }, { "execing", v_execing },
	{ "masked", v_masked },	  { "handler", v_handler },
};

static void kill_one(size_t i, unsigned delay_us)
{
	int status = -1;
	pid_t pid;

	CHECK(pipe(up) == 0);
	pid = fork();
	if (pid == 0)
		_exit(victims[i].fn());
	CHECK(pipe_get(up[0]));
	if (victims[i].fn == v_stop)
		CHECK(wait_opt(pid, &status, WUNTRACED) == pid);
	usleep(delay_us);
	CHECK(kill(pid, SIGKILL) == 0);
	status = reap(pid);
	if (delay_us == 0)
		say("%s: %s", victims[i].name, status_text(status));
	else
		CHECK(status == SIGKILL);
	close(up[0]);
	close(up[1]);
}

/* A victim that is killed at the first instruction or before, at every moment of its birth. */
static void newborn(void)
{
	int killed = 0;

	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				syscall(SYS_getppid);
		usleep((unsigned)i * 7);
		kill(pid, SIGKILL);
		killed += reap(pid) == SIGKILL;
	}
	say("killed at birth: %d", killed);
}

/*
 * A victim killed inside fork(2), vfork(2) or clone(2): the child that was just made, of
 * which nobody was told, runs and ends like any other. We inherit and reap it.
 */
static void orphans(void)
{
	int rounds = 200;

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < rounds; i++) {
		pid_t victim;
		int status;

		CHECK(pipe(up) == 0);
		victim = fork();
		if (victim == 0) {
			if (i & 1) {
				v_threading();
				_exit(1);
			}
			pipe_put(up[1]);
			for (;;)
				if (fork() == 0)
					_exit(0);
		}
		CHECK(pipe_get(up[0]));
		usleep((unsigned)(i * 37 % 700));
		kill(victim, SIGKILL);
		while (wait_opt(-1, &status, 0) > 0)
			CHECK(status == SIGKILL || status == 0);
		CHECK(errno == ECHILD);
		close(up[0]);
		close(up[1]);
	}
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
	say("killed while forking: %d", rounds);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "again"))
		execv("/proc/self/exe", argv);
	for (size_t i = 0; i < sizeof(victims) / sizeof(victims[0]); i++)
		for (unsigned d = 0; d < 5; d++)
			kill_one(i, d * 211);
	newborn();
	orphans();
	return guest_end();
}
