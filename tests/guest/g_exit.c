/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_exit.c - how a process ends: every code, exit_group from a thread, a leader that leaves first. Argument: exits with it. */
#include "guest.h"

static int shared_pipe[2];

static void *exit_all(void *arg)
{
	syscall(SYS_exit_group, (long)arg);
	return NULL;
}

static void *doze(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int group_from_thread_fn(void *arg)
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t, NULL, doze, NULL) == 0);
	CHECK(pthread_create(&t, NULL, exit_all, arg) == 0);
	for (;;)
		pause();
	return 1;
}

static void *write_later(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	pipe_put(shared_pipe[1]);
	return NULL;
}

/* The leader ends; the process lives as long as its last thread and then has the leader's code. */
static int leader_leaves(void *arg)
{
	static pthread_t me;
	pthread_t t;

	(void)arg;
	me = pthread_self();
	CHECK(pthread_create(&t, NULL, write_later, &me) == 0);
	pthread_exit((void *)5);
}

static void *raw_exit_later(void *arg)
{
	while (task_state(getpid()) != 'Z')
		nap_ms(1);
	syscall(SYS_exit, (long)arg);
	return NULL;
}

static int leader_raw(void *arg)
{
	pthread_t t;

	(void)arg;
	CHECK(pthread_create(&t, NULL, raw_exit_later, (void *)21L) == 0);
	syscall(SYS_exit, 20);
	return 1;
}

static void *group_later(void *arg)
{
	while (task_state(getpid()) != 'Z')
		nap_ms(1);
	syscall(SYS_exit_group, (long)arg);
	return NULL;
}

static int leader_then_group(void *arg)
{
	pthread_t t;

	(void)arg;
	CHECK(pthread_create(&t, NULL, group_later, (void *)22L) == 0);
	syscall(SYS_exit, 20);
	return 1;
}

static void *kill_later(void *arg)
{
	while (task_state(getpid()) != 'Z')
		nap_ms(1);
	kill(getpid(), (int)(long)arg);
	for (;;)
		pause();
	return NULL;
}

static int leader_then_kill(void *arg)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, kill_later, arg) == 0);
	syscall(SYS_exit, 20);
	return 1;
}

/* While the leader is gone the process still answers: signals, new threads, forks. */
static void *busy_orphan(void *arg)
{
	pthread_t t;
	pid_t pid;

	while (task_state(getpid()) != 'Z')
		nap_ms(1);
	pid = fork();
	if (pid == 0)
		_exit(6);
	CHECK(reap(pid) == 6 << 8);
	CHECK(pthread_create(&t, NULL, exit_all, (void *)23L) == 0);
	pthread_join(t, NULL);
	return arg;
}

static int leader_then_work(void *arg)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, busy_orphan, arg) == 0);
	syscall(SYS_exit, 20);
	return 1;
}

static int return_code(void *arg)
{
	return (int)(long)arg;
}

static void handler_exit(int sig)
{
	_exit(sig + 50);
}

static int from_handler(void *arg)
{
	(void)arg;
	signal(SIGUSR1, handler_exit);
	raise(SIGUSR1);
	return 1;
}

/* All threads end by themselves with one code: which is the last is left open. */
static void *leave(void *arg)
{
	syscall(SYS_exit, (long)arg);
	return NULL;
}

static int all_leave(void *arg)
{
	pthread_t t;

	(void)arg;
	for (long i = 0; i < 10; i++)
		CHECK(pthread_create(&t, NULL, leave, (void *)29L) == 0);
	syscall(SYS_exit, 29);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return atoi(argv[1]);
	for (long i = 0; i < 256; i++)
		CHECK(in_child(return_code, (void *)i) == (int)i << 8);
	say("codes 0 to 255");
	say("code 256: %s", status_text(in_child(return_code, (void *)256L)));
	say("code -1: %s", status_text(in_child(return_code, (void *)-1L)));
	for (int i = 0; i < 10; i++)
		say("exit_group from a thread: %s", status_text(in_child(group_from_thread_fn, (void *)(19L + i))));
	CHECK(pipe(shared_pipe) == 0);
	say("leader leaves: %s", status_text(in_child(leader_leaves, NULL)));
	CHECK(pipe_get(shared_pipe[0]));
	say("leader leaves, thread exits: %s", status_text(in_child(leader_raw, NULL)));
	say("leader leaves, thread exits all: %s", status_text(in_child(leader_then_group, NULL)));
	say("leader leaves, SIGKILL: %s", status_text(in_child(leader_then_kill, (void *)(long)SIGKILL)));
	say("leader leaves, SIGTERM: %s", status_text(in_child(leader_then_kill, (void *)(long)SIGTERM)));
	say("leader leaves, thread works: %s", status_text(in_child(leader_then_work, NULL)));
	say("from a handler: %s", status_text(in_child(from_handler, NULL)));
	for (int i = 0; i < 5; i++)
		say("all leave: %s", status_text(in_child(all_leave, NULL)));
	return guest_end();
}
