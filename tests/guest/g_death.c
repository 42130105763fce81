/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_death.c - each signal's default action ends a process as that signal; faults too. With an argument: dies of it. */
#include "guest.h"

static int die(void *arg)
{
	signal((int)(long)arg, SIG_DFL);
	raise((int)(long)arg);
	return 7;
}

static int fault_null(void *arg)
{
	(void)arg;
	*(volatile int *)8 = 1;
	return 1;
}

static int fault_div(void *arg)
{
	(void)arg;
	__asm__ volatile("xor %%ecx, %%ecx\n\tmov $1, %%eax\n\tcltd\n\tidiv %%ecx" ::: "eax", "ecx", "edx");
	return 1;
}

static int fault_ill(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
	return 1;
}

static int fault_trap(void *arg)
{
	(void)arg;
	__asm__ volatile("int3");
	return 1;
}

static int fault_bus(void *arg)
{
	char name[] = "/tmp/g_death.XXXXXX";
	int fd = mkstemp(name);
	volatile char *p;

	(void)arg;
	unlink(name);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	return p[100];
}

static int fault_call(void *arg)
{
	(void)arg;
	((void (*)(void))0x10)();
	return 1;
}

static int do_abort(void *arg)
{
	(void)arg;
	abort();
}

static void *thread_fault(void *arg)
{
	fault_null(arg);
	return NULL;
}

static int in_thread(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, thread_fault, arg);
	pthread_join(t, NULL);
	return 1;
}

/* A fault whose signal is blocked or ignored kills all the same. */
static int masked_fault(void *arg)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGSEGV, SIG_IGN);
	return fault_null(arg);
}

static int bad_stack(void *arg)
{
	(void)arg;
	signal(SIGUSR1, ignore_it);
	/* The kernel cannot write the frame: SIGSEGV. */
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov $16, %%rsp\n\t"
			 "syscall\n\t"
			 "mov %%rbx, %%rsp"
			 :
			 : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1)
			 : "rbx", "rcx", "r11", "memory");
	return 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(void *);
	} faults[] = { { "null", fault_null }, { "div", fault_div }, { "ud2", fault_ill }, { "int3", fault_trap },
		       { "bus", fault_bus }, { "call", fault_call }, { "abort", do_abort }, { "thread", in_thread },
		       { "masked", masked_fault }, { "bad stack", bad_stack } };
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	if (argc > 1) {
		if (!strcmp(argv[1], "fault"))
			return fault_null(NULL);
		return die((void *)atol(argv[1]));
	}
	for (long sig = 1; sig <= 64; sig++) {
		if (sig == 32 || sig == 33 || sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			continue;
		say("signal %ld: %s", sig, status_text(in_child(die, (void *)sig)));
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		say("%s: %s", faults[i].name, status_text(in_child(faults[i].fn, NULL)));
	return guest_end();
}
