/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_sysno.c - numbers that no system call has come back as ENOSYS, and hurt nothing. */
#include "guest.h"

#define X32 0x40000000L

static long raw(unsigned long nr)
{
	long ret;
	register long r10 __asm__("r10") = 4;
	register long r8 __asm__("r8") = 5;
	register long r9 __asm__("r9") = 6;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(1), "S"(2), "d"(3), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* A kernel may have x32, which no program has under vmmd: bare it is not looked at. */
static long answer(unsigned long nr)
{
	const char *way = getenv("GUEST_WAY");
	long ret = raw(nr);

	return nr >> 30 == 1 && way && strcmp(way, "native") == 0 ? -ENOSYS : ret;
}

int main(void)
{
	static const unsigned long nrs[] = {
		500, 510, 511, 512, 513, 547, 548, 600, 999, 1000, 1023, 1024, 4096, 65535, 65536,
		(unsigned long)-1, (unsigned long)-2, (unsigned long)-4095, (unsigned long)-4096,
		X32, X32 | 39, X32 | 512, X32 | 520, X32 | 547, X32 | 1000, X32 | 0x3fffffff,
		0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe, 0x100000000 | 5000, 0xffffffff00000000 | 5000,
	};
	pid_t pid = getpid();

	for (size_t i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++)
		say("%#lx: %ld", nrs[i], answer(nrs[i]));
	/* The kernel looks at 32 bits of the number. */
	say("high bits set: %d", raw(0x500000000 | SYS_getpid) == pid);
	for (unsigned long nr = 500; nr < 1100; nr++)
		CHECK(raw(nr) == -ENOSYS);
	for (long nr = -1; nr > -600; nr--)
		CHECK(raw((unsigned long)nr) == -ENOSYS);
	CHECK(getpid() == pid);
	return guest_end();
}
