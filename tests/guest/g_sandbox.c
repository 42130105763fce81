/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_sandbox.c - a program that confines itself to very few calls, any other being
 * fatal, and makes one of them over and over: ARG is how often, ten a second.
 * Prints what the call left behind.
 */
#include "guest.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_mkdir), ALLOW(SYS_write), ALLOW(SYS_exit_group), ALLOW(SYS_clock_nanosleep),
		ALLOW(SYS_restart_syscall),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	int n = argc > 1 ? atoi(argv[1]) : 1;
	long r = 0;

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
	for (int i = 0; i < n; i++) {
		r = mkdir("/nonexistent/directory", 0700);
		nap_ms(100);
	}
	say("%s", outcome(r));
	_exit(0);
}
