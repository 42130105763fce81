/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_load.c - for tests/system/kill.sh: system calls, threads and processes until
 * the file "stop" appears in the directory given. "beat" there grows as long as it works.
 */
#include "guest.h"

static volatile int over;
static const char *dir;
static volatile long *beat;

static void *calls(void *arg)
{
	while (!over) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			exit(7);
		close(fd);
	}
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void *threads(void *arg)
{
	pthread_t t;

	while (!over)
		if (pthread_create(&t, NULL, nothing, NULL) == 0)
			pthread_join(t, NULL);
	return arg;
}

static void *forks(void *arg)
{
	while (!over) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid > 0)
			reap(pid);
		++*beat;
	}
	return arg;
}

/* Two that sleep for ever, as long as their parent lives or, asked so, longer. */
static void sleepers(bool stay)
{
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			if (!stay)
				prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
}

int main(int argc, char **argv)
{
	static void *(*const work[])(void *) = { calls, threads, forks };
	char path[300];
	pthread_t t[3];
	int fd;

	dir = argc > 1 ? argv[1] : "/tmp";
	snprintf(path, sizeof(path), "%s/beat", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return 9;
	beat = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sleepers(argc > 2);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, work[i], NULL))
			return 8;
	snprintf(path, sizeof(path), "%s/stop", dir);
	while (access(path, F_OK) < 0)
		nap_ms(5);
	over = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	return 0;
}
