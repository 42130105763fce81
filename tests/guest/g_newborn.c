/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_newborn.c - tasks that are killed while they are being made, and those
 * whose maker is: threads of a process make threads and children while another
 * thread ends the process, calls execve(2), or a signal kills it. All of them
 * end, which the end of a pipe that they all hold shows.
 */
#include "guest.h"

#define ROUNDS 25

static void *leaf(void *arg)
{
	return arg;
}

static void *maker(void *arg)
{
	pthread_t t;
	pid_t pid;

	for (;;) {
		if (pthread_create(&t, NULL, leaf, NULL) == 0)
			pthread_detach(t);
		if (!arg)
			continue;
		pid = fork();
		if (pid == 0)
			_exit(0);
		reap(pid);
	}
	return NULL;
}

static void process(int how, int round)
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t, NULL, maker, how & 4 ? "" : NULL) == 0);
	usleep(500 + (unsigned)round * 137 % 3000);
	if ((how & 3) == 0)
		_exit(0);
	if ((how & 3) == 1)
		execl("/proc/self/exe", "g_newborn", "end", NULL);
	else
		pause();
	_exit(1);
}

static void storm(int how)
{
	struct pollfd end = {.events = POLLIN};
	int fds[2];

	CHECK(pipe(fds) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			process(how, i);
		if ((how & 3) == 2) {
			usleep(500 + (unsigned)i * 211 % 4000);
			kill(pid, SIGKILL);
		}
		status = reap(pid);
		CHECK((how & 3) == 2 ? WIFSIGNALED(status) : status == 0);
	}
	close(fds[1]);
	end.fd = fds[0];
	CHECK(poll(&end, 1, 10000) == 1 && end.revents & POLLHUP);
	close(fds[0]);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	for (int how = 0; how < 7; how++)
		if (how != 3)
			storm(how);
	return guest_end();
}
