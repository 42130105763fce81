/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_siginfo.c - what a handler is told: siginfo of each kind of sender, fault addresses, saved registers. */
#include "guest.h"
#include <setjmp.h>
#include <ucontext.h>

static siginfo_t got;
static volatile sig_atomic_t seen;
static sigjmp_buf back;
static volatile uintptr_t fault_ip;

static void note(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	got = *si;
	seen++;
}

static void note_jump(int sig, siginfo_t *si, void *ctx)
{
	fault_ip = (uintptr_t)((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP];
	note(sig, si, ctx);
	siglongjmp(back, 1);
}

static void take(int sig, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO };

	CHECK(sigaction(sig, &sa, NULL) == 0);
	memset(&got, 0, sizeof(got));
	seen = 0;
}

static void wait_seen(void)
{
	for (int i = 0; i < 5000 && !seen; i++)
		nap_ms(1);
	CHECK(seen == 1);
}

static void tell(const char *what)
{
	say("%s: signo %d code %d errno %d pid %d uid %d value %d", what, got.si_signo, got.si_code, got.si_errno,
	    got.si_pid == getpid(), got.si_uid == getuid(), got.si_value.sival_int);
}

static void senders(void)
{
	take(SIGUSR1, note);
	kill(getpid(), SIGUSR1);
	wait_seen();
	tell("kill");
	take(SIGUSR1, note);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	wait_seen();
	tell("tgkill");
	take(SIGUSR1, note);
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 4711 });
	wait_seen();
	tell("sigqueue");
	siginfo_t own = { .si_signo = SIGUSR1, .si_code = -77, .si_errno = 5 };
	own.si_value.sival_int = 99;
	take(SIGUSR1, note);
	CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &own) == 0);
	wait_seen();
	say("rt_sigqueueinfo: code %d errno %d value %d", got.si_code, got.si_errno, got.si_value.sival_int);
	take(SIGUSR2, note);
	own.si_signo = SIGUSR2;
	CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGUSR2, &own) == 0);
	wait_seen();
	say("rt_tgsigqueueinfo: code %d errno %d value %d", got.si_code, got.si_errno, got.si_value.sival_int);
}

static void timers(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3 };
	struct itimerspec its = { .it_value = { 0, 1000000 } };
	timer_t t;

	ev.sigev_value.sival_int = 1234;
	take(SIGRTMIN + 3, note);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	CHECK(timer_settime(t, 0, &its, NULL) == 0);
	wait_seen();
	say("timer: code %d value %d overrun %d", got.si_code, got.si_value.sival_int, got.si_overrun);
	timer_delete(t);
	take(SIGALRM, note);
	struct itimerval it = { .it_value = { 0, 1000 } };
	setitimer(ITIMER_REAL, &it, NULL);
	wait_seen();
	say("setitimer: code %d", got.si_code);
}

static void child(const char *what, int how)
{
	pid_t pid;

	take(SIGCHLD, note);
	pid = fork();
	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		if (how)
			raise(how);
		_exit(9);
	}
	wait_seen();
	say("SIGCHLD %s: code %d status %d pid %d", what, got.si_code, got.si_status, got.si_pid == pid);
	reap(pid);
	signal(SIGCHLD, SIG_DFL);
}

#define FAULT(sig, what, expr)                                                                     \
	do {                                                                                       \
		take(sig, note_jump);                                                              \
		if (sigsetjmp(back, 1) == 0) {                                                     \
			expr;                                                                      \
			CHECK(!"no fault");                                                        \
		}                                                                                  \
		say("%s: signo %d code %d", what, got.si_signo, got.si_code);                      \
	} while (0)

static void faults(void)
{
	char *ro = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[] = "/tmp/g_siginfo.XXXXXX";
	int fd = mkstemp(name);
	volatile char *file;

	unlink(name);
	file = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	FAULT(SIGSEGV, "not mapped", *(volatile char *)64 = 1);
	CHECK(got.si_addr == (void *)64);
	FAULT(SIGSEGV, "not writable", ro[5] = 1);
	CHECK(got.si_addr == ro + 5);
	FAULT(SIGBUS, "beyond the end", (void)file[7]);
	CHECK(got.si_addr == (void *)(file + 7));
	FAULT(SIGILL, "ud2", __asm__ volatile("ud2"));
	CHECK((uintptr_t)got.si_addr == fault_ip);
	FAULT(SIGFPE, "division",
	      __asm__ volatile("xor %%ecx, %%ecx\n\tmov $1, %%eax\n\tcltd\n\tidiv %%ecx" ::: "eax", "ecx", "edx"));
	FAULT(SIGTRAP, "int3", __asm__ volatile("int3"));
	FAULT(SIGTRAP, "one step",
	      __asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop" ::: "memory", "cc"));
	FAULT(SIGTRAP, "raise", raise(SIGTRAP));
	FAULT(SIGSEGV, "not canonical", *(volatile char *)0x8000000000000000 = 1);
	signal(SIGTRAP, SIG_DFL);
	close(fd);
}

/* Nested handlers and a mask while one runs. */
static char order[16];

static void outer(int sig)
{
	strcat(order, "a");
	raise(SIGUSR2); /* blocked by our mask until we return */
	raise(SIGURG);
	strcat(order, "b");
	(void)sig;
}

static void second(int sig)
{
	strcat(order, sig == SIGUSR2 ? "2" : "u");
}

static void nesting(void)
{
	struct sigaction sa = { .sa_handler = outer };

	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	on_signal(SIGUSR2, second, 0);
	on_signal(SIGURG, second, 0);
	raise(SIGUSR1);
	say("nesting %s", order);
}

static void skip_insn(int sig, siginfo_t *si, void *ctx)
{
	greg_t *r = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	note(sig, si, ctx);
	r[REG_RIP] += 2; /* behind ud2 */
	r[REG_RAX] = 0x1234;
	r[REG_R15] = 0x5678;
}

static void change_registers(void)
{
	long rax, r15;

	take(SIGILL, skip_insn);
	__asm__ volatile("ud2\n\tmov %%r15, %1" : "=a"(rax), "=r"(r15) : "0"(0L) : "r15");
	say("registers from the handler: %#lx %#lx", rax, r15);
	signal(SIGILL, SIG_DFL);
}

static void null_siginfo(void)
{
	errno = 0;
	say("kill 0: %s", outcome(kill(getpid(), 0)));
	say("kill 65: %s", outcome(kill(getpid(), 65)));
	say("kill of nobody: %s", outcome(kill(0x3fffffff, SIGTERM)));
	say("forged SI_USER: %s", outcome(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &(siginfo_t){ .si_code = SI_USER })));
}

int main(void)
{
	senders();
	timers();
	child("exit", 0);
	child("signal", SIGTERM);
	faults();
	nesting();
	change_registers();
	null_siginfo();
	return guest_end();
}
