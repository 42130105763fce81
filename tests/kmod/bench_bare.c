// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_bare.c - the least that a daemon of the kernel module must do, by hand.
 *
 *   bare_kmod [--spin] [--exit] SYSCALLS -- CMD [ARG]...
 *
 * Becomes CMD with a daemon that is its child, as bare_ptrace and bare_notify
 * do (tests/bench/bare.h). The system calls of the set stop, and no others; the
 * daemon has each run. This is what a stop under the engine kmod is compared with.
 *
 *   --spin   both sides wait actively: the task for 1 ms, the daemon longer
 *   --exit   … and stop at the exit of the call, too
 */
#include "tests/bench/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/vmmd_kmod.h"

#define SPIN_US 1000
#define SPINS 200000 /* some milliseconds */

struct daemon {
	struct bare_set set;
	bool spin, at_exit;
	int fd;
	struct vmmd_kmod_header *header;
	const volatile uint64_t *ring;
	uint32_t ring_mask;
	struct vmmd_kmod_slot *slots;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bare_kmod: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void make_engine(struct daemon *d)
{
	struct vmmd_kmod_create how = { .max_tasks = 1024, .spin_us = d->spin ? SPIN_US : 0 };
	struct vmmd_kmod_select sel = { .events = 1u << VMMD_KMOD_GONE };
	char *map;

	d->fd = open(VMMD_KMOD_DEVICE, O_RDWR | O_CLOEXEC);
	if (d->fd < 0 || ioctl(d->fd, VMMD_IOC_CREATE, &how))
		die(VMMD_KMOD_DEVICE);
	map = mmap(NULL, how.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
	if (map == MAP_FAILED)
		die("map");
	d->header = (void *)map;
	d->ring = (void *)(map + sysconf(_SC_PAGESIZE));
	d->ring_mask = how.ring_entries - 1;
	d->slots = (void *)(map + how.slots_offset);
	for (unsigned nr = 0; nr < VMMD_KMOD_NR; nr++)
		if (nr >= BARE_NR_MAX || !(d->set.all || d->set.want[nr]))
			sel.native[nr / 64] |= 1ull << (nr % 64);
	if (ioctl(d->fd, VMMD_IOC_SELECT, &sel))
		die("select");
}

/* Answer a request; true if its task sleeps. */
static bool answer(const struct daemon *d, struct vmmd_kmod_slot *s)
{
	memset(&s->answer, 0, sizeof(s->answer));
	s->answer.action = VMMD_KMOD_RUN;
	if (s->type == VMMD_KMOD_ENTRY && d->at_exit)
		s->answer.flags = VMMD_KMOD_A_EXIT;
	return __atomic_exchange_n(&s->state, VMMD_KMOD_DONE, __ATOMIC_ACQ_REL) == VMMD_KMOD_SLEEPING;
}

static bool posted(const struct daemon *d)
{
	return __atomic_load_n(&d->header->head, __ATOMIC_ACQUIRE) != d->header->tail;
}

/* Actively, but not while nothing is measured. */
static bool spin(const struct daemon *d)
{
	for (int i = 0; i < SPINS && !posted(d); i++)
		__builtin_ia32_pause();
	return posted(d);
}

/* `last`: the task to be woken; 0: none. */
static void wait_for_request(const struct daemon *d, uint64_t last)
{
	if (d->spin && last)
		ioctl(d->fd, VMMD_IOC_DONE, last);
	if (d->spin && spin(d))
		return;
	if (ioctl(d->fd, last && !d->spin ? VMMD_IOC_DONE_WAIT : VMMD_IOC_WAIT, last) && errno != EINTR)
		die("wait");
}

/* Until the subject has gone; what else it left dies with the engine. */
static _Noreturn void serve(const struct daemon *d, pid_t subject)
{
	uint64_t last = 0;

	for (;;) {
		uint32_t tail = d->header->tail;
		struct vmmd_kmod_slot *s;
		uint64_t token;

		if (!posted(d)) {
			wait_for_request(d, last);
			last = 0;
			continue;
		}
		token = d->ring[tail & d->ring_mask];
		__atomic_store_n(&d->header->tail, tail + 1, __ATOMIC_RELEASE);
		s = &d->slots[(uint32_t)token];
		if (s->seq != token >> 32 || __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == VMMD_KMOD_FREE)
			continue;
		if (s->type == VMMD_KMOD_GONE && s->tid == (uint32_t)subject)
			_exit(0);
		if (!answer(d, s))
			continue;
		if (last)
			ioctl(d->fd, VMMD_IOC_DONE, last);
		last = token;
	}
}

static _Noreturn void supervise(struct daemon *d, pid_t subject, int *started)
{
	struct vmmd_kmod_attach how = { .pid = subject };

	make_engine(d);
	if (ioctl(d->fd, VMMD_IOC_ATTACH, &how))
		die("attach");
	close(0);
	close(1);
	__atomic_store_n(started, 1, __ATOMIC_RELEASE);
	serve(d, subject);
}

static int parse(struct daemon *d, int argc, char **argv)
{
	static const struct option options[] = { { "spin", no_argument, NULL, 's' },
						 { "exit", no_argument, NULL, 'e' },
						 { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == '?')
			return -EINVAL;
		d->spin |= c == 's';
		d->at_exit |= c == 'e';
	}
	if (optind + 2 >= argc || strcmp(argv[optind + 1], "--"))
		return -EINVAL;
	return bare_set_parse(&d->set, argv[optind]);
}

int main(int argc, char **argv)
{
	struct daemon d = { .fd = -1 };
	int *started = mmap(NULL, sizeof(*started), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = getpid(), supervisor;

	if (parse(&d, argc, argv)) {
		fprintf(stderr, "usage: bare_kmod [--spin] [--exit] SYSCALLS -- CMD [ARG]...\n");
		return 2;
	}
	if (started == MAP_FAILED)
		return 125;
	supervisor = fork();
	if (!supervisor)
		supervise(&d, pid, started);
	while (supervisor > 0 && !__atomic_load_n(started, __ATOMIC_ACQUIRE)) {
		if (waitpid(supervisor, NULL, WNOHANG) == supervisor)
			return 125;
		usleep(1000);
	}
	if (supervisor < 0)
		return 125;
	execvp(argv[optind + 2], argv + optind + 2);
	return 127;
}
