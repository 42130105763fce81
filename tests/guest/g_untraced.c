/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_untraced.c - CLONE_UNTRACED would make a child that nobody watches. Differs inside: see expect/untraced.inside. */
#include "guest.h"
#include <linux/sched.h>

static void ended(const char *what, long pid)
{
	if (pid == 0)
		_exit(5);
	say("%s: %s", what, outcome(pid));
	if (pid > 0)
		CHECK(reap((pid_t)pid) == 5 << 8);
}

int main(void)
{
	struct clone_args a = { .flags = CLONE_UNTRACED, .exit_signal = SIGCHLD };

	ended("clone", syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0));
	ended("clone3", syscall(SYS_clone3, &a, sizeof(a)));
	a.flags = 0;
	ended("clone without the flag", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	ended("clone3 without the flag", syscall(SYS_clone3, &a, sizeof(a)));
	return guest_end();
}
