/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_listen.c - the listening socket and its directory.
 */
#include "tests/unit/unit.h"
#include "vmmd/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void temp(char dir[64])
{
	strcpy(dir, "/tmp/vmmd-unit.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
}

static int try_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	ret = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ? errno : 0;
	close(fd);
	return ret;
}

static void test_socket(void)
{
	struct listener l = {.fd = -1}, second = {.fd = -1};
	char dir[64], path[108], longpath[200];
	struct stat st;

	temp(dir);
	snprintf(path, sizeof(path), "%s/s", dir);
	CU_ASSERT_EQUAL(listen_start(&l, path, 0640), 0);
	CU_ASSERT_EQUAL(lstat(path, &st), 0);
	CU_ASSERT(S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0640);
	CU_ASSERT_EQUAL(try_connect(path), 0);
	CU_ASSERT_EQUAL(listen_start(&second, path, 0600), -EADDRINUSE);
	CU_ASSERT_EQUAL(try_connect(path), 0);
	listen_stop(&l);
	CU_ASSERT_EQUAL(l.fd, -1);
	CU_ASSERT(lstat(path, &st) < 0);
	listen_stop(&l); /* again: nothing */

	memset(longpath, 'x', sizeof(longpath) - 1);
	longpath[sizeof(longpath) - 1] = '\0';
	CU_ASSERT_EQUAL(listen_start(&l, longpath, 0600), -ENAMETOOLONG);
	rmdir(dir);
}

static void test_stale(void)
{
	struct listener l = {.fd = -1}, again = {.fd = -1};
	char dir[64], path[108];
	struct stat st;
	FILE *f;

	temp(dir);
	snprintf(path, sizeof(path), "%s/s", dir);
	/* Left behind by one that died. */
	CU_ASSERT_EQUAL(listen_start(&l, path, 0600), 0);
	close(l.fd);
	CU_ASSERT_EQUAL(try_connect(path), ECONNREFUSED);
	CU_ASSERT_EQUAL(listen_start(&again, path, 0600), 0);
	/* One that thinks it is still there must not remove the new one's. */
	unlink(path);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fclose(f);
	listen_stop(&again);
	CU_ASSERT_EQUAL(lstat(path, &st), 0);
	/* A file that is no socket is not touched. */
	CU_ASSERT_EQUAL(listen_start(&again, path, 0600), -EEXIST);
	CU_ASSERT_EQUAL(lstat(path, &st), 0);
	CU_ASSERT(S_ISREG(st.st_mode));
	unlink(path);
	rmdir(dir);
}

static void test_dir(void)
{
	char dir[64], sub[108], link[108], why[256] = "";
	struct stat st;

	temp(dir);
	snprintf(sub, sizeof(sub), "%s/d", dir);
	snprintf(link, sizeof(link), "%s/l", dir);
	umask(022);
	CU_ASSERT_EQUAL(listen_check_dir(sub, 0700, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(stat(sub, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0700);
	CU_ASSERT_EQUAL(listen_check_dir(sub, 0700, why, sizeof(why)), 0);
	chmod(sub, 0770);
	CU_ASSERT_EQUAL(listen_check_dir(sub, 0700, why, sizeof(why)), -EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, sub));
	chmod(sub, 0700);
	CU_ASSERT_EQUAL(symlink(sub, link), 0);
	CU_ASSERT_EQUAL(listen_check_dir(link, 0700, why, sizeof(why)), -EPERM);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(sub, 65534, 65534), 0);
		CU_ASSERT_EQUAL(listen_check_dir(sub, 0700, why, sizeof(why)), -EPERM);
	}
	unlink(link);
	rmdir(sub);
	CU_ASSERT_EQUAL(listen_check_dir("/nonexistent/x", 0700, why, sizeof(why)), -ENOENT);
	rmdir(dir);
}

static void test_user_dir(void)
{
	char dir[64], path[256], want[108], why[256];

	temp(dir);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	snprintf(want, sizeof(want), "%s/vmmd", dir);
	CU_ASSERT_EQUAL(listen_user_dir(path, sizeof(path), why, sizeof(why)), 0);
	CU_ASSERT_STRING_EQUAL(path, want);
	CU_ASSERT_EQUAL(listen_user_dir(path, 8, why, sizeof(why)), -ENAMETOOLONG);
	rmdir(want);
	/* One that is not ours is not used. */
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(dir, 65534, 65534), 0);
		CU_ASSERT_EQUAL(listen_user_dir(path, sizeof(path), why, sizeof(why)), 0);
		CU_ASSERT_STRING_EQUAL(path, "/run/vmmd");
	}
	rmdir(dir);
}

UNIT_SUITE(listen, UNIT_TEST(test_socket), UNIT_TEST(test_stale), UNIT_TEST(test_dir), UNIT_TEST(test_user_dir));
