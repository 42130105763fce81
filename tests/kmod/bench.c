// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench.c - what a call costs in each way of watching it, side by side in one
 * boot of the test machine. Ratios count; times are those of an emulated CPU.
 *
 *   bench MODULE.ko
 *
 * Each line is the best of several rounds: "bench NAME NANOSECONDS RATIO", the
 * ratio to the native call. Then the budgets, as tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/bench.h"
#include "tests/kmod/vm.h"

#define ROUNDS 12

static const long calls = 2000;
static double *best; /* ns a call, of the child that has just run */
static double native;
static int task_cpu, daemon_cpu;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static void measure(long count)
{
	long long start, took;

	*best = 1e12;
	for (int r = 0; r < ROUNDS; r++) {
		start = now_us();
		for (long i = 0; i < count; i++)
			syscall(SYS_getppid);
		took = now_us() - start;
		if (took * 1000.0 / (double)count < *best)
			*best = took * 1000.0 / (double)count;
	}
}

static void few(void *arg)
{
	(void)arg;
	pin(task_cpu);
	measure(calls / ROUNDS);
}

static void many(void *arg)
{
	(void)arg;
	pin(task_cpu);
	measure(calls * 10);
}

static void say(const char *name, double ns)
{
	printf("bench %-44s %9.0f ns %7.2f\n", name, ns, ns / native);
	fflush(stdout);
}

static void report(const char *name)
{
	say(name, *best);
}

/* Of several of the same, with others in between: the machine is not ours alone. */
static void keep(double *least)
{
	if (!*least || *best < *least)
		*least = *best;
}

static void alone(void)
{
	pid_t p = fork();

	if (p == 0) {
		many(NULL);
		_exit(0);
	}
	CHECK_EQ(child_status(p), 0);
}

/* ---- the task's own filter, which lets all through; and one that asks somebody */
static int install(uint32_t ret, unsigned int flags)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ret),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog all = { 4, f }, none = { 1, f + 3 };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, ret == SECCOMP_RET_ALLOW ? &none : &all);
}

static void empty_filter(void)
{
	pid_t p = fork();

	if (p == 0) {
		CHECK(install(SECCOMP_RET_ALLOW, 0) == 0);
		many(NULL);
		_exit(0);
	}
	CHECK_EQ(child_status(p), 0);
}

static void notified(const char *name, bool sync)
{
	struct seccomp_notif req;
	struct seccomp_notif_resp resp;
	int fds[2], fd, pidfd, listener;
	bool unknown;
	pid_t p;

	CHECK(pipe(fds) == 0);
	p = fork();
	if (p == 0) {
		fd = install(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
		CHECK(fd >= 0 && write(fds[1], &fd, sizeof(fd)) == sizeof(fd));
		few(NULL);
		_exit(0);
	}
	pin(daemon_cpu);
	CHECK(read(fds[0], &fd, sizeof(fd)) == sizeof(fd));
	pidfd = (int)syscall(SYS_pidfd_open, p, 0);
	listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	CHECK(listener >= 0);
	/* SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: since 6.6 */
	unknown = sync && ioctl(listener, _IOW('!', 4, __u64), 1ul) != 0;
	if (unknown) {
		printf("bench %-44s not on this kernel\n", name);
		kill(p, SIGKILL);
	}
	for (long i = 0; !unknown && i < calls / ROUNDS * ROUNDS; i++) {
		memset(&req, 0, sizeof(req));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) != 0)
			break;
		resp = (struct seccomp_notif_resp){ .id = req.id, .val = 1 };
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	}
	close(listener);
	close(pidfd);
	close(fds[0]);
	close(fds[1]);
	if (child_status(p) == 0)
		report(name);
}

/* ---- ptrace: a stop at entry and one at exit; registers read and written at the first */
static void traced(const char *name)
{
	struct user_regs_struct regs;
	int status;
	bool in = false;
	pid_t p = fork();

	if (p == 0) {
		CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
		raise(SIGSTOP);
		few(NULL);
		_exit(0);
	}
	pin(daemon_cpu);
	CHECK(waitpid(p, &status, 0) == p);
	while (ptrace(PTRACE_SYSCALL, p, 0, 0) == 0 && waitpid(p, &status, 0) == p && WIFSTOPPED(status)) {
		in = !in;
		if (in && ptrace(PTRACE_GETREGS, p, 0, &regs) == 0)
			ptrace(PTRACE_SETREGS, p, 0, &regs);
	}
	report(name);
}

/* ---- the module */
static void module(const char *name, uint32_t spin_us, bool at_exit)
{
	struct vmmd_kmod_create create = { .max_tasks = 16, .spin_us = spin_us };
	struct vmmd_kmod_select sel = vm_selection(ON(GONE), SYS_getppid, -1);
	struct vm vm;
	uint64_t token;
	bool gone = false;
	slot *s;
	pid_t p;

	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	vm.spin = spin_us ? 20000 : 0;
	p = vm_spawn(&vm, few, NULL);
	pin(daemon_cpu);
	s = vm_next(&vm);
	while (!gone) {
		gone = s->type == VMMD_KMOD_GONE;
		if (s->type == VMMD_KMOD_ENTRY)
			vm_answer(s, at_exit ? VMMD_KMOD_RUN : VMMD_KMOD_RETURN)->flags = at_exit ? VMMD_KMOD_A_EXIT : 0;
		else
			vm_answer(s, VMMD_KMOD_RUN);
		token = vm_token(&vm, s);
		if (__atomic_exchange_n(&s->state, VMMD_KMOD_DONE, __ATOMIC_ACQ_REL) == VMMD_KMOD_SLEEPING)
			ioctl(vm.fd, gone || spin_us ? VMMD_IOC_DONE : VMMD_IOC_DONE_WAIT, token);
		if (!gone)
			s = vm_next(&vm);
	}
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
	report(name);
}

static void unwanted(uint32_t events, bool filter)
{
	struct sock_filter prog[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct vmmd_kmod_create create = { .max_tasks = 16 };
	struct vmmd_kmod_select sel = vm_selection(events, SYS_getuid, filter ? SYS_getppid : -1, -1);
	struct vm vm;

	if (filter) {
		sel.filter = (uintptr_t)prog;
		sel.filter_len = 4;
	}
	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	CHECK_EQ(child_status(vm_spawn(&vm, many, NULL)), 0);
	vm_close(&vm);
}

static void paused(void *arg)
{
	(void)arg;
	pause();
}

static bool all_attached(void *arg)
{
	(void)arg;
	return vm_info().tasks == 100;
}

/* The module is loaded, and has 100 tasks at rest. */
static void among_others(void)
{
	struct vm vm;

	CHECK_EQ(module_load(""), 0);
	vm_open(&vm, 0, 0, SYS_getuid, -1);
	for (int i = 0; i < 100; i++)
		vm_spawn(&vm, paused, NULL);
	CHECK(soon(all_attached, NULL, 20000));
	nap(500);
	alone();
	vm_close(&vm);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static bool unloaded(void *arg)
{
	(void)arg;
	return module_unload() == 0;
}

static void budget(const char *name, double is, double of, double most)
{
	if (is <= of * most)
		printf("ok bench/%s (%.2f)\n", name, is / of);
	else
		printf("not ok bench/%s: %.2f, at most %.2f\n", name, is / of, most);
}

void bench(void)
{
	double before = 0, after = 0, empty = 0, bitmap = 0, signals = 0, filter = 0;

	best = shared(sizeof(*best));
	for (int i = 0; i < 4; i++) {
		if (i)
			CHECK(soon(unloaded, NULL, 20000));
		alone();
		keep(&before);
		among_others();
		keep(&after);
		empty_filter();
		keep(&empty);
		unwanted(0, false);
		keep(&bitmap);
		unwanted(ON(SIGNAL), false);
		keep(&signals);
		unwanted(0, true);
		keep(&filter);
	}
	native = before;
	say("native, no module", before);
	say("native, module loaded, 100 tasks attached", after);
	say("an empty seccomp filter", empty);
	say("attached, call not selected (bitmap)", bitmap);
	say("attached, call not selected, signals are", signals);
	say("attached, call not selected (filter)", filter);
	for (daemon_cpu = 0; daemon_cpu < (int)sysconf(_SC_NPROCESSORS_ONLN) && daemon_cpu < 2; daemon_cpu++) {
		printf("bench --- task on CPU %d, daemon on CPU %d\n", task_cpu, daemon_cpu);
		module("module, answered at entry", 0, false);
		if (daemon_cpu)
			module("module, answered at entry, both spin", 200, false);
		module("module, entry and exit", 0, true);
		notified("seccomp notification", false);
		notified("seccomp notification, sync wake-up", true);
		traced("ptrace, entry and exit");
	}
	budget("untraced", after, before, 1.10);
	budget("unwanted", bitmap, empty, 1.10);
}
