/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_procfs.c - tests of vmmd/engine/procfs.c: what it says of the test and its children. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/procfs.h"

static void nothing(int sig)
{
	(void)sig;
}

static void test_status(void)
{
	struct procfs_status st;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, nothing);
	CU_ASSERT_EQUAL(procfs_status(getpid(), &st), 0);
	CU_ASSERT_EQUAL(st.tgid, getpid());
	CU_ASSERT_EQUAL(st.ppid, getppid());
	CU_ASSERT_EQUAL(st.ignored >> (SIGUSR1 - 1) & 1, 1);
	CU_ASSERT_EQUAL(st.caught >> (SIGUSR1 - 1) & 1, 0);
	CU_ASSERT_EQUAL(st.ignored >> (SIGUSR2 - 1) & 1, 0);
	CU_ASSERT_EQUAL(st.caught >> (SIGUSR2 - 1) & 1, 1);
}

/* Of one that has gone: what does the least harm. */
static void test_gone(void)
{
	struct procfs_status st;
	pid_t pid = fork(), pids[2];

	if (pid == 0)
		_exit(0);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
	CU_ASSERT(procfs_status(pid, &st) < 0);
	CU_ASSERT_EQUAL(st.tgid, pid);
	CU_ASSERT_EQUAL(st.ppid, 0);
	CU_ASSERT_EQUAL(st.ignored, 0);
	CU_ASSERT_EQUAL(st.caught, ~(uint64_t)0);
	CU_ASSERT(procfs_children(pid, pids, 2) < 0);
}

static void test_children(void)
{
	pid_t made[3], found[4];
	int n;

	CU_ASSERT_EQUAL(procfs_children(getpid(), found, 4), 0);
	for (int i = 0; i < 3; i++) {
		made[i] = fork();
		if (made[i] == 0)
			for (;;)
				pause();
	}
	n = procfs_children(getpid(), found, 4);
	CU_ASSERT_EQUAL(procfs_children(getpid(), found, 2), n < 2 ? n : 2);
	n = procfs_children(getpid(), found, 4);
	for (int i = 0; i < 3; i++) {
		int known = n == 0; /* a kernel without CONFIG_PROC_CHILDREN */

		for (int k = 0; k < n; k++)
			known |= found[k] == made[i];
		CU_ASSERT(known);
		kill(made[i], SIGKILL);
		CU_ASSERT_EQUAL(waitpid(made[i], NULL, 0), made[i]);
	}
}

UNIT_SUITE(procfs, UNIT_TEST(test_status), UNIT_TEST(test_gone), UNIT_TEST(test_children));
