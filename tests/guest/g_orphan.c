/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_orphan.c - a parent dies first: reparenting, subreaper, parent-death signal, orphaned groups. */
#include "guest.h"

static int *shared; /* the orphan's notes */

static void orphan(int gate)
{
	pid_t old = getppid();

	shared[1] = getpid();
	shared[2] = 1;
	while (getppid() == old)
		nap_ms(1);
	shared[3] = getppid();
	pipe_get(gate);
	_exit(33);
}

static void subreaper(void)
{
	int gate[2], status;
	pid_t pid;

	CHECK(pipe(gate) == 0);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			orphan(gate[0]);
		while (!__atomic_load_n(&shared[2], __ATOMIC_ACQUIRE))
			nap_ms(1);
		_exit(3);
	}
	say("parent: %s", status_text(reap(pid)));
	while (!__atomic_load_n(&shared[3], __ATOMIC_ACQUIRE))
		nap_ms(1);
	CHECK(shared[3] == getpid());
	pipe_put(gate[1]);
	CHECK(wait_opt(-1, &status, 0) == shared[1]);
	say("orphan: %s", status_text(status));
	CHECK(wait_opt(-1, &status, 0) == -1 && errno == ECHILD);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

/* A chain of four, killed from the top. */
static void chain(void)
{
	int gate[2], status, n = 0;
	pid_t top;

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	CHECK(pipe(gate) == 0);
	top = fork();
	if (top == 0) {
		for (int i = 0; i < 3; i++)
			if (fork() > 0)
				break;
		pipe_put(gate[1]);
		for (;;)
			pause();
	}
	for (int i = 0; i < 4; i++)
		CHECK(pipe_get(gate[0]));
	CHECK(kill(top, SIGKILL) == 0);
	for (pid_t pid = wait_opt(-1, &status, 0); pid > 0; pid = wait_opt(-1, &status, 0)) {
		CHECK(status == SIGKILL);
		n++;
		/* What was below it is ours now. */
		for (int i = 0; n < 4 && i < 5000; i++) {
			char path[64], buf[64];
			ssize_t len;
			int fd;

			snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
			fd = open(path, O_RDONLY);
			len = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
			close(fd);
			if (len > 0) {
				buf[len] = 0;
				kill(atoi(buf), SIGKILL);
				break;
			}
			nap_ms(1);
		}
	}
	say("chain: %d killed", n);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

static void pdeathsig(void)
{
	int p[2], gate[2];
	char c;
	pid_t pid;

	CHECK(pipe(p) == 0 && pipe(gate) == 0);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			pipe_put(gate[1]);
			for (;;)
				pause();
		}
		pipe_get(gate[0]);
		_exit(4);
	}
	close(p[1]);
	say("parent: %s", status_text(reap(pid)));
	CHECK(read(p[0], &c, 1) == 0); /* all ends are closed once the orphan is dead */
	say("parent-death signal");
	close(p[0]);
}

/* The last tie of a stopped group to its session goes: SIGHUP and SIGCONT. */
static void orphaned_group(void)
{
	int p[2], status;
	char c = 0;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		pid_t kid;

		setsid(); /* whoever inherits the group is not of its session */
		kid = fork();

		if (kid == 0) {
			setpgid(0, 0);
			raise(SIGSTOP);
			_exit(1);
		}
		setpgid(kid, kid);
		wait_opt(kid, &status, WUNTRACED);
		_exit(WIFSTOPPED(status) ? 5 : 6);
	}
	close(p[1]);
	say("parent: %s", status_text(reap(pid)));
	CHECK(read(p[0], &c, 1) == 0);
	close(p[0]);
	say("orphaned stopped group is gone");
}

int main(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	subreaper();
	chain();
	pdeathsig();
	orphaned_group();
	return guest_end();
}
