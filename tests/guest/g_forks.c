/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_forks.c - many processes: 200 at once, deep and wide trees, waiting in every way. */
#include "guest.h"

static void wide(void)
{
	int gate[2], seen[256] = { 0 }, status, ok = 0;
	char c;

	CHECK(pipe(gate) == 0);
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			close(gate[1]);
			_exit(read(gate[0], &c, 1) == 0 ? i : 255);
		}
		CHECK(pid > 0);
	}
	close(gate[1]); /* lets all go at once */
	for (int i = 0; i < 200; i++) {
		CHECK(wait_opt(-1, &status, 0) > 0);
		CHECK(WIFEXITED(status));
		seen[WEXITSTATUS(status)]++;
	}
	for (int i = 0; i < 200; i++)
		ok += seen[i] == 1;
	close(gate[0]);
	say("200 children: %d", ok);
}

static int deep(int level)
{
	pid_t pid;

	if (level == 0)
		return 1;
	pid = fork();
	if (pid == 0)
		_exit(deep(level - 1));
	return WEXITSTATUS(reap(pid)) + 1;
}

static int tree(int level)
{
	int n = 1;

	if (level == 0)
		return n;
	for (int i = 0; i < 2; i++)
		if (fork() == 0)
			_exit(tree(level - 1));
	for (int i = 0; i < 2; i++)
		n += WEXITSTATUS(reap(-1));
	return n;
}

static void *forker(void *arg)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i);
		*(int *)arg += WEXITSTATUS(reap(pid)) == i;
	}
	return NULL;
}

static void waits(void)
{
	struct rusage ru;
	siginfo_t si;
	int status;
	pid_t a, b;

	say("no child: %s", outcome(wait_opt(-1, &status, 0)));
	a = fork();
	if (a == 0)
		_exit(7);
	b = fork();
	if (b == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(b, b);
	CHECK(waitpid(b, &status, WNOHANG) == 0);
	CHECK(waitid(P_PID, (id_t)a, &si, WEXITED | WNOWAIT) == 0 && si.si_status == 7);
	CHECK(wait4(a, &status, 0, &ru) == a);
	say("wait4: %s, cpu %d", status_text(status), ru.ru_utime.tv_sec < 5);
	say("again: %s", outcome(wait_opt(a, &status, 0)));
	kill(b, SIGTERM);
	CHECK(wait_opt(-b, &status, 0) == b);
	say("by group: %s", status_text(status));
	say("bad options: %s", outcome(waitpid(-1, &status, 0x1000)));
	say("waitid nothing: %s", outcome(waitid(P_ALL, 0, &si, 0)));
}

static void ids(void)
{
	pid_t me = getpid(), pid = fork();

	if (pid == 0) {
		CHECK(getppid() == me);
		CHECK(getpid() != me);
		CHECK(getpgrp() == getpgid(0) && getsid(0) == getsid(me));
		CHECK(setsid() == getpid() && getpgrp() == getpid() && getsid(0) == getpid());
		errno = 0;
		say("setsid again: %s", outcome(setsid()));
		_exit(guest_failed);
	}
	CHECK(reap(pid) == 0);
	say("ids");
}

int main(void)
{
	int n[4] = { 0 };
	pthread_t t[4];

	wide();
	say("deep: %d", deep(30));
	say("tree: %d", tree(5));
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, forker, &n[i]) == 0);
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_join(t[i], NULL) == 0);
		say("thread %d forked %d", i, n[i]);
	}
	waits();
	ids();
	return guest_end();
}
