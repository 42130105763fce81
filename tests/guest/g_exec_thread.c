/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_exec_thread.c - execve(2) by a thread that is not the leader: the process keeps its pid, all other threads go. */
#include "guest.h"
#include <dirent.h>

static char *const *self;

static int count_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	if (!d)
		return -1;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int after(const char *pid)
{
	CHECK(getpid() == atoi(pid));
	CHECK((pid_t)syscall(SYS_gettid) == atoi(pid));
	say("after exec: %d thread", count_threads());
	return 40 + guest_failed;
}

static void *blocked(void *arg)
{
	int *fd = arg;

	pipe_put(fd[1]);
	for (;;)
		pause();
	return NULL;
}

static void *spinning(void *arg)
{
	int *fd = arg;

	pipe_put(fd[1]);
	for (;;)
		syscall(SYS_getppid);
	return NULL;
}

static void *exec_it(void *arg)
{
	char pid[16];
	char *argv[] = { self[0], (char *)"after", pid, NULL };

	if (arg) /* wait for the leader to have left */
		pthread_join(*(pthread_t *)arg, NULL);
	snprintf(pid, sizeof(pid), "%d", getpid());
	execv("/proc/thread-self/exe", argv);
	say("FAIL exec %s", strerrorname_np(errno));
	_exit(97);
}

static void start(int n, void *(*fn)(void *))
{
	pthread_t t;
	int p[2];

	CHECK(pipe2(p, O_CLOEXEC) == 0);
	for (int i = 0; i < n; i++) {
		CHECK(pthread_create(&t, NULL, fn, p) == 0);
		CHECK(pipe_get(p[0]));
	}
}

static int leader_waits(void *arg)
{
	pthread_t t;

	(void)arg;
	CHECK(pthread_create(&t, NULL, exec_it, NULL) == 0);
	pthread_join(t, NULL);
	return 96;
}

static int leader_gone(void *arg)
{
	static pthread_t me;
	pthread_t t;

	(void)arg;
	me = pthread_self();
	CHECK(pthread_create(&t, NULL, exec_it, &me) == 0);
	pthread_exit(NULL);
}

static int with_others(void *arg)
{
	start(5, blocked);
	start(3, spinning);
	return leader_waits(arg);
}

static int leader_execs(void *arg)
{
	(void)arg;
	start(4, blocked);
	start(2, spinning);
	exec_it(NULL);
	return 95;
}

static void *fail_exec(void *arg)
{
	char *argv[] = { (char *)"x", NULL };

	(void)arg;
	execv("/nonexistent", argv);
	say("failed exec in a thread: %s", strerrorname_np(errno));
	return NULL;
}

static int fails_first(void *arg)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, fail_exec, NULL) == 0);
	pthread_join(t, NULL);
	/* The join needs only the thread's word that it ends; the kernel counts it a moment longer. */
	for (int i = 0; count_threads() != 1 && i < 2000; i++)
		usleep(1000);
	CHECK(count_threads() == 1);
	return leader_waits(arg);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return after(argv[2]);
	self = argv;
	say("leader waiting: %s", status_text(in_child(leader_waits, NULL)));
	say("leader gone: %s", status_text(in_child(leader_gone, NULL)));
	for (int i = 0; i < 5; i++)
		say("threads blocked and busy: %s", status_text(in_child(with_others, NULL)));
	say("exec by the leader: %s", status_text(in_child(leader_execs, NULL)));
	say("exec that fails first: %s", status_text(in_child(fails_first, NULL)));
	return guest_end();
}
