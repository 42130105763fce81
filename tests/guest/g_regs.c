/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_regs.c - a system call changes rax, rcx and r11 and nothing else: registers, flags, red zone, vector and x87 state. */
#include "guest.h"

struct regs {
	uint64_t rbx, rbp, r8, r9, r10, r12, r13, r14, r15, rdi, rsi, rdx, rax, rcx, r11, flags, red;
};

/* Loads every register from *in, runs the call, stores every register to *out. */
void call_all(const struct regs *in, struct regs *out);
__asm__(".text\n"
	".globl call_all\n"
	"call_all:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	push %rsi\n"
	"	mov %rdi, %rcx\n"
	"	mov 0(%rcx), %rbx\n	mov 8(%rcx), %rbp\n	mov 16(%rcx), %r8\n	mov 24(%rcx), %r9\n"
	"	mov 32(%rcx), %r10\n	mov 40(%rcx), %r12\n	mov 48(%rcx), %r13\n	mov 56(%rcx), %r14\n"
	"	mov 64(%rcx), %r15\n	mov 72(%rcx), %rdi\n	mov 80(%rcx), %rsi\n	mov 88(%rcx), %rdx\n"
	"	mov 128(%rcx), %rax\n"
	"	mov %rax, -8(%rsp)\n	mov %rax, -120(%rsp)\n"
	"	mov 96(%rcx), %rax\n"
	"	stc\n"
	"	syscall\n"
	".globl call_all_after\n"
	"call_all_after:\n"
	"	mov %rcx, -16(%rsp)\n"
	"	mov 0(%rsp), %rcx\n"
	"	mov %rbx, 0(%rcx)\n	mov %rbp, 8(%rcx)\n	mov %r8, 16(%rcx)\n	mov %r9, 24(%rcx)\n"
	"	mov %r10, 32(%rcx)\n	mov %r12, 40(%rcx)\n	mov %r13, 48(%rcx)\n	mov %r14, 56(%rcx)\n"
	"	mov %r15, 64(%rcx)\n	mov %rdi, 72(%rcx)\n	mov %rsi, 80(%rcx)\n	mov %rdx, 88(%rcx)\n"
	"	mov %rax, 96(%rcx)\n"
	"	mov -16(%rsp), %rax\n	mov %rax, 104(%rcx)\n"
	"	mov %r11, 112(%rcx)\n"
	"	mov -8(%rsp), %rax\n	sub -120(%rsp), %rax\n	mov %rax, 128(%rcx)\n"
	"	pushfq\n	pop 120(%rcx)\n"
	"	pop %rsi\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
	"	ret\n");
extern const char call_all_after[];

static void one(const char *name, long nr, uint64_t a, uint64_t b, uint64_t c, bool show)
{
	struct regs in = { .rbx = 0x1111111111111111, .rbp = 0x2222222222222222, .r8 = 0x8888888888888888,
			   .r9 = 0x9999999999999999, .r10 = 0xaaaaaaaaaaaaaaaa, .r12 = 0x1212121212121212,
			   .r13 = 0x1313131313131313, .r14 = 0x1414141414141414, .r15 = 0x1515151515151515,
			   .rdi = a, .rsi = b, .rdx = c, .rax = (uint64_t)nr, .red = 0x4444444455555555 };
	struct regs out = { 0 };

	call_all(&in, &out);
	CHECK(out.rbx == in.rbx && out.rbp == in.rbp && out.r8 == in.r8 && out.r9 == in.r9 && out.r10 == in.r10);
	CHECK(out.r12 == in.r12 && out.r13 == in.r13 && out.r14 == in.r14 && out.r15 == in.r15);
	CHECK(out.rdi == in.rdi && out.rsi == in.rsi && out.rdx == in.rdx);
	CHECK(out.red == 0);
	CHECK(out.rcx == (uintptr_t)call_all_after);
	CHECK(out.r11 & 1); /* the carry flag as it was before */
	if (show)
		say("%s: %ld", name, (long)out.rax);
	else
		say("%s", name);
}

static void vectors(void)
{
	static const double in[4] = { 1.5, -2.25, 1e300, 3.0 };
	static double out[4];
	long ret;

	__asm__ volatile("movupd (%2), %%xmm0\n\t"
			 "movupd 16(%2), %%xmm15\n\t"
			 "fldpi\n\t"
			 "syscall\n\t"
			 "movupd %%xmm0, (%3)\n\t"
			 "movupd %%xmm15, 16(%3)\n\t"
			 "fldpi\n\t"
			 "fcomip %%st(1), %%st\n\t"
			 "fstp %%st(0)\n\t"
			 "setne %b0\n\t"
			 "movzbq %b0, %0"
			 : "=a"(ret)
			 : "0"((long)SYS_getppid), "r"(in), "r"(out)
			 : "rcx", "r11", "xmm0", "xmm15", "memory");
	CHECK(ret == 0);
	CHECK(!memcmp(in, out, sizeof(in)));
	say("vector and x87 state");
}

static volatile sig_atomic_t hits;

static void hit(int sig)
{
	(void)sig;
	hits++;
}

/* The same while signals arrive between and inside the calls. */
static void stormed(void)
{
	struct itimerval it = { { 0, 500 }, { 0, 500 } }, off = { 0 };
	struct timespec ts = { 0, 0 };

	on_signal(SIGALRM, hit, SA_RESTART);
	setitimer(ITIMER_REAL, &it, NULL);
	for (int i = 0; i < 20000 && hits < 100; i++) {
		struct regs in = { .rbx = 1, .rbp = 2, .r8 = 3, .r9 = 4, .r10 = 5, .r12 = 6, .r13 = 7, .r14 = 8, .r15 = 9,
				   .rdi = (uintptr_t)&ts, .rsi = 0, .rdx = 10, .rax = i & 1 ? SYS_nanosleep : SYS_getppid };
		struct regs out = { 0 };

		call_all(&in, &out);
		CHECK(out.rbx == 1 && out.rbp == 2 && out.r8 == 3 && out.r9 == 4 && out.r10 == 5 && out.r12 == 6);
		CHECK(out.r13 == 7 && out.r14 == 8 && out.r15 == 9 && out.rdi == (uintptr_t)&ts && out.rsi == 0 && out.rdx == 10);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	say("under signals");
}

int main(void)
{
	one("getpid", SYS_getpid, 71, 72, 73, false);
	one("close", SYS_close, (uint64_t)-1, 72, 73, true);
	one("unknown", 5000, 71, 72, 73, true);
	one("negative", -7, 71, 72, 73, true);
	one("faults", SYS_openat, (uint64_t)AT_FDCWD, 8, 0, true);
	one("high argument bits", SYS_close, 0xffffffff00000000ULL | 999, 72, 73, true);
	vectors();
	stormed();
	return guest_end();
}
