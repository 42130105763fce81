/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_sched.c - what a program may ask about itself: affinity, priority, limits, personality, names, rseq, times. */
#include "guest.h"
#include <sys/personality.h>
#include <sys/times.h>
#include <sys/utsname.h>

static int cpus(void)
{
	cpu_set_t set;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	return CPU_COUNT(&set);
}

static void affinity(void)
{
	cpu_set_t all, one;
	unsigned cpu = 999, node;
	int last = -1;

	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	say("cpus %d, as sysconf says %d", cpus(), cpus() == (int)sysconf(_SC_NPROCESSORS_ONLN));
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			last = i;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu == (unsigned)last);
	for (int i = 0; i < 100; i++)
		CHECK(sched_getcpu() == last);
	pid_t pid = fork();
	if (pid == 0)
		_exit(cpus());
	say("one cpu, inherited: %s", status_text(reap(pid)));
	CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
	say("restored %d", cpus() == CPU_COUNT(&all));
	CPU_ZERO(&one);
	say("empty: %s", outcome(sched_setaffinity(0, sizeof(one), &one)));
}

static void priority(void)
{
	struct sched_param sp = { 0 };

	say("policy %d", sched_getscheduler(0));
	CHECK(sched_setscheduler(0, SCHED_BATCH, &sp) == 0);
	say("policy %d", sched_getscheduler(0));
	say("nice %d", nice(2) - 2 == 0);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &sp) == 0);
}

static void limits(void)
{
	struct rlimit old, new;
	int fds[64], n = 0;

	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	new = (struct rlimit){ 20, old.rlim_max };
	CHECK(setrlimit(RLIMIT_NOFILE, &new) == 0);
	while (n < 64 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	say("descriptors run out: %s at %d", strerrorname_np(errno), n ? fds[n - 1] : -1);
	while (n)
		close(fds[--n]);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
}

static void names(void)
{
	char name[32] = "";
	struct utsname u;

	CHECK(prctl(PR_SET_NAME, "renamed") == 0 && prctl(PR_GET_NAME, name) == 0);
	say("name %s", name);
	CHECK(uname(&u) == 0);
	say("uname %s %s", u.sysname, u.machine);
	say("dumpable %d", prctl(PR_GET_DUMPABLE));
	CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
	say("dumpable %d, still runs: %d", prctl(PR_GET_DUMPABLE), open("/dev/null", O_RDONLY) >= 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	say("keepcaps %d, thp %d, timerslack %d", prctl(PR_GET_KEEPCAPS), prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0),
	    prctl(PR_GET_TIMERSLACK) > 0);
	say("bad prctl: %s", outcome(prctl(99999)));
}

static int with_persona(void *arg)
{
	char *argv[] = { (char *)"g_sched", (char *)"persona", NULL };

	(void)arg;
	CHECK(personality(ADDR_NO_RANDOMIZE) >= 0);
	execv("/proc/self/exe", argv);
	return 1;
}

static void clocks(void)
{
	struct timespec a, b;
	struct tms t;
	struct rusage ru;
	volatile unsigned long n = 0;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	do {
		for (int i = 0; i < 100000; i++)
			n++;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 20);
	/* Which of the two it is put down to is a matter of where the clock's ticks fell. */
	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	CHECK(ru.ru_utime.tv_sec + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec + ru.ru_stime.tv_usec > 0);
	CHECK(times(&t) != (clock_t)-1);
	CHECK(syscall(SYS_time, NULL) - time(NULL) < 2);
	say("clocks");
}

static void *per_thread(void *arg)
{
	(void)arg;
	CHECK(sched_getcpu() >= 0); /* by rseq or vdso, needs neither a stop nor a call */
	return NULL;
}

static void threads(void)
{
	pthread_t t;

	for (int i = 0; i < 10; i++) {
		CHECK(pthread_create(&t, NULL, per_thread, NULL) == 0);
		pthread_join(t, NULL);
	}
	say("getcpu in threads");
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		say("personality %#x", (unsigned)personality(0xffffffff));
		return 3;
	}
	affinity();
	priority();
	limits();
	names();
	say("%s", status_text(in_child(with_persona, NULL)));
	clocks();
	threads();
	return guest_end();
}
