/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_target.c - tests of vmmd/target.c. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/target.h"

/* A process of ours that waits, with this name. */
static pid_t waiting(const char *name)
{
	int ready[2];
	pid_t p;
	char c;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	p = fork();
	if (p == 0) {
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return p;
}

static void end(pid_t p)
{
	kill(p, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(p, NULL, 0), p);
}

static void test_the_client(void)
{
	pid_t child = waiting("child");
	int sv[2], fds[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL(target_client(sv[0]), getpid());
	CU_ASSERT_TRUE(target_is_clients(sv[0], getpid()));
	CU_ASSERT_TRUE(target_is_clients(sv[0], child));
	CU_ASSERT_FALSE(target_is_clients(sv[0], getppid()));
	CU_ASSERT_FALSE(target_is_clients(sv[0], 0));
	/* Who is not known has no processes: neither -1 nor those without a parent. */
	CU_ASSERT_EQUAL(target_client(fds[0]), -1);
	CU_ASSERT_FALSE(target_is_clients(fds[0], -1));
	CU_ASSERT_FALSE(target_is_clients(fds[0], getpid()));
	end(child);
	CU_ASSERT_FALSE(target_is_clients(sv[0], child));
	for (int i = 0; i < 2; i++) {
		close(sv[i]);
		close(fds[i]);
	}
}

static void test_check(void)
{
	pid_t other = waiting("other");
	char why[200] = "";
	int sv[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	CU_ASSERT_EQUAL(target_check(sv[0], 0, why, sizeof(why)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"pid\""));
	CU_ASSERT_EQUAL(target_check(sv[0], -1, why, sizeof(why)), -EINVAL);
	CU_ASSERT_EQUAL(target_check(sv[0], 1, why, sizeof(why)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "process 1 cannot be attached"));
	CU_ASSERT_EQUAL(target_check(sv[0], getpid(), why, sizeof(why)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "the daemon"));
	CU_ASSERT_EQUAL(target_check(sv[0], getppid(), why, sizeof(why)), -EINVAL);
	CU_ASSERT_EQUAL(target_check(sv[0], other, why, sizeof(why)), 0);
	end(other);
	close(sv[0]);
	close(sv[1]);
}

/* Of another process than ours: the client, seen by the daemon. */
static void test_check_the_client(void)
{
	char why[200] = "";
	int sv[2], status = -1;
	pid_t p;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	p = fork();
	if (p == 0) { /* the daemon, whose parent is none */
		if (fork() == 0)
			_exit(target_check(sv[0], target_client(sv[0]), why, sizeof(why)) == -EINVAL &&
					      strstr(why, "the client") ?
				      0 :
				      1);
		wait(&status);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	}
	CU_ASSERT_EQUAL(waitpid(p, &status, 0), p);
	CU_ASSERT_EQUAL(status, 0);
	close(sv[0]);
	close(sv[1]);
}

/* By another way than the one that is tested. */
static long long start_of(pid_t pid)
{
	char path[64], line[1024] = "";
	long long start = -1;
	char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), f));
	fclose(f);
	p = strrchr(line, ')');
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld", &start), 1);
	return start;
}

static void test_start(void)
{
	pid_t p = waiting(") R 1 (2 3) x");
	long long start = start_of(p);

	CU_ASSERT(start > 0);
	CU_ASSERT_TRUE(target_is(p, start));
	CU_ASSERT_TRUE(target_is(p, -1));
	CU_ASSERT_FALSE(target_is(p, start + 1));
	CU_ASSERT_FALSE(target_is(p, 0));
	end(p);
	CU_ASSERT_FALSE(target_is(p, start));
}

static void test_a_ring(void)
{
	char params[120] = {0}, text[200] = "";
	int sv[2], ring;
	pid_t p = waiting("plain");

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	CU_ASSERT_EQUAL(target_check(sv[0], p, text, sizeof(text)), 0);
	end(p);
	ring = (int)syscall(SYS_io_uring_setup, 2, params);
	if (ring < 0)
		unit_skip("this kernel makes no io_uring");
	p = waiting("ring");
	close(ring);
	CU_ASSERT_EQUAL(target_check(sv[0], p, text, sizeof(text)), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "io_uring"));
	end(p);
	close(sv[0]);
	close(sv[1]);
}

static void test_runs(void)
{
	pid_t p = waiting("runs");

	CU_ASSERT_TRUE(target_runs(p));
	kill(p, SIGKILL);
	for (int i = 0; target_runs(p) && i < 1000; i++)
		usleep(1000);
	CU_ASSERT_FALSE(target_runs(p)); /* nobody has waited for it */
	CU_ASSERT_EQUAL(waitpid(p, NULL, 0), p);
	CU_ASSERT_FALSE(target_runs(p));
}

UNIT_SUITE(target, UNIT_TEST(test_the_client), UNIT_TEST(test_check), UNIT_TEST(test_check_the_client),
	   UNIT_TEST(test_start), UNIT_TEST(test_a_ring), UNIT_TEST(test_runs));
