/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_i386.c - a static 32-bit program without a C library (gcc -m32 -nostdlib). Inside it
 * runs only if the session says foreign-abi: native; otherwise its calls are refused and
 * it ends by the fault that follows: see the cases.
 */

static long call3(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return ret;
}

static void say(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	call3(4, 1, (long)text, n);
}

void _start(void);
void _start(void)
{
	long status = -1, pid;

	say("32 bits\n");
	if (call3(20, 0, 0, 0) <= 0)
		say("FAIL getpid\n");
	if (call3(5, (long)"/nonexistent", 0, 0) != -2)
		say("FAIL open\n");
	pid = call3(2, 0, 0, 0); /* fork */
	if (pid == 0)
		call3(1, 7, 0, 0);
	if (pid < 0 || call3(7, pid, (long)&status, 0) != pid || status != 7 << 8)
		say("FAIL child\n");
	say("done\n");
	call3(1, 42, 0, 0);
	__asm__ volatile("ud2");
}
