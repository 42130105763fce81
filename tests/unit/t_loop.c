/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_loop.c - tests of vmmd/loop.c. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/loop.h"

/* What the handlers share. */
static struct {
	struct loop *loop;
	int timers, kicks, signals, waits;
	short events;
	int stop_at;
	int pipe[2];
	pthread_t thread;
	bool wrong_thread;
	struct loop_timer timer;
	struct loop_io io;
	struct loop_signal signal;
} t;

static void begin(void)
{
	t.loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(t.loop);
	t.thread = pthread_self();
}

static void in_thread(void)
{
	if (!pthread_equal(t.thread, pthread_self()))
		t.wrong_thread = true;
}

static void on_timer(struct loop_timer *timer)
{
	in_thread();
	if (++t.timers == t.stop_at) {
		loop_timer_stop(t.loop, timer);
		loop_break(t.loop);
	}
}

static void test_timer_once(void)
{
	begin();
	loop_timer_init(&t.timer, on_timer);
	CU_ASSERT_FALSE(loop_timer_active(&t.timer));
	loop_timer_start(t.loop, &t.timer, 5, 0);
	CU_ASSERT_TRUE(loop_timer_active(&t.timer));
	t.stop_at = 1;
	loop_run(t.loop);
	CU_ASSERT_EQUAL(t.timers, 1);
	CU_ASSERT_FALSE(loop_timer_active(&t.timer));
	loop_free(t.loop);
}

static void test_timer_repeats_and_restarts(void)
{
	begin();
	loop_timer_init(&t.timer, on_timer);
	loop_timer_start(t.loop, &t.timer, 3600000, 0);
	loop_timer_start(t.loop, &t.timer, 2, 2);
	t.stop_at = 5;
	loop_run(t.loop);
	CU_ASSERT_EQUAL(t.timers, 5);
	loop_timer_stop(t.loop, &t.timer);
	loop_timer_stop(t.loop, &t.timer);
	loop_free(t.loop);
}

static void on_io(struct loop_io *io, short events)
{
	(void)io;
	in_thread();
	t.events = events;
	loop_break(t.loop);
}

static void test_io(void)
{
	begin();
	CU_ASSERT_EQUAL_FATAL(pipe2(t.pipe, O_CLOEXEC), 0);
	loop_io_init(&t.io, on_io, t.pipe[0], POLLIN);
	loop_io_start(t.loop, &t.io);
	loop_io_start(t.loop, &t.io);
	CU_ASSERT_EQUAL(write(t.pipe[1], "x", 1), 1);
	loop_run(t.loop);
	CU_ASSERT_EQUAL(t.events, POLLIN);
	loop_io_stop(t.loop, &t.io);
	loop_io_stop(t.loop, &t.io);
	/* A stopped watcher is silent; its events can be changed while it is stopped. */
	loop_io_init(&t.io, on_io, t.pipe[1], POLLIN);
	loop_io_set(t.loop, &t.io, POLLOUT);
	loop_io_start(t.loop, &t.io);
	loop_run(t.loop);
	CU_ASSERT_EQUAL(t.events, POLLOUT);
	loop_io_stop(t.loop, &t.io);
	close(t.pipe[0]);
	close(t.pipe[1]);
	loop_free(t.loop);
}

static void on_signal(struct loop_signal *s, int signo)
{
	(void)s;
	in_thread();
	t.signals += signo == SIGUSR1;
	loop_break(t.loop);
}

static void test_signal(void)
{
	begin();
	loop_signal_init(&t.signal, on_signal, SIGUSR1);
	loop_signal_start(t.loop, &t.signal);
	raise(SIGUSR1);
	loop_run(t.loop);
	CU_ASSERT_EQUAL(t.signals, 1);
	loop_signal_stop(t.loop, &t.signal);
	loop_free(t.loop);
}

/* libev's own SIGCHLD handler would take the children of ptrace and of others. */
static void test_children_are_left_alone(void)
{
	pid_t pid;
	int status;

	begin();
	pid = fork();
	if (!pid)
		_exit(3);
	loop_timer_init(&t.timer, on_timer);
	loop_timer_start(t.loop, &t.timer, 50, 0);
	t.stop_at = 1;
	loop_run(t.loop);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 3);
	loop_free(t.loop);
}

static void on_kick(void *arg)
{
	in_thread();
	CU_ASSERT_PTR_EQUAL(arg, &t);
	t.kicks++;
	loop_break(t.loop);
}

static void *kick(void *arg)
{
	usleep(5000);
	loop_kick(arg);
	return NULL;
}

static void test_kick_from_another_thread(void)
{
	pthread_t thread;

	begin();
	loop_on_kick(t.loop, on_kick, &t);
	pthread_create(&thread, NULL, kick, t.loop);
	loop_run(t.loop);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(t.kicks, 1);
	CU_ASSERT_FALSE(t.wrong_thread);
	loop_free(t.loop);
}

/* The owner's blocking call: for ever, unless a signal comes. */
static void wait_for_ever(void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &t);
	t.waits++;
	poll(NULL, 0, -1);
}

static void test_wait_is_interrupted_by_a_timer(void)
{
	begin();
	loop_timer_init(&t.timer, on_timer);
	loop_timer_start(t.loop, &t.timer, 10, 10);
	t.stop_at = 5;
	CU_ASSERT_EQUAL(loop_run_wait(t.loop, wait_for_ever, &t), 0);
	CU_ASSERT_EQUAL(t.timers, 5);
	CU_ASSERT_FALSE(t.wrong_thread);
	loop_free(t.loop);
}

static void test_wait_is_interrupted_by_a_kick(void)
{
	pthread_t thread;

	begin();
	loop_on_kick(t.loop, on_kick, &t);
	pthread_create(&thread, NULL, kick, t.loop);
	CU_ASSERT_EQUAL(loop_run_wait(t.loop, wait_for_ever, &t), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(t.kicks, 1);
	CU_ASSERT_FALSE(t.wrong_thread);
	loop_free(t.loop);
}

static void test_wait_is_interrupted_by_a_descriptor(void)
{
	begin();
	CU_ASSERT_EQUAL_FATAL(pipe2(t.pipe, O_CLOEXEC), 0);
	loop_io_init(&t.io, on_io, t.pipe[0], POLLIN);
	loop_io_start(t.loop, &t.io);
	if (!fork()) {
		usleep(10000);
		_exit(write(t.pipe[1], "x", 1) != 1);
	}
	CU_ASSERT_EQUAL(loop_run_wait(t.loop, wait_for_ever, &t), 0);
	CU_ASSERT_EQUAL(t.events, POLLIN);
	CU_ASSERT_FALSE(t.wrong_thread);
	loop_io_stop(t.loop, &t.io);
	wait(NULL);
	close(t.pipe[0]);
	close(t.pipe[1]);
	loop_free(t.loop);
}

/* Each wait starts a watcher that the helper's poll under way does not know of. */
static void wait_and_start(void *arg)
{
	if (t.waits == 0)
		loop_timer_start(t.loop, &t.timer, 10, 0);
	wait_for_ever(arg);
}

static void test_wait_sees_watchers_started_meanwhile(void)
{
	begin();
	loop_timer_init(&t.timer, on_timer);
	t.stop_at = 1;
	CU_ASSERT_EQUAL(loop_run_wait(t.loop, wait_and_start, &t), 0);
	CU_ASSERT_EQUAL(t.timers, 1);
	loop_free(t.loop);
}

/* A kick by the owner itself is handled before it blocks again. */
static void wait_and_kick(void *arg)
{
	(void)arg;
	t.waits++;
	loop_kick(t.loop);
}

static void test_wait_and_own_kick(void)
{
	begin();
	loop_on_kick(t.loop, on_kick, &t);
	CU_ASSERT_EQUAL(loop_run_wait(t.loop, wait_and_kick, &t), 0);
	CU_ASSERT_EQUAL(t.waits, 1);
	CU_ASSERT_EQUAL(t.kicks, 1);
	/* The loop can be used again, either way. */
	CU_ASSERT_EQUAL(loop_run_wait(t.loop, wait_and_kick, &t), 0);
	CU_ASSERT_EQUAL(t.kicks, 2);
	loop_kick(t.loop);
	loop_run(t.loop);
	CU_ASSERT_EQUAL(t.kicks, 3);
	loop_free(t.loop);
}

UNIT_SUITE(loop, UNIT_TEST(test_timer_once), UNIT_TEST(test_timer_repeats_and_restarts),
	   UNIT_TEST(test_io), UNIT_TEST(test_signal), UNIT_TEST(test_children_are_left_alone),
	   UNIT_TEST(test_kick_from_another_thread), UNIT_TEST(test_wait_is_interrupted_by_a_timer),
	   UNIT_TEST(test_wait_is_interrupted_by_a_kick),
	   UNIT_TEST(test_wait_is_interrupted_by_a_descriptor),
	   UNIT_TEST(test_wait_sees_watchers_started_meanwhile), UNIT_TEST(test_wait_and_own_kick));
