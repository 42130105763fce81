/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_tty.c - a terminal: control, foreground group, ^C ^Z ^\, background reads and writes, hangup, window size. */
#include "guest.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int ready[2]; /* children of the terminal say where they are */
static volatile sig_atomic_t last;

static void note(int sig)
{
	last = sig;
}

static pid_t on_tty(int *master, int (*fn)(void))
{
	pid_t pid = forkpty(master, NULL, NULL, NULL);

	CHECK(pid >= 0);
	if (pid == 0)
		_exit(fn());
	return pid;
}

/* Take all that comes, so that the other side never blocks. */
static void drain(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char buf[256];

	while (poll(&p, 1, 0) == 1 && read(fd, buf, sizeof(buf)) > 0)
		;
}

static int wait_keys(void)
{
	pipe_put(ready[1]);
	for (;;)
		pause();
	return 0;
}

static void key(const char *name, char c)
{
	int master, status = 0;
	pid_t pid = on_tty(&master, wait_keys);

	CHECK(pipe_get(ready[0]));
	CHECK(write(master, &c, 1) == 1);
	CHECK(wait_opt(pid, &status, WUNTRACED) == pid);
	say("%s: %s", name, status_text(status));
	drain(master);
	close(master);
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		reap(pid);
	}
}

/* A shell's work: a job in a group of its own is put in front, stopped, continued in front. */
static int shell(void)
{
	int status;
	pid_t job;

	signal(SIGTTOU, SIG_IGN);
	job = fork();
	if (job == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		pipe_put(ready[1]);
		for (;;)
			pause();
	}
	setpgid(job, job);
	CHECK(tcsetpgrp(0, job) == 0);
	CHECK(tcgetpgrp(0) == job);
	pipe_put(ready[1]);
	CHECK(wait_opt(job, &status, WUNTRACED) == job);
	say("job: %s", status_text(status));
	CHECK(tcsetpgrp(0, getpgrp()) == 0);
	say("shell in front %d", tcgetpgrp(0) == getpid());
	CHECK(tcsetpgrp(0, job) == 0);
	CHECK(kill(-job, SIGCONT) == 0);
	CHECK(wait_opt(job, &status, WCONTINUED) == job);
	say("job: %s", status_text(status));
	pipe_put(ready[1]);
	CHECK(wait_opt(job, &status, WUNTRACED) == job);
	say("job: %s", status_text(status));
	CHECK(tcsetpgrp(0, getpgrp()) == 0);
	return 8;
}

static void as_shell(void)
{
	int out = dup(1), master;
	pid_t pid;

	/* The shell keeps our output; its terminal is descriptor 0. */
	pid = forkpty(&master, NULL, NULL, NULL);
	if (pid == 0) {
		dup2(out, 1);
		_exit(shell());
	}
	CHECK(pipe_get(ready[0]) && pipe_get(ready[0]));
	CHECK(write(master, "\x1a", 1) == 1);
	CHECK(pipe_get(ready[0]));
	CHECK(write(master, "\x03", 1) == 1);
	say("shell: %s", status_text(reap(pid)));
	drain(master);
	close(master);
	close(out);
}

static int background(void)
{
	struct termios tio;
	int status;
	char c;
	pid_t job;

	for (int i = 0; i < 3; i++) {
		job = fork();
		if (job == 0) {
			setpgid(0, 0);
			if (i == 0)
				_exit(read(0, &c, 1) == 1);
			if (i == 1)
				_exit(tcgetattr(0, &tio) < 0 || tcsetattr(0, TCSANOW, &tio) < 0);
			signal(SIGTTIN, SIG_IGN);
			_exit(read(0, &c, 1) == -1 && errno == EIO ? 3 : 4);
		}
		setpgid(job, job);
		CHECK(wait_opt(job, &status, WUNTRACED) == job);
		say("background %d: %s", i, status_text(status));
		if (WIFSTOPPED(status)) {
			kill(job, SIGKILL);
			reap(job);
		}
	}
	return 9;
}

static void in_background(void)
{
	int out = dup(1), master;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid == 0) {
		dup2(out, 1);
		_exit(background());
	}
	say("background: %s", status_text(reap(pid)));
	close(master);
	close(out);
}

static int wait_hup(void)
{
	signal(SIGHUP, note);
	pipe_put(ready[1]);
	while (!last)
		nap_ms(1);
	return last == SIGHUP ? 11 : 12;
}

static int wait_winch(void)
{
	struct winsize ws;

	signal(SIGWINCH, note);
	pipe_put(ready[1]);
	while (!last)
		nap_ms(1);
	ioctl(0, TIOCGWINSZ, &ws);
	return ws.ws_row + ws.ws_col;
}

static int line(void)
{
	char buf[64];
	ssize_t n;

	pipe_put(ready[1]);
	n = read(0, buf, sizeof(buf));
	return n == 6 && !memcmp(buf, "hello\n", 6) && ttyname(0) && isatty(0) ? 13 : 14;
}

static void others(void)
{
	struct winsize ws = { .ws_row = 30, .ws_col = 70 };
	int master;
	pid_t pid = on_tty(&master, wait_hup);

	CHECK(pipe_get(ready[0]));
	close(master);
	say("hangup: %s", status_text(reap(pid)));
	pid = on_tty(&master, wait_winch);
	CHECK(pipe_get(ready[0]));
	CHECK(ioctl(master, TIOCSWINSZ, &ws) == 0);
	say("window: %s", status_text(reap(pid)));
	close(master);
	pid = on_tty(&master, line);
	CHECK(pipe_get(ready[0]));
	CHECK(write(master, "hellp\x7fo\n", 8) == 8);
	say("line: %s", status_text(reap(pid)));
	close(master);
}

int main(void)
{
	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	key("^C", 3);
	key("^\\", 28);
	/* The only group of its session is orphaned: ^Z does not stop it, so ^Z is as_shell()'s. */
	as_shell();
	in_background();
	others();
	return guest_end();
}
