/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_proc.c - what /proc shows a program of itself: the same lines, and no descriptor that it was not given. */
#include "guest.h"

static void line(const char *key)
{
	char buf[256];
	size_t len = strlen(key);
	FILE *f = fopen("/proc/self/status", "re");

	CHECK(f != NULL);
	while (f && fgets(buf, sizeof(buf), f))
		if (!strncmp(buf, key, len) && buf[len] == ':') {
			buf[strcspn(buf, "\n")] = 0;
			say("%s", buf);
		}
	if (f)
		fclose(f);
}

int main(void)
{
	static const char *const keys[] = { "Name",   "Umask",	"State",  "Uid",    "Gid",    "Groups", "Threads",
					    "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
					    "CapEff", "CapBnd", "CapAmb" };
	char cwd[4096], link[4096], self[32];
	ssize_t n;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		line(keys[i]);
	n = readlink("/proc/self", self, sizeof(self) - 1);
	CHECK(n > 0);
	self[n > 0 ? n : 0] = 0;
	CHECK(atoi(self) == getpid());
	n = readlink("/proc/self/cwd", link, sizeof(link) - 1);
	CHECK(n > 0 && getcwd(cwd, sizeof(cwd)) && !strncmp(cwd, link, (size_t)n) && cwd[n] == 0);
	n = readlink("/proc/self/exe", link, sizeof(link) - 1);
	CHECK(n > 7 && !strncmp(link + n - 7, "/g_proc", 7));
	for (int fd = 0; fd < 1000; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			say("descriptor %d", fd);
	say("children %d", wait_opt(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 1);
	say("group %d session %d", getpgrp() == getppid(), getsid(0) == getpid());
	return guest_end();
}
