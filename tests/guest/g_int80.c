/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_int80.c - the 32-bit door from 64-bit code. Inside it is refused unless the session says native: see expect/int80.inside. */
#include "guest.h"

static long int80(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}

static void show(const char *what, long ret)
{
	if (ret >= 0)
		say("%s: ok", what);
	else
		say("%s: %s", what, strerrorname_np((int)-ret));
}

int main(void)
{
	/* Numbers that mean something else in 64 bits: 39 mkdir/getpid, 20 getpid/writev, 5 open/fstat, 1 exit/write. */
	long pid = int80(20, 0, 0, 0);

	show("int 0x80 getpid", pid == getpid() ? 0 : pid);
	show("int 0x80 mkdir(NULL)", int80(39, 0, 0, 0));
	show("int 0x80 close(-1)", int80(6, -1, 0, 0));
	show("int 0x80 unknown", int80(1000, 0, 0, 0));
	show("int 0x80 -1", int80(-1, 0, 0, 0));
	say("64-bit getpid: %d", syscall(SYS_getpid) == getpid());
	return guest_end();
}
