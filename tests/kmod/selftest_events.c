// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_events.c - what the kernel generates: signals, new tasks, exec; and the
 * order of several engines on one task. The end is in selftest_exit.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

static volatile sig_atomic_t got[65];
static volatile long got_value;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	got[sig]++;
	got_value = info->si_value.sival_int;
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void serve(struct vm *vm, pid_t pid, vm_handler handler, void *arg)
{
	vm_serve(vm, pid, handler, arg);
	CHECK_EQ(child_status(pid), 0);
	vm_close(vm);
}

/* ---- signals */
static void c_deliver(void *arg)
{
	(void)arg;
	handle(SIGUSR1);
	handle(SIGUSR2);
	raise(SIGUSR1);
	CHECK_EQ(got[SIGUSR1], 1);
	raise(SIGUSR2);
	CHECK_EQ(got[SIGUSR2], 0);
}

static void t_deliver(void)
{
	struct vm vm;
	siginfo_t info;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(SIGNAL) | ON(GONE), -1);
	p = vm_spawn(&vm, c_deliver, NULL);
	s = vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGUSR1);
	CHECK_EQ(s->data_len, sizeof(info));
	memcpy(&info, s->data, sizeof(info));
	CHECK(info.si_signo == SIGUSR1 && info.si_pid == p);
	vm_run(&vm, s);
	s = vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGUSR2);
	vm_answer(s, VMMD_KMOD_DROP);
	vm_done(&vm, s);
	serve(&vm, p, NULL, NULL);
}

static void c_replace(void *arg)
{
	(void)arg;
	handle(SIGUSR1);
	handle(SIGUSR2);
	raise(SIGUSR1);
	CHECK(got[SIGUSR1] == 0 && got[SIGUSR2] == 1 && got_value == 77);
}

static void t_replace(void)
{
	struct vm vm;
	siginfo_t info;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(SIGNAL) | ON(GONE), -1);
	p = vm_spawn(&vm, c_replace, NULL);
	s = vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGUSR1);
	memcpy(&info, s->data, sizeof(info));
	info.si_signo = SIGUSR2;
	info.si_code = SI_QUEUE;
	info.si_value.sival_int = 77;
	vm_answer(s, VMMD_KMOD_RUN)->flags = VMMD_KMOD_A_SIGINFO;
	memcpy(s->data, &info, sizeof(info));
	vm_done(&vm, s);
	serve(&vm, p, NULL, NULL);
}

/* Signals whose default is death: they are asked about before, and can be dropped. */
static void c_fatal(void *arg)
{
	(void)arg;
	raise(SIGTERM);
	raise(SIGINT);
	raise(SIGRTMIN);
	asm volatile("movl $1, 8" ::: "memory");
}

static void t_fatal(void)
{
	const int dropped[] = { SIGTERM, SIGINT, SIGRTMIN };
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(SIGNAL) | ON(GONE), -1);
	p = vm_spawn(&vm, c_fatal, NULL);
	for (int i = 0; i < 3; i++) {
		s = vm_expect(&vm, VMMD_KMOD_SIGNAL, dropped[i]);
		CHECK(waitpid(p, NULL, WNOHANG) == 0);
		vm_answer(s, VMMD_KMOD_DROP);
		vm_done(&vm, s);
	}
	s = vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGSEGV);
	vm_run(&vm, s);
	CHECK_EQ(vm_serve(&vm, p, NULL, NULL) & 0x7f, SIGSEGV);
	CHECK_EQ(child_status(p), 128 + SIGSEGV);
	vm_close(&vm);
}

/* From outside, to a process whose threads are anywhere: each signal is asked about once. */
static void *t_loop(void *arg)
{
	for (;;)
		if (arg)
			syscall(SYS_getsid, 0);
	return NULL;
}

static void c_threads(void *arg)
{
	pthread_t t;

	(void)arg;
	for (long i = 0; i < 2; i++)
		CHECK(pthread_create(&t, NULL, t_loop, (void *)i) == 0);
	syscall(SYS_getuid);
	pause();
}

static void t_fatal_outside(void)
{
	struct vm vm;
	int left = 3;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(SIGNAL) | ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_threads, NULL);
	vm_run(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid));
	for (int i = 0; i < 20; i++) {
		CHECK(kill(p, SIGTERM) == 0);
		s = vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGTERM);
		vm_answer(s, VMMD_KMOD_DROP);
		vm_done(&vm, s);
	}
	CHECK(kill(p, SIGTERM) == 0);
	vm_run(&vm, vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGTERM));
	while (left-- > 0) {
		s = vm_expect(&vm, VMMD_KMOD_GONE, 0);
		CHECK_EQ(s->value & 0x7f, SIGTERM);
		vm_run(&vm, s);
	}
	CHECK_EQ(child_status(p), 128 + SIGTERM);
	vm_close(&vm);
}

/* One that is ignored is not asked about; that it no longer is holds for the other thread, which gets it. */
static void *t_other(void *tid)
{
	*(volatile long *)tid = syscall(SYS_gettid);
	return t_loop(tid);
}

static void c_ignored(void *arg)
{
	volatile long tid = 0;
	pthread_t t;

	(void)arg;
	signal(SIGTERM, SIG_IGN);
	CHECK(pthread_create(&t, NULL, t_other, (void *)&tid) == 0);
	for (int i = 0; i < 3; i++) {
		nap(20);
		CHECK(syscall(SYS_tgkill, getpid(), tid, SIGTERM) == 0);
		nap(20);
		syscall(SYS_getuid);
		signal(SIGTERM, i == 0 ? SIG_DFL : SIG_IGN);
	}
}

static void t_ignored(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(SIGNAL) | ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_ignored, NULL);
	for (int i = 0; i < 3; i++) {
		if (i == 1) {
			s = vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGTERM);
			CHECK(s->tid != (uint32_t)p);
			vm_answer(s, VMMD_KMOD_DROP);
			vm_done(&vm, s);
		}
		vm_run(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid));
	}
	serve(&vm, p, NULL, NULL);
}

/* Asked for when the task is there already, and not any more. */
static void c_later(void *arg)
{
	(void)arg;
	syscall(SYS_getuid);
	raise(SIGTERM);
	syscall(SYS_getuid);
	raise(SIGTERM);
}

static void t_later(void)
{
	struct vmmd_kmod_select sel = vm_selection(ON(SIGNAL) | ON(GONE), SYS_getuid, -1);
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_later, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	vm_select(&vm, &sel);
	vm_run(&vm, s);
	s = vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGTERM);
	vm_answer(s, VMMD_KMOD_DROP);
	vm_done(&vm, s);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	sel.events = ON(GONE);
	vm_select(&vm, &sel);
	vm_run(&vm, s);
	CHECK_EQ(vm_serve(&vm, p, NULL, NULL) & 0x7f, SIGTERM);
	CHECK_EQ(child_status(p), 128 + SIGTERM);
	vm_close(&vm);
}

static void c_blocked(void *arg)
{
	sigset_t set;

	(void)arg;
	handle(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	syscall(SYS_getuid);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(got[SIGUSR1], 1);
}

/* Not when it is sent, but when it would be delivered. */
static void t_blocked(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(SIGNAL) | ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_blocked, NULL);
	vm_run(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid));
	vm_run(&vm, vm_expect(&vm, VMMD_KMOD_SIGNAL, SIGUSR1));
	serve(&vm, p, NULL, NULL);
}

/* A signal while the task is stopped: the daemon is told, and may end the call; the handler runs. */
static void c_interrupted(void *arg)
{
	(void)arg;
	handle(SIGUSR1);
	CHECK(syscall(SYS_getuid) == -1 && errno == EINTR);
	CHECK_EQ(got[SIGUSR1], 1);
}

static void t_interrupted(void)
{
	struct vm vm;
	slot *s, *again;
	pid_t p;

	vm_open(&vm, VMMD_KMOD_F_SIGNALLED, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_interrupted, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK(!(s->flags & VMMD_KMOD_S_SIGNALLED));
	CHECK(kill(p, SIGUSR1) == 0);
	again = vm_next(&vm);
	CHECK(again == s && s->flags & VMMD_KMOD_S_SIGNALLED);
	vm_return(&vm, s, -EINTR);
	serve(&vm, p, NULL, NULL);
}

/* -ERESTARTSYS from the daemon: the call comes again after the handler. */
static void c_restarted(void *arg)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

	(void)arg;
	sigaction(SIGUSR1, &sa, NULL);
	CHECK_EQ(syscall(SYS_getuid), 33);
	CHECK_EQ(got[SIGUSR1], 1);
}

static void t_restarted(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, VMMD_KMOD_F_SIGNALLED, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_restarted, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK(kill(p, SIGUSR1) == 0);
	CHECK(vm_next(&vm) == s);
	vm_return(&vm, s, -512);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 33);
	serve(&vm, p, NULL, NULL);
}

/* ---- new tasks */
static void *t_getuid(void *arg)
{
	(void)arg;
	return (void *)(long)syscall(SYS_getuid);
}

static void c_family(void *arg)
{
	pthread_t t;
	void *r;
	pid_t p = fork();

	(void)arg;
	if (p == 0) {
		CHECK_EQ(syscall(SYS_getuid), 4242);
		p = fork();
		if (p == 0)
			_exit(syscall(SYS_getuid) == 4242 ? 8 : 1);
		CHECK_EQ(child_status(p), 8);
		_exit(7);
	}
	CHECK_EQ(child_status(p), 7);
	p = vfork();
	if (p == 0)
		_exit(syscall(SYS_getuid) == 4242 ? 6 : 1);
	CHECK_EQ(child_status(p), 6);
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_create(&t, NULL, t_getuid, NULL) == 0 && pthread_join(t, &r) == 0);
		CHECK_EQ((long)r, 4242);
	}
}

struct family {
	int new, gone, calls, vforks, threads;
	uint64_t first;
};

static void h_family(struct vm *vm, slot *s, void *arg)
{
	struct family *f = arg;

	(void)vm;
	if (s->type == VMMD_KMOD_NEW) {
		if (f->new++ == 0)
			f->first = s->id;
		CHECK((s->parent != 0) == (f->new > 1));
		f->vforks += (s->clone_flags & CLONE_VFORK) != 0;
		f->threads += (s->clone_flags & CLONE_THREAD) != 0;
		CHECK((s->tid == s->tgid) == !(s->clone_flags & CLONE_THREAD));
	}
	f->gone += s->type == VMMD_KMOD_GONE;
	if (s->type == VMMD_KMOD_ENTRY) {
		f->calls++;
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242;
	}
}

static void t_family(void)
{
	struct family f = {};
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(NEW) | ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_family, NULL);
	vm_serve(&vm, p, h_family, &f);
	CHECK_EQ(child_status(p), 0);
	CHECK_EQ(f.new, 8);
	CHECK_EQ(f.calls, 7);
	CHECK_EQ(f.vforks, 1);
	CHECK_EQ(f.threads, 4);
	/* Threads that were joined may still be on their way out. */
	for (slot *s; f.gone < 8 && (s = vm_next_within(&vm, 2000)); vm_run(&vm, s))
		f.gone += s->type == VMMD_KMOD_GONE;
	CHECK_EQ(f.gone, 8);
	vm_close(&vm);
}

/* A new task does nothing before its NEW is answered. */
static void c_newborn(void *arg)
{
	pid_t p = fork();

	if (p == 0) {
		*(volatile int *)arg = 1;
		_exit(0);
	}
	child_status(p);
}

static void t_newborn(void)
{
	volatile int *ran = shared(4096);
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(NEW) | ON(GONE), -1);
	p = vm_spawn(&vm, c_newborn, (void *)ran);
	vm_run(&vm, vm_expect(&vm, VMMD_KMOD_NEW, 0));
	s = vm_expect(&vm, VMMD_KMOD_NEW, 0);
	nap(100);
	CHECK_EQ(*ran, 0);
	vm_run(&vm, s);
	serve(&vm, p, NULL, NULL);
	CHECK_EQ(*ran, 1);
}

static void c_solo(void *arg)
{
	pid_t p = fork();

	(void)arg;
	if (p == 0)
		_exit(syscall(SYS_getuid) == 0 ? 5 : 6);
	CHECK_EQ(child_status(p), 5);
	CHECK_EQ(syscall(SYS_getuid), 4242);
}

static void t_solo(void)
{
	struct family f = {};
	struct vm vm;

	vm_open(&vm, VMMD_KMOD_F_SOLO, ON(NEW) | ON(GONE), SYS_getuid, -1);
	serve(&vm, vm_spawn(&vm, c_solo, NULL), h_family, &f);
	CHECK(f.new == 1 && f.calls == 1);
}

/* ---- exec */
static void c_exec(void *arg)
{
	char *argv[] = { "selftest", arg, NULL };

	execv("/selftest", argv);
	CHECK(!"exec");
}

static void h_exec(struct vm *vm, slot *s, void *arg)
{
	int *count = arg;

	(void)vm;
	count[s->type]++;
	if (s->type == VMMD_KMOD_ENTRY && s->nr == SYS_execve) { /* the arguments as they are, but set */
		s->answer.flags = VMMD_KMOD_A_EXIT | VMMD_KMOD_A_ARGS;
		memcpy(s->answer.args, s->args, sizeof(s->args));
	} else if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242;
	}
	if (s->type == VMMD_KMOD_EXIT)
		CHECK_EQ(s->value, 0);
}

static void t_exec(void)
{
	int count[8] = {};
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(EXEC) | ON(GONE), SYS_getuid, SYS_execve, -1);
	p = vm_spawn(&vm, c_exec, "--getuid");
	vm_serve(&vm, p, h_exec, count);
	CHECK_EQ(child_status(p), 42);
	CHECK_EQ(count[VMMD_KMOD_EXEC], 1);
	CHECK_EQ(count[VMMD_KMOD_EXIT], 1);
	vm_close(&vm);
}

/* Another thread than the leader: it has the leader's tid afterwards, the others are gone. */
static void *t_exec_thread(void *arg)
{
	c_exec(arg);
	return NULL;
}

static void c_exec_thread(void *arg)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, t_loop, (void *)1) == 0);
	CHECK(pthread_create(&t, NULL, t_exec_thread, arg) == 0);
	pause();
}

struct exec_thread {
	uint64_t id[4];
	int new, gone, exec;
	pid_t leader;
};

static void h_exec_thread(struct vm *vm, slot *s, void *arg)
{
	struct exec_thread *e = arg;

	(void)vm;
	if (s->type == VMMD_KMOD_NEW && e->new < 4)
		e->id[e->new++] = s->id;
	e->gone += s->type == VMMD_KMOD_GONE;
	if (s->type == VMMD_KMOD_EXEC) {
		e->exec++;
		CHECK_EQ(s->id, e->id[2]);
		CHECK_EQ(s->tid, e->leader);
	}
	if (s->type == VMMD_KMOD_ENTRY) {
		s->answer.action = VMMD_KMOD_RETURN;
		s->answer.result = 4242;
	}
}

static void t_exec_by_thread(void)
{
	struct exec_thread e = {};
	struct vm vm;
	slot *s;

	vm_open(&vm, 0, ON(NEW) | ON(EXEC) | ON(GONE), SYS_getuid, -1);
	e.leader = vm_spawn(&vm, c_exec_thread, "--getuid");
	while (e.gone < 3) {
		s = vm_next(&vm);
		vm_answer(s, VMMD_KMOD_RUN);
		h_exec_thread(&vm, s, &e);
		vm_done(&vm, s);
	}
	CHECK_EQ(child_status(e.leader), 42);
	CHECK(e.new == 3 && e.exec == 1);
	vm_close(&vm);
}

/* ---- two engines on one task */
struct order {
	char said[256];
	int n;
};
static struct order *order;

static void say(const char *what)
{
	int at = __atomic_fetch_add(&order->n, 4, __ATOMIC_SEQ_CST);

	CHECK(at + 4 < (int)sizeof(order->said));
	memcpy(order->said + at, what, 4);
}

static void h_older(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	switch (s->type) {
	case VMMD_KMOD_ENTRY:
		say(s->nr == SYS_getgid ? "e<g " : "e<? "); /* as the newer engine has left it */
		s->answer.flags = VMMD_KMOD_A_EXIT;
		break;
	case VMMD_KMOD_EXIT:
		say("x<  ");
		s->answer.flags = VMMD_KMOD_A_RESULT;
		s->answer.result = 1000;
		break;
	case VMMD_KMOD_SIGNAL:
		say(s->value == SIGUSR1 ? "s<1 " : "s<2 ");
		if (s->value == SIGUSR2)
			s->answer.action = VMMD_KMOD_DROP;
		break;
	case VMMD_KMOD_EXEC:
		say("p<  ");
		break;
	case VMMD_KMOD_EXITING:
		say("g<  ");
	}
}

static void h_newer(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	switch (s->type) {
	case VMMD_KMOD_ENTRY:
		say("e>  ");
		if (s->nr == SYS_getegid) { /* answered here: the older engine does not see it */
			s->answer.action = VMMD_KMOD_RETURN;
			s->answer.result = 5;
			return;
		}
		s->answer.flags = VMMD_KMOD_A_EXIT | VMMD_KMOD_A_NR;
		s->answer.nr = SYS_getgid;
		break;
	case VMMD_KMOD_EXIT:
		say("x>  ");
		CHECK(s->nr == SYS_getuid || s->nr == SYS_getgid);
		s->answer.flags = VMMD_KMOD_A_RESULT;
		s->answer.result = s->value + 1;
		break;
	case VMMD_KMOD_SIGNAL:
		say("s>  ");
		break;
	case VMMD_KMOD_EXEC:
		say("p>  ");
		break;
	case VMMD_KMOD_EXITING:
		say("g>  ");
	}
}

static void c_order(void *arg)
{
	handle(SIGUSR1);
	handle(SIGUSR2);
	CHECK_EQ(syscall(SYS_getuid), 1001);
	CHECK_EQ(syscall(SYS_getegid), 5);
	raise(SIGUSR1);
	raise(SIGUSR2);
	CHECK(got[SIGUSR1] == 1 && got[SIGUSR2] == 0);
	c_exec(arg);
}

static void t_order(void)
{
	struct vm older, newer;
	pid_t p, daemon;

	order = shared(sizeof(*order));
	vm_open(&older, 0, ON(SIGNAL) | ON(EXEC) | ON(EXITING) | ON(GONE), SYS_getuid, SYS_getgid, SYS_getegid, -1);
	vm_open(&newer, 0, ON(SIGNAL) | ON(EXEC) | ON(EXITING) | ON(GONE), SYS_getuid, SYS_getegid, -1);
	p = fork();
	if (p == 0) {
		close(older.fd);
		close(newer.fd);
		vm_attach_self(&older);
		vm_attach_self(&newer);
		vm_forget(&older);
		vm_forget(&newer);
		c_order("--nothing");
	}
	daemon = fork();
	if (daemon == 0) {
		vm_forget(&older);
		vm_map(&newer);
		vm_serve(&newer, p, h_newer, NULL);
		_exit(0);
	}
	vm_close(&newer);
	vm_serve(&older, p, h_older, NULL);
	CHECK_EQ(child_status(p), 0);
	CHECK_EQ(child_status(daemon), 0);
	vm_close(&older);
	if (strcmp(order->said, "e>  e<g x<  x>  e>  s<1 s>  s<2 p<  p>  g<  g>  ") != 0)
		test_fail(__FILE__, __LINE__, "the order was %s", order->said);
}

const struct test tests_events[] = {
	{ "signal/deliver-drop", t_deliver, 0 },
	{ "signal/replace", t_replace, 0 },
	{ "signal/default-fatal", t_fatal, 0 },
	{ "signal/fatal-from-outside", t_fatal_outside, 0 },
	{ "signal/ignored", t_ignored, 0 },
	{ "signal/selected-later", t_later, 0 },
	{ "signal/blocked", t_blocked, 0 },
	{ "signal/interrupts-a-stop", t_interrupted, 0 },
	{ "signal/restarts-a-call", t_restarted, 0 },
	{ "new/fork-vfork-threads", t_family, 0 },
	{ "new/stopped-at-birth", t_newborn, 0 },
	{ "new/solo", t_solo, 0 },
	{ "exec/event", t_exec, 0 },
	{ "exec/by-a-thread", t_exec_by_thread, 0 },
	{ "engines/order", t_order, 0 },
	{ NULL, NULL, 0 },
};
