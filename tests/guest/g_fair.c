/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_fair.c - for tests/system/engines.sh: N MS. N processes make system calls as fast
 * as they can for so long, getppid(2) and getpgid(2) in turns from process to
 * process. Says what the one with the fewest has of the mean, in percent.
 */
#include "guest.h"

#define MAX 64

static volatile long *calls; /* [MAX]: go, all others: how many */

static void busy(int i)
{
	long nr = i % 2 ? SYS_getpgid : SYS_getppid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!calls[MAX])
		sched_yield();
	for (;;) {
		syscall(nr, 0);
		calls[i]++;
	}
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[1]) : 0;
	long before[MAX], least = -1, sum = 0;
	pid_t pid[MAX];

	if (n < 1 || n > MAX)
		return 8;
	calls = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < n; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			busy(i);
	}
	calls[MAX] = 1;
	nap_ms(100);
	for (int i = 0; i < n; i++)
		before[i] = calls[i];
	nap_ms(atoi(argv[2]));
	for (int i = 0; i < n; i++)
		before[i] = calls[i] - before[i];
	for (int i = 0; i < n; i++) {
		kill(pid[i], SIGKILL);
		reap(pid[i]);
		sum += before[i];
		if (least < 0 || before[i] < least)
			least = before[i];
		fprintf(stderr, "%ld ", before[i]);
	}
	fprintf(stderr, "\n");
	say("%ld", sum ? least * 100 * n / sum : 0);
	return 0;
}
