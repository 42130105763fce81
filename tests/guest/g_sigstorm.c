/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_sigstorm.c - many signals while calls run: none lost that must not be, no call cut short, alternate stacks. */
#include "guest.h"

static volatile sig_atomic_t alarms;
static int queued[8];
static char alt[65536];
static volatile sig_atomic_t on_alt;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void on_rt(int sig, siginfo_t *si, void *ctx)
{
	int here;

	(void)ctx;
	/* Real-time signals queue in order, one by one. */
	CHECK(si->si_value.sival_int == queued[sig - SIGRTMIN]);
	queued[sig - SIGRTMIN]++;
	on_alt = (char *)&here >= alt && (char *)&here < alt + sizeof(alt);
}

static void copy_through(int rfd, int wfd, size_t total)
{
	char buf[8192];
	size_t in = 0;
	pid_t pid = fork();

	if (pid == 0) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (char)i;
		for (size_t out = 0; out < total;) {
			ssize_t n = write(wfd, buf, sizeof(buf));

			if (n < 0)
				_exit(1);
			out += (size_t)n;
			if (n % 256)
				_exit(2);
		}
		_exit(0);
	}
	close(wfd);
	for (;;) {
		ssize_t n = read(rfd, buf, 4096);

		CHECK(n >= 0);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (char)(in + (size_t)i)) {
				CHECK(!"bytes out of place");
				break;
			}
		in += (size_t)n;
	}
	say("copied %zu, %s", in, status_text(reap(pid)));
}

static void storm(void)
{
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } }, off = { 0 };
	int p[2];

	on_signal(SIGALRM, on_alarm, SA_RESTART);
	CHECK(pipe(p) == 0);
	setitimer(ITIMER_REAL, &it, NULL);
	copy_through(p[0], p[1], 8 << 20);
	while (alarms < 100) { /* files, processes and threads under the storm */
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		pid_t pid;

		CHECK(fd >= 0 && close(fd) == 0);
		pid = fork();
		if (pid == 0)
			_exit(5);
		CHECK(reap(pid) == 5 << 8);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	say("1 kHz of SIGALRM");
}

static void queue(void)
{
	struct sigaction sa = { .sa_sigaction = on_rt, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };
	pid_t pid, me = getpid();

	CHECK(sigaltstack(&ss, NULL) == 0);
	for (int i = 0; i < 4; i++)
		sigaction(SIGRTMIN + i, &sa, NULL);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 1000; i++)
			for (int s = 0; s < 4; s++)
				while (sigqueue(me, SIGRTMIN + s, (union sigval){ .sival_int = i }) < 0)
					sched_yield();
		_exit(0);
	}
	reap(pid);
	for (int i = 0; i < 2000 && queued[3] < 1000; i++)
		nap_ms(1);
	say("queued: %d %d %d %d, alternate stack %d", queued[0], queued[1], queued[2], queued[3], on_alt);
}

static void *receiver(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
		syscall(SYS_getppid);
	return NULL;
}

static __thread volatile sig_atomic_t mine;

static void count_mine(int sig)
{
	(void)sig;
	mine++;
}

struct target {
	pthread_t t;
	int stop, got;
};

static void *targeted(void *arg)
{
	struct target *t = arg;

	receiver(&t->stop);
	t->got = mine;
	return NULL;
}

/* Signals to single threads arrive at those. */
static void directed(void)
{
	struct target t[4] = { 0 };
	int total = 0;

	on_signal(SIGUSR1, count_mine, SA_RESTART);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i].t, NULL, targeted, &t[i]) == 0);
	for (int n = 0; n < 200; n++)
		for (int i = 0; i < 4; i += 2)
			CHECK(pthread_kill(t[i].t, SIGUSR1) == 0);
	nap_ms(20);
	for (int i = 0; i < 4; i++) {
		__atomic_store_n(&t[i].stop, 1, __ATOMIC_RELEASE);
		pthread_join(t[i].t, NULL);
		total += t[i].got;
	}
	CHECK(t[0].got > 0 && t[2].got > 0 && t[1].got == 0 && t[3].got == 0 && mine == 0 && total <= 400);
	say("directed at threads");
}

int main(void)
{
	storm();
	queue();
	directed();
	return guest_end();
}
