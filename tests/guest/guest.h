/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h - what the guest programs share.
 *
 * A guest is a small program that exercises one corner of the kernel, checks
 * its own view of it and prints lines that are the same in every run. The
 * runner runs it bare and then under vmmd and compares output and status, so
 * a guest never knows where it runs and prints no pids, addresses or times.
 *
 * A line that begins with "FAIL" fails the guest wherever it is printed, in
 * children too. Output goes out by write(2) at once: nothing is buffered that
 * a fork could print twice.
 */
#ifndef GUEST_H
#define GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static int guest_failed UNUSED;

static UNUSED __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
	char buf[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(buf) - 2)
		n = (int)sizeof(buf) - 2;
	buf[n++] = '\n';
	if (write(1, buf, (size_t)n) != n)
		_exit(99);
}

#define CHECK(cond)                                                                               \
	do {                                                                                      \
		if (!(cond)) {                                                                    \
			int check_errno_ = errno;                                                 \
			guest_failed = 1;                                                         \
			say("FAIL %s:%d: %s (errno %s)", __FILE__, __LINE__, #cond,               \
			    strerrorname_np(check_errno_) ? strerrorname_np(check_errno_) : "?"); \
		}                                                                                 \
	} while (0)

/* What a system call left behind, as text: "ok", or the name of errno. */
static UNUSED const char *outcome(long result)
{
	if (result != -1)
		return "ok";
	return strerrorname_np(errno) ? strerrorname_np(errno) : "E?";
}

/* A wait status as text; one buffer for each of four calls in a row. */
static UNUSED const char *status_text(int status)
{
	static char buf[4][32];
	static unsigned at;
	char *b = buf[at++ % 4];

	if (WIFEXITED(status))
		snprintf(b, sizeof(buf[0]), "exit %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(b, sizeof(buf[0]), "SIG%s%s", sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "RT",
			 WCOREDUMP(status) ? " core" : "");
	else if (WIFSTOPPED(status))
		snprintf(b, sizeof(buf[0]), "stopped SIG%s", sigabbrev_np(WSTOPSIG(status)) ? sigabbrev_np(WSTOPSIG(status)) : "RT");
	else if (WIFCONTINUED(status))
		snprintf(b, sizeof(buf[0]), "continued");
	else
		snprintf(b, sizeof(buf[0]), "status %#x", (unsigned)status);
	return b;
}

static UNUSED pid_t wait_opt(pid_t pid, int *status, int opt)
{
	pid_t r;

	do
		r = waitpid(pid, status, opt);
	while (r < 0 && errno == EINTR);
	return r;
}

/* Wait for the end of a child; its status, or -1. */
static UNUSED int reap(pid_t pid)
{
	int status = -1;

	return wait_opt(pid, &status, 0) > 0 ? status : -1;
}

/* Run `fn(arg)` in a child; its wait status. */
static UNUSED int in_child(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	return reap(pid);
}

static UNUSED int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static UNUSED void nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* The state letter of a task, as proc(5) has it; 0 if it is gone. */
static UNUSED char task_state(pid_t tid)
{
	char path[64], buf[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strrchr(buf, ')');
	return p && p[1] == ' ' ? p[2] : 0;
}

/* Wait until a task sleeps in a system call: seen asleep three times in a row. False if it ends instead. */
static UNUSED bool wait_asleep(pid_t tid)
{
	int seen = 0;

	for (int i = 0; i < 5000 && seen < 3; i++) {
		char c = task_state(tid);

		if (c == 'Z' || c == 0)
			return false;
		seen = c == 'S' ? seen + 1 : 0;
		nap_ms(2);
	}
	return seen == 3;
}

/* Wait until a child is dead and not yet waited for, or gone. */
static UNUSED bool wait_dead(pid_t pid)
{
	for (int i = 0; i < 5000; i++) {
		char c = task_state(pid);

		if (c == 'Z' || c == 0)
			return true;
		nap_ms(2);
	}
	return false;
}

static UNUSED void on_signal(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static UNUSED void ignore_it(int sig)
{
	(void)sig;
}

/* One byte through a pipe, to order parent and child. */
static UNUSED void pipe_put(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

static UNUSED bool pipe_get(int fd)
{
	char c;
	ssize_t n;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static UNUSED int guest_end(void)
{
	say(guest_failed ? "failed" : "done");
	return guest_failed;
}

#endif
