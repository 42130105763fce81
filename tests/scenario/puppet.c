// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * puppet.c - a task that does what the player tells it, and nothing besides but
 * to wait: puppet NUMBER.
 *
 * Tasks that share memory have no thread of the C library, hence no errno: all
 * calls are made by hand.
 */
#define _GNU_SOURCE
#include "tests/scenario/puppet.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define STACK 65536

static struct stage *stage;
static char stacks[PUPPETS][STACK] __attribute__((aligned(16)));

static int64_t call(int64_t nr, const uint64_t *a)
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static int64_t call3(int64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return call(nr, (uint64_t[6]){ a, b, c });
}

static void on_signal(int sig)
{
	__atomic_add_fetch(&stage->delivered[sig], 1, __ATOMIC_SEQ_CST);
}

static void have_memory(int number)
{
	call(SYS_mmap, (uint64_t[6]){ FAKE_BASE, FAKE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, PUPPET_FD,
				      STAGE_HEAD + (uint64_t)number * FAKE_SIZE });
}

static __attribute__((noreturn, used)) void play(int number);

/* A child with a stack of its own begins with play(). */
static void new_thread(const struct puppet *p)
{
	char *top = stacks[p->other] + STACK;

	__asm__ volatile("mov %[number], %%r12d\n\t"
			 "xor %%r10d, %%r10d\n\t"
			 "syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov %%r12d, %%edi\n\t"
			 "call play\n"
			 "1:"
			 :
			 : "a"((int64_t)SYS_clone), "D"(p->flags), "S"(top), "d"(0l), [number] "r"(p->other)
			 : "rcx", "r8", "r10", "r11", "r12", "memory");
}

static void new_task(const struct puppet *p)
{
	int other = p->other; /* the next one's when the child comes to run */

	if (p->flags & CLONE_VM) {
		new_thread(p);
	} else if (call3(SYS_clone, p->flags | SIGCHLD, 0, 0) == 0) {
		have_memory(other);
		play(other);
	}
}

static void act(struct puppet *p)
{
	switch (p->deed) {
	case PUPPET_CALL:
		p->result = call(p->nr, p->args);
		break;
	case PUPPET_TASK:
		new_task(p);
		break;
	case PUPPET_EXEC:
		call3(SYS_execve, p->exec[0], p->exec[1], p->exec[2]);
		break;
	case PUPPET_EXIT:
		call3(SYS_exit, (uint64_t)p->code, 0, 0);
	}
	__atomic_add_fetch(&p->done, 1, __ATOMIC_SEQ_CST);
}

static void play(int number)
{
	static char names[PUPPETS][4];
	static char *argv[PUPPETS][3];
	static char self[] = "/proc/self/exe", puppet[] = "puppet";
	struct puppet *p = &stage->puppet[number];

	names[number][0] = (char)('0' + number / 10);
	names[number][1] = (char)('0' + number % 10);
	argv[number][0] = puppet;
	argv[number][1] = names[number];
	p->exec[0] = (uintptr_t)self;
	p->exec[1] = (uintptr_t)argv[number];
	for (;;) {
		uint32_t done = __atomic_load_n(&p->done, __ATOMIC_SEQ_CST);

		if (__atomic_load_n(&p->told, __ATOMIC_SEQ_CST) != done)
			act(p);
		else
			call(SYS_futex, (uint64_t[6]){ (uintptr_t)&p->told, FUTEX_WAIT, done });
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int number = argc == 2 ? atoi(argv[1]) : -1;

	stage = mmap((void *)PUPPET_STAGE, STAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, PUPPET_FD, 0);
	if (number < 0 || number >= PUPPETS || stage == MAP_FAILED)
		return 2;
	have_memory(stage->puppet[number].memory);
	for (int sig = 1; sig <= 64; sig++)
		sigaction(sig, &sa, NULL);
	/* What it was told before was to become this. */
	__atomic_store_n(&stage->puppet[number].done, stage->puppet[number].told, __ATOMIC_SEQ_CST);
	play(number);
}
