/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bare_notify.c - the least that a seccomp notification supervisor must do, by hand.
 *
 *   bare_notify [OPTION]... SYSCALLS -- CMD [ARG]...
 *
 *   --read           read the call's first path, and ask whether the call still waits
 *   --sync=on        wake the other side on this CPU (default)
 *   --sync=off       … where the scheduler puts it
 *   --sync=in        only the call wakes the supervisor so, not the reply the task
 *   --sync=adaptive  on, but for the reply to a call that was there before it was asked for
 *   --sync=alone     on while one task makes all calls, in when several do
 *   --wait=recv      sleep in the receive itself (default)
 *   --wait=poll      sleep in poll(2) before it
 *   --wait=epoll     sleep in epoll_wait(2) before it
 *   --place=none     the supervisor runs where the scheduler puts it (default)
 *   --place=CPU      … on this CPU; with several threads each on the next
 *   --place=follow   … on the CPU where the task that calls was last
 *   --threads=N      N threads receive (default 1)
 *
 * Becomes CMD under a supervisor that is its child, as bare_ptrace does. The
 * system calls of the set (bare.h), and no others, are notified; the
 * supervisor receives each and tells the kernel to run it. New tasks share
 * the filter. This is what the cost of a stop under vmmd's notification
 * engines is compared with.
 */
#include "tests/bench/bare.h"

#include <errno.h>
#include <getopt.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#define AWAKE_NS 1500 /* a receive that took longer has slept */
#define ALONE_CALLS 8 /* one task made that many, one after another: it is alone */
#define THREADS_MAX 64

enum { PLACE_NONE = -1, PLACE_FOLLOW = -2 }; /* else a CPU */
enum sync { SYNC_OFF, SYNC_ON, SYNC_IN, SYNC_ADAPTIVE, SYNC_ALONE };
enum wait { WAIT_RECV, WAIT_POLL, WAIT_EPOLL };

struct supervisor {
	struct bare_set set;
	struct seccomp_notif_sizes sizes;
	bool read;
	enum sync sync;
	enum wait wait;
	int place;
	int threads;
	int listener;
};

struct receiver {
	const struct supervisor *s;
	int index;
	int epoll;
	int bound; /* the CPU to which it has bound itself */
	bool sync; /* as the listener was told last */
	bool slept; /* until the call came that is being answered */
	pid_t last; /* who called before */
	unsigned in_a_row; /* how often */
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;
	char path[BARE_PATH_MAX];
};

/* What the process that becomes CMD and its supervisor tell each other without system calls. */
struct hello {
	int listener; /* its number there, -1: not yet */
	int started;
	int taken; /* the supervisor has its copy; -1: it cannot have one */
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bare_notify: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void set_sync(struct receiver *r, bool on)
{
	/* Kernels before 6.6 cannot; then it stays as it is. */
	if (r->sync != on && !ioctl(r->s->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
				    on ? SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0UL))
		r->sync = on;
}

/* All tasks have ended when the listener hangs up. */
static void end_if_alone(const struct receiver *r)
{
	struct pollfd p = { .fd = r->s->listener, .events = 0 };

	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)))
		_exit(0);
}

static bool wait_for_call(struct receiver *r)
{
	struct pollfd p = { .fd = r->s->listener, .events = POLLIN };
	struct epoll_event e;
	int n = 1;

	if (r->s->wait == WAIT_POLL) {
		n = poll(&p, 1, -1);
	} else if (r->s->wait == WAIT_EPOLL) {
		n = epoll_wait(r->epoll, &e, 1, -1);
		p.revents = n > 0 ? (short)e.events : 0;
	} else {
		return true;
	}
	if (n > 0 && (p.revents & POLLHUP))
		_exit(0);
	return n > 0;
}

/* What the choice of the reply's wake-up hangs on. */
static void note(struct receiver *r, double start)
{
	r->slept = now_ns() - start > AWAKE_NS;
	r->in_a_row = r->last == (pid_t)r->req->pid ? r->in_a_row + 1 : 0;
	r->last = (pid_t)r->req->pid;
}

static bool reply_in_sync(const struct receiver *r)
{
	switch (r->s->sync) {
	case SYNC_OFF:
	case SYNC_IN:
		return false;
	case SYNC_ON:
		return true;
	case SYNC_ADAPTIVE:
		return r->slept;
	case SYNC_ALONE:
		break;
	}
	return r->in_a_row >= ALONE_CALLS;
}

/* One call: false if there was none. */
static bool receive(struct receiver *r)
{
	double start = r->s->sync >= SYNC_ADAPTIVE ? now_ns() : 0;

	if (!wait_for_call(r)) {
		end_if_alone(r);
		return false;
	}
	memset(r->req, 0, r->s->sizes.seccomp_notif);
	if (ioctl(r->s->listener, SECCOMP_IOCTL_NOTIF_RECV, r->req)) {
		if (errno != EINTR && errno != ENOENT)
			die("receive");
		end_if_alone(r);
		return false;
	}
	if (r->s->sync >= SYNC_ADAPTIVE)
		note(r, start);
	return true;
}

static void answer(struct receiver *r)
{
	const struct seccomp_notif *req = r->req;
	int arg = r->s->read ? bare_path_arg((unsigned)req->data.nr) : -1;

	if (r->s->place == PLACE_FOLLOW)
		bare_follow(bare_task_cpu((pid_t)req->pid), &r->bound);
	if (arg >= 0) {
		bare_read_path((pid_t)req->pid, req->data.args[arg], r->path);
		if (ioctl(r->s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &req->id))
			return; /* killed meanwhile */
	}
	memset(r->resp, 0, r->s->sizes.seccomp_notif_resp);
	r->resp->id = req->id;
	r->resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	set_sync(r, reply_in_sync(r));
	if (ioctl(r->s->listener, SECCOMP_IOCTL_NOTIF_SEND, r->resp) && errno != ENOENT)
		die("send");
	set_sync(r, r->s->sync != SYNC_OFF);
}

static void *receive_all(void *arg)
{
	struct receiver *r = arg;
	struct epoll_event e = { .events = EPOLLIN };

	if (r->s->place >= 0)
		bare_pin(0, (r->s->place + r->index) % bare_cpus());
	if (r->s->wait == WAIT_EPOLL)
		r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll >= 0 && epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->s->listener, &e))
		die("epoll");
	set_sync(r, r->s->sync != SYNC_OFF);
	for (;;)
		if (receive(r))
			answer(r);
	return NULL;
}

static void tick(int sig)
{
	(void)sig;
}

/* Older kernels leave a receiver asleep when the last task has ended: wake it now and then. */
static void start_ticking(void)
{
	struct sigaction sa = { .sa_handler = tick };
	struct itimerval second = { { 1, 0 }, { 1, 0 } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
}

static struct receiver *receiver_new(const struct supervisor *s, int index)
{
	struct receiver *r = calloc(1, sizeof(*r));

	if (!r)
		die("memory");
	*r = (struct receiver){ .s = s, .index = index, .epoll = -1, .bound = -1 };
	r->req = calloc(1, s->sizes.seccomp_notif);
	r->resp = calloc(1, s->sizes.seccomp_notif_resp);
	if (!r->req || !r->resp)
		die("memory");
	return r;
}

static _Noreturn void supervise(struct supervisor *s, pid_t subject, struct hello *hello)
{
	int pidfd = (int)syscall(SYS_pidfd_open, subject, 0), fd;
	pthread_t id;

	__atomic_store_n(&hello->started, 1, __ATOMIC_RELEASE);
	while ((fd = __atomic_load_n(&hello->listener, __ATOMIC_ACQUIRE)) == -1)
		if (getppid() != subject || sched_yield())
			_exit(1);
	s->listener = fd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	__atomic_store_n(&hello->taken, s->listener < 0 ? -1 : 1, __ATOMIC_RELEASE);
	if (s->listener < 0)
		die("take the listener");
	/* The pipes are the subject's: who waits for their end must not wait for us. */
	close(pidfd);
	close(0);
	close(1);
	start_ticking();
	for (int i = 1; i < s->threads; i++)
		if (pthread_create(&id, NULL, receive_all, receiver_new(s, i)))
			die("thread");
	receive_all(receiver_new(s, 0));
	_exit(0);
}

static int word(const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	return -1;
}

static int parse_option(struct supervisor *s, int c)
{
	static const char *const sync[] = { "off", "on", "in", "adaptive", "alone", NULL };
	static const char *const wait[] = { "recv", "poll", "epoll", NULL };
	int n = 0;

	if (c == 'r')
		s->read = true;
	else if (c == 's')
		s->sync = (enum sync)(n = word(optarg, sync));
	else if (c == 'w')
		s->wait = (enum wait)(n = word(optarg, wait));
	else if (c == 't')
		n = s->threads = atoi(optarg);
	else if (c == 'p')
		s->place = !strcmp(optarg, "none")   ? PLACE_NONE :
			   !strcmp(optarg, "follow") ? PLACE_FOLLOW :
						       atoi(optarg);
	else
		n = -1;
	return n < 0 || s->threads < 1 || s->threads > THREADS_MAX ? -EINVAL : 0;
}

static int parse(struct supervisor *s, int argc, char **argv)
{
	static const struct option options[] = {
		{ "read", no_argument, NULL, 'r' },	   { "sync", required_argument, NULL, 's' },
		{ "wait", required_argument, NULL, 'w' },  { "threads", required_argument, NULL, 't' },
		{ "place", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1)
		if (parse_option(s, c))
			return -EINVAL;
	if (optind + 2 >= argc || strcmp(argv[optind + 1], "--"))
		return -EINVAL;
	return bare_set_parse(&s->set, argv[optind]);
}

int main(int argc, char **argv)
{
	struct supervisor s = { .sync = SYNC_ON, .place = PLACE_NONE, .threads = 1 };
	struct hello *hello = mmap(NULL, sizeof(*hello), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = getpid(), supervisor;
	int fd, taken;

	if (parse(&s, argc, argv)) {
		fprintf(stderr, "usage: bare_notify [OPTION]... SYSCALLS -- CMD [ARG]...\n");
		return 2;
	}
	if (hello == MAP_FAILED || syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &s.sizes))
		return 125;
	hello->listener = -1;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* where Yama asks for it */
	supervisor = fork();
	if (!supervisor)
		supervise(&s, pid, hello);
	while (supervisor > 0 && !__atomic_load_n(&hello->started, __ATOMIC_ACQUIRE))
		sched_yield();
	fd = bare_filter(&s.set, SECCOMP_RET_USER_NOTIF,
			 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	/* From here on any system call may have to wait for the supervisor. */
	__atomic_store_n(&hello->listener, fd < 0 ? -2 : fd, __ATOMIC_RELEASE);
	if (supervisor < 0 || fd < 0)
		return 125;
	while (!(taken = __atomic_load_n(&hello->taken, __ATOMIC_ACQUIRE)))
		sched_yield(); /* execve(2) closes it */
	if (taken < 0)
		return 125;
	execvp(argv[optind + 2], argv + optind + 2);
	return 127;
}
