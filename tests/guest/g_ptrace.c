/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_ptrace.c - ptrace(2) by the program. Differs inside: see expect/ptrace.inside. */
#include "guest.h"
#include <sys/ptrace.h>

static int traceme(void *arg)
{
	(void)arg;
	say("PTRACE_TRACEME: %s", outcome(ptrace(PTRACE_TRACEME, 0, 0, 0)));
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		long request;
	} r[] = { { "PTRACE_ATTACH", PTRACE_ATTACH }, { "PTRACE_SEIZE", PTRACE_SEIZE } };
	pid_t pid;
	int status;

	say("%s", status_text(in_child(traceme, NULL)));
	for (int i = 0; i < 2; i++) {
		pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		say("%s: %s", r[i].name, outcome(syscall(SYS_ptrace, r[i].request, pid, 0, 0)));
		kill(pid, SIGKILL);
		do
			CHECK(wait_opt(pid, &status, 0) == pid);
		while (WIFSTOPPED(status));
		say("%s", status_text(status));
	}
	say("PTRACE_PEEKDATA: %s", outcome(syscall(SYS_ptrace, PTRACE_PEEKDATA, 1, 0, 0)));
	return guest_end();
}
