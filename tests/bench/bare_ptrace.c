/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bare_ptrace.c - the least that any ptrace supervisor must do, by hand.
 *
 *   bare_ptrace [OPTION]... SYSCALLS -- CMD [ARG]...
 *
 *   --exit           stop once more at the exit of each call
 *   --read           read the call's first path
 *   --place=none     the tracer runs where the scheduler puts it (default)
 *   --place=CPU      … on this CPU
 *   --place=follow   … on the CPU where the task that stopped was last
 *   --tasks=none     tasks run where the scheduler puts them (default)
 *   --tasks=CPU      … all on this CPU
 *   --tasks=spread   … each new process on the next CPU
 *
 * Becomes CMD under a tracer that is its child, so that it is traced by a
 * process that is not its parent, as under vmmd. The system calls of the set
 * (bare.h), and no others, stop at their entry (SECCOMP_RET_TRACE); the tracer
 * reads the call and lets the task go on: wait4, PTRACE_GET_SYSCALL_INFO,
 * PTRACE_CONT. New tasks are followed. This is what the cost of a stop under
 * vmmd is compared with.
 */
#include "tests/bench/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/rseq.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS                                                                          \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |             \
	 PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

enum { PLACE_NONE = -1, PLACE_MOVE = -2 }; /* else a CPU */

struct tracer {
	struct bare_set set;
	bool want_exit, read;
	int place, tasks;
	int bound; /* the CPU to which the tracer has bound itself */
	int next;  /* where the next new process goes */
	char path[BARE_PATH_MAX];
};

/* From the area that the C library shares with the kernel: two calls, where /proc takes three dear ones. */
static int last_cpu(pid_t pid)
{
	struct __ptrace_rseq_configuration conf;
	struct iovec here, there;
	uint32_t cpu;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof(conf), &conf) <= 0 ||
	    !conf.rseq_abi_pointer)
		return bare_task_cpu(pid);
	here = (struct iovec){ &cpu, sizeof(cpu) };
	there = (struct iovec){
		(void *)(uintptr_t)(conf.rseq_abi_pointer + offsetof(struct rseq, cpu_id)),
		sizeof(cpu)
	};
	return process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(cpu) ? (int)cpu : -1;
}

static void look(struct tracer *t, pid_t pid, bool entry)
{
	struct __ptrace_syscall_info info;
	int arg;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 || !entry || !t->read)
		return;
	arg = bare_path_arg((unsigned)info.seccomp.nr);
	if (arg >= 0)
		bare_read_path(pid, info.seccomp.args[arg], t->path);
}

/* A new task inherits its parent's CPU; threads stay with their process. */
static void place_new(struct tracer *t, pid_t pid, int event)
{
	unsigned long child;

	if (t->tasks != PLACE_MOVE || event == PTRACE_EVENT_CLONE ||
	    ptrace(PTRACE_GETEVENTMSG, pid, 0L, &child))
		return;
	bare_pin((pid_t)child, t->next);
	t->next = (t->next + 1) % bare_cpus();
}

static void handle_stop(struct tracer *t, pid_t pid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);
	bool entry = event == PTRACE_EVENT_SECCOMP;
	bool at_exit = !event && sig == (SIGTRAP | 0x80);

	if (entry && t->place == PLACE_MOVE)
		bare_follow(last_cpu(pid), &t->bound);
	if (entry || at_exit)
		look(t, pid, entry);
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
		place_new(t, pid, event);
	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) /* stopped by job control, and stays so */
		ptrace(PTRACE_LISTEN, pid, NULL, 0L);
	else
		ptrace(entry && t->want_exit ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL,
		       event || at_exit ? 0L : (long)sig);
}

static _Noreturn void trace(struct tracer *t, pid_t subject, int attached)
{
	int status;

	if (ptrace(PTRACE_SEIZE, subject, NULL, OPTIONS)) {
		perror("bare_ptrace: PTRACE_SEIZE");
		_exit(1);
	}
	if (t->place >= 0)
		bare_pin(0, t->place);
	if (t->tasks >= 0)
		bare_pin(subject, t->tasks);
	if (write(attached, "x", 1) != 1)
		_exit(1);
	/* The pipes are the subject's: who waits for their end must not wait for us. */
	close(attached);
	close(0);
	close(1);
	for (;;) {
		pid_t pid = wait4(-1, &status, __WALL, NULL);

		if (pid < 0 && errno != EINTR)
			_exit(0);
		if (pid > 0 && WIFSTOPPED(status))
			handle_stop(t, pid, status);
	}
}

static int place_of(const char *text, const char *move)
{
	if (!strcmp(text, "none"))
		return PLACE_NONE;
	return strcmp(text, move) ? atoi(text) : PLACE_MOVE;
}

static int parse(struct tracer *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "exit", no_argument, NULL, 'e' },	 { "read", no_argument, NULL, 'r' },
		{ "place", required_argument, NULL, 'p' }, { "tasks", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1)
		switch (c) {
		case 'e':
			t->want_exit = true;
			break;
		case 'r':
			t->read = true;
			break;
		case 'p':
			t->place = place_of(optarg, "follow");
			break;
		case 't':
			t->tasks = place_of(optarg, "spread");
			break;
		default:
			return -EINVAL;
		}
	if (optind + 2 >= argc || strcmp(argv[optind + 1], "--"))
		return -EINVAL;
	return bare_set_parse(&t->set, argv[optind]);
}

int main(int argc, char **argv)
{
	struct tracer t = { .place = PLACE_NONE, .tasks = PLACE_NONE, .bound = -1 };
	pid_t pid = getpid(), tracer;
	int attached[2];
	char byte;

	if (parse(&t, argc, argv)) {
		fprintf(stderr, "usage: bare_ptrace [OPTION]... SYSCALLS -- CMD [ARG]...\n");
		return 2;
	}
	if (pipe2(attached, O_CLOEXEC))
		return 125;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* where Yama asks for it */
	tracer = fork();
	if (!tracer)
		trace(&t, pid, attached[1]);
	close(attached[1]);
	if (tracer < 0 || read(attached[0], &byte, 1) != 1 ||
	    bare_filter(&t.set, SECCOMP_RET_TRACE, 0))
		return 125;
	execvp(argv[optind + 2], argv + optind + 2);
	return 127;
}
