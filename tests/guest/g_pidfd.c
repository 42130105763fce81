/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_pidfd.c - processes by descriptor: open, poll, signal, wait, fetch a descriptor. */
#include "guest.h"

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

int main(void)
{
	pid_t pid = sleeper();
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), got;
	struct pollfd p = { fd, POLLIN, 0 };
	siginfo_t si;

	CHECK(fd >= 0);
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0) == 0);
	CHECK(waitid(P_PIDFD, (id_t)fd, &si, WSTOPPED) == 0);
	say("stopped: code %d status %d", si.si_code, si.si_status);
	CHECK(syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0) == 0);
	CHECK(waitid(P_PIDFD, (id_t)fd, &si, WCONTINUED) == 0);
	say("continued: code %d", si.si_code);
	got = (int)syscall(SYS_pidfd_getfd, fd, 1, 0);
	say("pidfd_getfd: %s", outcome(got));
	if (got >= 0)
		close(got);
	CHECK(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0);
	CHECK(poll(&p, 1, 10000) == 1);
	CHECK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED) == 0);
	say("killed: code %d status %d", si.si_code, si.si_status);
	say("signal the dead: %s", outcome(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0)));
	say("open nobody: %s", outcome(syscall(SYS_pidfd_open, 0x3fffffff, 0)));
	say("open bad flags: %s", outcome(syscall(SYS_pidfd_open, getpid(), 0x7777)));
	return guest_end();
}
