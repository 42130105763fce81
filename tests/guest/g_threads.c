/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_threads.c - threads: creation, join, detach, thread-local storage, many at once. */
#include "guest.h"

#define MANY 50

static __thread long tls = 7;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long sum, detached;
static pid_t tids[MANY];

static void *worker(void *arg)
{
	long me = (long)arg;

	CHECK(tls == 7);
	tls = me;
	tids[me] = (pid_t)syscall(SYS_gettid);
	for (int i = 0; i < 20; i++) {
		CHECK(getpid() == (pid_t)syscall(SYS_getpid));
		pthread_mutex_lock(&lock);
		sum += me;
		pthread_mutex_unlock(&lock);
		sched_yield();
		CHECK(tls == me);
	}
	CHECK(tids[me] == (pid_t)syscall(SYS_gettid));
	return (void *)(me * 3);
}

static void *loner(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	detached++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void many(void)
{
	pthread_t t[MANY];
	void *ret;
	long returned = 0;

	for (long i = 0; i < MANY; i++)
		CHECK(pthread_create(&t[i], NULL, worker, (void *)i) == 0);
	for (long i = 0; i < MANY; i++) {
		CHECK(pthread_join(t[i], &ret) == 0);
		returned += (long)ret;
	}
	for (int i = 0; i < MANY; i++)
		for (int j = i + 1; j < MANY; j++)
			CHECK(tids[i] != tids[j]);
	say("%d threads: sum %ld returned %ld tls %ld", MANY, sum, returned, tls);
}

static void detach(void)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 20; i++)
		CHECK(pthread_create(&t, &attr, loner, NULL) == 0);
	pthread_mutex_lock(&lock);
	while (detached < 20)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	say("detached %ld", detached);
}

static void *sleeper(void *arg)
{
	pipe_put(*(int *)arg);
	for (;;)
		pause();
	return NULL;
}

static void cancel(void)
{
	pthread_t t;
	void *ret;
	int p[2];

	CHECK(pipe(p) == 0);
	CHECK(pthread_create(&t, NULL, sleeper, &p[1]) == 0);
	CHECK(pipe_get(p[0]));
	CHECK(pthread_cancel(t) == 0);
	CHECK(pthread_join(t, &ret) == 0);
	say("cancelled %d", ret == PTHREAD_CANCELED);
	close(p[0]);
	close(p[1]);
}

/* setgid(2) of one thread reaches all: glibc sends each a signal. */
static int all_change_gid(void *arg)
{
	pthread_t t[5];
	int p[2];

	(void)arg;
	CHECK(pipe(p) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK(pthread_create(&t[i], NULL, sleeper, &p[1]) == 0);
		CHECK(pipe_get(p[0]));
	}
	CHECK(setgid(getgid()) == 0);
	say("setgid with 5 threads");
	return 0;
}

int main(void)
{
	many();
	detach();
	cancel();
	say("%s", status_text(in_child(all_change_gid, NULL)));
	return guest_end();
}
