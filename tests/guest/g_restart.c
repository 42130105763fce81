/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_restart.c - what a signal or a stop does to a call that blocks: restart, EINTR, remaining time. */
#include "guest.h"
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/select.h>

static volatile sig_atomic_t hits;
static int pipefd[2];

static void hit(int sig)
{
	(void)sig;
	hits++;
}

/* One call that blocks; runs in a child. Its exit status says how it ended. */
struct call {
	const char *name;
	int (*run)(void);
};

static int ended(long r, int result)
{
	if (r >= 0)
		return result;
	return errno == EINTR ? 40 : errno == ETIMEDOUT ? 41 : errno == EAGAIN ? 42 : 99;
}

static int run_read(void)
{
	char c;

	return ended(read(pipefd[0], &c, 1), 10);
}

static int run_poll(void)
{
	struct pollfd p = { pipefd[0], POLLIN, 0 };

	return ended(poll(&p, 1, 10000), 11);
}

static int run_ppoll(void)
{
	struct pollfd p = { pipefd[0], POLLIN, 0 };
	struct timespec ts = { 10, 0 };

	return ended(ppoll(&p, 1, &ts, NULL), 12);
}

static int run_select(void)
{
	struct timeval tv = { 10, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipefd[0], &set);
	return ended(select(pipefd[0] + 1, &set, NULL, NULL, &tv), 13);
}

static int run_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0);

	epoll_ctl(ep, EPOLL_CTL_ADD, pipefd[0], &ev);
	return ended(epoll_wait(ep, &ev, 1, 10000), 14);
}

static int run_nanosleep(void)
{
	struct timespec ts = { 0, 400000000 };

	return ended(nanosleep(&ts, &ts), 15);
}

static int run_clock_nanosleep(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += 400000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return ended(errno ? -1 : 0, 16);
}

static int run_futex(void)
{
	static int word;
	struct timespec ts = { 0, 400000000 };

	return ended(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts, NULL, 0), 17);
}

static int run_recv(void)
{
	char c;
	int sv[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	if (fork() == 0) { /* gives the byte after the signals are over */
		pipe_get(pipefd[0]);
		pipe_put(sv[1]);
		_exit(0);
	}
	return ended(recv(sv[0], &c, 1, 0), 18);
}

static int run_recv_timeout(void)
{
	struct timeval tv = { 0, 400000 };
	char c;
	int sv[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return ended(recv(sv[0], &c, 1, 0), 19);
}

static int run_wait(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pipe_get(pipefd[0]);
		_exit(0);
	}
	return ended(waitpid(pid, NULL, 0), 20);
}

static int run_sigtimedwait(void)
{
	struct timespec ts = { 0, 400000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return ended(sigtimedwait(&set, NULL, &ts), 21);
}

static void end_soon(void)
{
	struct itimerval it = { .it_value = { 0, 400000 } };

	setitimer(ITIMER_REAL, &it, NULL);
}

static int run_pause(void)
{
	end_soon(); /* should no handler run */
	return ended(pause(), 22);
}

static int run_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	end_soon();
	return ended(sigsuspend(&none), 23);
}

static int run_flock(void)
{
	struct flock fl = { .l_type = F_WRLCK };
	char name[] = "/tmp/g_restart.XXXXXX";
	int fd = mkstemp(name), p[2], r;
	pid_t pid;

	if (fd < 0 || pipe(p) < 0)
		return 98;
	unlink(name);
	pid = fork();
	if (pid == 0) {
		fcntl(fd, F_SETLKW, &fl);
		pipe_put(p[1]);
		pipe_get(pipefd[0]);
		_exit(0);
	}
	pipe_get(p[0]);
	r = ended(fcntl(fd, F_SETLKW, &fl), 24);
	return r;
}

static const struct call calls[] = {
	{ "read", run_read },	      { "poll", run_poll },
	{ "ppoll", run_ppoll },	      { "select", run_select },
	{ "epoll_wait", run_epoll },  { "nanosleep", run_nanosleep },
	{ "clock_nanosleep", run_clock_nanosleep }, { "futex", run_futex },
	{ "recv", run_recv },	      { "recv with timeout", run_recv_timeout },
	{ "wait4", run_wait },	      { "sigtimedwait", run_sigtimedwait },
	{ "pause", run_pause },	      { "sigsuspend", run_sigsuspend },
	{ "fcntl lock", run_flock },
};

enum { HANDLER, RESTART, STOPPED, IGNORED };

static pid_t begin(const struct call *c, int how)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (how == HANDLER || how == RESTART)
		on_signal(SIGUSR1, hit, how == RESTART ? SA_RESTART : 0);
	else
		on_signal(SIGUSR1, SIG_IGN, 0);
	_exit(c->run());
}

static int one(const struct call *c, int how)
{
	int status, tries = 0;
	pid_t pid;

	CHECK(pipe(pipefd) == 0);
	pid = begin(c, how);
	/* On a busy machine its time may be over before we have looked. */
	while (!wait_asleep(pid) && tries++ < 5) {
		reap(pid);
		pid = begin(c, how);
	}
	CHECK(tries < 5);
	if (how == STOPPED) {
		kill(pid, SIGSTOP);
		CHECK(wait_opt(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
		kill(pid, SIGCONT); /* some calls end by this, and the child with them */
	} else {
		kill(pid, SIGUSR1);
	}
	/* Ended, or asleep again: then release what still waits for a byte. */
	for (int i = 0; i < 20 && task_state(pid) != 'Z'; i++)
		nap_ms(2);
	pipe_put(pipefd[1]);
	status = reap(pid);
	close(pipefd[0]);
	close(pipefd[1]);
	return status;
}

/* All calls in four columns, one process each, so that the naps overlap. */
static void table(void)
{
	static const char *const how[] = { "handler", "SA_RESTART", "stopped", "ignored" };
	size_t n = sizeof(calls) / sizeof(calls[0]);
	int *status = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[4];

	for (int h = 0; h < 4; h++) {
		pid[h] = fork();
		if (pid[h] == 0) {
			for (size_t i = 0; i < n; i++)
				status[i * 4 + (size_t)h] = one(&calls[i], h);
			_exit(0);
		}
	}
	for (int h = 0; h < 4; h++)
		CHECK(reap(pid[h]) == 0);
	for (size_t i = 0; i < n; i++)
		for (size_t h = 0; h < 4; h++)
			say("%s, %s: %s", calls[i].name, how[h], status_text(status[i * 4 + h]));
}

/* nanosleep(2) through stops: all of the time passes, no more than needed, and what is left is told. */
static void remaining(void)
{
	struct timespec ts = { 0, 500000000 }, rem = { 0, 0 };
	struct itimerval it = { .it_value = { 0, 100000 } };
	int64_t t0, t;
	int status;
	pid_t pid;

	on_signal(SIGALRM, hit, SA_RESTART);
	t0 = now_ms();
	setitimer(ITIMER_REAL, &it, NULL);
	CHECK(nanosleep(&ts, &rem) == -1 && errno == EINTR);
	t = now_ms() - t0 + 1;
	CHECK(rem.tv_sec == 0 && rem.tv_nsec > 0 && rem.tv_nsec / 1000000 + t >= 499);
	t0 = now_ms();
	pid = fork();
	if (pid == 0)
		_exit(nanosleep(&ts, &rem) == 0 ? 5 : 6);
	for (int i = 0; i < 5; i++) {
		nap_ms(20);
		kill(pid, SIGSTOP);
		wait_opt(pid, &status, WUNTRACED);
		kill(pid, SIGCONT);
		wait_opt(pid, &status, WCONTINUED);
	}
	say("nanosleep through 5 stops: %s", status_text(reap(pid)));
	t = now_ms() - t0;
	CHECK(t >= 495 && t < 5000);
}

int main(void)
{
	table();
	remaining();
	return guest_end();
}
