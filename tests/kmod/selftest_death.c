// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_death.c - the end of tasks, of daemons and of the module; another
 * daemon that goes on where one has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

static void c_getuid(void *arg)
{
	(void)arg;
	_exit(syscall(SYS_getuid) == 0 ? 10 : 11);
}

static void h_none(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)s, (void)arg;
}

/* ---- SIGKILL of a stopped task */
static void t_kill_stopped(void)
{
	struct vm vm;
	slot *s, *t;
	uint64_t old, id;
	pid_t p, q;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	old = vm_token(&vm, s);
	id = s->id;
	nap(20);
	CHECK(kill(p, SIGKILL) == 0);
	CHECK_EQ(child_status(p), 128 + SIGKILL);
	/* A late answer to it hits nobody else, whoever has the slot then. */
	q = vm_spawn(&vm, c_getuid, NULL);
	for (t = vm_next(&vm); t->id == id; t = vm_next(&vm))
		vm_run(&vm, t);
	CHECK_EQ(t->type, VMMD_KMOD_ENTRY);
	CHECK_EQ(t->tid, q);
	ioctl(vm.fd, VMMD_IOC_DONE, old);
	ioctl(vm.fd, VMMD_IOC_DONE, vm_token(&vm, t) - (1ull << 32));
	ioctl(vm.fd, VMMD_IOC_DONE, vm_token(&vm, t) + (1ull << 32));
	nap(50);
	CHECK(waitpid(q, NULL, WNOHANG) == 0);
	vm_run(&vm, t);
	vm_serve(&vm, q, NULL, NULL);
	CHECK_EQ(child_status(q), 10);
	vm_close(&vm);
}

/* The daemon is told that a request's task is not there any more. */
static void t_told(void)
{
	struct vm vm;
	bool killed = false, gone = false;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	kill(p, SIGKILL);
	while (!gone) {
		s = vm_next(&vm);
		killed |= (s->flags & VMMD_KMOD_S_KILLED) != 0;
		gone = s->type == VMMD_KMOD_GONE;
		if (gone)
			CHECK_EQ(s->value & 0x7f, SIGKILL);
		vm_run(&vm, s);
	}
	CHECK(killed);
	CHECK_EQ(child_status(p), 128 + SIGKILL);
	vm_close(&vm);
}

/*
 * Tasks end in a call whose exit is asked for, and have the kernel close files that
 * they had mapped before it comes to what is due for that exit, which is nothing any more.
 */
static void c_many_files(void *arg)
{
	int fd;

	(void)arg;
	for (int i = 0; i < 200; i++) {
		fd = memfd_create("mapped", MFD_CLOEXEC);
		CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
		CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
		close(fd);
	}
}

static void h_exit(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	if (s->type == VMMD_KMOD_ENTRY)
		s->answer.flags = VMMD_KMOD_A_EXIT;
}

static void t_exit_due(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ALL_EVENTS, SYS_exit_group, -1);
	for (int i = 0; i < scaled(500, 10); i++) {
		p = vm_spawn(&vm, c_many_files, NULL);
		vm_serve(&vm, p, h_exit, NULL);
		CHECK_EQ(child_status(p), 0);
	}
	vm_close(&vm);
}

/* ---- the daemon dies with a task at each kind of stop: getuid, fork, exec, the end */
static void c_stops(void *arg)
{
	pid_t p;

	(void)arg;
	syscall(SYS_getuid);
	p = fork();
	if (p == 0)
		_exit(0);
	child_status(p);
	execl("/selftest", "selftest", "--nothing", (char *)NULL);
	_exit(1);
}

struct death {
	uint32_t type;
	pid_t task;
};

/* A daemon whose end is that of its engine; it dies at the first stop of this type. */
static void doomed(struct death *d, uint32_t flags)
{
	struct vm vm;
	slot *s;

	vm_open(&vm, flags, ALL_EVENTS, SYS_getuid, -1);
	d->task = vm_spawn(&vm, c_stops, NULL);
	for (;;) {
		s = vm_next(&vm);
		if (s->type == VMMD_KMOD_NEW && d->type == VMMD_KMOD_SIGNAL)
			kill(d->task, SIGALRM);
		if (s->type == d->type)
			kill(getpid(), SIGKILL);
		vm_answer(s, VMMD_KMOD_RUN);
		if (s->type == VMMD_KMOD_ENTRY)
			s->answer.flags = VMMD_KMOD_A_EXIT;
		vm_done(&vm, s);
	}
}

static void deaths(uint32_t flags)
{
	struct death *d = shared(sizeof(*d));
	int status;
	pid_t daemon;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (d->type = VMMD_KMOD_NEW; d->type <= VMMD_KMOD_GONE; d->type++) {
		daemon = fork();
		if (daemon == 0)
			doomed(d, flags);
		CHECK_EQ(child_status(daemon), 128 + SIGKILL);
		status = child_status(d->task);
		if (flags & VMMD_KMOD_F_RELEASE)
			CHECK_EQ(status, d->type == VMMD_KMOD_SIGNAL ? 128 + SIGALRM : 0);
		else
			CHECK(status == 128 + SIGKILL || (d->type == VMMD_KMOD_GONE && status == 0));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void t_daemon_kill(void) { deaths(0); }
static void t_daemon_release(void) { deaths(VMMD_KMOD_F_RELEASE); }

/* Also tasks that are not stopped: in user mode, in the kernel. */
static void c_busy(void *arg)
{
	for (;;)
		if (arg)
			pause();
}

static void t_daemon_kill_running(void)
{
	pid_t *p = shared(2 * sizeof(*p)), daemon;
	struct vm vm;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	daemon = fork();
	if (daemon == 0) {
		vm_open(&vm, 0, ON(GONE), -1);
		p[0] = vm_spawn(&vm, c_busy, NULL);
		p[1] = vm_spawn(&vm, c_busy, (void *)1);
		nap(50);
		kill(getpid(), SIGKILL);
	}
	CHECK_EQ(child_status(daemon), 128 + SIGKILL);
	CHECK_EQ(child_status(p[0]), 128 + SIGKILL);
	CHECK_EQ(child_status(p[1]), 128 + SIGKILL);
}

/*
 * Tasks that are in the middle of a call when the daemon dies, of no interest to it
 * or making a child: there are many others, killed before it is their turn.
 */
static void c_idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void c_calls(void *arg)
{
	(void)arg;
	for (;;)
		syscall(SYS_getppid);
}

/* A child that finds itself without its parent is here to stay. */
static void c_forks(void *arg)
{
	pid_t self = getpid(), p;
	int children = 0;

	(void)arg;
	for (;;) {
		p = fork();
		if (p == 0) {
			nap(20);
			if (getppid() != self)
				c_idle(NULL);
			_exit(0);
		}
		children += p > 0;
		while (children && waitpid(-1, NULL, children < 60 ? WNOHANG : 0) > 0)
			children--;
	}
}

static void doomed_in_calls(int *done)
{
	struct vmmd_kmod_create create = { .max_tasks = 512 };
	struct vmmd_kmod_select sel = vm_selection(ON(NEW) | ON(GONE), -1);
	struct vm vm;

	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	for (int i = 0; i < 150; i++) { /* one after the other, for them to have the first slots */
		vm_spawn(&vm, c_idle, NULL);
		vm_run(&vm, vm_expect(&vm, VMMD_KMOD_NEW, 0));
	}
	for (int i = 0; i < 6; i++)
		vm_spawn(&vm, i < 3 ? c_calls : c_forks, NULL);
	*done = 1;
	vm_serve(&vm, -1, NULL, NULL);
}

static bool no_children(void *arg)
{
	(void)arg;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static bool is_set(void *arg)
{
	return *(volatile int *)arg;
}

static void t_daemon_kill_in_calls(void)
{
	int *done = shared(sizeof(*done)), count = scaled(200, 40);
	pid_t daemon;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < count; i++) {
		*done = 0;
		daemon = fork();
		if (daemon == 0)
			doomed_in_calls(done);
		CHECK(soon(is_set, done, 20000));
		nap(20 + (unsigned int)i % 16);
		kill(daemon, SIGKILL);
		CHECK_EQ(child_status(daemon), 128 + SIGKILL);
		if (!soon(no_children, NULL, 20000))
			test_fail(__FILE__, __LINE__, "a task outlives daemon %d", i);
	}
}

/* Of two engines one goes: the other's work goes on. */
static void h_add(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242;
	}
}

static void c_two(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getgid), 0);
	CHECK_EQ(syscall(SYS_getuid), 4242);
}

static void t_one_of_two(void)
{
	struct vm older, newer;
	pid_t p;

	vm_open(&older, 0, ON(GONE), SYS_getuid, -1);
	vm_open(&newer, VMMD_KMOD_F_RELEASE, 0, SYS_getgid, -1);
	p = fork();
	if (p == 0) {
		close(older.fd);
		close(newer.fd);
		vm_attach_self(&older);
		vm_attach_self(&newer);
		vm_forget(&older);
		vm_forget(&newer);
		c_two(NULL);
		_exit(0);
	}
	vm_expect(&newer, VMMD_KMOD_ENTRY, SYS_getgid);
	vm_close(&newer);
	vm_serve(&older, p, h_add, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&older);
}

/* ---- another daemon goes on: the descriptor is enough */
static void send_fd(int sock, int fd)
{
	char c = 'x', control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	CHECK(sendmsg(sock, &m, 0) == 1);
}

static int receive_fd(int sock)
{
	char c, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	int fd;

	CHECK(recvmsg(sock, &m, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

struct hand_over {
	struct vmmd_kmod_create made;
	pid_t task[3];
};

static void c_hand_over(void *arg)
{
	CHECK_EQ(syscall(SYS_getuid, arg), 4242 + (long)arg);
	CHECK_EQ(syscall(SYS_getuid, arg), 4242 + (long)arg);
}

/* The first daemon: one task's request is not read, one's is read and not answered, one waits elsewhere. */
static void first_daemon(int sock, struct hand_over *h)
{
	struct vm vm;
	slot *s[3];

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	h->made = vm.made;
	for (long i = 0; i < 2; i++) {
		h->task[i] = vm_spawn(&vm, c_hand_over, (void *)i);
		s[i] = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	}
	vm_return(&vm, s[1], 4243);
	s[1] = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	h->task[2] = vm_spawn(&vm, c_hand_over, (void *)2);
	nap(100);
	send_fd(sock, vm.fd);
	kill(getpid(), SIGKILL);
}

static void h_hand_over(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242 + (long long)s->args[0];
	}
}

static void t_hand_over(void)
{
	struct hand_over *h = shared(sizeof(*h));
	struct vmmd_kmod_task tasks[8];
	struct vmmd_kmod_take_over over = { .tasks = (uintptr_t)tasks, .room = 8 };
	int sock[2], gone = 0;
	struct vm vm = {};
	slot *s;
	pid_t d;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	d = fork();
	if (d == 0)
		first_daemon(sock[0], h);
	CHECK_EQ(child_status(d), 128 + SIGKILL);
	vm.fd = receive_fd(sock[1]);
	vm.token = -1;
	CHECK(ioctl(vm.fd, VMMD_IOC_TAKE_OVER, &over) == 0);
	CHECK_EQ(over.count, 3);
	CHECK_EQ(over.map_size, h->made.map_size);
	CHECK_EQ(over.ring_entries, h->made.ring_entries);
	CHECK_EQ(over.slots_offset, h->made.slots_offset);
	vm.made = h->made;
	vm_map(&vm);
	for (int i = 0; i < 3; i++)
		CHECK(tasks[i].tid == (uint32_t)h->task[0] || tasks[i].tid == (uint32_t)h->task[1] || tasks[i].tid == (uint32_t)h->task[2]);
	while (gone < 3) {
		s = vm_next(&vm);
		gone += s->type == VMMD_KMOD_GONE;
		vm_answer(s, VMMD_KMOD_RUN);
		h_hand_over(&vm, s, NULL);
		vm_done(&vm, s);
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(child_status(h->task[i]), 0);
	vm_close(&vm);
}

/* ---- the module */
static void c_pause(void *arg)
{
	(void)arg;
	pause();
}

static bool pauses(void *arg)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/syscall", *(pid_t *)arg);
	return read_number(path) == SYS_pause;
}

static void t_unload(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, VMMD_KMOD_F_RELEASE, 0, SYS_getuid, -1);
	p = vm_spawn(&vm, c_pause, NULL);
	CHECK(soon(pauses, &p, 5000));
	CHECK(module_unload() < 0);
	vm_close(&vm);
	nap(50);
	/* The task sleeps and has not seen that it was let go: the module's code is still in its way. */
	CHECK(module_unload() < 0);
	CHECK(kill(p, SIGKILL) == 0);
	CHECK_EQ(child_status(p), 128 + SIGKILL);
	for (int i = 0; i < 100 && module_refs() > 0; i++)
		nap(10);
	CHECK_EQ(module_unload(), 0);
	CHECK_EQ(module_load(""), 0);
	p = fork();
	if (p == 0)
		_exit(syscall(SYS_getuid) == 0 ? 0 : 1);
	CHECK_EQ(child_status(p), 0);
}

static void t_ftrace_enabled(void)
{
	int ret = write_text("/proc/sys/kernel/ftrace_enabled", "0\n");

	CHECK(ret == -EBUSY || ret == -EOPNOTSUPP);
}

/* A parameter that is not known or not in range is refused with a line in the log, and nothing stays. */
static void t_bad_parameter(void)
{
	CHECK_EQ(module_unload(), 0);
	CHECK(module_load("hook=nonsense") < 0);
	CHECK_EQ(module_refs(), -1);
	CHECK_EQ(module_load("hook=ipmodify"), 0);
	CHECK_EQ(vm_info().hook, 2);
	CHECK_EQ(module_unload(), 0);
	CHECK_EQ(module_load(""), 0);
	CHECK_EQ(vm_info().hook, 1);
}

/* With the other hook everything that is done most. */
static void t_ipmodify(void)
{
	struct vm vm;
	pid_t p;

	CHECK_EQ(module_unload(), 0);
	CHECK_EQ(module_load("hook=ipmodify"), 0);
	vm_open(&vm, 0, ALL_EVENTS, SYS_getuid, -1);
	p = vm_spawn(&vm, c_stops, NULL);
	vm_serve(&vm, p, h_none, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
	for (int i = 0; i < 100 && module_refs() > 0; i++)
		nap(10);
	CHECK_EQ(module_unload(), 0);
	CHECK_EQ(module_load(""), 0);
}

const struct test tests_death[] = {
	{ "kill/stopped", t_kill_stopped, 0 },
	{ "kill/daemon-is-told", t_told, 0 },
	{ "gone/exit-is-due", t_exit_due, 60 },
	{ "daemon/dies-kill", t_daemon_kill, 0 },
	{ "daemon/dies-release", t_daemon_release, 0 },
	{ "daemon/dies-kill-running", t_daemon_kill_running, 0 },
	{ "daemon/dies-kill-in-calls", t_daemon_kill_in_calls, 300 },
	{ "daemon/one-of-two", t_one_of_two, 0 },
	{ "daemon/hand-over", t_hand_over, 0 },
	{ "module/unload", t_unload, 0 },
	{ "module/ftrace-enabled", t_ftrace_enabled, 0 },
	{ "module/parameters", t_bad_parameter, 0 },
	{ "module/ipmodify", t_ipmodify, 0 },
	{ NULL, NULL, 0 },
};
