// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spawn.c - start a private daemon.
 *
 * This process will become the user's program, so nothing of the daemon may
 * stick to it: the daemon is a grandchild in a process group of its own, and the
 * child between is made without an exit signal and reaped here, so that no
 * SIGCHLD can be left pending and no unknown child appears. Code after the
 * clone only makes system calls.
 *
 * A process group, not a session: the scheduler puts each session into a group of
 * its own (autogroup, sched(7)), and a switch between tasks of two such groups is
 * a sixth of what a stop costs. The terminal is given up by other means.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "clients/lib/impl.h"

#define PRIVATE_FD 3 /* where the daemon finds its connection */

/* vmmd is beside this program, or where it was installed. */
static int find_daemon(char *path, size_t len)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash && slash - self + sizeof("/vmmd") <= len) {
			snprintf(path, len, "%.*s/vmmd", (int)(slash - self), self);
			if (access(path, X_OK) == 0)
				return 0;
		}
	}
	snprintf(path, len, "%s/vmmd", VMMD_BINDIR);
	return access(path, X_OK) ? -errno : 0;
}

static void say(const char *text)
{
	if (write(2, text, strlen(text)) < 0) {
		/* nobody is there to hear it */
	}
}

/* tty_ioctl(4): of a process that leads no session it is the process alone that loses its terminal. */
static void leave_terminal(void)
{
	int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (tty < 0)
		return;
	ioctl(tty, TIOCNOTTY);
	close(tty);
}

/* The daemon to be: its own process group, no terminal, no descriptor of ours but stderr and the connection. */
static _Noreturn void become_daemon(const char *path, int sock)
{
	char *const argv[] = {(char *)"vmmd", (char *)"--private", (char *)"3", NULL};
	int null;

	setpgid(0, 0);
	leave_terminal();
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || chdir("/"))
		goto fail;
	if (fcntl(2, F_GETFD) < 0 && dup2(null, 2) < 0)
		goto fail;
	if (sock == PRIVATE_FD ? fcntl(sock, F_SETFD, 0) < 0 : dup2(sock, PRIVATE_FD) < 0)
		goto fail;
	close_range(PRIVATE_FD + 1, ~0U, 0);
	execv(path, argv);
fail:
	say("vmmctl: cannot start ");
	say(path);
	say("\n");
	_exit(VMMCTL_REFUSED);
}

int vmmctl_open_private(struct vmmctl **out, char *why, size_t len)
{
	char path[PATH_MAX];
	int sv[2], ret = find_daemon(path, sizeof(path));
	long pid;

	if (ret) {
		snprintf(why, len, "cannot run %s: %s", path, strerror(-ret));
		return ret;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv)) {
		snprintf(why, len, "cannot make a socket: %s", strerror(errno));
		return -errno;
	}
	sv[0] = vmmctl_high_fd(sv[0]);
	sv[1] = vmmctl_high_fd(sv[1]);
	pid = sv[0] < 0 || sv[1] < 0 ? -1 : syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
	if (pid == 0) {
		pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
		if (pid == 0)
			become_daemon(path, sv[1]);
		_exit(pid < 0);
	}
	ret = pid < 0 ? -errno : 0;
	if (sv[1] >= 0)
		close(sv[1]);
	if (ret) {
		snprintf(why, len, "cannot start vmmd: %s", strerror(-ret));
		if (sv[0] >= 0)
			close(sv[0]);
		return ret;
	}
	while (waitpid((pid_t)pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return vmmctl_open_fd(out, sv[0]);
}
