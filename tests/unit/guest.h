/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h - programs for an engine to watch, for tests of the engines with nothing above them.
 *
 * The test file says with GUESTS which there are. A guest runs before main(),
 * makes calls that nobody else does, and says by a page that it shares with the
 * test what came of them. The test is worker and client at once.
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/engine.h"

#define CALLS 16
#define NONE (-7777) /* in `result`: the call has not returned */
#define TEXT "what the guest says"

struct page {
	volatile long result[CALLS];
	volatile long flags[CALLS]; /* of the descriptor that is the result */
	volatile int count, step, signals;
	volatile pid_t pid[4];
	char text[32];
};

struct guest {
	const char *name;
	int (*fn)(void); /* its exit status */
};

/* The test file's, and the name under which this program is one of them. */
static struct guest_set {
	const char *program;
	const struct guest *all;
	size_t count;
} guest_set;

#define GUESTS(program_, all_) \
	static struct guest_set guest_set = {program_, all_, sizeof(all_) / sizeof((all_)[0])}

static struct page *page;
static int page_fd = -1;

/* ----------------------------------------------------------------- the guest */

static inline long raw(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

/* A call that its number in the page tells from the others. */
static inline void make_call(int i, long nr)
{
	page->result[i] = raw(nr, i, (long)(uintptr_t)page->text, 33);
	if (page->result[i] >= 0)
		page->flags[i] = raw(SYS_fcntl, page->result[i], F_GETFD, 0);
}

/* What sleeps cannot be slept through: the test is not to depend on who is faster. */
static inline void guest_wait(int step)
{
	while (page->step < step)
		usleep(200);
}

static inline void become_guest(const char *name)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", page_fd);
	execl("/proc/self/exe", guest_set.program, name, number, NULL);
}

/* The leader's number goes to the thread that calls execve(2), while the leader waits in a call. */
static inline void *thread_executes(void *arg)
{
	(void)arg;
	guest_wait(1);
	become_guest("second");
	return NULL;
}

static inline int guest_replaced(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_executes, NULL);
	make_call(0, SYS_getpgid);
	return 98;
}

__attribute__((constructor)) static void be_guest(int argc, char **argv)
{
	if (argc != 3 || !guest_set.program || strcmp(argv[0], guest_set.program) != 0)
		return;
	page_fd = atoi(argv[2]);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	for (size_t i = 0; page != MAP_FAILED && i < guest_set.count; i++)
		if (strcmp(guest_set.all[i].name, argv[1]) == 0)
			_exit(guest_set.all[i].fn());
	_exit(99);
}

/* ------------------------------------------------------- client and worker */

static struct engine_select sel;
static struct engine_config config = {.select = &sel, .foreign = ENGINE_FOREIGN_REFUSE};
static const struct engine_ops *ops;
static struct engine *engine;
static pid_t client;
static int listener; /* its number in the client */
static void (*client_does)(void); /* between filter and program */

static inline void page_new(void)
{
	page_fd = memfd_create("page", 0);
	CU_ASSERT_FATAL(page_fd >= 0 && ftruncate(page_fd, sizeof(*page)) == 0);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	CU_ASSERT_FATAL(page != MAP_FAILED);
	for (int i = 0; i < CALLS; i++)
		page->result[i] = page->flags[i] = NONE;
	strcpy(page->text, TEXT);
}

static inline void page_end(void)
{
	munmap(page, sizeof(*page));
	close(page_fd);
	page = NULL;
}

/* From here on every call may be one that waits for an answer. */
static inline void install_filter(int tell)
{
	uint32_t flags = ops->filter_flags(engine);
	int number = open("/dev/null", O_RDONLY | O_CLOEXEC), got;
	struct sock_fprog f;
	const void *prog;
	size_t count;

	ops->filter(engine, &prog, &count);
	f.len = (unsigned short)count;
	f.filter = (struct sock_filter *)(uintptr_t)prog;
	close(number);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || write(tell, &number, sizeof(number)) < 0)
		_exit(100);
	got = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &f);
	if (got != (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? number : 0))
		_exit(101);
}

static _Noreturn void be_client(const char *name, int hear, int tell)
{
	char c;

	if (read(hear, &c, 1) != 1)
		_exit(102);
	install_filter(tell);
	if (client_does)
		client_does();
	become_guest(name);
	_exit(103);
}

static inline void let_client_go(void)
{
	const struct engine_action go = {.type = ENGINE_GO};
	struct engine_event ev = {0};

	if (config.turn)
		config.turn(config.owner_arg, true);
	if (ops->next(engine, &ev, false) == 1 && ev.type == ENGINE_NEW) {
		ops->set_owner(ev.task, &client);
		ops->resume(engine, ev.task, &go);
	}
	if (config.turn)
		config.turn(config.owner_arg, false);
	usleep(200);
}

/* Everything up to the moment at which the listener can be fetched. */
static inline void start(const char *name)
{
	int hear[2], tell[2];

	if (!page)
		page_new();
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(hear, O_CLOEXEC) | pipe2(tell, O_CLOEXEC), 0);
	client = fork();
	if (client == 0)
		be_client(name, hear[0], tell[1]);
	CU_ASSERT_EQUAL_FATAL(ops->launch(engine, client), 0);
	CU_ASSERT_EQUAL(write(hear[1], "x", 1), 1);
	close(tell[1]);
	close(hear[0]);
	close(hear[1]);
	/* An engine that stops the client first lets it go on with next() only. */
	fcntl(tell[0], F_SETFL, O_NONBLOCK);
	listener = -1;
	while (read(tell[0], &listener, sizeof(listener)) < 0 && errno == EAGAIN)
		let_client_go();
	close(tell[0]);
}

/* In any order; nobody is to be left. */
static inline void finish(void)
{
	ops->destroy(engine);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	page_end();
}

/* ------------------------------------------------------------------- what for */

static inline struct engine_action run_action(void)
{
	return (struct engine_action){.type = ENGINE_RUN};
}

static inline struct engine_action return_action(int64_t result)
{
	return (struct engine_action){.type = ENGINE_RETURN, .result = result};
}

static inline pid_t tid_of(const struct engine_task *t)
{
	pid_t tid, tgid;

	ops->identity(t, &tid, &tgid);
	return tid;
}

/* Leave `n` descriptors to be had. */
#define FILLERS 64
static inline void few_descriptors(int n, int fillers[FILLERS])
{
	struct rlimit r;
	int i = 0;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = FILLERS;
	setrlimit(RLIMIT_NOFILE, &r);
	while ((fillers[i] = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
		i++;
	CU_ASSERT_FATAL(i >= n);
	while (n-- > 0) {
		close(fillers[--i]);
		fillers[i] = -1;
	}
}

static inline void all_descriptors(const int fillers[FILLERS])
{
	struct rlimit r;

	for (int i = 0; fillers[i] >= 0; i++)
		close(fillers[i]);
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

/* What has been killed is dead, but for its parent to look. */
static inline void wait_dead(pid_t pid)
{
	siginfo_t info;

	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

#endif
