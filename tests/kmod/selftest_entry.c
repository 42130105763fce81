// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest_entry.c - a system call on its way in and out: what can be changed,
 * what is kept, what stops at all; memory of a stopped task.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"
#include "tests/kmod/vm.h"

/* Serve a child to its end; it must have ended well. */
static void serve(struct vm *vm, pid_t pid, vm_handler handler, void *arg)
{
	vm_serve(vm, pid, handler, arg);
	CHECK_EQ(child_status(pid), 0);
	vm_close(vm);
}

/* ---- only what was asked for stops */
static void c_selected(void *arg)
{
	(void)arg;
	for (int i = 0; i < 500; i++)
		syscall(SYS_getsid, 0);
	syscall(SYS_getppid);
	syscall(SYS_getppid);
}

static void h_count(struct vm *vm, slot *s, void *arg)
{
	(void)vm;
	((int *)arg)[s->type]++;
}

static void t_selected(void)
{
	int count[8] = {};
	struct vm vm;

	vm_open(&vm, 0, ON(GONE), SYS_getppid, -1);
	serve(&vm, vm_spawn(&vm, c_selected, NULL), h_count, count);
	CHECK_EQ(count[VMMD_KMOD_ENTRY], 2);
	CHECK_EQ(count[VMMD_KMOD_GONE], 1);
	CHECK_EQ(count[VMMD_KMOD_NEW] + count[VMMD_KMOD_EXIT] + count[VMMD_KMOD_SIGNAL] + count[VMMD_KMOD_EXEC], 0);
}

/* ---- execute, abort */
static void c_run(void *arg)
{
	CHECK_EQ(syscall(SYS_getppid), *(pid_t *)arg);
}

static void t_run(void)
{
	pid_t me = getpid();
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getppid, -1);
	p = vm_spawn(&vm, c_run, &me);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getppid);
	CHECK_EQ(s->tid, p);
	CHECK_EQ(s->tgid, p);
	CHECK_EQ(s->arch, AUDIT_ARCH_X86_64);
	CHECK(s->pc && s->sp);
	vm_run(&vm, s);
	serve(&vm, p, NULL, NULL);
}

static void c_return(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid), 4242);
	CHECK(syscall(SYS_getuid) == -1 && errno == EACCES);
	CHECK_EQ(syscall(SYS_getuid), 0x7123456789abcdef);
}

static void t_return(void)
{
	struct vm vm;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_return, NULL);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 4242);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), -EACCES);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 0x7123456789abcdef);
	serve(&vm, p, NULL, NULL);
}

/* ---- modify */
static void c_nr(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid), getpid());
	CHECK(syscall(SYS_getuid) == -1 && errno == ENOSYS);
}

static void t_nr(void)
{
	struct vmmd_kmod_answer *a;
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_nr, NULL);
	for (int i = 0; i < 2; i++) {
		s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
		a = vm_answer(s, VMMD_KMOD_RUN);
		a->flags = VMMD_KMOD_A_NR;
		a->nr = i ? 500 : SYS_getpid;
		vm_done(&vm, s);
	}
	serve(&vm, p, NULL, NULL);
}

/* The registers that the caller sees are its own, whatever was run. */
static void c_args(void *arg)
{
	register long r10 asm("r10") = 4, r8 asm("r8") = 5, r9 asm("r9") = 6;
	long ret, di = 99, si = (long)"x", dx = 1, si0 = si;

	(void)arg;
	asm volatile("syscall"
		     : "=a"(ret), "+D"(di), "+S"(si), "+d"(dx), "+r"(r10), "+r"(r8), "+r"(r9)
		     : "0"(SYS_write)
		     : "rcx", "r11", "memory");
	CHECK_EQ(ret, 1);
	CHECK(di == 99 && si == si0 && dx == 1 && r10 == 4 && r8 == 5 && r9 == 6);
}

static void t_args(void)
{
	struct vmmd_kmod_answer *a;
	char got[2] = "";
	int fds[2];
	struct vm vm;
	slot *s;
	pid_t p;

	CHECK(pipe(fds) == 0);
	vm_open(&vm, 0, ON(GONE), SYS_write, -1);
	p = vm_spawn(&vm, c_args, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_write);
	CHECK(s->args[0] == 99 && s->args[2] == 1 && s->args[3] == 4 && s->args[4] == 5 && s->args[5] == 6);
	a = vm_answer(s, VMMD_KMOD_RUN);
	a->flags = VMMD_KMOD_A_ARGS;
	memcpy(a->args, s->args, sizeof(a->args));
	a->args[0] = (uint64_t)fds[1];
	vm_done(&vm, s);
	serve(&vm, p, NULL, NULL);
	CHECK(read(fds[0], got, 1) == 1 && got[0] == 'x');
}

/* A call that goes on somewhere else, with another stack. `how` is the call; r12 says where it went on. */
static char stack[8192] __attribute__((aligned(16)));

static void c_pc_sp(void *arg)
{
	long where = 0, sp = 0, nr = *(long *)arg, top = (long)stack + 8192 - 128;

	asm volatile("mov %%rsp, %%rbx\n\t"
		     "lea 1f(%%rip), %%rdi\n\t"
		     "syscall\n\t"
		     "mov $1, %%r12\n\t"
		     "jmp 2f\n"
		     "1:\n\t"
		     "mov $2, %%r12\n"
		     "2:\n\t"
		     "mov %%rsp, %%r13\n\t"
		     "mov %%rbx, %%rsp\n\t"
		     : "+a"(nr)
		     : "S"(top)
		     : "rbx", "rcx", "r11", "r12", "r13", "rdi", "memory");
	asm volatile("mov %%r12, %0\n\tmov %%r13, %1" : "=r"(where), "=r"(sp));
	CHECK_EQ(where, 2);
	CHECK_EQ(sp, top);
}

static void pc_sp(bool at_exit)
{
	struct vmmd_kmod_answer *a;
	long nr = SYS_getuid;
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_pc_sp, &nr);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	if (at_exit) {
		vm_answer(s, VMMD_KMOD_RUN)->flags = VMMD_KMOD_A_EXIT;
		vm_done(&vm, s);
		s = vm_expect(&vm, VMMD_KMOD_EXIT, SYS_getuid);
	}
	a = vm_answer(s, VMMD_KMOD_RUN);
	a->flags = VMMD_KMOD_A_PC | VMMD_KMOD_A_SP;
	a->pc = s->args[0];
	a->sp = s->args[1];
	vm_done(&vm, s);
	serve(&vm, p, NULL, NULL);
}

static void t_pc_sp(void) { pc_sp(false); }
static void t_exit_pc_sp(void) { pc_sp(true); }

/* ---- answers that kill, answers that are none */
static void c_getuid(void *arg)
{
	(void)arg;
	syscall(SYS_getuid);
}

static void t_kill(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	vm_answer(s, VMMD_KMOD_KILL);
	vm_done(&vm, s);
	CHECK_EQ(vm_serve(&vm, p, NULL, NULL), SIGKILL);
	CHECK_EQ(child_status(p), 128 + SIGKILL);
	vm_close(&vm);
}

static void c_bad(void *arg)
{
	(void)arg;
	CHECK(syscall(SYS_getuid) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_getuid) == -1 && errno == EINVAL);
	CHECK_EQ(syscall(SYS_getuid), 1);
}

static void t_bad(void)
{
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_bad, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	vm_answer(s, 77);
	vm_done(&vm, s);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	vm_answer(s, VMMD_KMOD_RUN)->flags = 0x80000000;
	vm_done(&vm, s);
	vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid), 1);
	serve(&vm, p, NULL, NULL);
}

/* ---- an answer may take any time, and holds nobody else up */
static void c_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		CHECK_EQ(syscall(SYS_getgid), i);
}

static void t_deferred(void)
{
	struct vm vm;
	slot *held;
	pid_t p, q;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, SYS_getgid, -1);
	p = vm_spawn(&vm, c_getuid, NULL);
	held = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	q = vm_spawn(&vm, c_many, NULL);
	for (int i = 0; i < 100; i++)
		vm_return(&vm, vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getgid), i);
	vm_serve(&vm, q, NULL, NULL);
	CHECK_EQ(child_status(q), 0);
	nap(300);
	CHECK(vm_next_within(&vm, 0) == NULL);
	vm_run(&vm, held);
	serve(&vm, p, NULL, NULL);
}

/* ---- the way out */
static void c_exit(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_dup, 1234), 5);
	CHECK(syscall(SYS_getuid) == -1 && errno == EDOM);
	CHECK_EQ(syscall(SYS_getgid), 0);
	CHECK_EQ(syscall(SYS_getuid), 0);
}

static void h_exit(struct vm *vm, slot *s, void *arg)
{
	int *exits = arg;

	(void)vm;
	if (s->type == VMMD_KMOD_ENTRY && s->nr != SYS_getgid)
		s->answer.flags = VMMD_KMOD_A_EXIT;
	if (s->type != VMMD_KMOD_EXIT)
		return;
	(*exits)++;
	CHECK(s->nr == SYS_dup || s->nr == SYS_getuid);
	CHECK_EQ(s->value, s->nr == SYS_dup ? -EBADF : 0);
	if (*exits < 3) {
		s->answer.flags = VMMD_KMOD_A_RESULT;
		s->answer.result = s->nr == SYS_dup ? 5 : -EDOM;
	}
}

static void t_exit(void)
{
	struct vm vm;
	int exits = 0;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, SYS_getgid, SYS_dup, -1);
	serve(&vm, vm_spawn(&vm, c_exit, NULL), h_exit, &exits);
	CHECK_EQ(exits, 3);
}

/* ---- a second call before the return to user mode */
static void c_reissue(void *arg)
{
	CHECK_EQ(syscall(SYS_getuid), getpid());
	CHECK_EQ(syscall(SYS_getuid), 1000 + *(pid_t *)arg);
}

static slot *reissue(struct vm *vm, slot *s, long nr, uint32_t flags)
{
	struct vmmd_kmod_answer *a = vm_answer(s, VMMD_KMOD_REISSUE);

	a->nr = nr;
	a->flags = flags;
	vm_done(vm, s);
	return flags & VMMD_KMOD_A_EXIT ? vm_expect(vm, VMMD_KMOD_EXIT, nr) : NULL;
}

static void t_reissue(void)
{
	pid_t me = getpid(), p;
	struct vm vm;
	slot *s;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_reissue, &me);
	for (int i = 0; i < 2; i++) {
		s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
		vm_answer(s, VMMD_KMOD_RUN)->flags = VMMD_KMOD_A_EXIT;
		vm_done(&vm, s);
		s = vm_expect(&vm, VMMD_KMOD_EXIT, SYS_getuid);
		if (i == 0) {
			reissue(&vm, s, SYS_getpid, 0);
			continue;
		}
		s = reissue(&vm, s, SYS_getpid, VMMD_KMOD_A_EXIT);
		CHECK_EQ(s->value, p);
		s = reissue(&vm, s, SYS_getppid, VMMD_KMOD_A_EXIT);
		CHECK_EQ(s->value, me);
		vm_answer(s, VMMD_KMOD_RUN)->flags = VMMD_KMOD_A_RESULT;
		s->answer.result = 1000 + s->value;
		vm_done(&vm, s);
	}
	serve(&vm, p, NULL, NULL);
}

/* ---- calls of other ABIs */
static long int80(long nr)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret) : "0"(nr) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static void c_foreign(void *arg)
{
	long want = *(long *)arg, x32;

	CHECK_EQ(int80(20), want == -2 ? getpid() : want); /* getpid */
	x32 = syscall(0x40000000 + SYS_getpid);
	CHECK(want == -2 || (want == -ENOSYS ? x32 == -1 && errno == ENOSYS : x32 == want));
}

static void foreign(uint32_t how, long want)
{
	struct vmmd_kmod_create create = { .foreign = how, .max_tasks = 16 };
	struct vmmd_kmod_select sel = vm_selection(ON(GONE), -1);
	struct vm vm;
	slot *s;
	pid_t p;

	vm_make(&vm, &create);
	vm_select(&vm, &sel);
	p = vm_spawn(&vm, c_foreign, &want);
	for (int i = 0; how == VMMD_KMOD_FOREIGN_STOP && i < 2; i++) {
		s = vm_next(&vm);
		CHECK_EQ(s->type, VMMD_KMOD_ENTRY);
		CHECK(s->flags & VMMD_KMOD_S_COMPAT);
		CHECK_EQ(s->arch, i ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386);
		CHECK_EQ(s->nr, i ? 0x40000000 + SYS_getpid : 20);
		vm_return(&vm, s, want);
	}
	serve(&vm, p, NULL, NULL);
}

static void t_foreign_refuse(void) { foreign(VMMD_KMOD_FOREIGN_REFUSE, -ENOSYS); }
static void t_foreign_native(void) { foreign(VMMD_KMOD_FOREIGN_NATIVE, -2); }
static void t_foreign_stop(void) { foreign(VMMD_KMOD_FOREIGN_STOP, 555); }

/* ---- memory of a stopped task */
static char text[32] = "hello";

static void c_memory(void *arg)
{
	(void)arg;
	CHECK_EQ(syscall(SYS_getuid, text), 5);
	CHECK(strcmp(text, "HELLO") == 0);
}

static void t_memory(void)
{
	char buf[32] = "", page[8192];
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_memory, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK_EQ(vm_read(&vm, s, s->args[0], buf, sizeof(buf)), (long)sizeof(buf));
	CHECK(strcmp(buf, "hello") == 0);
	CHECK_EQ(vm_write(&vm, s, s->args[0], "HELLO", 6), 6);
	CHECK(vm_read(&vm, s, 8, buf, 8) <= 0);
	CHECK(vm_read(&vm, s, 0xffffffff81000000, buf, 8) <= 0);
	CHECK(vm_write(&vm, s, 0xffffffff81000000, buf, 8) <= 0);
	CHECK(vm_read(&vm, s, s->args[0], (void *)8, 6) < 0);
	/* What starts in the stack's last page ends with it. */
	CHECK(vm_read(&vm, s, s->sp, page, sizeof(page)) > 0);
	vm_return(&vm, s, 5);
	serve(&vm, p, NULL, NULL);
}

/* Only of a task that is stopped, and only of this engine. */
static void t_memory_others(void)
{
	char buf[8];
	struct vm vm, other;
	uint64_t id;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, SYS_getgid, -1);
	vm_open(&other, 0, ON(GONE), -1);
	p = vm_spawn(&vm, c_memory, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	CHECK(vm_read(&other, s, s->args[0], buf, sizeof(buf)) < 0);
	id = s->id;
	s->id = id + (1ull << 32); /* a task that has never been */
	CHECK(vm_read(&vm, s, s->args[0], buf, sizeof(buf)) < 0);
	s->id = 0xffffff;
	CHECK(vm_read(&vm, s, s->args[0], buf, sizeof(buf)) < 0);
	s->id = id;
	CHECK_EQ(vm_write(&vm, s, s->args[0], "HELLO", 6), 6);
	vm_return(&vm, s, 5);
	serve(&vm, p, NULL, NULL);
	vm_close(&other);
}

static void c_map(void *arg)
{
	char *place = (char *)syscall(SYS_getuid);

	(void)arg;
	CHECK(strcmp(place, "from outside") == 0);
	place[8191] = 1;
}

static void t_map(void)
{
	struct vmmd_kmod_map map;
	struct vm vm;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_map, NULL);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	map = (struct vmmd_kmod_map){ .id = s->id, .len = 8192 };
	CHECK(ioctl(vm.fd, VMMD_IOC_MAP, &map) == 0);
	CHECK(map.addr && map.addr % 4096 == 0);
	CHECK_EQ(vm_write(&vm, s, map.addr, "from outside", 13), 13);
	vm_return(&vm, s, (long long)map.addr);
	serve(&vm, p, NULL, NULL);
}

static void c_install(void *arg)
{
	char got[4] = "";
	int fd = (int)syscall(SYS_getuid);

	(void)arg;
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(read(fd, got, 3) == 3 && strcmp(got, "abc") == 0);
}

static void t_install(void)
{
	struct vmmd_kmod_install in;
	struct vm vm;
	int fds[2], n;
	slot *s;
	pid_t p;

	vm_open(&vm, 0, ON(GONE), SYS_getuid, -1);
	p = vm_spawn(&vm, c_install, NULL);
	CHECK(pipe(fds) == 0 && write(fds[1], "abc", 3) == 3);
	s = vm_expect(&vm, VMMD_KMOD_ENTRY, SYS_getuid);
	in = (struct vmmd_kmod_install){ .id = s->id, .fd = 9999, .flags = O_CLOEXEC };
	CHECK(ioctl(vm.fd, VMMD_IOC_INSTALL, &in) == -1 && errno == EBADF);
	in.fd = fds[0];
	n = ioctl(vm.fd, VMMD_IOC_INSTALL, &in);
	CHECK(n >= 0);
	vm_return(&vm, s, n);
	serve(&vm, p, NULL, NULL);
}

const struct test tests_entry[] = {
	{ "entry/selected", t_selected, 0 },
	{ "entry/run", t_run, 0 },
	{ "entry/return", t_return, 0 },
	{ "entry/nr", t_nr, 0 },
	{ "entry/args", t_args, 0 },
	{ "entry/pc-sp", t_pc_sp, 0 },
	{ "entry/kill", t_kill, 0 },
	{ "entry/bad-answer", t_bad, 0 },
	{ "entry/deferred", t_deferred, 0 },
	{ "entry/foreign-refuse", t_foreign_refuse, 0 },
	{ "entry/foreign-native", t_foreign_native, 0 },
	{ "entry/foreign-stop", t_foreign_stop, 0 },
	{ "exit/result", t_exit, 0 },
	{ "exit/pc-sp", t_exit_pc_sp, 0 },
	{ "exit/reissue", t_reissue, 0 },
	{ "memory/read-write", t_memory, 0 },
	{ "memory/other-tasks", t_memory_others, 0 },
	{ "memory/map", t_map, 0 },
	{ "memory/install-fd", t_install, 0 },
	{ NULL, NULL, 0 },
};
