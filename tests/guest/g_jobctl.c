/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_jobctl.c - group stops: SIGSTOP, SIGTSTP, SIGCONT as a parent sees them, with and without threads. */
#include "guest.h"

static volatile sig_atomic_t conts, chlds;

static void count_cont(int sig)
{
	(void)sig;
	conts++;
}

static void note_chld(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	chlds = si->si_code;
}

static int child_loop(void *arg)
{
	int *p = arg;

	on_signal(SIGCONT, count_cont, SA_RESTART);
	pipe_put(p[1]);
	while (!conts)
		nap_ms(5);
	pipe_get(p[2]); /* until the parent has seen "continued" */
	return 10 + conts;
}

static int child_plain(void *arg)
{
	pipe_put(((int *)arg)[1]);
	for (;;)
		pause();
	return 0;
}

static void *spin(void *arg)
{
	(void)arg;
	for (;;)
		syscall(SYS_getppid);
	return NULL;
}

static void *doze(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static int child_threads(void *arg)
{
	pthread_t t;

	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&t, NULL, spin, NULL) == 0);
		CHECK(pthread_create(&t, NULL, doze, NULL) == 0);
	}
	return child_loop(arg);
}

static int release_fd = -1;

static pid_t start(int (*fn)(void *))
{
	int p[4];
	pid_t pid;

	CHECK(pipe(p) == 0 && pipe(p + 2) == 0);
	pid = fork();
	if (pid == 0) {
		close(p[3]);
		_exit(fn(p));
	}
	CHECK(pipe_get(p[0]));
	close(p[0]);
	close(p[1]);
	close(p[2]);
	if (release_fd >= 0)
		close(release_fd);
	release_fd = p[3];
	return pid;
}

static const char *next_status(pid_t pid)
{
	int status = -1;

	CHECK(wait_opt(pid, &status, WUNTRACED | WCONTINUED) == pid);
	return status_text(status);
}

static void stop_and_go(const char *what, int (*fn)(void *), int sig)
{
	pid_t pid = start(fn);
	int status;

	CHECK(kill(pid, sig) == 0);
	say("%s: %s", what, next_status(pid));
	CHECK(wait_opt(pid, &status, WUNTRACED | WCONTINUED | WNOHANG) == 0);
	CHECK(kill(pid, SIGCONT) == 0);
	say("%s: %s", what, next_status(pid));
	close(release_fd);
	release_fd = -1;
	say("%s: %s", what, next_status(pid));
}

static void stop_kill(int (*fn)(void *), int sig)
{
	pid_t pid = start(fn);

	CHECK(kill(pid, SIGSTOP) == 0);
	say("before the kill: %s", next_status(pid));
	CHECK(kill(pid, sig) == 0);
	if (sig != SIGKILL)
		CHECK(kill(pid, SIGCONT) == 0);
	for (int status;;) {
		if (wait_opt(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) {
			say("killed while stopped: %s", status_text(status));
			break;
		}
	}
}

static void stop_again(void)
{
	pid_t pid = start(child_plain);

	for (int i = 0; i < 10; i++) {
		kill(pid, i & 1 ? SIGTSTP : SIGSTOP);
		say("round %d: %s", i, next_status(pid));
		kill(pid, SIGCONT);
		say("round %d: %s", i, next_status(pid));
	}
	kill(pid, SIGTERM);
	say("at last: %s", next_status(pid));
}

static void by_waitid(void)
{
	pid_t pid = start(child_plain);
	siginfo_t si;

	kill(pid, SIGSTOP);
	for (int i = 0; i < 2; i++) { /* WNOWAIT leaves it for the second */
		memset(&si, 0, sizeof(si));
		CHECK(waitid(P_PID, (id_t)pid, &si, WSTOPPED | (i ? 0 : WNOWAIT)) == 0);
		say("waitid: %s code %d status %d pid %d uid %d", si.si_signo == SIGCHLD ? "SIGCHLD" : "?", si.si_code,
		    si.si_status, si.si_pid == pid, si.si_uid == getuid());
	}
	kill(pid, SIGCONT);
	CHECK(waitid(P_PID, (id_t)pid, &si, WCONTINUED) == 0);
	say("waitid: code %d status %d", si.si_code, si.si_status);
	kill(pid, SIGKILL);
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED) == 0);
	say("waitid: code %d status %d", si.si_code, si.si_status);
}

static void by_sigchld(void)
{
	struct sigaction sa = { .sa_sigaction = note_chld, .sa_flags = SA_SIGINFO | SA_RESTART };
	pid_t pid = start(child_plain);
	int status;

	sigaction(SIGCHLD, &sa, NULL);
	kill(pid, SIGSTOP);
	wait_opt(pid, &status, WUNTRACED);
	while (chlds != CLD_STOPPED)
		nap_ms(1);
	kill(pid, SIGCONT);
	while (chlds != CLD_CONTINUED)
		nap_ms(1);
	kill(pid, SIGKILL);
	reap(pid);
	while (chlds != CLD_KILLED)
		nap_ms(1);
	say("SIGCHLD for stop, continue and kill");
	sa.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &sa, NULL);
	chlds = 0;
	pid = start(child_plain);
	kill(pid, SIGSTOP);
	wait_opt(pid, &status, WUNTRACED);
	kill(pid, SIGCONT);
	wait_opt(pid, &status, WCONTINUED);
	CHECK(chlds == 0);
	kill(pid, SIGTERM);
	reap(pid);
	say("SA_NOCLDSTOP: code %d", chlds == CLD_KILLED);
	on_signal(SIGCHLD, SIG_DFL, 0);
}

/* Stops itself twice; between the two it waits until the parent has seen it go on. */
static int stop_self(int gate)
{
	raise(SIGSTOP);
	pipe_get(gate);
	raise(SIGTSTP);
	pipe_get(gate);
	return 17;
}

static void self(void)
{
	int gate[2];
	pid_t pid;

	CHECK(pipe(gate) == 0);
	pid = fork();
	if (pid == 0)
		_exit(stop_self(gate[0]));
	for (int i = 0; i < 2; i++) {
		say("stops itself: %s", next_status(pid));
		kill(pid, SIGCONT);
		say("stops itself: %s", next_status(pid));
		pipe_put(gate[1]);
	}
	say("stops itself: %s", next_status(pid));
	close(gate[0]);
	close(gate[1]);
}

/* A whole group: killpg reaches all, an orphaned group ignores SIGTSTP. */
static void group(void)
{
	pid_t lead = start(child_plain), other = start(child_plain);

	CHECK(setpgid(lead, lead) == 0);
	CHECK(setpgid(other, lead) == 0);
	CHECK(killpg(lead, SIGSTOP) == 0);
	say("group: %s, %s", next_status(lead), next_status(other));
	CHECK(killpg(lead, SIGCONT) == 0);
	say("group: %s, %s", next_status(lead), next_status(other));
	CHECK(killpg(lead, SIGTERM) == 0);
	say("group: %s, %s", next_status(lead), next_status(other));
}

/* Stopped time does not count as progress: the child writes nothing while it is stopped. */
static void quiet(void)
{
	volatile long *n = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	long at;

	if (pid == 0)
		for (;;) {
			++*n;
			syscall(SYS_getppid);
		}
	while (*n < 10)
		nap_ms(1);
	kill(pid, SIGSTOP);
	say("busy: %s", next_status(pid));
	at = *n;
	nap_ms(60);
	CHECK(*n == at);
	kill(pid, SIGCONT);
	say("busy: %s", next_status(pid));
	while (*n == at)
		nap_ms(1);
	kill(pid, SIGKILL);
	say("busy: %s", next_status(pid));
}

int main(void)
{
	stop_and_go("SIGSTOP", child_loop, SIGSTOP);
	/* A group of its own that is not orphaned: SIGTSTP stops only there. */
	setpgid(0, 0);
	stop_and_go("SIGTSTP", child_loop, SIGTSTP);
	stop_and_go("SIGTTIN", child_loop, SIGTTIN);
	stop_and_go("threads", child_threads, SIGSTOP);
	stop_kill(child_plain, SIGKILL);
	stop_kill(child_plain, SIGTERM);
	stop_kill(child_threads, SIGKILL);
	stop_again();
	by_waitid();
	by_sigchld();
	self();
	group();
	quiet();
	return guest_end();
}
