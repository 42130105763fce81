/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_ipc.c - pipes, sockets, descriptors that travel, epoll, eventfd, timerfd, shared memory, robust and shared futexes. */
#include "guest.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static void pipes(void)
{
	char buf[100];
	int p[2];

	CHECK(pipe2(p, O_NONBLOCK) == 0);
	CHECK(read(p[0], buf, 1) == -1 && errno == EAGAIN);
	CHECK(write(p[1], "hello", 5) == 5);
	CHECK(read(p[0], buf, sizeof(buf)) == 5 && !memcmp(buf, "hello", 5));
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	say("broken pipe: %s", outcome(write(p[1], "x", 1)));
	signal(SIGPIPE, SIG_DFL);
	close(p[1]);
}

static void ring(void)
{
	int first[2], in, out[2];
	char token = 1;

	CHECK(pipe(first) == 0);
	in = first[0];
	for (int i = 0; i < 8; i++) {
		CHECK(pipe(out) == 0);
		if (fork() == 0) {
			for (int n = 0; n < 50; n++) {
				if (read(in, &token, 1) != 1)
					_exit(1);
				token++;
				if (write(out[1], &token, 1) != 1)
					_exit(2);
			}
			_exit(0);
		}
		close(out[1]);
		if (i)
			close(in);
		in = out[0];
	}
	for (int n = 0; n < 50; n++) {
		CHECK(write(first[1], &token, 1) == 1);
		CHECK(read(in, &token, 1) == 1);
	}
	for (int i = 0; i < 8; i++)
		CHECK(reap(-1) == 0);
	say("token %d", (unsigned char)token);
}

static void send_fd(int sock, int fd)
{
	char buf[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'f';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	CHECK(sendmsg(sock, &m, 0) == 1);
}

static int recv_fd(int sock)
{
	char buf[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf) };
	int fd = -1;

	CHECK(recvmsg(sock, &m, MSG_CMSG_CLOEXEC) == 1);
	if (CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void passing(void)
{
	int sv[2], p[2], fd;
	char buf[16] = "";
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0 && pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		fd = recv_fd(sv[1]);
		_exit(write(fd, "passed", 7) == 7 ? 0 : 1);
	}
	send_fd(sv[0], p[1]);
	CHECK(read(p[0], buf, sizeof(buf)) == 7);
	say("descriptor: %s, %s", buf, status_text(reap(pid)));
	close(sv[0]);
	close(sv[1]);
	close(p[0]);
	close(p[1]);
}

static void credentials(void)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int sv[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	CHECK(getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0);
	say("peer: pid %d uid %d", cred.pid == getpid(), cred.uid == getuid());
}

static void server(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char buf[64] = "";
	int l, c;
	pid_t pid;

	snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "g_ipc.%d", getpid());
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(l, 5) == 0);
	pid = fork();
	if (pid == 0) {
		c = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(connect(c, (struct sockaddr *)&sa, sizeof(sa)) == 0);
		CHECK(send(c, "request", 7, 0) == 7);
		CHECK(recv(c, buf, sizeof(buf), MSG_WAITALL) == 8);
		_exit(memcmp(buf, "response", 8) != 0);
	}
	c = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	CHECK(recv(c, buf, 7, MSG_WAITALL) == 7);
	CHECK(send(c, "response", 8, 0) == 8);
	close(c);
	close(l);
	say("server: %s, %s", buf, status_text(reap(pid)));
}

static void events(void)
{
	struct itimerspec its = { .it_value = { 0, 5000000 } };
	struct epoll_event ev = { .events = EPOLLIN }, got[4];
	int ep = epoll_create1(EPOLL_CLOEXEC), e = eventfd(0, EFD_NONBLOCK), t = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n = 0;

	ev.data.u32 = 1;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev) == 0);
	ev.data.u32 = 2;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, t, &ev) == 0);
	CHECK(epoll_wait(ep, got, 4, 0) == 0);
	if (fork() == 0) {
		n = 3;
		CHECK(write(e, &n, 8) == 8);
		_exit(0);
	}
	CHECK(epoll_wait(ep, got, 4, 5000) == 1 && got[0].data.u32 == 1);
	CHECK(read(e, &n, 8) == 8);
	say("eventfd %d", (int)n);
	reap(-1);
	CHECK(timerfd_settime(t, 0, &its, NULL) == 0);
	CHECK(epoll_wait(ep, got, 4, 5000) == 1 && got[0].data.u32 == 2);
	CHECK(read(t, &n, 8) == 8);
	say("timerfd %d", (int)n);
	close(ep);
	close(e);
	close(t);
}

struct area {
	pthread_mutex_t lock, robust;
	pthread_cond_t cond;
	int n, turn;
};

static void shared(void)
{
	struct area *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;

	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&a->lock, &ma);
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&a->robust, &ma);
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&a->cond, &ca);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			pthread_mutex_lock(&a->lock);
			for (int k = 0; k < 25; k++) {
				while (a->turn != i)
					pthread_cond_wait(&a->cond, &a->lock);
				a->n++;
				a->turn = (i + 1) % 4;
				pthread_cond_broadcast(&a->cond);
			}
			pthread_mutex_unlock(&a->lock);
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		CHECK(reap(-1) == 0);
	say("shared futexes: %d", a->n);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(&a->robust);
		kill(getpid(), SIGKILL);
	}
	CHECK(reap(pid) == SIGKILL);
	say("robust futex: %s", strerrorname_np(pthread_mutex_lock(&a->robust)));
	CHECK(pthread_mutex_consistent(&a->robust) == 0 && pthread_mutex_unlock(&a->robust) == 0);
}

static void sysv(void)
{
	struct { long type; char text[16]; } m = { 3, "message" };
	int q = msgget(IPC_PRIVATE, 0600), s = semget(IPC_PRIVATE, 1, 0600), h = shmget(IPC_PRIVATE, 4096, 0600);
	struct sembuf down = { 0, -1, 0 }, up = { 0, 1, 0 };
	char *p;

	if (q < 0 || s < 0 || h < 0) { /* no System V IPC here */
		say("sysv: %s", strerrorname_np(errno));
		return;
	}
	p = shmat(h, NULL, 0);
	if (fork() == 0) {
		strcpy(p, "written");
		CHECK(semop(s, &up, 1) == 0);
		CHECK(msgsnd(q, &m, sizeof(m.text), 0) == 0);
		_exit(0);
	}
	CHECK(semop(s, &down, 1) == 0);
	memset(&m, 0, sizeof(m));
	CHECK(msgrcv(q, &m, sizeof(m.text), 3, 0) == sizeof(m.text));
	say("sysv: %s %s", p, m.text);
	reap(-1);
	shmdt(p);
	shmctl(h, IPC_RMID, NULL);
	semctl(s, 0, IPC_RMID);
	msgctl(q, IPC_RMID, NULL);
}

int main(void)
{
	pipes();
	ring();
	passing();
	credentials();
	server();
	events();
	shared();
	sysv();
	return guest_end();
}
