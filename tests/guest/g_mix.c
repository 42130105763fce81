/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_mix.c - everything at once for a second: threads, forks, execs, signals, stops and kills from many sides. */
#include "guest.h"

static volatile int over;
static volatile sig_atomic_t hits;

static void hit(int sig)
{
	(void)sig;
	hits++;
}

static void *callers(void *arg)
{
	while (!over) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			close(fd);
		syscall(SYS_getppid);
		sched_yield();
	}
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void *threaders(void *arg)
{
	pthread_t t;

	while (!over)
		if (pthread_create(&t, NULL, nothing, NULL) == 0)
			pthread_join(t, NULL);
	return arg;
}

static void *forkers(void *arg)
{
	char *argv[] = { (char *)"g_mix", (char *)"exit", NULL };

	for (volatile int i = 0; !over; i++) {
		pid_t pid = i & 1 ? fork() : vfork();

		if (pid == 0) {
			if (i & 2)
				_exit(3);
			execv("/proc/self/exe", argv);
			_exit(4);
		}
		int status = reap(pid);
		CHECK(status == 3 << 8);
	}
	return arg;
}

static void *stoppers(void *arg)
{
	int status;

	while (!over) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				syscall(SYS_getppid);
		kill(pid, SIGSTOP);
		CHECK(wait_opt(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
		kill(pid, SIGCONT);
		kill(pid, SIGKILL);
		CHECK(reap(pid) == SIGKILL);
	}
	return arg;
}

int main(int argc, char **argv)
{
	static void *(*const work[])(void *) = { callers, callers, threaders, forkers, forkers, stoppers, stoppers };
	enum { N = sizeof(work) / sizeof(work[0]) };
	struct itimerval it = { { 0, 3000 }, { 0, 3000 } }, off = { 0 };
	pthread_t t[N];

	(void)argv;
	if (argc > 1)
		return 3;
	on_signal(SIGALRM, hit, SA_RESTART);
	for (int i = 0; i < N; i++)
		CHECK(pthread_create(&t[i], NULL, work[i], NULL) == 0);
	setitimer(ITIMER_REAL, &it, NULL);
	nap_ms(1000);
	over = 1;
	for (int i = 0; i < N; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	setitimer(ITIMER_REAL, &off, NULL);
	CHECK(hits > 0);
	CHECK(wait_opt(-1, NULL, 0) == -1 && errno == ECHILD);
	return guest_end();
}
