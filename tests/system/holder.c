// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * holder.c - for held.sh: DIR PROCESSES THREADS. All threads make a call that the layer
 * `hold` keeps. When it has them all, and DIR/go exists, every second process is
 * killed and the layer told to answer the others.
 */
#include "tests/guest/guest.h"

#define MAX 1000

static volatile long *shared; /* passed, refused, other */
static const char *dir;

static void *one(void *arg)
{
	long r = syscall(SYS_getpgid, (int)(1000000 + (long)arg));

	__atomic_add_fetch(&shared[r < 0 && errno == ESRCH ? 0 : r < 0 && errno == EXDEV ? 1 : 2], 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static int process(int threads)
{
	pthread_t id[MAX];
	pthread_attr_t attr;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (long i = 1; i < threads; i++)
		if (pthread_create(&id[i], &attr, one, (void *)i) != 0)
			return 1;
	one(NULL);
	for (int i = 1; i < threads; i++)
		pthread_join(id[i], NULL);
	return 0;
}

/* Calls that are not kept, in so many ms. */
static long rate(int ms)
{
	int64_t end = now_ms() + ms;
	long n = 0;

	for (; now_ms() < end; n++)
		syscall(SYS_getpgid, 0);
	return n;
}

static void touch(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void await(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	while (access(path, F_OK) != 0)
		nap_ms(10);
}

/* How many are kept, when it is `want`; or after a minute. */
static long kept(long want)
{
	long n = -1;

	for (int i = 0; i < 3000 && n != want; i++) {
		n = syscall(SYS_getsid, -77);
		nap_ms(20);
	}
	return n;
}

int main(int argc, char **argv)
{
	int processes = argc == 4 ? atoi(argv[2]) : 0, threads = argc == 4 ? atoi(argv[3]) : 0, bad = 0;
	static pid_t pid[MAX];
	long alone, among, all = (long)processes * threads;

	if (processes < 2 || processes > MAX || threads < 1 || threads > MAX)
		return 8;
	dir = argv[1];
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	alone = rate(300);
	touch("alone");
	await("begin");
	for (int i = 0; i < processes; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(process(threads));
	}
	say("kept %ld", kept(all));
	among = rate(300);
	fprintf(stderr, "%ld %ld\n", alone, among);
	touch("held");
	await("go");
	for (int i = 0; i < processes; i += 2)
		kill(pid[i], SIGKILL);
	say("kept %ld", kept(all / 2));
	say("left %ld", (long)syscall(SYS_getsid, -78));
	for (int i = 0; i < processes; i++) {
		int status = reap(pid[i]);

		bad += i % 2 ? status != 0 : status != SIGKILL;
	}
	say("passed %ld refused %ld other %ld bad %d", shared[0], shared[1], shared[2], bad);
	touch("done");
	await("end");
	return 0;
}
