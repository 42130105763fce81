/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_defer.c - for tests/system/defer.sh. N children make one directory each in the
 * directory given, which somebody may suspend. Meanwhile, for each file "measure.K"
 * that appears there, a child makes system calls as fast as it can, and how many
 * it was is added to "rates". After "go" the N are waited for; "end" ends.
 */
#include "guest.h"

static volatile long *calls;
static const char *dir;

static const char *path(const char *name, int n)
{
	static char buf[300];

	snprintf(buf, sizeof(buf), n < 0 ? "%s/%s" : "%s/%s%d", dir, name, n);
	return buf;
}

static bool there(const char *name, int n)
{
	return access(path(name, n), F_OK) == 0;
}

static void put(const char *name, const char *fmt, long n)
{
	FILE *f = fopen(path(name, -1), "ae");

	if (!f)
		exit(9);
	fprintf(f, fmt, n);
	fclose(f);
}

static pid_t counter(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			syscall(SYS_getppid);
			++*calls;
		}
	}
	return pid;
}

static void measure(void)
{
	pid_t pid = counter();
	long at;

	nap_ms(20);
	at = *calls;
	nap_ms(100);
	put("rates", "%ld\n", *calls - at);
	kill(pid, SIGKILL);
	reap(pid);
}

static int one(int n)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mkdir(path("dir", n), 0700) == 0)
		return 1;
	return errno == EXDEV ? 2 : 3;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : -1, ends[4] = { 0 };

	if (n < 0)
		return 8;
	dir = argv[1];
	calls = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < n; i++)
		if (fork() == 0)
			_exit(one(i));
	for (int k = 0; !there("go", -1);) {
		if (there("measure.", k)) {
			measure();
			k++;
		}
		nap_ms(5);
	}
	for (int i = 0; i < n; i++) {
		int status = reap(-1);

		ends[WIFEXITED(status) ? WEXITSTATUS(status) & 3 : 0]++;
	}
	say("allowed %d denied %d other %d killed %d", ends[1], ends[2], ends[3], ends[0]);
	put("done", "%ld\n", 1);
	while (!there("end", -1))
		nap_ms(5);
	return 0;
}
