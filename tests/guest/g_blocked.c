/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_blocked.c - for tests/system/service.sh: a child for each of many calls that
 * block, then the time comes ("go" appears in the directory given) and what they
 * wait for happens. Each prints what its one call returned: it was interrupted
 * by nothing that the program can see.
 */
#include "guest.h"
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

static const char *dir;
static int pipes[2], pair[2], event, msgs, sems, watch, locked, listening;
static int *futex;
static socklen_t addr_len;
static struct sockaddr addr;

static const char *path(const char *name)
{
	static char buf[300];

	snprintf(buf, sizeof(buf), "%s/%s", dir, name);
	return buf;
}

static long b_read(void)
{
	char c;

	return read(pipes[0], &c, 1);
}

static long b_recv(void)
{
	char c;

	return recv(pair[0], &c, 1, 0);
}

static long b_accept(void)
{
	return accept(listening, NULL, NULL) < 0 ? -1 : 0;
}

static long b_poll(void)
{
	struct pollfd p = { .fd = event, .events = POLLIN };

	return poll(&p, 1, 600000);
}

static long b_select(void)
{
	struct timeval tv = { 600, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(event, &set);
	return select(event + 1, &set, NULL, NULL, &tv);
}

static long b_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(ep, EPOLL_CTL_ADD, event, &ev);
	return epoll_wait(ep, &ev, 1, -1);
}

static long b_epoll_timeout(void)
{
	struct epoll_event ev;

	return epoll_wait(epoll_create1(EPOLL_CLOEXEC), &ev, 1, 4000);
}

/* Does a sleep of four seconds take four seconds? */
static long b_nanosleep(void)
{
	struct timespec ts = { 4, 0 }, left = { 0, 0 };
	int64_t start = now_ms();
	int r = nanosleep(&ts, &left);

	return r < 0 ? -1 : now_ms() - start >= 4000;
}

static long b_futex(void)
{
	return syscall(SYS_futex, futex, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static long b_sigwait(void)
{
	struct timespec ts = { 600, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigtimedwait(&set, NULL, &ts);
}

static long b_pause(void)
{
	return pause();
}

static long b_msgrcv(void)
{
	struct { long type; char text[8]; } m;

	return msgrcv(msgs, &m, sizeof(m.text), 0, 0);
}

static long b_semop(void)
{
	struct sembuf op = { .sem_num = 0, .sem_op = -1 };

	return semop(sems, &op, 1);
}

static long b_inotify(void)
{
	char buf[4096];

	return read(watch, buf, sizeof(buf)) > 0 ? 1 : -1;
}

static long b_flock(void)
{
	return flock(open(path("lock"), O_RDWR | O_CLOEXEC), LOCK_EX);
}

static long b_setlkw(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(open(path("lock"), O_RDWR | O_CLOEXEC), F_SETLKW, &l);
}

static long b_fifo(void)
{
	return open(path("fifo"), O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

/* Blocks in wait4(2) for a child that blocks itself. */
static long b_wait(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(b_poll() == 1 ? 5 : 6);
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

static const struct {
	const char *name;
	long (*fn)(void);
} calls[] = {
	{ "read", b_read }, { "recv", b_recv }, { "accept", b_accept }, { "poll", b_poll }, { "select", b_select },
	{ "epoll_wait", b_epoll }, { "epoll_wait-timeout", b_epoll_timeout }, { "nanosleep", b_nanosleep },
	{ "futex", b_futex }, { "sigtimedwait", b_sigwait }, { "pause", b_pause }, { "msgrcv", b_msgrcv },
	{ "semop", b_semop }, { "inotify", b_inotify }, { "flock", b_flock }, { "setlkw", b_setlkw },
	{ "fifo", b_fifo }, { "wait4", b_wait },
};
#define N (sizeof(calls) / sizeof(calls[0]))

static void set_up(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	sigset_t set;

	CHECK(pipe2(pipes, O_CLOEXEC) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	addr.sa_family = AF_UNIX; /* a name of the kernel's choice */
	CHECK(bind(listening, &addr, sizeof(sa_family_t)) == 0 && listen(listening, 1) == 0);
	event = eventfd(0, EFD_CLOEXEC);
	futex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	msgs = msgget(IPC_PRIVATE, 0600);
	sems = semget(IPC_PRIVATE, 1, 0600);
	watch = inotify_init1(IN_CLOEXEC);
	CHECK(mkdir(path("watched"), 0700) == 0 && inotify_add_watch(watch, path("watched"), IN_CREATE) >= 0);
	locked = open(path("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(flock(locked, LOCK_EX) == 0 && fcntl(locked, F_SETLK, &l) == 0);
	CHECK(mkfifo(path("fifo"), 0600) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	on_signal(SIGUSR2, ignore_it, 0);
}

static void wake(const pid_t *pids)
{
	struct sembuf op = { .sem_num = 0, .sem_op = 1 };
	struct { long type; char text[8]; } m = { .type = 1 };
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	struct sockaddr_un_ { sa_family_t family; char name[108]; } un;
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t one = 1;

	addr_len = sizeof(un);
	pipe_put(pipes[1]);
	pipe_put(pair[1]);
	CHECK(getsockname(listening, (struct sockaddr *)&un, &addr_len) == 0);
	CHECK(connect(s, (struct sockaddr *)&un, addr_len) == 0);
	CHECK(write(event, &one, sizeof(one)) == sizeof(one));
	*futex = 1;
	syscall(SYS_futex, futex, FUTEX_WAKE, 1, NULL, NULL, 0);
	CHECK(msgsnd(msgs, &m, sizeof(m.text), 0) == 0);
	CHECK(semop(sems, &op, 1) == 0);
	CHECK(flock(locked, LOCK_UN) == 0 && fcntl(locked, F_SETLK, &l) == 0);
	CHECK(open(path("fifo"), O_WRONLY | O_CLOEXEC) >= 0);
	CHECK(open(path("watched/file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
	for (unsigned i = 0; i < N; i++) {
		if (calls[i].fn == b_sigwait)
			kill(pids[i], SIGUSR1);
		if (calls[i].fn == b_pause)
			kill(pids[i], SIGUSR2);
	}
}

int main(int argc, char **argv)
{
	pid_t pids[N];

	if (argc != 2)
		return 2;
	dir = argv[1];
	set_up();
	for (unsigned i = 0; i < N; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			long r;

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			r = calls[i].fn();
			say("%s %ld %s", calls[i].name, r, r < 0 ? outcome(r) : "");
			_exit(0);
		}
	}
	for (unsigned i = 0; i < N; i++)
		CHECK(wait_asleep(pids[i]));
	close(open(path("blocked"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	while (access(path("go"), F_OK) < 0)
		nap_ms(5);
	wake(pids);
	for (unsigned i = 0; i < N; i++)
		CHECK(reap(pids[i]) == 0);
	msgctl(msgs, IPC_RMID, NULL);
	semctl(sems, 0, IPC_RMID);
	return guest_end();
}
