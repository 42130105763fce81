/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_setuid.c - a set-user-ID program started by another user. Differs inside, where
 * no_new_privs holds: see expect/setuid.inside. The argument is a directory to work in; needs root.
 */
#include "guest.h"
#include <grp.h>

#define NOBODY 65534

static int copy_self(const char *to)
{
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	if (in < 0 || out < 0)
		return -1;
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			return -1;
	close(in);
	close(out);
	return n == 0 ? 0 : -1;
}

static int run_it(void *arg)
{
	char *argv[] = { arg, (char *)"--ids", NULL };

	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 90;
	execv(arg, argv);
	say("exec: %s", strerrorname_np(errno));
	return 91;
}

int main(int argc, char **argv)
{
	char dir[256], path[300];

	if (argc > 1 && !strcmp(argv[1], "--ids")) {
		say("uid %u euid %u gid %u egid %u", getuid(), geteuid(), getgid(), getegid());
		return 0;
	}
	snprintf(dir, sizeof(dir), "%s/g_setuid.XXXXXX", argc > 1 ? argv[1] : "/tmp");
	CHECK(mkdtemp(dir) != NULL);
	CHECK(chmod(dir, 0755) == 0);
	snprintf(path, sizeof(path), "%s/suid", dir);
	CHECK(copy_self(path) == 0);
	say("plain: %s", status_text(in_child(run_it, path)));
	CHECK(chmod(path, 06755) == 0);
	say("set-user-ID: %s", status_text(in_child(run_it, path)));
	CHECK(unlink(path) == 0 && rmdir(dir) == 0);
	return guest_end();
}
