/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_priv.c - what a worker has given away. Each test is a process of its own,
 * so it may give away for good.
 */
#include "tests/unit/unit.h"
#include "vmmd/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int has_cap(cap_value_t cap, cap_flag_t set)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t has = CAP_CLEAR;

	cap_get_flag(caps, cap, set, &has);
	cap_free(caps);
	return has == CAP_SET;
}

static int count_caps(void)
{
	int n = 0;

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		n += has_cap(cap, CAP_PERMITTED) || has_cap(cap, CAP_EFFECTIVE);
	return n;
}

static void test_root(void)
{
	if (geteuid() != 0)
		unit_skip("not root");
	CU_ASSERT_EQUAL(priv_worker(0, 0), 0);
	CU_ASSERT(count_caps() <= 9);
	CU_ASSERT(!has_cap(CAP_SYS_ADMIN, CAP_PERMITTED));
	CU_ASSERT_EQUAL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CU_ASSERT_EQUAL(priv_lock(false), 0);
	CU_ASSERT(count_caps() <= 2);
	CU_ASSERT(!has_cap(CAP_DAC_OVERRIDE, CAP_PERMITTED));
	CU_ASSERT(!has_cap(CAP_SETUID, CAP_PERMITTED));
}

/* One that performs can act for others, and come back, but not become another. */
static void test_root_performs(void)
{
	if (geteuid() != 0)
		unit_skip("not root");
	CU_ASSERT_EQUAL(priv_worker(0, 0), 0);
	CU_ASSERT_EQUAL(priv_lock(true), 0);
	CU_ASSERT(count_caps() <= 9);
	CU_ASSERT(!has_cap(CAP_MKNOD, CAP_PERMITTED) && !has_cap(CAP_SYS_ADMIN, CAP_PERMITTED));
	CU_ASSERT(has_cap(CAP_DAC_OVERRIDE, CAP_EFFECTIVE));
	setfsuid(1234);
	CU_ASSERT_EQUAL(setfsuid((uid_t)-1), 1234);
	CU_ASSERT(!has_cap(CAP_DAC_OVERRIDE, CAP_EFFECTIVE));
	setfsuid(0);
	CU_ASSERT_EQUAL(setfsuid((uid_t)-1), 0);
	CU_ASSERT(has_cap(CAP_DAC_OVERRIDE, CAP_EFFECTIVE));
	CU_ASSERT(setresuid(1234, 1234, 1234) < 0 && errno == EPERM);
	CU_ASSERT(setresgid(1234, 1234, 1234) < 0 && errno == EPERM);
}

/* A user's worker has no ids to change. */
static void test_user_performs(void)
{
	uid_t uid = geteuid() == 0 ? 65534 : geteuid();

	CU_ASSERT_EQUAL(priv_worker(uid, geteuid() == 0 ? 65534 : getegid()), 0);
	CU_ASSERT_EQUAL(priv_lock(true), 0);
	CU_ASSERT_EQUAL(count_caps(), 0);
	CU_ASSERT(setgroups(0, NULL) < 0 && errno == EPERM);
}

static void test_user(void)
{
	uid_t uid = geteuid() == 0 ? 65534 : geteuid();
	gid_t gid = geteuid() == 0 ? 65534 : getegid();

	CU_ASSERT_EQUAL(priv_worker(uid, gid), 0);
	CU_ASSERT_EQUAL(getuid(), uid);
	CU_ASSERT_EQUAL(getegid(), gid);
	CU_ASSERT_EQUAL(count_caps(), 0);
	CU_ASSERT(uid == 0 || setuid(0) < 0);
	CU_ASSERT_EQUAL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

/* A user cannot become another. */
static void test_refused(void)
{
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL_FATAL(setresgid(65534, 65534, 65534), 0);
		CU_ASSERT_EQUAL_FATAL(setresuid(65534, 65534, 65534), 0);
	}
	CU_ASSERT_EQUAL(priv_worker(0, getgid()), -EPERM);
	CU_ASSERT_EQUAL(priv_worker(getuid() + 1, getgid()), -EPERM);
}

/* The groups are those that the other end had when it connected. */
static void test_groups(void)
{
	static const gid_t theirs[] = {100, 10, 65534}, ours[] = {1, 2, 3, 4};
	gid_t now[8];
	int sv[2];

	if (geteuid() != 0)
		unit_skip("not root");
	CU_ASSERT_EQUAL_FATAL(setgroups(3, theirs), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CU_ASSERT_EQUAL_FATAL(setgroups(4, ours), 0);
	CU_ASSERT_EQUAL(priv_groups(sv[0]), 0);
	CU_ASSERT_EQUAL(getgroups(8, now), 3);
	CU_ASSERT(now[0] == 10 && now[1] == 100 && now[2] == 65534);
	close(sv[0]);
	close(sv[1]);

	/* None at all. */
	CU_ASSERT_EQUAL_FATAL(setgroups(0, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CU_ASSERT_EQUAL_FATAL(setgroups(4, ours), 0);
	CU_ASSERT_EQUAL(priv_groups(sv[0]), 0);
	CU_ASSERT_EQUAL(getgroups(8, now), 0);
	close(sv[0]);
	close(sv[1]);
}

/* Without the right to set groups: fine if they are the same, refused if not. */
static void test_groups_user(void)
{
	static const gid_t theirs[] = {100, 10}, ours[] = {10, 7};
	int same[2], other[2];

	if (geteuid() != 0)
		unit_skip("not root");
	CU_ASSERT_EQUAL_FATAL(setgroups(2, theirs), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
	CU_ASSERT_EQUAL_FATAL(setgroups(2, ours), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, same), 0);
	CU_ASSERT_EQUAL_FATAL(setresuid(65534, 65534, 65534), 0);
	CU_ASSERT_EQUAL(priv_groups(same[0]), 0);
	CU_ASSERT_EQUAL(priv_groups(other[0]), -EPERM);
	close(same[0]);
	close(same[1]);
	close(other[0]);
	close(other[1]);
}

static void *try_exec(void *arg)
{
	char *const argv[] = {(char *)"true", NULL};

	*(int *)arg = execv("/bin/true", argv) < 0 ? errno : 0;
	return NULL;
}

static int failed(int ret)
{
	return ret < 0 ? errno : 0;
}

static void test_lock(void)
{
	char *const argv[] = {(char *)"true", NULL};
	int sv[2], err = 0, x = 1, y = 0;
	struct iovec from = {&x, sizeof(x)}, to = {&y, sizeof(y)};
	pthread_t t;

	CU_ASSERT_EQUAL_FATAL(priv_worker(geteuid(), getegid()), 0);
	CU_ASSERT_EQUAL_FATAL(priv_lock(false), 0);
	CU_ASSERT_EQUAL(failed(execv("/bin/true", argv)), EPERM);
	CU_ASSERT_EQUAL(failed(chroot("/")), EPERM);
	CU_ASSERT_EQUAL(failed(unshare(CLONE_NEWUSER)), EPERM);
	CU_ASSERT_EQUAL(failed(unshare(0)), EPERM);
	CU_ASSERT_EQUAL(failed(mount("x", "/nowhere", "tmpfs", 0, NULL)), EPERM);
	CU_ASSERT_EQUAL(failed(setuid(getuid())), EPERM);
	CU_ASSERT_EQUAL(pthread_create(&t, NULL, try_exec, &err), 0);
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(err, EPERM);

	/* What it needs still works. */
	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	close(sv[0]);
	close(sv[1]);
	CU_ASSERT_EQUAL(kill(getpid(), 0), 0);
	CU_ASSERT_EQUAL(process_vm_readv(getpid(), &to, 1, &from, 1, 0), (ssize_t)sizeof(x));
	CU_ASSERT_EQUAL(y, 1);
}

UNIT_SUITE(priv, UNIT_TEST(test_root), UNIT_TEST(test_root_performs), UNIT_TEST(test_user_performs), UNIT_TEST(test_user), UNIT_TEST(test_refused), UNIT_TEST(test_groups),
	   UNIT_TEST(test_groups_user), UNIT_TEST(test_lock));
