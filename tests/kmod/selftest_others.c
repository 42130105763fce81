// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_others.c - the module beside others that look at tasks: a tracer, the
 * task's own seccomp filter, function tracer and probes, the freezers, stack dumps.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

static void h_4242(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242;
	}
}

/* ---- a tracer sees the call as the program made it, and the result that the engine gives */
static void c_traced(void *arg)
{
	(void)arg;
	CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
	raise(SIGSTOP);
	CHECK_EQ(syscall(SYS_getuid), 31337);
}

static void h_traced(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.flags = VMMD_KMOD_A_EXIT | VMMD_KMOD_A_NR;
		s->answer.nr = SYS_getppid;
	} else if (s->type == VMMD_KMOD_EXIT) {
		s->answer.flags = VMMD_KMOD_A_RESULT;
		s->answer.result = 31337;
	}
}

/* The tracer: exits with how often it has seen getuid at entry, and with its virtual result at exit. */
static void tracer(pid_t p)
{
	struct user_regs_struct r;
	int seen = 0, status;
	bool in = false;

	CHECK(waitpid(p, &status, 0) == p && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
	while (ptrace(PTRACE_SYSCALL, p, 0, 0) == 0 && waitpid(p, &status, 0) == p && WIFSTOPPED(status)) {
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		in = !in;
		CHECK(ptrace(PTRACE_GETREGS, p, 0, &r) == 0);
		if (r.orig_rax == SYS_getuid)
			seen += in ? 1 : r.rax == 31337 ? 10 : 0;
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	_exit(seen);
}

static void t_ptrace(void)
{
	pid_t *p = shared(sizeof(*p)), t;
	struct vm vm;
	slot *s;
	bool end;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	t = fork();
	if (t == 0) {
		*p = vm_spawn(&vm, c_traced, NULL);
		vm_forget(&vm);
		tracer(*p);
	}
	do {
		s = vm_next(&vm);
		end = s->type == VMMD_KMOD_GONE;
		vm_answer(s, VMMD_KMOD_RUN);
		h_traced(&vm, s, NULL);
		vm_done(&vm, s);
	} while (!end);
	CHECK_EQ(child_status(t), 11);
	vm_close(&vm);
}

/* A tracer attaches to a task that is stopped by an engine, and lets it go again. */
static void c_getuid(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid), 4242);
}

static void t_ptrace_stopped(void)
{
	struct vm vm;
	slot *s;
	int status;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK(ptrace(PTRACE_SEIZE, p, 0, 0) == 0);
	CHECK(ptrace(PTRACE_INTERRUPT, p, 0, 0) == 0);
	vm_return(&vm, s, 4242);
	/* The interruption is seen when the call is over, at the latest. */
	CHECK(waitpid(p, &status, 0) == p && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_DETACH, p, 0, 0) == 0);
	vm_serve(&vm, p, h_4242, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* ---- the task's own filter judges what the engine lets run, as it has been changed */
static void own_filter(int nr, uint32_t ret)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ret),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, f };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
}

static void c_seccomp(void *arg)
{
	(void)arg;
	syscall(SYS_getgid);
	own_filter(SYS_getgid, SECCOMP_RET_ERRNO | EPERM);
	CHECK_EQ(syscall(SYS_getgid), 11);			  /* the engine is first */
	CHECK(syscall(SYS_getuid) == -1 && errno == EPERM);	  /* made a getgid */
	CHECK_EQ(syscall(SYS_getsid, 0), getsid(0));
	syscall(SYS_getegid);					  /* the engine goes away */
	CHECK(syscall(SYS_getgid) == -1 && errno == EPERM);
	CHECK_EQ(syscall(SYS_getuid), 0);
	own_filter(SYS_getuid, SECCOMP_RET_ERRNO | EDOM);
	CHECK(syscall(SYS_getuid) == -1 && errno == EDOM);
}

static void t_seccomp(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, VMMD_KMOD_F_RELEASE, 0, SYS_getuid, SYS_getgid, SYS_getegid, -1);
	p = vm_spawn(&vm, c_seccomp, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getgid);
	CHECK(!(s->flags & VMMD_KMOD_S_SECCOMP));
	vm_run(&vm, s);
	while ((s = vm_next(&vm))->nr != SYS_getegid) {
		CHECK(s->flags & VMMD_KMOD_S_SECCOMP); /* who runs a call in its place passes by its filter */
		if (s->nr == SYS_getgid) {
			vm_return(&vm, s, 11);
			continue;
		}
		vm_answer(s, VMMD_KMOD_RUN)->flags = VMMD_KMOD_A_NR;
		s->answer.nr = SYS_getgid;
		vm_done(&vm, s);
	}
	vm_close(&vm);
	CHECK_EQ(child_status(p), 0);
}

/* A task that has a filter before it is attached; and one that is never attached. */
static void c_filtered(void *arg)
{
	(void)arg;
	CHECK(syscall(SYS_getgid) == -1 && errno == EPERM);
	CHECK_EQ(syscall(SYS_getuid), 4242);
}

static void t_seccomp_before(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = fork();
	if (p == 0) {
		own_filter(SYS_getgid, SECCOMP_RET_ERRNO | EPERM);
		vm_attach_self(&vm);
		vm_forget(&vm);
		c_filtered(NULL);
		_exit(0);
	}
	vm_serve(&vm, p, h_4242, NULL);
	CHECK_EQ(child_status(p), 0);
	p = fork();
	if (p == 0) {
		own_filter(SYS_getgid, SECCOMP_RET_ERRNO | EPERM);
		CHECK(syscall(SYS_getgid) == -1 && errno == EPERM);
		_exit(syscall(SYS_getuid) == 0 ? 0 : 1);
	}
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* ---- tracers and probes come and go, also on the very functions that the module hooks into */
#define TRACING "/sys/kernel/tracing/"

static int probe(const char *what)
{
	char line[100];
	int ret;

	snprintf(line, sizeof(line), "p:vmmdtest __secure_computing\n");
	ret = write_text(TRACING "kprobe_events", line);
	if (ret == 0)
		return 0;
	snprintf(line, sizeof(line), "p:vmmdtest %s\n", what);
	return write_text(TRACING "kprobe_events", line);
}

static int tracing_step(int n)
{
	switch (n % 20) {
	case 2:
		write_text(TRACING "set_ftrace_filter", "__secure_computing __seccomp_permit_syscall get_signal\n");
		return 0;
	case 4:
		return write_text(TRACING "current_tracer", "function\n");
	case 6:
		return write_text(TRACING "events/raw_syscalls/enable", "1\n");
	case 9:
		return write_text(TRACING "events/raw_syscalls/enable", "0\n");
	case 12:
		return write_text(TRACING "current_tracer", "nop\n");
	case 14:
		return probe("__seccomp_permit_syscall");
	case 15:
		return write_text(TRACING "events/kprobes/vmmdtest/enable", "1\n");
	case 17:
		return write_text(TRACING "events/kprobes/vmmdtest/enable", "0\n");
	case 18:
		return write_text(TRACING "kprobe_events", "-:vmmdtest\n");
	}
	return 0;
}

static void c_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 60; i++)
		CHECK_EQ(syscall(SYS_getuid), 4242);
}

static void t_tracing(void)
{
	struct vm vm;
	pid_t p;

	if (access(TRACING "kprobe_events", W_OK) != 0)
		test_skip("this kernel has no kprobe events");
	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_many, NULL);
	for (int i = 0; i < 60; i++) {
		slot *s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
		int ret = tracing_step(i);

		if (ret)
			test_fail(__FILE__, __LINE__, "step %d gives %d", i % 20, ret);
		vm_return(&vm, s, 4242);
	}
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	write_text(TRACING "set_ftrace_filter", "\n");
	vm_close(&vm);
}

/* The unwinder gets through the module's trampoline: live patches and /proc/PID/stack need it. */
static void t_stack(void)
{
	char path[64], stack[4096] = "";
	struct vm vm;
	slot *s;
	ssize_t n;
	pid_t p;
	int fd;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	nap(50);
	snprintf(path, sizeof(path), "/proc/%d/stack", p);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, stack, sizeof(stack) - 1);
	close(fd);
	if (n <= 0)
		test_skip("this kernel shows no stacks");
	if (!strstr(stack, "do_syscall_64") || !strstr(stack, "entry_SYSCALL_64"))
		test_fail(__FILE__, __LINE__, "the stack is %.300s", stack);
	vm_return(&vm, s, 4242);
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* ---- a stopped task can be frozen, and thaws as it was */
static bool is_frozen(void *group)
{
	char buf[100] = "", path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.events", (char *)group);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		return false;
	close(fd);
	return strstr(buf, "frozen 1") != NULL;
}

static void t_cgroup_freezer(void)
{
	char group[] = "/sys/fs/cgroup/frozen", pid[20];
	struct vm vm;
	slot *s;
	pid_t p;

	mount("none", "/sys/fs/cgroup", "cgroup2", 0, "");
	if (mkdir(group, 0755) != 0)
		test_skip("this kernel has no control groups");
	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	nap(50);
	snprintf(pid, sizeof(pid), "%d", p);
	CHECK_EQ(write_text("/sys/fs/cgroup/frozen/cgroup.procs", pid), 0);
	CHECK_EQ(write_text("/sys/fs/cgroup/frozen/cgroup.freeze", "1"), 0);
	/* It may count as frozen at once, or when the answer has come; it does not run in either case. */
	soon(is_frozen, group, 500);
	vm_return(&vm, s, 4242);
	CHECK(soon(is_frozen, group, 5000));
	CHECK(waitpid(p, NULL, WNOHANG) == 0);
	CHECK_EQ(write_text("/sys/fs/cgroup/frozen/cgroup.freeze", "0"), 0);
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
	rmdir(group);
}

/* … and one in a frozen group can be killed. */
static void t_frozen_kill(void)
{
	char group[] = "/sys/fs/cgroup/killed", pid[20];
	struct vm vm;
	pid_t p;

	mount("none", "/sys/fs/cgroup", "cgroup2", 0, "");
	if (mkdir(group, 0755) != 0)
		test_skip("this kernel has no control groups");
	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	snprintf(pid, sizeof(pid), "%d", p);
	CHECK_EQ(write_text("/sys/fs/cgroup/killed/cgroup.procs", pid), 0);
	CHECK_EQ(write_text("/sys/fs/cgroup/killed/cgroup.freeze", "1"), 0);
	nap(50);
	CHECK(kill(p, SIGKILL) == 0);
	CHECK_EQ(child_status(p), 128 + SIGKILL);
	vm_close(&vm);
	rmdir(group);
}

/* The machine's own freezer, before it sleeps. */
static void t_suspend(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	if (write_text("/sys/power/pm_test", "freezer") != 0)
		test_skip("this kernel cannot test its freezer");
	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	nap(50);
	CHECK_EQ(write_text("/sys/power/state", "freeze"), 0);
	CHECK(waitpid(p, NULL, WNOHANG) == 0);
	vm_return(&vm, s, 4242);
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	CHECK_EQ(write_text("/sys/power/pm_test", "none"), 0);
	vm_close(&vm);
}

/* ---- what is not attached runs as if there were no module */
static void t_unattached(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ALL_EVENTS, SYS_getuid, -1);
	p = fork();
	if (p == 0) {
		CHECK_EQ(syscall(SYS_getuid), 0);
		raise(SIGTERM);
	}
	CHECK_EQ(child_status(p), 128 + SIGTERM);
	CHECK(vm_next_within(&vm, 50) == NULL);
	vm_close(&vm);
}

const struct test tests_others[] = {
	{ "others/unattached", t_unattached, 0 },
	{ "others/ptrace-on-top", t_ptrace, 0 },
	{ "others/ptrace-a-stopped-task", t_ptrace_stopped, 0 },
	{ "others/own-seccomp-filter", t_seccomp, 0 },
	{ "others/seccomp-before-attach", t_seccomp_before, 0 },
	{ "others/tracers-and-probes", t_tracing, 0 },
	{ "others/unwinder", t_stack, 0 },
	{ "others/cgroup-freezer", t_cgroup_freezer, 0 },
	{ "others/kill-frozen", t_frozen_kill, 0 },
	{ "others/suspend-freezer", t_suspend, 60 },
	{ NULL, NULL, 0 },
};
