// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard.c - killing a session's processes where the kernel does not do it.
 *
 * To kill a tree that grows: stop all processes that are known, look for
 * children of those, until there are none left that are new; then kill. A
 * stopped process makes no further child. A child that has lost its parent
 * must have been told of with guard_add() by then.
 *
 * The first process is not stopped, because an interactive shell would take it
 * for suspended; its children are looked up once more right before its end.
 *
 * If the guard is killed as well the tasks stay confined: without a listener
 * the kernel answers ENOSYS to whatever would have been asked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/guard.h"
#include "vmmd/engine/procfs.h"
#include "vmmd/log.h"

/* PID_MAX_LIMIT of 64-bit kernels, proc(5). */
#define PIDS (4u << 20)
#define WORDS (PIDS / 64)
#define TABLE_BYTES ((WORDS + 1) * sizeof(uint64_t)) /* the last word is the first process */

/* Children of the first process that are looked up right before its end. */
#define LAST_MAX 256

/* Passes over /proc at most: against a tree that forks faster than we look. */
#define PASSES 100

static void set_bit(uint64_t *pids, pid_t pid)
{
	if (pid > 1 && (unsigned)pid < PIDS)
		pids[(unsigned)pid / 64] |= 1ull << ((unsigned)pid % 64);
}

static bool has_bit(const uint64_t *pids, pid_t pid)
{
	return pid > 1 && (unsigned)pid < PIDS && pids[(unsigned)pid / 64] >> ((unsigned)pid % 64) & 1;
}

static pid_t first_of(const uint64_t *pids)
{
	return (pid_t)pids[WORDS];
}

static void signal_one(const uint64_t *pids, pid_t pid, int sig)
{
	if (sig == SIGKILL || pid != first_of(pids))
		kill(pid, sig);
}

static void signal_all(const uint64_t *pids, int sig)
{
	for (unsigned w = 0; w < WORDS; w++)
		for (uint64_t bits = pids[w]; bits; bits &= bits - 1)
			signal_one(pids, (pid_t)(w * 64 + (unsigned)__builtin_ctzll(bits)), sig);
}

/* Field 4 of /proc/PID/stat; the name before it may hold anything. */
static pid_t parent_of(int proc, const char *pid)
{
	char path[300], text[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/stat", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ')');
	return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : 0;
}

/* Stop children of processes in the set and take them in. How many there were. */
static int add_children(uint64_t *pids)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int found = 0;

	if (!dir)
		return 0;
	while ((d = readdir(dir))) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		if (pid <= 1 || has_bit(pids, pid) || !has_bit(pids, parent_of(dirfd(dir), d->d_name)))
			continue;
		kill(pid, SIGSTOP);
		set_bit(pids, pid);
		found++;
	}
	closedir(dir);
	return found;
}

/* What the first process, which still runs, has made meanwhile; and no more of it. */
static void add_last(uint64_t *pids)
{
	pid_t first = first_of(pids), child[LAST_MAX];
	int n = has_bit(pids, first) ? procfs_children(first, child, LAST_MAX) : 0;

	if (has_bit(pids, first))
		kill(first, SIGKILL);
	for (int i = 0; i < n; i++)
		set_bit(pids, child[i]);
}

static void kill_tree(const uint64_t *known)
{
	uint64_t *pids = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pids == MAP_FAILED) {
		signal_all(known, SIGKILL);
		return;
	}
	for (unsigned w = 0; w <= WORDS; w++)
		if (known[w]) /* do not touch pages for nothing */
			pids[w] = known[w];
	signal_all(pids, SIGSTOP);
	for (int i = 0; i < PASSES && add_children(pids) > 0; i++)
		continue;
	add_last(pids);
	signal_all(pids, SIGKILL);
	munmap(pids, TABLE_BYTES);
}

union fd_message {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

/* What comes are descriptors to be kept; they stay open until the guard ends. */
static ssize_t hear(int life)
{
	union fd_message control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n;

	do
		n = recvmsg(life, &msg, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

void guard_hold(const struct guard *g, int fd)
{
	union fd_message control = {.room = {0}};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	if (sendmsg(g->life, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_warning("guard %d takes no listener: %s", (int)g->pid, strerror(errno));
}

static _Noreturn void guard_main(const struct guard *g, int life)
{
	sigset_t all;

	prctl(PR_SET_NAME, "vmmd-guard", 0, 0, 0);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* It must not keep anybody's pipe or terminal open. */
	if (life != 0 && dup2(life, 0) < 0)
		_exit(1);
	syscall(SYS_close_range, 1, ~0u, 0);
	while (hear(0) > 0)
		continue;
	kill_tree(g->pids);
	_exit(0);
}

int guard_start(struct guard *g)
{
	int life[2], rc = 0;

	g->life = -1;
	g->pids = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->pids == MAP_FAILED) {
		g->pids = NULL;
		return -errno;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) < 0) {
		rc = -errno;
		goto fail;
	}
	g->pid = fork();
	if (g->pid == 0)
		guard_main(g, life[0]);
	rc = g->pid < 0 ? -errno : 0;
	close(life[0]);
	g->life = life[1];
	if (rc == 0)
		return 0;
	close(g->life);
fail:
	munmap(g->pids, TABLE_BYTES);
	g->pids = NULL;
	return rc;
}

void guard_first(struct guard *g, pid_t pid)
{
	g->pids[WORDS] = (uint64_t)pid;
	guard_add(g, pid);
}

void guard_add(struct guard *g, pid_t pid)
{
	set_bit(g->pids, pid);
}

void guard_remove(struct guard *g, pid_t pid)
{
	if (g->pids && has_bit(g->pids, pid)) /* not after guard_end() */
		g->pids[(unsigned)pid / 64] &= ~(1ull << ((unsigned)pid % 64));
}

void guard_kill(const struct guard *g)
{
	kill_tree(g->pids);
}

void guard_end(struct guard *g)
{
	if (!g->pids)
		return;
	kill_tree(g->pids);
	/* What it would do has been done. */
	memset(g->pids, 0, TABLE_BYTES);
	close(g->life);
	kill(g->pid, SIGKILL);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	munmap(g->pids, TABLE_BYTES);
	g->pids = NULL;
}
