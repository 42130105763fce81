// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attachee.c - a program that is attached while it runs.
 *
 *   attachee N
 *
 * N threads make getppid(2) a hundred times a second; the first thread sleeps in
 * read(2) until it is told something, a line each, and says what came of it:
 *
 *   mkdir PATH   "mkdir 0", or the name of the error
 *   fork PATH    the same by a child: "fork 0"
 *   nnp          "nnp" and whether there can be new privileges, 1: not
 *   signal       "signal" and how many of its own it has got
 *   exec         run itself, with no threads: "ready"
 *   exit N
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void *caller(void *arg)
{
	for (;;) {
		syscall(SYS_getppid);
		usleep(10000);
	}
	return arg;
}

static int make(const char *path)
{
	return mkdir(path, 0777) ? errno : 0;
}

static int by_child(const char *path)
{
	int status = 0;
	pid_t p = fork();

	if (p == 0)
		_exit(make(path));
	return p > 0 && waitpid(p, &status, 0) == p && WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

static void say_error(const char *what, int err)
{
	printf("%s %s\n", what, err ? strerrorname_np(err) : "0");
}

static void obey(const char *line, char **argv)
{
	char none[] = "0", *again[] = {argv[0], none, NULL};

	if (strncmp(line, "mkdir ", 6) == 0) {
		say_error("mkdir", make(line + 6));
	} else if (strncmp(line, "fork ", 5) == 0) {
		say_error("fork", by_child(line + 5));
	} else if (strcmp(line, "nnp") == 0) {
		printf("nnp %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	} else if (strcmp(line, "signal") == 0) {
		raise(SIGUSR1);
		printf("signal %d\n", (int)signals);
	} else if (strcmp(line, "exec") == 0) {
		execv("/proc/self/exe", again);
	} else if (strncmp(line, "exit ", 5) == 0) {
		exit(atoi(line + 5));
	}
}

int main(int argc, char **argv)
{
	char line[512];
	pthread_t t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGUSR1, on_signal);
	for (int i = argc > 1 ? atoi(argv[1]) : 0; i > 0; i--)
		if (pthread_create(&t, NULL, caller, NULL))
			return 1;
	puts("ready");
	/* A byte at a time: what is read ahead would be lost in an exec. */
	setvbuf(stdin, NULL, _IONBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(line, argv);
	}
	return 0;
}
