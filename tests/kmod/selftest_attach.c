// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_attach.c - who may attach whom, and what attached tasks may no longer
 * become; the control descriptor and what can be done without it; limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

#define SOMEBODY 1234
#define NOBODY 65534

static void become(uid_t uid)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
	/* As after a login: a change of identity alone leaves a process that nobody may look into. */
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static int attach(struct vm *vm, pid_t pid)
{
	struct vmmd_kmod_attach a = { .pid = pid };

	return ioctl(vm->fd, VMMD_IOC_ATTACH, &a) == 0 ? (int)a.attached : -errno;
}

/* A process that is not attached, running run(arg) when this returns. */
static pid_t bystander(void (*run)(void *), void *arg)
{
	int ready[2];
	char c;
	pid_t p;

	CHECK(pipe(ready) == 0);
	p = fork();
	if (p == 0) {
		close(ready[0]);
		if (arg)
			become((uid_t)(long)arg);
		CHECK(write(ready[1], "x", 1) == 1);
		close(ready[1]);
		run(arg);
		_exit(0);
	}
	close(ready[1]);
	CHECK(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	return p;
}

/* ---- a running process, wherever it is */
static void r_calls(void *arg)
{
	(void)arg;
	while (syscall(SYS_getuid) != 4242)
		;
}

static void r_user_mode(void *arg)
{
	volatile unsigned long n = 0;
	long long end = now_us() + 500000;

	(void)arg;
	while (now_us() < end) /* the clock is read without a system call */
		n++;
	r_calls(NULL);
}

static void r_blocked(void *arg)
{
	(void)arg;
	usleep(300000);
	r_calls(NULL);
}

static void *thread_calls(void *arg)
{
	r_calls(arg);
	return NULL;
}

static void r_threads(void *arg)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, thread_calls, arg) == 0);
	r_calls(arg);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

static void h_4242(struct vm *vm, slot *s, void *arg)
{
	(void)vm;
	if (arg && s->type == VMMD_KMOD_NEW)
		(*(int *)arg)++;
	if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242;
	}
}

struct process {
	pid_t pid;
	int threads;
};

static bool has_threads(void *arg)
{
	const struct process *p = arg;
	struct stat s;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", p->pid);
	return stat(path, &s) == 0 && s.st_nlink >= 2 + (nlink_t)p->threads;
}

static void running(void (*run)(void *), int threads)
{
	struct process its = { .threads = threads };
	struct vm vm;
	int new = 0;
	pid_t p;

	vm_open(&vm, 0, ON(NEW) | ON(GONE), SYS_getuid, -1);
	p = its.pid = bystander(run, NULL);
	CHECK(soon(has_threads, &its, 5000));
	nap(100);
	CHECK_EQ(attach(&vm, p), threads);
	vm_serve(&vm, p, h_4242, &new);
	CHECK_EQ(child_status(p), 0);
	CHECK_EQ(new, threads);
	vm_close(&vm);
}

static void t_running(void) { running(r_calls, 1); }
static void t_user_mode(void) { running(r_user_mode, 1); }
static void t_blocked(void) { running(r_blocked, 1); }
static void t_threads(void) { running(r_threads, 4); }

static void r_pause(void *arg)
{
	(void)arg;
	pause();
}

static void r_forks(void *arg)
{
	(void)arg;
	for (;;) {
		pid_t p = fork();

		if (p == 0)
			_exit(0);
		CHECK(waitpid(p, NULL, 0) == p);
		usleep(20000);
	}
}

/* The end of one that was not announced tells whether it was attached, or made by one that was. */
static void t_whose_end(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), -1);
	p = bystander(r_pause, NULL);
	CHECK_EQ(attach(&vm, p), 1);
	kill(p, SIGKILL);
	s = vm_expect(&vm, VMMD_KMOD_GONE, 0);
	CHECK_EQ(s->parent, 0);
	CHECK_EQ(s->value, SIGKILL);
	vm_run(&vm, s);
	p = bystander(r_forks, NULL);
	CHECK_EQ(attach(&vm, p), 1);
	s = vm_expect(&vm, VMMD_KMOD_GONE, 0);
	CHECK(s->parent != 0);
	CHECK_EQ(s->value, 0);
	vm_run(&vm, s);
	vm_close(&vm);
}

/* ---- refusals */
static void r_undumpable(void *arg)
{
	(void)arg;
	CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
	pause();
}

/* Another daemon than root: with an engine that root has opened for it. */
static void as_somebody(void (*run)(struct vm *))
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = fork();
	if (p == 0) {
		become(SOMEBODY);
		run(&vm);
		_exit(0);
	}
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

static pid_t target;

static void refused(struct vm *vm)
{
	CHECK_EQ(attach(vm, target), -EPERM);
}

static void t_other_user(void)
{
	target = bystander(r_pause, (void *)NOBODY);
	as_somebody(refused);
}

static void t_root(void)
{
	target = bystander(r_pause, NULL);
	as_somebody(refused);
}

static void t_undumpable(void)
{
	target = bystander(r_undumpable, (void *)SOMEBODY);
	nap(100);
	as_somebody(refused);
}

static void accepted(struct vm *vm)
{
	CHECK_EQ(attach(vm, target), 1);
}

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

static void t_same_user(void)
{
	long scope = read_number(YAMA);

	CHECK(scope <= 0 || write_text(YAMA, "0") == 0);
	target = bystander(r_pause, (void *)SOMEBODY);
	as_somebody(accepted);
	CHECK(scope <= 0 || write_text(YAMA, "1") == 0);
}

/* Where a security module restricts ptrace(2), so it does this: Yama, to descendants. */
static void descendant(struct vm *vm)
{
	target = bystander(r_pause, NULL);
	accepted(vm);
}

static void t_security_module(void)
{
	long scope = read_number(YAMA);

	CHECK(scope >= 0 && write_text(YAMA, "1") == 0);
	target = bystander(r_pause, (void *)SOMEBODY);
	as_somebody(refused);
	as_somebody(descendant);
	CHECK(scope == 1 || write_text(YAMA, "0") == 0);
}

/* SOMEBODY with one capability. */
static void become_able(int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { .effective = 1u << cap, .permitted = 1u << cap } };

	CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
	become(SOMEBODY);
	CHECK(syscall(SYS_capset, &head, caps) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static volatile int *able;

static void r_able(void *arg)
{
	(void)arg;
	become_able(CAP_DAC_READ_SEARCH);
	*able = 1;
	pause();
}

/* Who is of the same user but can do more is not for who can less. */
static void t_more_able(void)
{
	able = shared(sizeof(*able));
	target = bystander(r_able, NULL);
	while (!*able)
		nap(2);
	as_somebody(refused);
}

/* CAP_SYS_PTRACE is what root has more than others. */
static void t_capability(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), -1);
	target = bystander(r_pause, (void *)NOBODY);
	p = fork();
	if (p == 0) {
		become_able(CAP_SYS_PTRACE);
		CHECK_EQ(attach(&vm, target), 1);
		_exit(0);
	}
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* The thread that is the process has ended, others have not: they are whom it is about. */
static void *t_stays(void *arg)
{
	*able = 1;
	pause();
	return arg;
}

static void r_headless(void *arg)
{
	pthread_t t;

	(void)arg;
	CHECK(pthread_create(&t, NULL, t_stays, NULL) == 0);
	pthread_exit(NULL);
}

static bool headless(void *arg)
{
	char path[40], text[64] = "";
	FILE *f;

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", target, target);
	f = fopen(path, "r");
	while (f && fgets(text, sizeof(text), f) && strncmp(text, "State:", 6) != 0)
		;
	if (f)
		fclose(f);
	return strstr(text, "Z");
}

static void t_headless(void)
{
	able = shared(sizeof(*able));
	target = bystander(r_headless, NULL);
	CHECK(soon(headless, NULL, 5000));
	as_somebody(refused);
	target = bystander(r_headless, (void *)SOMEBODY);
	CHECK(soon(headless, NULL, 5000));
	as_somebody(accepted);
}

static void r_userns(void *arg)
{
	(void)arg;
	CHECK(unshare(CLONE_NEWUSER) == 0);
	pause();
}

/* Root in a user namespace has no rights over a process outside of it. */
static void t_userns(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), -1);
	target = bystander(r_pause, (void *)NOBODY);
	p = fork();
	if (p == 0) {
		become(SOMEBODY);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK_EQ(attach(&vm, target), -EPERM);
		_exit(0);
	}
	CHECK_EQ(child_status(p), 0);
	/* The other way round root may. */
	target = bystander(r_userns, (void *)NOBODY);
	nap(50);
	CHECK_EQ(attach(&vm, target), 1);
	vm_close(&vm);
}

static void t_no_such(void)
{
	struct vmmd_kmod_attach a = { .pid = 1, .flags = 1 };
	struct vm vm;

	vm_open(&vm, 0, ON(GONE), -1);
	CHECK_EQ(attach(&vm, 999999), -ESRCH);
	CHECK(attach(&vm, 0) < 0);
	CHECK(attach(&vm, -1) < 0);
	CHECK_EQ(attach(&vm, 2), -EPERM);	/* a kernel thread */
	CHECK(attach(&vm, getpid()) < 0);	/* the daemon itself would wait for itself */
	CHECK(ioctl(vm.fd, VMMD_IOC_ATTACH, &a) == -1 && errno == EINVAL);
	vm_close(&vm);
}

/* Twice to the same engine is once. */
static void t_twice(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), -1);
	p = bystander(r_pause, NULL);
	CHECK_EQ(attach(&vm, p), 1);
	CHECK(attach(&vm, p) <= 0);
	kill(p, SIGKILL);
	vm_close(&vm);
}

/* ---- what an attached task may become: no set-user-ID program lends it rights that its daemon has not */
static void c_setuid_exec(void *arg)
{
	(void)arg;
	execl("/setuid", "setuid", "--effective", (char *)NULL);
	CHECK(!"exec");
}

static int setuid_under(uid_t maker)
{
	struct vm vm;
	pid_t p;

	if (maker)
		become(maker);
	vm_open(&vm, 0, ON(GONE), -1);
	p = fork();
	if (p == 0) {
		if (!maker)
			become(SOMEBODY);
		vm_attach_self(&vm);
		vm_forget(&vm);
		c_setuid_exec(NULL);
	}
	vm_serve(&vm, p, NULL, NULL);
	vm_close(&vm);
	return child_status(p);
}

static void t_setuid(void)
{
	pid_t p;

	CHECK(copy_setuid("/setuid") == 0 && chmod(VMMD_KMOD_DEVICE, 0666) == 0);
	p = fork();
	if (p == 0) {
		become(SOMEBODY);
		c_setuid_exec(NULL);
	}
	CHECK_EQ(child_status(p), 0); /* alone it is root */
	CHECK_EQ(setuid_under(0), 0); /* and where root watches */
	p = fork();
	if (p == 0)
		_exit(setuid_under(SOMEBODY));
	CHECK_EQ(child_status(p), 3);
	CHECK(chmod(VMMD_KMOD_DEVICE, 0660) == 0 && unlink("/setuid") == 0);
}

/* ---- descriptors */
static void t_token(void)
{
	struct vmmd_kmod_info info;
	struct vm vm;

	vm_open(&vm, 0, ON(GONE), -1);
	CHECK(ioctl(vm.token, VMMD_IOC_WAIT) == -1);
	CHECK(ioctl(vm.token, VMMD_IOC_DETACH) == -1);
	CHECK(ioctl(vm.token, VMMD_IOC_TOKEN_FD) == -1);
	CHECK(ioctl(vm.token, VMMD_IOC_DONE, 0) == -1);
	CHECK(ioctl(vm.token, VMMD_IOC_SELECT, &info) == -1);
	CHECK(ioctl(vm.token, VMMD_IOC_TAKE_OVER, &info) == -1);
	CHECK(mmap(NULL, vm.size, PROT_READ, MAP_SHARED, vm.token, 0) == MAP_FAILED);
	CHECK(fcntl(vm.token, F_GETFD) == FD_CLOEXEC);
	vm_close(&vm);
}

/* A token alone keeps no engine: whoever holds one cannot attach to what is gone. */
static void t_token_alone(void)
{
	struct vm vm;
	int token;

	vm_open(&vm, 0, ON(GONE), -1);
	token = dup(vm.token);
	vm_close(&vm);
	CHECK(ioctl(token, VMMD_IOC_ATTACH_SELF) == -1);
	close(token);
	CHECK_EQ(vm_info().engines, 0);
}

static void t_create(void)
{
	struct vmmd_kmod_create c = { .max_tasks = 16 }, bad = { .flags = 0x8000 };
	struct vmmd_kmod_select sel = vm_selection(0, -1);
	int fd = open(VMMD_KMOD_DEVICE, O_RDWR);
	struct stat st;

	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0007) == 0);
	CHECK(ioctl(fd, VMMD_IOC_SELECT, &sel) == -1);
	CHECK(ioctl(fd, VMMD_IOC_ATTACH_SELF) == -1);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(ioctl(fd, VMMD_IOC_CREATE, &bad) == -1);
	bad = (struct vmmd_kmod_create){ .foreign = 99 };
	CHECK(ioctl(fd, VMMD_IOC_CREATE, &bad) == -1);
	CHECK(ioctl(fd, VMMD_IOC_CREATE, &c) == 0);
	CHECK(ioctl(fd, VMMD_IOC_CREATE, &c) == -1);
	CHECK(mmap(NULL, c.map_size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(mmap(NULL, c.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	CHECK(mmap(NULL, c.map_size + 4096 * 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(ioctl(fd, _IO(VMMD_IOC, 99)) == -1 && errno == ENOTTY);
	close(fd);
}

/* An engine has no more tasks than it was made for. */
static void t_full(void)
{
	struct vmmd_kmod_create create = { .max_tasks = 2 };
	struct vmmd_kmod_select sel = vm_selection(0, -1);
	struct vm vm;
	pid_t p[4];

	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	CHECK(vm.made.max_tasks >= 2 && vm.made.max_tasks < 4);
	for (int i = 0; i < (int)vm.made.max_tasks; i++) {
		p[i] = bystander(r_pause, NULL);
		CHECK_EQ(attach(&vm, p[i]), 1);
	}
	p[3] = bystander(r_pause, NULL);
	CHECK(attach(&vm, p[3]) < 0);
	p[3] = fork();
	if (p[3] == 0) {
		CHECK(ioctl(vm.token, VMMD_IOC_ATTACH_SELF) == -1);
		_exit(0);
	}
	CHECK_EQ(child_status(p[3]), 0);
	vm_close(&vm);
}

/* A user who is not root has a limit of engines. */
static void t_engines_limit(void)
{
	int fds[2000], n = 0;
	struct vmmd_kmod_create create;
	pid_t p;

	CHECK(chmod(VMMD_KMOD_DEVICE, 0666) == 0);
	p = fork();
	if (p == 0) {
		become(SOMEBODY);
		for (; n < 1000; n++) {
			create = (struct vmmd_kmod_create){ .max_tasks = 1 };
			fds[n] = open(VMMD_KMOD_DEVICE, O_RDWR);
			CHECK(fds[n] >= 0);
			if (ioctl(fds[n], VMMD_IOC_CREATE, &create) != 0)
				break;
		}
		CHECK(n > 0 && n < 1000);
		CHECK(errno == EAGAIN || errno == ENOSPC || errno == EMFILE || errno == EDQUOT || errno == EUSERS || errno == ENOMEM);
		close(fds[0]);
		nap(100);
		CHECK(ioctl(fds[n], VMMD_IOC_CREATE, &create) == 0);
		_exit(0);
	}
	CHECK_EQ(child_status(p), 0);
	CHECK(chmod(VMMD_KMOD_DEVICE, 0660) == 0);
}

/*
 * A user without CAP_SYS_PTRACE has a limit of tasks. What a task needs to make a
 * child counts, and what has ended until its daemon has seen that.
 */
static void c_forks(void *arg)
{
	pid_t p;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		p = fork();
		CHECK(p >= 0);
		if (p == 0)
			_exit(0);
	}
	CHECK(fork() == -1 && errno == EAGAIN);
}

static void tasks_limit(void)
{
	struct vm vm;
	pid_t p;

	become(SOMEBODY);
	vm_open(&vm, 0, ON(GONE), -1);
	CHECK_EQ(child_status(vm_spawn(&vm, c_forks, NULL)), 0);
	p = bystander(r_pause, NULL);
	CHECK_EQ(attach(&vm, p), -EAGAIN);
	for (int i = 0; i < 4; i++)
		vm_run(&vm, vm_expect(&vm, VMMD_KMOD_GONE, 0));
	CHECK_EQ(attach(&vm, p), 1);
	vm_close(&vm);
	_exit(0);
}

static void t_tasks_limit(void)
{
	static const char limit[] = "/sys/module/" MODULE "/parameters/max_tasks_user";
	char usual[20];
	int status;
	pid_t p;

	snprintf(usual, sizeof(usual), "%ld", read_number(limit));
	CHECK(write_text(limit, "4") == 0 && chmod(VMMD_KMOD_DEVICE, 0666) == 0);
	p = fork();
	if (p == 0)
		tasks_limit();
	status = child_status(p);
	CHECK(write_text(limit, usual) == 0 && chmod(VMMD_KMOD_DEVICE, 0660) == 0);
	CHECK_EQ(status, 0);
}

/* A task has a limit of engines; one more is refused and changes nothing. */
static void t_engines_of_task(void)
{
	long most = read_number("/sys/module/" MODULE "/parameters/max_engines_task");
	pid_t p = bystander(r_pause, NULL);
	struct vm vm[16];

	CHECK(most > 0 && most < 16);
	for (int i = 0; i <= most; i++) {
		vm_open(&vm[i], VMMD_KMOD_F_RELEASE, 0, -1);
		CHECK_EQ(attach(&vm[i], p) == 1, i < most);
	}
	CHECK(waitpid(p, NULL, WNOHANG) == 0);
	kill(p, SIGKILL);
	child_status(p);
	for (int i = 0; i <= most; i++)
		vm_close(&vm[i]);
}

/* ---- let go */
static void c_detached(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid), 4242);
	pause();
}

static void t_detach(void)
{
	struct vm vm;
	slot *s;
	pid_t p, q;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_detached, NULL);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 4242);
	q = bystander(r_calls, NULL);
	CHECK_EQ(attach(&vm, q), 1);
	vm_run(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid));
	CHECK(ioctl(vm.fd, VMMD_IOC_DETACH) == 0);
	/* What stops before it has seen that it may go is answered as always. */
	for (int gone = 0; gone < 1; vm_run(&vm, s)) {
		s = vm_next(&vm);
		gone += s->type == VMMD_KMOD_GONE && s->tid == (uint32_t)q;
	}
	nap(50);
	CHECK(waitpid(q, NULL, WNOHANG) == 0);
	kill(p, SIGKILL);
	kill(q, SIGKILL);
	vm_close(&vm);
}

const struct test tests_attach[] = {
	{ "attach/running", t_running, 0 },
	{ "attach/in-user-mode", t_user_mode, 0 },
	{ "attach/blocked", t_blocked, 0 },
	{ "attach/threads", t_threads, 0 },
	{ "attach/whose-end", t_whose_end, 0 },
	{ "attach/other-user", t_other_user, 0 },
	{ "attach/root", t_root, 0 },
	{ "attach/undumpable", t_undumpable, 0 },
	{ "attach/same-user", t_same_user, 0 },
	{ "attach/security-module", t_security_module, 0 },
	{ "attach/capability", t_capability, 0 },
	{ "attach/same-user-more-able", t_more_able, 0 },
	{ "attach/without-leader", t_headless, 0 },
	{ "attach/user-namespace", t_userns, 0 },
	{ "attach/no-such", t_no_such, 0 },
	{ "attach/twice", t_twice, 0 },
	{ "attach/set-user-id", t_setuid, 0 },
	{ "attach/detach", t_detach, 0 },
	{ "device/token", t_token, 0 },
	{ "device/token-alone", t_token_alone, 0 },
	{ "device/create", t_create, 0 },
	{ "device/full", t_full, 0 },
	{ "device/engines-limit", t_engines_limit, 0 },
	{ "device/tasks-limit", t_tasks_limit, 0 },
	{ "device/engines-of-a-task", t_engines_of_task, 0 },
	{ NULL, NULL, 0 },
};
