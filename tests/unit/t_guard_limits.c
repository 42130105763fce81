/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_guard_limits.c - tests of vmmd/engine/guard.c where something is not to be had, and of what it holds. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/guard.h"

/* As if nothing more were to be had; `old` for later. */
static void limit(int resource, rlim_t max, struct rlimit *old)
{
	struct rlimit r;

	getrlimit(resource, old);
	r = *old;
	r.rlim_cur = max;
	setrlimit(resource, &r);
}

static pid_t idle(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void test_no_descriptors(void)
{
	struct rlimit old;
	int rc[2], low = dup(0);
	struct guard g;

	close(low);
	for (int i = 0; i < 2; i++) { /* it wants two */
		limit(RLIMIT_NOFILE, (rlim_t)(low + i), &old);
		rc[i] = guard_start(&g);
		setrlimit(RLIMIT_NOFILE, &old);
		CU_ASSERT_EQUAL(rc[i], -EMFILE);
		CU_ASSERT_PTR_NULL(g.pids);
		guard_end(&g); /* nothing was begun */
	}
}

static void test_no_memory(void)
{
	struct rlimit old;
	struct guard g;
	int rc;

	limit(RLIMIT_AS, 0, &old);
	rc = guard_start(&g);
	setrlimit(RLIMIT_AS, &old);
	CU_ASSERT_EQUAL(rc, -ENOMEM);
	CU_ASSERT_PTR_NULL(g.pids);
	guard_end(&g);
}

/* In a child, which can become a user who may have no more processes. */
static int start_as_user(void)
{
	struct rlimit old;
	struct guard g;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 77;
	limit(RLIMIT_NPROC, 0, &old);
	return guard_start(&g) == -EAGAIN && !g.pids ? 0 : 1;
}

static void test_no_process(void)
{
	int status = -1, low = dup(0), next = dup(0);
	pid_t pid;

	close(low);
	close(next);
	if (geteuid() != 0)
		unit_skip("only root can become a user of no processes");
	pid = fork();
	if (pid == 0) {
		int rc = start_as_user();

		_exit(rc ? rc : dup(0) == low && dup(0) == next ? 0 : 2);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

/* Without memory for the tree those are killed that are known. */
static void test_kill_without_memory(void)
{
	pid_t known = idle(), stranger = idle();
	struct rlimit old;
	struct guard g;
	int status = -1;

	CU_ASSERT_EQUAL_FATAL(guard_start(&g), 0);
	guard_first(&g, known);
	limit(RLIMIT_AS, 0, &old);
	guard_kill(&g);
	setrlimit(RLIMIT_AS, &old);
	CU_ASSERT_EQUAL(waitpid(known, &status, 0), known);
	CU_ASSERT_EQUAL(status, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(stranger, NULL, WNOHANG | WUNTRACED), 0);
	guard_remove(&g, known);
	guard_end(&g);
	kill(stranger, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(stranger, NULL, 0), stranger);
}

/* Has the other end been closed, by all that had it? */
static bool is_over(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* What it holds is open as long as it lives; several, and none that cannot be had. */
static void test_hold(void)
{
	int one[2], two[2];
	struct guard g;

	CU_ASSERT_EQUAL_FATAL(guard_start(&g), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(one, O_CLOEXEC) | pipe2(two, O_CLOEXEC), 0);
	guard_hold(&g, one[1]);
	guard_hold(&g, two[1]);
	guard_hold(&g, -1); /* said in the log */
	close(one[1]);
	close(two[1]);
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_FALSE(is_over(one[0]) || is_over(two[0]));
		usleep(200);
	}
	guard_end(&g);
	CU_ASSERT_TRUE(is_over(one[0]) && is_over(two[0]));
	guard_remove(&g, getpid()); /* nothing to it any more */
	guard_end(&g);
	close(one[0]);
	close(two[0]);
}

/* The guard has been killed: the worker does not notice, nor die of it. */
static void test_without_its_process(void)
{
	pid_t known = idle();
	siginfo_t info;
	struct guard g;
	int status = -1;

	CU_ASSERT_EQUAL_FATAL(guard_start(&g), 0);
	guard_add(&g, known);
	kill(g.pid, SIGKILL);
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)g.pid, &info, WEXITED | WNOWAIT), 0);
	guard_hold(&g, 0);
	guard_end(&g);
	CU_ASSERT_EQUAL(waitpid(known, &status, 0), known);
	CU_ASSERT_EQUAL(status, SIGKILL);
}

UNIT_SUITE(guard_limits, UNIT_TEST(test_no_descriptors), UNIT_TEST(test_no_memory), UNIT_TEST(test_no_process),
	   UNIT_TEST(test_kill_without_memory), UNIT_TEST(test_hold), UNIT_TEST(test_without_its_process));
