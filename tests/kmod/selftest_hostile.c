// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_hostile.c - daemons that send nonsense, scribble over what they share
 * with the kernel, and die; tasks by the thousand; races; the module coming and
 * going. The kernel's log is judged by whoever booted the machine. Random
 * numbers come from a fixed seed a test.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

#define SOMEBODY 1234

static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* What breaks bounds more often than chance does. */
static uint64_t odd(void)
{
	static const uint64_t edge[] = {
		0, 1, 2, 3, 7, 8, 255, 256, 4095, 4096, 4097, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0x7fffffffffff, 0x7ffffffff000, 0x800000000000, 0x7fffffffffffffff, 0x8000000000000000,
		0xffffffff80000000, 0xffffffff81000000, 0xffff888000000000, 0xfffffffffffff000, 0xffffffffffffffff,
	};
	uint64_t r = rnd();

	switch (r % 4) {
	case 0:
		return rnd();
	case 1:
		return rnd() % 64;
	default:
		return edge[(r >> 8) % (sizeof(edge) / sizeof(*edge))];
	}
}

static void on_nothing(int sig)
{
	(void)sig;
}

/* Calls that would wait are interrupted again and again. */
static void tick(void)
{
	struct sigaction sa = { .sa_handler = on_nothing };
	struct itimerval each = { { 0, 5000 }, { 0, 5000 } };

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &each, NULL) == 0);
}

static void become_somebody(void)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0 &&
	      setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
}

/* The module still does what it is for. */
static void c_ok(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid), 4242);
}

static void sane(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_ok, NULL);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 4242);
	vm_serve(&vm, p, NULL, NULL);
	CHECK_EQ(child_status(p), 0);
	vm_close(&vm);
}

/* Tasks that make all kinds of trouble for whoever watches them. */
static void *load_thread(void *arg)
{
	for (;;) {
		syscall(SYS_getuid);
		if (arg)
			raise(SIGUSR1);
	}
	return NULL;
}

static void c_load(void *arg)
{
	pthread_t t;
	pid_t p;

	signal(SIGUSR1, on_nothing);
	if (arg)
		pthread_create(&t, NULL, load_thread, arg);
	for (;;) {
		syscall(SYS_getuid);
		p = fork();
		if (p == 0) {
			syscall(SYS_getuid);
			_exit(0);
		}
		if (p > 0)
			waitpid(p, NULL, 0);
	}
}

static void h_load(struct vm *vm, slot *s, void *arg)
{
	(void)vm, (void)arg;
	if (s->type == VMMD_KMOD_ENTRY)
		s->answer.flags = VMMD_KMOD_A_EXIT;
}

/* A daemon and all that comes of it are a group; what is left of it ends here. */
static pid_t group(void)
{
	pid_t p = fork();

	CHECK(p >= 0);
	setpgid(p, p);
	return p;
}

static void end_group(pid_t p)
{
	while (kill(-p, SIGKILL) == 0) {
		while (waitpid(-p, NULL, WNOHANG) > 0)
			;
		nap(2);
	}
}

/* ---- every call with every kind of argument */
static void *place; /* for structures, its end beside memory that is not there */

static unsigned long fuzz_argument(void)
{
	size_t len = rnd() % 120;
	uint64_t *words;

	switch (rnd() % 5) {
	case 0:
		return odd();
	case 1: /* cut off */
		return (unsigned long)place + 4096 - len;
	default:
		words = place;
		for (int i = 0; i < 16; i++)
			words[i] = rnd() % 3 ? odd() : rnd() % 2 ? (uint64_t)(uintptr_t)place : 0;
		return (unsigned long)place;
	}
}

static void fuzz_calls(struct vm *vm, int count)
{
	static const unsigned long known[] = {
		VMMD_IOC_INFO, VMMD_IOC_CREATE, VMMD_IOC_SELECT, VMMD_IOC_TOKEN_FD, VMMD_IOC_ATTACH, VMMD_IOC_WAIT, VMMD_IOC_DONE,
		VMMD_IOC_DONE_WAIT, VMMD_IOC_MEM, VMMD_IOC_MAP, VMMD_IOC_INSTALL, VMMD_IOC_TAKE_OVER, VMMD_IOC_DETACH,
	};
	int fresh = open("/dev/null", O_RDONLY), fd, ret;
	unsigned long nr;

	for (int i = 0; i < count; i++) {
		nr = known[rnd() % (sizeof(known) / sizeof(*known))];
		if (rnd() % 8 == 0) /* another size, direction or number */
			nr ^= 1ul << rnd() % 32;
		if (nr == VMMD_IOC_ATTACH_SELF || (nr == VMMD_IOC_DETACH && rnd() % 50))
			continue;
		fd = rnd() % 10 == 0 ? vm->token : vm->fd;
		ret = ioctl(fd, nr, fuzz_argument());
		if (ret > 2 && nr == VMMD_IOC_TOKEN_FD)
			close(ret);
	}
	close(fresh);
}

static void fuzz(int round)
{
	struct vmmd_kmod_create create = { .flags = VMMD_KMOD_F_SIGNALLED, .max_tasks = 32 };
	struct vmmd_kmod_select sel = vm_selection(ALL_EVENTS, SYS_getuid, -1);
	struct vm vm;

	seed = 0x9e3779b97f4a7c15ull * (uint64_t)(round + 1);
	place = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(place != MAP_FAILED && munmap((char *)place + 4096, 4096) == 0);
	vm_make(&vm, &create);
	become_somebody();
	vm_select(&vm, &sel);
	for (long i = 0; i < 2; i++)
		vm_spawn(&vm, c_load, (void *)i);
	tick();
	fuzz_calls(&vm, 500);
	_exit(0);
}

static void t_fuzz_calls(void)
{
	pid_t p;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < scaled(400, 10); i++) {
		p = group();
		if (p == 0)
			fuzz(i);
		CHECK_EQ(child_status(p), 0);
		end_group(p);
	}
	sane();
}

/* ---- everything shared is scribbled over while tasks stop and calls are made */
static sigjmp_buf no_page;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(no_page, 1);
}

static void scribble(struct vm *vm, long long until)
{
	volatile uint32_t *words = (volatile uint32_t *)vm->map;
	size_t in_slot = sizeof(slot) / 4, first = vm->made.slots_offset / 4, at;

	signal(SIGBUS, on_bus);
	while (now_us() < until) {
		if (sigsetjmp(no_page, 1))
			continue;
		switch (rnd() % 4) {
		case 0:
			at = rnd() % (sizeof(struct vmmd_kmod_header) / 4);
			break;
		case 1:
			at = 1024 + rnd() % (vm->made.ring_entries * 2);
			break;
		default:
			at = first + rnd() % 8 * in_slot + rnd() % in_slot;
		}
		words[at] = rnd() % 3 == 0 ? (uint32_t)(rnd() % 5) : (uint32_t)odd();
		if (rnd() % 16 == 0) /* a doorbell that fits, so that tasks go on and read what was written */
			ioctl(vm->fd, VMMD_IOC_DONE, vm_token(vm, vm_slot(vm, (uint32_t)(rnd() % 8))));
		if (rnd() % 64 == 0)
			ioctl(vm->fd, VMMD_IOC_DONE_WAIT, odd());
	}
}

static void scribbler(int round, uint32_t spin_us)
{
	struct vmmd_kmod_create create = { .flags = VMMD_KMOD_F_SIGNALLED | (round & 1 ? VMMD_KMOD_F_RELEASE : 0),
					   .max_tasks = 8,
					   .spin_us = spin_us };
	struct vmmd_kmod_select sel = vm_selection(ALL_EVENTS, SYS_getuid, -1);
	struct vm vm;

	seed = 0xd1b54a32d192ed03ull * (uint64_t)(round + 1);
	vm_make(&vm, &create);
	become_somebody();
	vm_select(&vm, &sel);
	for (long i = 0; i < 3; i++)
		vm_spawn(&vm, c_load, (void *)i);
	tick();
	scribble(&vm, now_us() + 300000);
	kill(getpid(), SIGKILL);
}

static void t_scribble(void)
{
	pid_t p;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < scaled(100, 6); i++) {
		p = group();
		if (p == 0)
			scribbler(i, i % 3 == 2 ? 50 : 0);
		CHECK_EQ(child_status(p), 128 + SIGKILL);
		end_group(p);
	}
	sane();
}

/* ---- daemons die under load */
static void doomed(int round)
{
	struct vmmd_kmod_create create = { .flags = round & 1 ? VMMD_KMOD_F_RELEASE : 0,
					   .max_tasks = 64,
					   .spin_us = round % 5 == 4 ? 20 : 0 };
	struct vmmd_kmod_select sel = vm_selection(ALL_EVENTS, SYS_getuid, SYS_exit_group, -1);
	struct vm vm;

	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	for (long i = 0; i < 2; i++)
		vm_spawn(&vm, c_load, (void *)i);
	vm_serve(&vm, -1, h_load, NULL);
}

static bool no_children(void *arg)
{
	(void)arg;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static void t_deaths(void)
{
	pid_t d;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	seed = 12345;
	for (int i = 0; i < scaled(1000, 20); i++) {
		d = group();
		if (d == 0)
			doomed(i);
		nap(1 + (unsigned int)(rnd() % 60));
		kill(d, SIGKILL);
		CHECK_EQ(child_status(d), 128 + SIGKILL);
		if (i & 1) /* let go: they have no end of their own */
			end_group(d);
		if (!soon(no_children, NULL, 20000)) {
			write_text("/proc/sysrq-trigger", "t");
			test_fail(__FILE__, __LINE__, "a task outlives daemon %d, %s", i, i & 1 ? "let go and killed" : "not killed");
		}
	}
	sane();
}

/* ---- the module comes and goes */
static void t_load_cycles(void)
{
	for (int i = 0; i < scaled(1000, 5); i++) {
		for (int k = 0; k < 200 && module_refs() > 0; k++)
			nap(5);
		CHECK_EQ(module_unload(), 0);
		CHECK_EQ(module_load(i % 4 == 3 ? "hook=ipmodify" : ""), 0);
		if (i % 5 == 0)
			sane();
	}
	for (int k = 0; k < 200 && module_refs() > 0; k++)
		nap(5);
	CHECK_EQ(module_unload(), 0);
	CHECK_EQ(module_load(""), 0);
}

/* Unloading is tried all the time while tasks come and go: refused, or it was idle. */
static void t_unload_under_load(void)
{
	long long end = now_us() + 3000000;
	struct vm vm;
	pid_t d;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	d = fork();
	if (d == 0) {
		vm_open(&vm, 0, ALL_EVENTS, SYS_getuid, -1);
		for (long i = 0; i < 2; i++)
			vm_spawn(&vm, c_load, (void *)i);
		vm_serve(&vm, -1, h_load, NULL);
	}
	nap(100);
	while (now_us() < end)
		CHECK(module_unload() < 0);
	kill(d, SIGKILL);
	CHECK_EQ(child_status(d), 128 + SIGKILL);
}

/* ---- processes are attached while they make threads, execute programs and end */
static void *racer_exec(void *arg)
{
	nap((unsigned int)(long)arg);
	execl("/selftest", "selftest", "--nothing", (char *)NULL);
	return NULL;
}

static void *racer_idle(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++)
		syscall(SYS_getuid);
	return NULL;
}

static void racer(int how)
{
	pthread_t t;

	switch (how % 4) {
	case 0:
		_exit(0);
	case 1:
		racer_exec(0);
		break;
	case 2:
		for (int i = 0; i < 4; i++)
			pthread_create(&t, NULL, racer_idle, NULL);
		break;
	case 3:
		pthread_create(&t, NULL, racer_exec, (void *)(long)(rnd() % 3));
		pthread_create(&t, NULL, racer_idle, NULL);
		racer_idle(NULL);
		pause();
	}
	_exit(0);
}

static void *server(void *arg)
{
	vm_serve(arg, -1, NULL, NULL);
	return NULL;
}

static void t_races(void)
{
	struct vmmd_kmod_attach a;
	pthread_t t;
	struct vm vm;
	pid_t p[4];

	seed = 777;
	vm_open(&vm, 0, ALL_EVENTS, SYS_getuid, -1);
	CHECK(pthread_create(&t, NULL, server, &vm) == 0);
	for (int i = 0; i < scaled(2000, 50); i++) {
		for (int k = 0; k < 4; k++) {
			p[k] = fork();
			if (p[k] == 0) {
				vm_forget(&vm);
				racer(k + i);
			}
		}
		for (int k = 0; k < 8; k++) {
			a = (struct vmmd_kmod_attach){ .pid = p[rnd() % 4] };
			ioctl(vm.fd, VMMD_IOC_ATTACH, &a);
		}
		for (int k = 0; k < 4; k++) {
			if (rnd() % 4 == 0)
				kill(p[k], SIGKILL);
			child_status(p[k]);
		}
	}
	sane();
	_exit(0); /* the engine with its server's thread */
}

/* ---- thousands stopped at once, killed in any order */
static bool memory_is_back(void *arg)
{
	(void)arg;
	return vm_info().tasks == 0;
}

static void t_thousands(void)
{
	int count = scaled(5000, 300), killed = 0, k;
	struct vmmd_kmod_create create = { .max_tasks = (uint32_t)count + 8 };
	struct vmmd_kmod_select sel = vm_selection(ON(GONE), SYS_getuid, -1);
	pid_t *p = calloc((size_t)count, sizeof(*p)), other;
	struct rlimit many = { 20000, 20000 };
	struct vm vm;

	CHECK(p && setrlimit(RLIMIT_NPROC, &many) == 0);
	write_text("/proc/sys/kernel/pid_max", "100000");
	write_text("/proc/sys/kernel/threads-max", "100000");
	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	for (int i = 0; i < count; i++)
		p[i] = vm_spawn(&vm, c_ok, NULL);
	for (int i = 0; i < count; i++)
		vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	/* All wait; one more is served as if it were alone. */
	other = vm_spawn(&vm, c_ok, NULL);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 4242);
	CHECK_EQ(child_status(other), 0);
	CHECK(vm_info().tasks >= (uint64_t)count);
	seed = 4711;
	for (int i = count - 1; i >= 0; i--) {
		k = (int)(rnd() % (uint64_t)(i + 1));
		kill(p[k], SIGKILL);
		p[k] = p[i];
	}
	while (killed < count)
		if (waitpid(-1, NULL, 0) > 0)
			killed++;
	vm_close(&vm);
	CHECK(soon(memory_is_back, NULL, 20000));
	free(p);
	sane();
}

/* ---- engines are made and dropped: no memory of theirs is left */
static int mappings(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	char line[512];
	int n = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "[" MODULE "]") != NULL;
	fclose(f);
	return n;
}

static bool mappings_are(void *arg)
{
	return mappings() <= *(int *)arg;
}

/* What is free once the kernel's own caches are not in the way, and what was put off has been done. */
static long available(void)
{
	char line[256];
	long kib = 0;
	FILE *f;

	nap(1000);
	write_text("/proc/sys/vm/drop_caches", "3");
	f = fopen("/proc/meminfo", "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

/* The second half costs nothing: what the first has cost is what is made once. */
static void t_memory(void)
{
	struct vmmd_kmod_create create = { .max_tasks = 4096 };
	struct vmmd_kmod_select sel = vm_selection(ALL_EVENTS, SYS_getuid, -1);
	int before = mappings(), count = scaled(2000, 200);
	long memory[2];
	struct vm vm;

	CHECK_EQ(vm_info().engines, 0);
	for (int half = 0; half < 2; half++) {
		for (int i = 0; i < count / 2; i++) {
			vm_make(&vm, &create);
			vm_select(&vm, &sel);
			vm_select(&vm, &sel);
			vm_close(&vm);
		}
		sane();
		memory[half] = available();
	}
	CHECK(soon(mappings_are, &before, 5000));
	CHECK_EQ(vm_info().engines, 0);
	/* An engine is some 80 KiB. What has been put off (RCU, works) takes longer on a host that is busy. */
	for (int i = 0; i < 5 && memory[1] < memory[0] - 20L * count; i++)
		memory[1] = available();
	if (memory[1] < memory[0] - 20L * count)
		test_fail(__FILE__, __LINE__, "%ld KiB were available, now %ld", memory[0], memory[1]);
}

/* ---- there is no memory: whatever the daemon and its tasks ask for fails now and then */
#define FAULTS "/sys/kernel/debug/"

static void memory_fails(const char *kind, const char *percent)
{
	static const char *const set[][2] = {
		{ "interval", "1" }, { "times", "-1" }, { "space", "0" }, { "verbose", "0" }, { "task-filter", "Y" }, { "ignore-gfp-wait", "N" },
	};
	char path[96];

	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++) {
		snprintf(path, sizeof(path), FAULTS "%s/%s", kind, set[i][0]);
		CHECK_EQ(write_text(path, set[i][1]), 0);
	}
	snprintf(path, sizeof(path), FAULTS "%s/probability", kind);
	CHECK_EQ(write_text(path, percent), 0);
}

static void c_poor(void *arg)
{
	CHECK_EQ(write_text("/proc/self/make-it-fail", "1"), 0);
	c_load(arg);
}

/* How often what was asked for has failed; and who is to be attached. */
struct poverty {
	int felt;
	pid_t bystander;
};

static void felt(struct poverty *p, int ret)
{
	if (ret < 0 && errno == ENOMEM)
		__atomic_add_fetch(&p->felt, 1, __ATOMIC_RELAXED);
}

static void h_poor(struct vm *vm, slot *s, void *arg)
{
	struct poverty *poverty = arg;
	struct vmmd_kmod_select sel = vm_selection(ALL_EVENTS, SYS_getuid, -1);
	struct vmmd_kmod_create create = { .max_tasks = 16 };
	struct vmmd_kmod_map map = { .id = s->id, .len = 4096 };
	struct vmmd_kmod_install in = { .id = s->id, .fd = 0, .flags = O_CLOEXEC };
	struct vmmd_kmod_attach attach = { .pid = poverty->bystander };
	struct sock_filter f[] = { BPF_STMT(BPF_RET | BPF_K, 0x7fff0000) };
	char byte;
	int fd;

	h_load(vm, s, NULL);
	switch (rnd() % 8) {
	case 0:
		sel.filter = (uintptr_t)f;
		sel.filter_len = 1;
		felt(poverty, ioctl(vm->fd, VMMD_IOC_SELECT, &sel));
		sel.filter_len = 0;
		felt(poverty, ioctl(vm->fd, VMMD_IOC_SELECT, &sel));
		break;
	case 1:
		fd = open(VMMD_KMOD_DEVICE, O_RDWR | O_CLOEXEC);
		felt(poverty, ioctl(fd, VMMD_IOC_CREATE, &create));
		felt(poverty, ioctl(fd, VMMD_IOC_ATTACH, &attach));
		close(fd);
		break;
	case 2:
		close(ioctl(vm->fd, VMMD_IOC_TOKEN_FD));
		break;
	case 3:
		felt(poverty, ioctl(vm->fd, VMMD_IOC_MAP, &map));
		break;
	case 4:
		if (s->type == VMMD_KMOD_ENTRY && rnd() % 8 == 0)
			felt(poverty, ioctl(vm->fd, VMMD_IOC_INSTALL, &in));
		break;
	case 5:
		vm_read(vm, s, s->sp, &byte, 1);
		break;
	}
}

static void poor(struct poverty *poverty, int round)
{
	struct vmmd_kmod_create create = { .flags = round & 1 ? VMMD_KMOD_F_RELEASE : 0, .max_tasks = 64 };
	struct vmmd_kmod_select sel = vm_selection(ALL_EVENTS, SYS_getuid, -1);
	struct vm vm;

	seed = 0x9e3779b97f4a7c15ull * (uint64_t)(round + 1);
	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	poverty->bystander = fork();
	if (poverty->bystander == 0) {
		vm_forget(&vm);
		c_poor((void *)1L);
	}
	for (long i = 0; i < 2; i++)
		vm_spawn(&vm, c_poor, (void *)i);
	CHECK_EQ(write_text("/proc/self/make-it-fail", "1"), 0);
	vm_serve(&vm, -1, h_poor, poverty);
}

static void t_no_memory(void)
{
	struct poverty *poverty = shared(sizeof(*poverty));
	pid_t d;
	int status;

	if (access(FAULTS "failslab", F_OK) != 0 || access(FAULTS "fail_page_alloc", F_OK) != 0)
		test_skip("this kernel's memory does not fail on request");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	memory_fails("failslab", "10");
	memory_fails("fail_page_alloc", "2");
	CHECK_EQ(write_text(FAULTS "fail_page_alloc/min-order", "0"), 0);
	for (int i = 0; i < scaled(400, 10); i++) {
		d = group();
		if (d == 0)
			poor(poverty, i);
		nap(200 + (unsigned int)i % 64);
		kill(d, SIGKILL);
		status = child_status(d);
		if (status != 128 + SIGKILL)
			test_fail(__FILE__, __LINE__, "daemon %d ended with %d", i, status);
		end_group(d);
		if (!soon(no_children, NULL, 20000))
			test_fail(__FILE__, __LINE__, "a task outlives daemon %d", i);
	}
	memory_fails("failslab", "0");
	memory_fails("fail_page_alloc", "0");
	CHECK(poverty->felt > 0);
	sane();
}

/* ---- both sides wait actively, on however many CPUs */
static void c_count(void *arg)
{
	for (long i = 0; i < (long)arg; i++)
		CHECK_EQ(syscall(SYS_getuid), 4242);
}

static void t_spin(void)
{
	struct vmmd_kmod_create create = { .max_tasks = 16, .spin_us = 100 };
	struct vmmd_kmod_select sel = vm_selection(ON(GONE), SYS_getuid, -1);
	int left = 3;
	struct vm vm;
	slot *s;

	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	vm.spin = 2000;
	for (int i = 0; i < 3; i++)
		vm_spawn(&vm, c_count, (void *)500L);
	while (left) {
		s = vm_next(&vm);
		left -= s->type == VMMD_KMOD_GONE;
		vm_return(&vm, s, 4242);
	}
	for (int i = 0; i < 3; i++)
		CHECK(waitpid(-1, &left, 0) > 0 && left == 0);
	vm_close(&vm);
}

const struct test tests_hostile[] = {
	{ "ring/both-spin", t_spin, 60 },
	{ "hostile/calls", t_fuzz_calls, 1200 },
	{ "hostile/shared-memory", t_scribble, 600 },
	{ "hostile/daemon-deaths", t_deaths, 600 },
	{ "hostile/load-cycles", t_load_cycles, 1200 },
	{ "hostile/unload-under-load", t_unload_under_load, 0 },
	{ "hostile/races", t_races, 1200 },
	{ "hostile/thousands", t_thousands, 600 },
	{ "hostile/no-memory", t_no_memory, 600 },
	{ "hostile/memory", t_memory, 300 },
	{ NULL, NULL, 0 },
};
