/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c - processes that compute and, now and then, make a call.
 *
 *   load PROCESSES CALLS WORK PATH
 *
 * Each process CALLS times computes WORK steps and calls stat(2) on PATH. The
 * work is a number of steps, not a time, so that whoever takes the processor
 * away makes it last longer. Prints the sum of what was computed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t compute(uint64_t x, long steps)
{
	for (long i = 0; i < steps; i++)
		x = x * 6364136223846793005u + 1442695040888963407u;
	return x;
}

static int one(long calls, long work, const char *path)
{
	uint64_t x = 1;
	struct stat st;

	for (long i = 0; i < calls; i++) {
		x = compute(x, work);
		if (stat(path, &st))
			return 1;
	}
	return x == 0; /* never: odd times odd plus odd … but the compiler has to compute it */
}

int main(int argc, char **argv)
{
	int processes, status, failed = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: load PROCESSES CALLS WORK PATH\n");
		return 2;
	}
	processes = atoi(argv[1]);
	for (int i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(one(atol(argv[2]), atol(argv[3]), argv[4]));
		failed |= pid < 0;
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	printf("%s\n", failed ? "failed" : "done");
	return failed;
}
