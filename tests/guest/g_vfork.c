/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_vfork.c - vfork: the parent waits for exec, exit or death of the child; memory is shared. */
#include "guest.h"
#include <spawn.h>

extern char **environ;
static volatile int shared;

static int vfork_exec(const char *self, char *arg)
{
	char *argv[] = { (char *)self, arg, NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execv("/proc/self/exe", argv);
		_exit(98);
	}
	return reap(pid);
}

static void vfork_exit(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		struct timespec ts = { 0, 30000000 };

		nanosleep(&ts, NULL);
		shared = 5;
		_exit(3);
	}
	say("vfork exit: shared %d, %s", shared, status_text(reap(pid)));
}

static void vfork_killed(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 6;
		kill(getpid(), SIGKILL);
		_exit(3);
	}
	say("vfork killed: shared %d, %s", shared, status_text(reap(pid)));
}

static void vfork_fail(void)
{
	static char *argv[] = { (char *)"nothing", NULL };
	volatile int err = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execv("/nonexistent/program", argv);
		err = errno;
		_exit(4);
	}
	say("vfork failed exec: %s, %s", strerrorname_np(err), status_text(reap(pid)));
}

static void nested(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		volatile pid_t inner = vfork();

		if (inner == 0) {
			shared = 10;
			_exit(1);
		}
		shared += 1;
		_exit(WEXITSTATUS(reap(inner)) + 10);
	}
	say("nested vfork: shared %d, %s", shared, status_text(reap(pid)));
}

static void *spawner(void *arg)
{
	char *argv[] = { (char *)"spawned", (char *)"child", NULL };
	pid_t pid;

	for (int i = 0; i < 10; i++) {
		CHECK(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0);
		CHECK(WEXITSTATUS(reap(pid)) == 42);
		++*(int *)arg;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[4];
	int n[4] = { 0 };

	if (argc > 1 && !strcmp(argv[1], "child"))
		return 42;
	if (argc > 1 && !strcmp(argv[1], "print")) {
		say("in the new program");
		return 43;
	}
	say("vfork exec: %s", status_text(vfork_exec(argv[0], (char *)"print")));
	vfork_exit();
	vfork_killed();
	vfork_fail();
	nested();
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, spawner, &n[i]) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	say("spawned %d", n[0] + n[1] + n[2] + n[3]);
	return guest_end();
}
