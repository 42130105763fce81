/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bare_ptrace.c - the least that any ptrace supervisor must do, by hand.
 *
 *   bare_ptrace entry|exit NR -- CMD [ARG]...
 *
 * Becomes CMD under a tracer that is its child, so that it is traced by a
 * process that is not its parent, as under vmmd. System call NR, and no other,
 * stops at its entry (SECCOMP_RET_TRACE); the tracer reads the call and lets
 * the task go on: wait4, PTRACE_GET_SYSCALL_INFO, PTRACE_CONT. With `exit` it
 * stops once more at the exit of the call. New tasks are followed. This is
 * what the cost of a stop under vmmd is compared with; nothing here is shared
 * with vmmd's engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS                                                                          \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |             \
	 PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

static int install_filter(unsigned nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static void handle_stop(pid_t pid, int status, bool want_exit)
{
	struct __ptrace_syscall_info info;
	int event = status >> 16;
	bool entry = event == PTRACE_EVENT_SECCOMP;
	bool at_exit = !event && WSTOPSIG(status) == (SIGTRAP | 0x80);
	long deliver = event || at_exit ? 0 : WSTOPSIG(status);

	if (entry || at_exit)
		ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
	if (entry && want_exit)
		ptrace(PTRACE_SYSCALL, pid, NULL, 0L);
	else
		ptrace(PTRACE_CONT, pid, NULL, deliver);
}

static _Noreturn void trace(pid_t subject, int attached, bool want_exit)
{
	int status;

	if (ptrace(PTRACE_SEIZE, subject, NULL, OPTIONS)) {
		perror("bare_ptrace: PTRACE_SEIZE");
		_exit(1);
	}
	if (write(attached, "x", 1) != 1)
		_exit(1);
	/* The pipes are the subject's: who waits for their end must not wait for us. */
	close(attached);
	close(0);
	close(1);
	for (;;) {
		pid_t pid = wait4(-1, &status, __WALL, NULL);

		if (pid < 0 && errno != EINTR)
			_exit(0);
		if (pid > 0 && WIFSTOPPED(status))
			handle_stop(pid, status, want_exit);
	}
}

int main(int argc, char **argv)
{
	int attached[2];
	char byte;
	pid_t tracer;

	if (argc < 5 || strcmp(argv[3], "--")) {
		fprintf(stderr, "usage: bare_ptrace entry|exit NR -- CMD [ARG]...\n");
		return 2;
	}
	if (pipe2(attached, O_CLOEXEC))
		return 125;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* where Yama asks for it */
	tracer = fork();
	if (!tracer)
		trace(getppid(), attached[1], !strcmp(argv[1], "exit"));
	close(attached[1]);
	if (tracer < 0 || read(attached[0], &byte, 1) != 1 ||
	    install_filter((unsigned)atoi(argv[2])))
		return 125;
	execvp(argv[4], argv + 4);
	return 127;
}
