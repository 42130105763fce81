/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_sigmask.c - masks, pending and ignored signals across fork, thread and exec; signalfd, sigwaitinfo. */
#include "guest.h"
#include <sys/signalfd.h>

static volatile sig_atomic_t hits;

static void hit(int sig)
{
	(void)sig;
	hits++;
}

static void set_mask(int how, int sig)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	CHECK(sigprocmask(how, &s, NULL) == 0);
}

static bool has(int (*get)(sigset_t *), int sig)
{
	sigset_t s;

	sigemptyset(&s);
	get(&s);
	return sigismember(&s, sig);
}

static int current(sigset_t *s)
{
	return sigprocmask(SIG_SETMASK, NULL, s);
}

static int after_exec(void)
{
	struct sigaction sa;

	say("after exec: USR1 blocked %d pending %d", has(current, SIGUSR1), has(sigpending, SIGUSR1));
	sigaction(SIGUSR2, NULL, &sa);
	say("after exec: USR2 ignored %d", sa.sa_handler == SIG_IGN);
	sigaction(SIGURG, NULL, &sa);
	say("after exec: URG default %d", sa.sa_handler == SIG_DFL);
	on_signal(SIGUSR1, hit, 0);
	set_mask(SIG_UNBLOCK, SIGUSR1);
	say("after exec: delivered %d", (int)hits);
	return 12;
}

static int across_exec(void *arg)
{
	char *argv[] = { (char *)"g_sigmask", (char *)"after", NULL };

	(void)arg;
	on_signal(SIGUSR2, SIG_IGN, 0);
	on_signal(SIGURG, hit, 0);
	set_mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	execv("/proc/self/exe", argv);
	return 1;
}

static void pending(void)
{
	pid_t pid;

	on_signal(SIGUSR1, hit, 0);
	set_mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	say("pending %d hits %d", has(sigpending, SIGUSR1), (int)hits);
	pid = fork();
	if (pid == 0)
		_exit(has(sigpending, SIGUSR1) * 2 + has(current, SIGUSR1));
	say("in a child: %s", status_text(reap(pid)));
	set_mask(SIG_UNBLOCK, SIGUSR1);
	say("unblocked: hits %d", (int)hits);
}

static void by_fd(void)
{
	struct signalfd_siginfo si;
	sigset_t s;
	struct pollfd p;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN);
	sigaddset(&s, SIGCHLD);
	sigprocmask(SIG_BLOCK, &s, NULL);
	p = (struct pollfd){ signalfd(-1, &s, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0 };
	CHECK(p.fd >= 0);
	CHECK(read(p.fd, &si, sizeof(si)) == -1 && errno == EAGAIN);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 70 + i });
	for (int i = 0; i < 3; i++) {
		CHECK(poll(&p, 1, 5000) == 1 && read(p.fd, &si, sizeof(si)) == sizeof(si));
		say("signalfd: signal %d code %d value %d", (int)si.ssi_signo - SIGRTMIN, si.ssi_code, si.ssi_int);
	}
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	CHECK(poll(&p, 1, 5000) == 1 && read(p.fd, &si, sizeof(si)) == sizeof(si));
	say("signalfd: SIGCHLD %d status %d", si.ssi_signo == SIGCHLD && si.ssi_pid == (unsigned)pid, si.ssi_status);
	reap(pid);
	close(p.fd);
}

static void by_wait(void)
{
	struct timespec soon = { 0, 20000000 };
	siginfo_t si;
	sigset_t s;
	pid_t pid;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	sigprocmask(SIG_BLOCK, &s, NULL);
	errno = 0;
	say("sigtimedwait: %s", outcome(sigtimedwait(&s, &si, &soon)));
	pid = fork();
	if (pid == 0) {
		nap_ms(20);
		sigqueue(getppid(), SIGUSR2, (union sigval){ .sival_int = 8 });
		_exit(0);
	}
	CHECK(sigwaitinfo(&s, &si) == SIGUSR2);
	say("sigwaitinfo: code %d value %d from child %d", si.si_code, si.si_value.sival_int, si.si_pid == pid);
	reap(pid);
}

static void *wait_in_thread(void *arg)
{
	siginfo_t si;

	CHECK(sigwaitinfo(arg, &si) == SIGUSR2);
	return NULL;
}

static void in_thread(void)
{
	pthread_t t;
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	CHECK(pthread_create(&t, NULL, wait_in_thread, &s) == 0);
	kill(getpid(), SIGUSR2); /* blocked everywhere: the waiting thread takes it */
	pthread_join(t, NULL);
	say("a thread waits for the process's signal");
}

/* SIGCHLD ignored: children vanish without a wait. */
static void no_zombies(void)
{
	sigset_t s;
	pid_t pid;

	sigemptyset(&s);
	sigprocmask(SIG_SETMASK, &s, NULL);
	on_signal(SIGCHLD, SIG_IGN, 0);
	for (int i = 0; i < 5; i++) {
		pid = fork();
		if (pid == 0)
			_exit(i);
	}
	CHECK(wait_opt(-1, NULL, 0) == -1 && errno == ECHILD);
	on_signal(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
	if (fork() == 0)
		_exit(1);
	CHECK(wait_opt(-1, NULL, 0) == -1 && errno == ECHILD);
	on_signal(SIGCHLD, SIG_DFL, 0);
	say("no zombies");
}

/* ppoll and pselect swap the mask in one step: the handler runs once, the old mask is back. */
static void atomic_mask(void)
{
	struct timespec ts = { 5, 0 };
	sigset_t none;

	sigemptyset(&none);
	hits = 0;
	on_signal(SIGUSR1, hit, SA_RESTART);
	set_mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	say("ppoll: %s", outcome(ppoll(NULL, 0, &ts, &none)));
	CHECK(has(current, SIGUSR1));
	raise(SIGUSR1);
	say("sigsuspend: %s", outcome(sigsuspend(&none)));
	CHECK(has(current, SIGUSR1));
	say("hits %d", (int)hits);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return after_exec();
	pending();
	say("%s", status_text(in_child(across_exec, NULL)));
	by_fd();
	by_wait();
	in_thread();
	no_zombies();
	atomic_mask();
	return guest_end();
}
