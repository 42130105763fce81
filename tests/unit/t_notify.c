/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_notify.c - tests of vmmd/engine/notify.c, with a child that has getppid(2) asked about. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/notify.h"

#define CALLS 8
#define NUMBER 77 /* of no descriptor that is open */

static struct shared {
	long result[CALLS];
	volatile int done;
	char flags; /* of the descriptor that a call returned */
} *shared;

static struct notify n;
static pid_t child;

static void confine(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, notify_flags(), &prog);
	if (fd < 0 || dup2(fd, NUMBER) < 0)
		_exit(1);
	close(fd);
}

static void begin(int calls)
{
	char why[200];

	if (notify_probe(true, why, sizeof(why)) < 0)
		unit_skip(why);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(shared != MAP_FAILED);
	child = fork();
	if (child == 0) {
		confine();
		for (int i = 0; i < calls; i++) {
			shared->result[i] = syscall(SYS_getppid, 0x11, 0x22);
			if (shared->result[i] < 0)
				shared->result[i] = -errno;
			shared->flags = (char)fcntl((int)shared->result[i], F_GETFD);
			shared->done++;
		}
		_exit(0);
	}
	CU_ASSERT_EQUAL_FATAL(notify_open(&n, child, NUMBER), 0);
}

static void end(void)
{
	int status;

	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	notify_close(&n);
	CU_ASSERT_EQUAL(n.fd, -1);
	munmap(shared, sizeof(*shared));
}

static void next(struct notify_call *call)
{
	int rc;

	do
		rc = notify_receive(&n, call);
	while (rc == 0);
	CU_ASSERT_EQUAL_FATAL(rc, 1);
}

static void test_what_is_told(void)
{
	struct notify_call call;

	begin(1);
	next(&call);
	CU_ASSERT_EQUAL(call.tid, child);
	CU_ASSERT_EQUAL(call.call.nr, SYS_getppid);
	CU_ASSERT_EQUAL(call.call.args[0], 0x11);
	CU_ASSERT_EQUAL(call.call.args[1], 0x22);
	CU_ASSERT_NOT_EQUAL(call.call.pc, 0);
	CU_ASSERT_EQUAL(call.call.sp, 0);
	CU_ASSERT(notify_valid(&n, call.id));
	CU_ASSERT(!notify_valid(&n, call.id + 1));
	CU_ASSERT(!notify_waiting(&n));
	end();
}

static void test_answers(void)
{
	static const int64_t results[] = {5, 0, -EACCES, -4095, INT64_C(1) << 40};
	struct notify_call call;

	begin(6);
	for (int i = 0; i < 5; i++) {
		next(&call);
		CU_ASSERT_EQUAL(notify_result(&n, call.id, results[i]), 0);
		CU_ASSERT(notify_result(&n, call.id, 0) < 0); /* one answer each */
	}
	next(&call);
	CU_ASSERT_EQUAL(notify_continue(&n, call.id), 0);
	CU_ASSERT_EQUAL(notify_receive(&n, &call), -ECHILD); /* it has ended */
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(shared->result[i], results[i]);
	CU_ASSERT_EQUAL(shared->result[5], getpid());
	end();
}

static void test_descriptors(void)
{
	struct notify_call call;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), number;

	begin(3);
	next(&call);
	CU_ASSERT_EQUAL(notify_result_fd(&n, call.id, fd, true), 0);
	next(&call);
	CU_ASSERT(shared->result[0] >= 0);
	CU_ASSERT_EQUAL(shared->flags, FD_CLOEXEC);
	number = notify_install(&n, call.id, fd, false);
	CU_ASSERT(number > shared->result[0]);
	CU_ASSERT(notify_valid(&n, call.id)); /* it waits still */
	CU_ASSERT_EQUAL(notify_result(&n, call.id, number), 0);
	next(&call);
	CU_ASSERT_EQUAL(shared->result[1], number);
	CU_ASSERT_EQUAL(shared->flags, 0);
	CU_ASSERT_EQUAL(notify_result_fd(&n, call.id, -1, false), 0); /* what cannot be installed is an error */
	CU_ASSERT_EQUAL(notify_receive(&n, &call), -ECHILD);
	CU_ASSERT_EQUAL(shared->result[2], -EBADF);
	close(fd);
	end();
}

static void test_killed(void)
{
	struct notify_call call;
	int status;

	begin(1);
	next(&call);
	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(!notify_valid(&n, call.id));
	CU_ASSERT_EQUAL(notify_continue(&n, call.id), -ESRCH);
	CU_ASSERT_EQUAL(notify_install(&n, call.id, 0, true), -ESRCH);
	CU_ASSERT_EQUAL(notify_receive(&n, &call), -ECHILD);
	notify_close(&n);
	munmap(shared, sizeof(*shared));
}

/* Any descriptor may stand under the number that a client tells. */
static void test_no_listener(void)
{
	struct notify other;

	CU_ASSERT_EQUAL(notify_open(&other, getpid(), STDERR_FILENO), -EBADF);
	CU_ASSERT_EQUAL(other.fd, -1);
	notify_close(&other);
}

UNIT_SUITE(notify, UNIT_TEST(test_what_is_told), UNIT_TEST(test_answers), UNIT_TEST(test_descriptors),
	   UNIT_TEST(test_killed), UNIT_TEST(test_no_listener));
