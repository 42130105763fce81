// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_held.c - tasks that wait for an answer: one at each kind of stop, and
 * thousands at once. Others go on as before, each costs little memory, which is
 * its own group's, and each gets its own answer, in whatever order they come.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

#define THREADS 100	/* of each process */
#define TASK_BYTES 1024 /* the most that a task may cost, besides its slot */
#define GROUP "/sys/fs/cgroup/held"

static void c_caller(void *arg)
{
	(void)arg;
	for (;;)
		syscall(SYS_getgid);
}

/* ---- one, at each kind of stop */
static volatile int *step; /* how far it has come */

static void on_signal(int sig)
{
	(void)sig;
	*step = 3;
}

static void c_steps(void *arg)
{
	(void)arg;
	*step = 1;
	syscall(SYS_getuid);
	*step = 2;
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	execl("/selftest", "selftest", "--nothing", (char *)NULL);
	_exit(1);
}

/* Its next request; the other one, `busy`, is served on the way. */
static slot *next_of(struct vm *vm, pid_t tid)
{
	slot *s;

	while ((s = vm_next(vm))->tid != (uint32_t)tid)
		vm_run(vm, s);
	return s;
}

static void t_each_stop(void)
{
	static const struct {
		uint32_t type;
		int step;
	} stops[] = {
		{ VMMD_KMOD_NEW, 0 },	 { VMMD_KMOD_ENTRY, 1 }, { VMMD_KMOD_EXIT, 1 },
		{ VMMD_KMOD_SIGNAL, 2 }, { VMMD_KMOD_EXEC, 3 },
	};
	struct vm vm;
	pid_t p, busy;
	slot *held, *s;

	step = shared(sizeof(*step));
	vm_open(&vm, 0, ALL_EVENTS, SYS_getuid, SYS_getgid, -1);
	busy = vm_spawn(&vm, c_caller, NULL);
	p = vm_spawn(&vm, c_steps, NULL);
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		held = next_of(&vm, p);
		CHECK_EQ(held->type, stops[i].type);
		nap(100);
		for (int k = 0; k < 50; k++) {
			s = vm_next(&vm);
			CHECK_EQ(s->tid, busy);
			vm_run(&vm, s);
		}
		CHECK_EQ(*step, stops[i].step);
		vm_answer(held, VMMD_KMOD_RUN)->flags = held->type == VMMD_KMOD_ENTRY ? VMMD_KMOD_A_EXIT : 0;
		vm_done(&vm, held);
	}
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* ---- thousands */
struct member {
	int number;
	int *waiting; /* those that are not traced count themselves */
};

/* A number no other has, and the answer that is its own. */
static void *c_member(void *arg)
{
	struct member *m = arg;

	if (!m->waiting) {
		CHECK_EQ(syscall(SYS_getuid, m->number), 10000 + m->number);
		return NULL;
	}
	__atomic_add_fetch(m->waiting, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static void c_members(void *arg)
{
	struct member member[THREADS], *first = arg;
	pthread_t thread[THREADS];
	pthread_attr_t attr;

	CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, 65536) == 0);
	for (int i = 0; i < THREADS; i++) {
		member[i] = (struct member){ .number = first->number + i, .waiting = first->waiting };
		CHECK(pthread_create(&thread[i], &attr, c_member, &member[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* What the kernel has for this group, when it has added up what it puts off. */
static long kernel_memory(void)
{
	char line[128];
	long bytes = -1;
	FILE *f;

	nap(3000);
	f = fopen(GROUP "/memory.stat", "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "kernel %ld", &bytes);
	fclose(f);
	CHECK(bytes > 0);
	return bytes;
}

static void enter_group(void)
{
	mount("none", "/sys/fs/cgroup", "cgroup2", 0, "");
	CHECK_EQ(write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory"), 0);
	CHECK(mkdir(GROUP, 0755) == 0);
	CHECK_EQ(write_text(GROUP "/cgroup.procs", "0"), 0);
}

static bool all_wait(void *arg)
{
	int *waiting = arg;

	return __atomic_load_n(&waiting[0], __ATOMIC_SEQ_CST) == waiting[1];
}

/* The memory of the same crowd when nobody has stopped it. */
static long untraced(int count)
{
	int *waiting = shared(2 * sizeof(*waiting));
	struct member first = { .waiting = waiting };
	pid_t *p = calloc((size_t)count / THREADS, sizeof(*p));
	long bytes;

	CHECK(p);
	waiting[1] = count;
	for (int i = 0; i < count / THREADS; i++) {
		p[i] = fork();
		CHECK(p[i] >= 0);
		if (p[i] == 0)
			c_members(&first);
	}
	CHECK(soon(all_wait, waiting, 60000));
	bytes = kernel_memory();
	for (int i = 0; i < count / THREADS; i++) {
		kill(p[i], SIGKILL);
		CHECK_EQ(child_status(p[i]), 128 + SIGKILL);
	}
	free(p);
	return bytes;
}

/* Microseconds for a hundred stops of one task, the best of ten times. */
static long long stops_take(struct vm *vm)
{
	pid_t p = vm_spawn(vm, c_caller, NULL);
	long long best = 0, start, took;
	bool gone = false;
	slot *s;

	for (int round = 0; round < 10; round++) {
		start = now_us();
		for (int i = 0; i < 100; i++)
			vm_return(vm, vm_expect(vm, VMMD_KMOD_ENTRY, SYS_getgid), 0);
		took = now_us() - start;
		best = round == 0 || took < best ? took : best;
	}
	kill(p, SIGKILL);
	CHECK_EQ(child_status(p), 128 + SIGKILL);
	while (!gone) { /* its last request may be there, too */
		s = vm_next(vm);
		gone = s->type == VMMD_KMOD_GONE;
		vm_run(vm, s);
	}
	return best;
}

/* Every task once: where its request is. */
static void gather(struct vm *vm, slot **held, int count)
{
	slot *s;

	for (int i = 0; i < count; i++) {
		s = vm_expect(vm, VMMD_KMOD_ENTRY, SYS_getuid);
		CHECK(s->args[0] < (uint64_t)count && !held[s->args[0]]);
		held[s->args[0]] = s;
	}
}

static void answer(struct vm *vm, slot **held, int count)
{
	slot *s;
	int k;

	srandom(4711);
	for (int i = count - 1; i >= 0; i--) {
		k = (int)(random() % (i + 1));
		s = held[k];
		held[k] = held[i];
		vm_return(vm, s, 10000 + (long long)s->args[0]);
	}
}

static bool none_attached(void *arg)
{
	(void)arg;
	return vm_info().tasks == 0;
}

/* A host that does something else in these milliseconds makes it slower, never faster. */
static long long stops_at_best(struct vm *vm)
{
	long long best = stops_take(vm), now;

	for (int i = 0; i < 20; i++) {
		now = stops_take(vm);
		best = now < best ? now : best;
	}
	return best;
}

static void t_thousands(void)
{
	int count = scaled(10000, 2000) / THREADS * THREADS, processes = count / THREADS;
	struct vmmd_kmod_create create = { .max_tasks = (uint32_t)(count + processes + 8) };
	struct vmmd_kmod_select sel = vm_selection(ON(GONE), SYS_getuid, SYS_getgid, -1);
	pid_t *p = calloc((size_t)processes, sizeof(*p));
	slot **held = calloc((size_t)count, sizeof(*held));
	long without, each;
	long long alone, among;
	struct vm vm;

	CHECK(p && held);
	write_text("/proc/sys/kernel/pid_max", "100000");
	write_text("/proc/sys/kernel/threads-max", "100000");
	enter_group();
	without = untraced(count);
	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	alone = stops_at_best(&vm);
	for (int i = 0; i < processes; i++)
		p[i] = vm_spawn(&vm, c_members, &(struct member){ .number = i * THREADS });
	gather(&vm, held, count);
	each = (kernel_memory() - without) / (count + processes);
	among = stops_at_best(&vm);
	printf("%d tasks held: %ld bytes a task; 100 stops in %lld us alone, in %lld among them\n", count, each, alone, among);
	fflush(stdout);
	/* Less than a slot would mean that it is not this group that pays for it. */
	CHECK(each >= (long)sizeof(slot));
	CHECK(each <= (long)sizeof(slot) + TASK_BYTES);
	CHECK(among <= 2 * alone);
	answer(&vm, held, count);
	for (int i = 0; i < count + processes; i++)
		vm_run(&vm, vm_expect(&vm, VMMD_KMOD_GONE, 0));
	for (int i = 0; i < processes; i++)
		CHECK_EQ(child_status(p[i]), 0);
	CHECK(soon(none_attached, NULL, 20000));
	vm_close(&vm);
}

const struct test tests_held[] = {
	{ "held/at-each-stop", t_each_stop, 0 },
	{ "held/thousands", t_thousands, 300 },
	{ NULL, NULL, 0 },
};
