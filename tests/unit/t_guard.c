/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_guard.c - tests of vmmd/engine/guard.c: who is killed, by us or in our place, and who is not. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/guard.h"

static pid_t idle(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int status_of(pid_t pid)
{
	int status = -1;

	CU_ASSERT(waitpid(pid, &status, 0) > 0);
	return status;
}

static bool runs(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG | WUNTRACED) == 0;
}

static void test_known_and_unknown(void)
{
	pid_t known = idle(), removed = idle(), stranger = idle();
	struct guard g;

	CU_ASSERT_EQUAL_FATAL(guard_start(&g), 0);
	guard_add(&g, known);
	guard_add(&g, removed);
	guard_remove(&g, removed);
	guard_kill(&g);
	CU_ASSERT_EQUAL(status_of(known), SIGKILL);
	CU_ASSERT_TRUE(runs(removed));
	CU_ASSERT_TRUE(runs(stranger));
	/* Numbers that are nobody's, or everybody's. */
	guard_remove(&g, known);
	guard_add(&g, 0);
	guard_add(&g, 1);
	guard_add(&g, -1);
	guard_add(&g, 1 << 30);
	guard_end(&g);
	CU_ASSERT_TRUE(runs(removed));
	CU_ASSERT_TRUE(runs(stranger));
	kill(removed, SIGKILL);
	kill(stranger, SIGKILL);
	status_of(removed);
	status_of(stranger);
}

/* A child of one that is known: nobody was told of it. */
static void test_descendants(void)
{
	pid_t top, below = 0;
	struct guard g;
	int told[2];

	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	CU_ASSERT_EQUAL_FATAL(guard_start(&g), 0);
	top = fork();
	if (top == 0) {
		below = idle();
		if (write(told[1], &below, sizeof(below)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(read(told[0], &below, sizeof(below)), sizeof(below));
	guard_first(&g, top);
	guard_kill(&g);
	CU_ASSERT_EQUAL(status_of(top), SIGKILL);
	CU_ASSERT_EQUAL(status_of(below), SIGKILL);
	guard_end(&g);
	while (waitpid(-1, NULL, 0) > 0)
		;
	close(told[0]);
	close(told[1]);
}

/* The worker dies of anything: the guard does it. */
static void test_in_our_place(void)
{
	pid_t victim = idle(), worker;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	worker = fork();
	if (worker == 0) {
		struct guard g;

		if (guard_start(&g) < 0)
			_exit(1);
		guard_add(&g, victim);
		kill(getpid(), SIGKILL);
	}
	CU_ASSERT_EQUAL(status_of(worker), SIGKILL);
	CU_ASSERT_EQUAL(status_of(victim), SIGKILL);
	CU_ASSERT_EQUAL(status_of(-1), 0); /* the guard */
}

UNIT_SUITE(guard, UNIT_TEST(test_known_and_unknown), UNIT_TEST(test_descendants), UNIT_TEST(test_in_our_place));
