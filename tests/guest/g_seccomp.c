/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_seccomp.c - a program that installs its own seccomp filter: its verdicts hold, RET_TRACE finds no tracer. */
#include "guest.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define NR_TRIED SYS_getppid

/* A filter that gives `ret` to one call (to all calls if nr < 0) and allows the rest. */
static long install(long nr, unsigned ret, unsigned flags)
{
	struct sock_filter one[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ret),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, one };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

static void on_sys(int sig, siginfo_t *si, void *ctx)
{
	(void)ctx;
	say("SIG%s code %d syscall %d errno %d arch %#x", sigabbrev_np(sig), si->si_code, si->si_syscall, si->si_errno,
	    si->si_arch);
}

static int ret_errno(void *arg)
{
	(void)arg;
	CHECK(install(NR_TRIED, SECCOMP_RET_ERRNO | EXDEV, 0) == 0);
	say("ERRNO: %s", outcome(syscall(NR_TRIED)));
	CHECK(install(NR_TRIED, SECCOMP_RET_ERRNO | EDOM, 0) == 0);
	say("a second filter: %s", outcome(syscall(NR_TRIED)));
	CHECK(install(SYS_getuid, SECCOMP_RET_ERRNO | 0, 0) == 0);
	say("ERRNO 0: %ld", syscall(SYS_getuid));
	return 0;
}

static int ret_trap(void *arg)
{
	struct sigaction sa = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };

	(void)arg;
	sigaction(SIGSYS, &sa, NULL);
	CHECK(install(NR_TRIED, SECCOMP_RET_TRAP | 123, 0) == 0);
	for (int i = 0; i < 3; i++)
		say("TRAP: %ld", syscall(NR_TRIED) == NR_TRIED ? 1L : 0L);
	return 0;
}

static int ret_trap_default(void *arg)
{
	(void)arg;
	CHECK(install(NR_TRIED, SECCOMP_RET_TRAP, 0) == 0);
	syscall(NR_TRIED);
	return 1;
}

static int ret_kill_process(void *arg)
{
	(void)arg;
	CHECK(install(NR_TRIED, SECCOMP_RET_KILL_PROCESS, 0) == 0);
	syscall(NR_TRIED);
	return 1;
}

static void *killed(void *arg)
{
	CHECK(install(NR_TRIED, SECCOMP_RET_KILL_THREAD, 0) == 0);
	syscall(NR_TRIED);
	*(int *)arg = 1;
	return NULL;
}

static int ret_kill_thread(void *arg)
{
	pthread_t t;
	int alive = 0;

	(void)arg;
	CHECK(pthread_create(&t, NULL, killed, &alive) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	say("KILL_THREAD: thread alive %d, process goes on", alive);
	return 0;
}

static int ret_trace(void *arg)
{
	CHECK(install(NR_TRIED, SECCOMP_RET_TRACE | (unsigned)(long)arg, 0) == 0);
	errno = 0;
	say("TRACE %#lx: %s", (long)arg, outcome(syscall(NR_TRIED)));
	errno = 0;
	say("another call: %s", outcome(syscall(SYS_getuid)));
	return 0;
}

static int trace_exec(void *arg)
{
	char *argv[] = { (char *)"g_seccomp", (char *)"child", NULL };

	(void)arg;
	CHECK(install(SYS_execve, SECCOMP_RET_TRACE, 0) == 0);
	say("TRACE execve: %s", outcome(execv("/proc/self/exe", argv)));
	return 0;
}

static int across_exec(void *arg)
{
	char *argv[] = { (char *)"g_seccomp", (char *)"child", NULL };

	(void)arg;
	CHECK(install(NR_TRIED, SECCOMP_RET_ERRNO | ERANGE, 0) == 0);
	execv("/proc/self/exe", argv);
	return 1;
}

static void *synced(void *arg)
{
	int *p = arg;

	pipe_put(p[1]);
	pipe_get(p[2]);
	say("TSYNC: %s", outcome(syscall(NR_TRIED)));
	return NULL;
}

static int tsync(void *arg)
{
	pthread_t t;
	int p[4];

	(void)arg;
	CHECK(pipe(p) == 0 && pipe(p + 2) == 0);
	CHECK(pthread_create(&t, NULL, synced, p) == 0);
	pipe_get(p[0]);
	CHECK(install(NR_TRIED, SECCOMP_RET_ERRNO | ENOTTY, SECCOMP_FILTER_FLAG_TSYNC) == 0);
	pipe_put(p[3]);
	pthread_join(t, NULL);
	return 0;
}

static int bad(void *arg)
{
	struct sock_filter loop = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 3);
	struct sock_fprog prog = { 1, &loop };
	unsigned action = SECCOMP_RET_TRACE;

	(void)arg;
	say("bad program: %s", outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)));
	say("bad operation: %s", outcome(syscall(SYS_seccomp, 77, 0, NULL)));
	say("bad flags: %s", outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x8000, &prog)));
	say("TRACE available: %s", outcome(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action)));
	return 0;
}

int main(int argc, char **argv)
{
	static int (*const tests[])(void *) = { ret_errno, ret_trap, ret_trap_default, ret_kill_process, ret_kill_thread,
						trace_exec, across_exec, tsync, bad };
	struct rlimit none = { 0, 0 };

	(void)argv;
	if (argc > 1) {
		say("after exec: %s", outcome(syscall(NR_TRIED)));
		return 44;
	}
	setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		say("%s", status_text(in_child(tests[i], NULL)));
	for (long data = 0; data <= 0xffff; data = data * 3 + 1)
		say("%s", status_text(in_child(ret_trace, (void *)data)));
	say("%s", status_text(in_child(ret_trace, (void *)0xffffL)));
	return guest_end();
}
