// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_exit.c - the end of tasks: told before it (EXITING), while all of the
 * task is there, and after it (GONE).
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

static const char words[] = "still here";

/* How to end: a status, or 256 and a signal. */
static const int ends[] = { 0, 1, 255, 256 + SIGKILL, 256 + SIGTERM, 256 + SIGSEGV, 256 + 64 };
#define ENDS (sizeof(ends) / sizeof(*ends))

static void c_end(void *arg)
{
	int how = *(int *)arg;

	if (how < 256)
		_exit(how);
	kill(getpid(), how - 256);
	pause();
}

/* Of waitpid(2), as `ends` has it. */
static int end_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void t_gone(void)
{
	struct vm vm;
	int how;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), -1);
	for (size_t i = 0; i < ENDS; i++) {
		how = ends[i];
		p = vm_spawn(&vm, c_end, &how);
		CHECK_EQ(end_of(vm_serve(&vm, p, NULL, NULL)), how);
		CHECK_EQ(child_status(p), how < 256 ? how : how - 128);
	}
	vm_close(&vm);
}

/* Stopped with its memory, and its parent has not heard of it. */
static void t_exiting(void)
{
	char buf[sizeof(words)];
	struct vm vm;
	slot *s;
	int how;
	pid_t p;

	vm_open(&vm, 0, ON(EXITING) | ON(GONE), -1);
	for (size_t i = 0; i < ENDS; i++) {
		how = ends[i];
		p = vm_spawn(&vm, c_end, &how);
		s = vm_expect(&vm, VMMD_KMOD_EXITING, 0);
		CHECK_EQ(s->tid, p);
		CHECK_EQ(end_of((int)s->value), how);
		CHECK_EQ(vm_read(&vm, s, (uintptr_t)words, buf, sizeof(words)), sizeof(words));
		CHECK(memcmp(buf, words, sizeof(words)) == 0);
		CHECK_EQ(waitpid(p, NULL, WNOHANG), 0);
		vm_run(&vm, s);
		s = vm_expect(&vm, VMMD_KMOD_GONE, 0);
		CHECK_EQ(end_of((int)s->value), how);
		vm_run(&vm, s);
		CHECK_EQ(child_status(p), how < 256 ? how : how - 128);
	}
	vm_close(&vm);
}

static void *t_sleeps(void *arg)
{
	pause();
	return arg;
}

static void *t_leaves(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 3);
	return NULL;
}

static void c_threads(void *arg)
{
	pthread_t sleeps, leaves;

	(void)arg;
	CHECK(pthread_create(&leaves, NULL, t_leaves, NULL) == 0);
	CHECK(pthread_join(leaves, NULL) == 0);
	CHECK(pthread_create(&sleeps, NULL, t_sleeps, NULL) == 0);
	_exit(4);
}

/* One that leaves says so with its own status; at the end of the process each thread with that one. */
static void t_threads(void)
{
	int left = 0, ended = 0, gone = 0;
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(EXITING) | ON(GONE), -1);
	p = vm_spawn(&vm, c_threads, NULL);
	while (gone < 3) {
		s = vm_next(&vm);
		if (s->type == VMMD_KMOD_EXITING) {
			left += s->value == 3 << 8;
			ended += s->value == 4 << 8;
		}
		gone += s->type == VMMD_KMOD_GONE;
		vm_run(&vm, s);
	}
	CHECK_EQ(child_status(p), 4);
	vm_close(&vm);
	CHECK_EQ(left, 1);
	CHECK_EQ(ended, 2);
}

static void c_exec_by_thread(void *arg)
{
	pthread_t t;

	(void)arg;
	CHECK(pthread_create(&t, NULL, t_sleeps, NULL) == 0);
	execl("/proc/self/exe", "selftest", "--nothing", NULL);
	_exit(9);
}

/* An exec ends the other threads: each is told of, and the program goes on. */
static void t_exec(void)
{
	int before = 0, after = 0;
	bool execed = false;
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(EXEC) | ON(EXITING) | ON(GONE), -1);
	p = vm_spawn(&vm, c_exec_by_thread, NULL);
	for (bool end = false; !end; vm_run(&vm, s)) {
		s = vm_next(&vm);
		execed |= s->type == VMMD_KMOD_EXEC;
		if (s->type == VMMD_KMOD_EXITING)
			*(execed ? &after : &before) += 1;
		end = s->type == VMMD_KMOD_GONE && s->tid == (uint32_t)p && execed;
	}
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
	CHECK_EQ(before, 1);
	CHECK_EQ(after, 1);
}

/* A daemon that does not answer does not keep anybody from ending. */
static void t_patience(void)
{
	int how = 7;
	long long since;
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(EXITING) | ON(GONE), -1);
	p = vm_spawn(&vm, c_end, &how);
	s = vm_expect(&vm, VMMD_KMOD_EXITING, 0);
	since = now_us();
	CHECK_EQ(child_status(p), how);
	CHECK(now_us() - since > 500000);
	s = vm_next(&vm); /* nobody waits for the answer */
	CHECK_EQ(s->type, VMMD_KMOD_EXITING);
	CHECK(s->flags & VMMD_KMOD_S_KILLED);
	vm_run(&vm, s);
	s = vm_expect(&vm, VMMD_KMOD_GONE, 0);
	CHECK_EQ(end_of((int)s->value), how);
	vm_run(&vm, s);
	vm_close(&vm);
}

/* Two daemons that do not: it is a second for both. */
static void t_patience_of_two(void)
{
	struct vm older, newer;
	int how = 7;
	long long since;
	pid_t p;

	vm_open(&older, 0, ON(EXITING) | ON(GONE), -1);
	vm_open(&newer, 0, ON(EXITING) | ON(GONE), -1);
	p = fork();
	if (p == 0) {
		vm_attach_self(&older);
		vm_attach_self(&newer);
		vm_forget(&older);
		vm_forget(&newer);
		c_end(&how);
	}
	vm_expect(&older, VMMD_KMOD_EXITING, 0);
	since = now_us();
	CHECK_EQ(child_status(p), how);
	CHECK(now_us() - since < 1800000);
	vm_close(&older);
	vm_close(&newer);
}

static void c_calls(void *arg)
{
	(void)arg;
	syscall(SYS_getuid);
}

/* Its request is not answered yet: there is no place for another. */
static void t_killed_in_stop(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(EXITING) | ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_calls, NULL);
	vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK(kill(p, SIGKILL) == 0);
	CHECK_EQ(child_status(p), 128 + SIGKILL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK(s->flags & VMMD_KMOD_S_KILLED);
	vm_run(&vm, s);
	s = vm_expect(&vm, VMMD_KMOD_GONE, 0);
	CHECK_EQ(end_of((int)s->value), 256 + SIGKILL);
	vm_run(&vm, s);
	vm_close(&vm);
}

/* The engine ends while its tasks wait there. */
static void t_daemon_dies(void)
{
	const uint32_t flags[] = { 0, VMMD_KMOD_F_RELEASE };
	int how = 5, status;
	struct vm vm;
	pid_t p;

	for (size_t i = 0; i < 2; i++) {
		long long since = now_us();

		vm_open(&vm, flags[i], ON(EXITING) | ON(GONE), -1);
		p = vm_spawn(&vm, c_end, &how);
		vm_expect(&vm, VMMD_KMOD_EXITING, 0);
		vm_close(&vm);
		status = child_status(p);
		CHECK(status == how || (!flags[i] && status == 128 + SIGKILL));
		CHECK(now_us() - since < 60000000);
	}
}

const struct test tests_exit[] = {
	{ "gone/status", t_gone, 0 },
	{ "exiting/status-and-memory", t_exiting, 0 },
	{ "exiting/threads", t_threads, 0 },
	{ "exiting/exec-by-a-thread", t_exec, 0 },
	{ "exiting/not-answered", t_patience, 0 },
	{ "exiting/not-answered-by-two", t_patience_of_two, 0 },
	{ "exiting/killed-in-a-stop", t_killed_in_stop, 0 },
	{ "exiting/daemon-dies", t_daemon_dies, 0 },
	{ NULL, NULL, 0 },
};
