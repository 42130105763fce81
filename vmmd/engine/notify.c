// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * notify.c - a seccomp listener: receiving notifications and answering them.
 *
 * Receiving is one system call: SECCOMP_IOCTL_NOTIF_RECV sleeps by itself
 * (O_NONBLOCK means nothing to it).
 *
 * Wake-ups. With the synchronous one (Linux 6.6) the task wakes the receiver on
 * its own CPU, and is woken there again: nothing is cheaper for one task. With
 * several it would draw them all to the CPU where the receiver happens to be, one
 * after the other, and keep them there. So a task is answered in this way only
 * while no other calls; else it wakes where the scheduler finds best.
 * tests/bench/README.md has the numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmmd/engine/notify.h"

/* Newer than the headers of Debian 12. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* Room for what a newer kernel may append to its structures. */
#define NOTIF_ROOM 256

/* A task that was heard of so often in a row is the only one that calls. */
#define ALONE 8

/* How often and how long notify_open() looks for the listener. */
#define OPEN_TRIES 20000
#define OPEN_PAUSE_NS 100000

static int seccomp(unsigned op, unsigned long flags, void *arg)
{
	return (int)syscall(SYS_seccomp, op, flags, arg);
}

/* Yama lets only ancestors and tracers read a process: kernel.yama.ptrace_scope. */
static int yama_scope(void)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &scope) != 1)
		scope = 0;
	fclose(f);
	return scope;
}

uint32_t notify_flags(void)
{
	return SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
}

int notify_probe(bool untraced, char *why, size_t len)
{
	struct seccomp_notif_sizes sizes;
	int scope;

	if (seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
		snprintf(why, len, "the kernel has no seccomp notifications");
		return -ENOSYS;
	}
	if (sizes.seccomp_notif > NOTIF_ROOM || sizes.seccomp_notif_resp > NOTIF_ROOM) {
		snprintf(why, len, "the kernel's notifications are larger than this program knows");
		return -E2BIG;
	}
	/* No program: EFAULT if the flags are known, EINVAL if not. */
	seccomp(SECCOMP_SET_MODE_FILTER, notify_flags(), NULL);
	if (errno != EFAULT) {
		snprintf(why, len, "the kernel is older than 5.19 (no SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)");
		return -ENOSYS;
	}
	scope = untraced && geteuid() != 0 ? yama_scope() : 0;
	if (scope > 0) {
		snprintf(why, len, "kernel.yama.ptrace_scope is %d: memory of tasks that are not traced cannot be read",
			 scope);
		return -EPERM;
	}
	return 0;
}

/* A listener knows no notification 0; anything else does not know the question. */
static bool is_listener(int fd)
{
	uint64_t none = 0;

	return ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &none) == 0 || errno == ENOENT;
}

static int fetch(int pidfd, int number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

	if (fd < 0)
		return -errno;
	if (is_listener(fd))
		return fd;
	close(fd);
	return -EBADF;
}

/* False: an older kernel does not know it. */
static bool set_sync(const struct notify *n, bool on)
{
	return ioctl(n->fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, on ? (unsigned long)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0) == 0;
}

int notify_open(struct notify *n, pid_t pid, int number)
{
	const struct timespec pause = {.tv_nsec = OPEN_PAUSE_NS};
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), fd = -EBADF;

	*n = (struct notify){.fd = -1};
	if (pidfd < 0)
		return -errno;
	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = fetch(pidfd, number);
		if (fd != -EBADF)
			break;
		nanosleep(&pause, NULL);
	}
	close(pidfd);
	if (fd < 0)
		return fd;
	n->fd = fd;
	n->sync = set_sync(n, true);
	n->single = sysconf(_SC_NPROCESSORS_ONLN) < 2;
	return 0;
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static bool is_over(const struct notify *n)
{
	struct pollfd p = {.fd = n->fd};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void note_caller(struct notify *n, pid_t tid)
{
	if (tid != n->last)
		n->alone = 0;
	else if (n->alone < ALONE)
		n->alone++;
	n->last = tid;
}

int notify_receive(struct notify *n, struct notify_call *out)
{
	union {
		struct seccomp_notif n;
		char room[NOTIF_ROOM];
	} u;

	if (n->fd < 0) { /* not there yet: sleep until somebody has other business */
		poll(NULL, 0, -1);
		return 0;
	}
	memset(&u, 0, sizeof(u));
	if (ioctl(n->fd, SECCOMP_IOCTL_NOTIF_RECV, &u.n) < 0)
		return errno == ENOENT && is_over(n) ? -ECHILD : 0;
	note_caller(n, (pid_t)u.n.pid);
	out->id = u.n.id;
	out->tid = (pid_t)u.n.pid;
	out->call.nr = u.n.data.nr;
	memcpy(out->call.args, u.n.data.args, sizeof(out->call.args));
	out->call.pc = u.n.data.instruction_pointer;
	out->call.sp = 0;
	return 1;
}

bool notify_waiting(const struct notify *n)
{
	struct pollfd p = {.fd = n->fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

bool notify_valid(const struct notify *n, uint64_t id)
{
	return ioctl(n->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* Around an answer: leave it to the scheduler where the task goes on, if there are others. */
static void free_wakeup(const struct notify *n, bool begin)
{
	if (n->sync && !n->single && n->alone < ALONE)
		set_sync(n, !begin);
}

static int answer(struct notify *n, struct seccomp_notif_resp *resp)
{
	union {
		struct seccomp_notif_resp r;
		char room[NOTIF_ROOM];
	} u;
	int rc;

	memset(&u, 0, sizeof(u));
	u.r = *resp;
	free_wakeup(n, true);
	rc = ioctl(n->fd, SECCOMP_IOCTL_NOTIF_SEND, &u.r) == 0 ? 0 : errno == ENOENT ? -ESRCH : -errno;
	free_wakeup(n, false);
	return rc;
}

int notify_continue(struct notify *n, uint64_t id)
{
	struct seccomp_notif_resp r = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	return answer(n, &r);
}

int notify_result(struct notify *n, uint64_t id, int64_t result)
{
	struct seccomp_notif_resp r = {.id = id};

	if (result < 0 && result >= -4095)
		r.error = (int)result;
	else
		r.val = result;
	return answer(n, &r);
}

/*
 * A signal must not end the wait for the task to take it: with FLAG_SEND the task
 * would go on with result 0, and nobody could tell.
 */
static int add_fd(const struct notify *n, uint64_t id, int fd, bool cloexec, uint32_t flags)
{
	struct seccomp_notif_addfd a = {
		.id = id,
		.flags = flags,
		.srcfd = (uint32_t)fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};
	sigset_t all, old;
	int number;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	number = ioctl(n->fd, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
	if (number < 0)
		number = errno == ENOENT ? -ESRCH : -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return number;
}

int notify_install(const struct notify *n, uint64_t id, int fd, bool cloexec)
{
	return add_fd(n, id, fd, cloexec, 0);
}

int notify_result_fd(struct notify *n, uint64_t id, int fd, bool cloexec)
{
	int rc;

	free_wakeup(n, true);
	rc = add_fd(n, id, fd, cloexec, SECCOMP_ADDFD_FLAG_SEND);
	free_wakeup(n, false);
	if (rc >= 0 || rc == -ESRCH)
		return rc < 0 ? rc : 0;
	/* No number was free (EMFILE), or an LSM refused it: that is the program's result. */
	return notify_result(n, id, rc);
}
