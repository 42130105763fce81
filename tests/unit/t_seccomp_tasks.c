/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_seccomp_tasks.c - tests of vmmd/engine/seccomp.c: which tasks there are, and who ends with whom. */
#include "tests/unit/seccomp_worker.h"

#include <sched.h>
#include <stddef.h>

#include "vmmd/engine/procfs.h"

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

/* --------------------------------------------------------------- the guests */

/* A child that makes no call that stops, and a parent that ends without it. */
static int guest_leaves(void)
{
	pid_t pid = (pid_t)raw(SYS_fork, 0, 0, 0);

	if (pid == 0)
		for (;;)
			usleep(10000);
	page->pid[0] = pid;
	guest_wait(1);
	return 0;
}

static int guest_child_calls(void)
{
	pid_t pid;

	make_call(0, SYS_getpgid);
	pid = fork();
	if (pid == 0) {
		make_call(1, SYS_getpgid);
		if (page->result[1] == -ENOMEM) /* so would exit_group(2) be, and libc does not expect that */
			raise(SIGKILL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	guest_wait(1);
	make_call(2, SYS_getpgid);
	return 0;
}

static void *thread_calls(void *arg)
{
	page->pid[0] = gettid();
	make_call((int)(intptr_t)arg, SYS_getpgid);
	return NULL;
}

/* Two threads, one after the other; the leader calls when it is told to, or first. */
static int guest_threads(void)
{
	pthread_t thread;

	if (page->count)
		make_call(3, SYS_getpgid);
	for (intptr_t i = 1; i <= 2; i++) {
		pthread_create(&thread, NULL, thread_calls, (void *)i);
		pthread_join(thread, NULL);
		page->pid[i] = page->pid[0];
	}
	guest_wait(1);
	make_call(0, SYS_getpgid);
	return 0;
}

/* What has the number next: first it says where its memory is. */
static int guest_second(void)
{
	page->flags[8] = (long)(uintptr_t)page->text;
	guest_wait(2);
	make_call(8, SYS_getpgid);
	return 0;
}

static const struct guest guests[] = {
	{"leaves", guest_leaves},     {"child", guest_child_calls}, {"threads", guest_threads},
	{"replaced", guest_replaced}, {"second", guest_second},
};

GUESTS("vmmd-unit-seccomp-tasks", guests);

/* -------------------------------------------------------- children and threads */

/* A child that nobody heard of is looked up a moment after the fork. */
static void test_child_is_looked_up(void)
{
	struct pollfd p = {.events = POLLIN};
	int status = -1;

	need_engine();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	begin("leaves", 0);
	p.fd = ops->fd(engine);
	while (!page->pid[0])
		ops->next(engine, &ev, false);
	CU_ASSERT_EQUAL(tasks(), 1);
	CU_ASSERT_EQUAL(poll(&p, 1, 5000), 1);
	ops->ready(engine);
	CU_ASSERT_EQUAL(tasks(), 2);
	CU_ASSERT_EQUAL(ops->next(engine, &ev, false), 0); /* none of it is reported */
	kill(client, SIGKILL);
	CU_ASSERT_EQUAL(client_status(), SIGKILL);
	ops->destroy(engine); /* its parent has gone: only who is known is killed */
	CU_ASSERT_EQUAL(waitpid(page->pid[0], &status, 0), page->pid[0]);
	CU_ASSERT_EQUAL(status, SIGKILL);
	page_end();
}

/* … or while its parent is held in exit_group(2), if it ends within that moment. */
static void test_child_of_one_that_ends(void)
{
	need_engine();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	begin("leaves", 0);
	page->step = 1;
	while (waitpid(client, NULL, WNOHANG) == 0)
		CU_ASSERT_EQUAL(ops->next(engine, &ev, false), 0);
	CU_ASSERT_EQUAL(tasks(), 2);
	ops->ready(engine);
	CU_ASSERT_EQUAL(tasks(), 1);
	ops->kill_all(engine);
	CU_ASSERT_EQUAL(next(), -ECHILD);
	finish();
}

static void test_child_that_calls(void)
{
	const struct engine_task *parent, *child;

	need_engine();
	begin("child", 0);
	parent = expect_new(&someone);
	CU_ASSERT_EQUAL(resume(return_action(1)), 0);
	child = expect_new(&another); /* it has no parent: see THREAD_FLAGS for what has */
	CU_ASSERT_PTR_NULL(ev.parent_owner);
	CU_ASSERT_NOT_EQUAL(tid_of(child), client);
	CU_ASSERT_EQUAL(tasks(), 2);
	CU_ASSERT_EQUAL(resume(return_action(2)), 0);
	expect_watched_end(&another);
	page->step = 1;
	expect(ENGINE_ENTRY);
	CU_ASSERT_PTR_EQUAL(ev.task, parent);
	CU_ASSERT_EQUAL(resume(return_action(3)), 0);
	expect_gone(&someone);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(page->result[i], i + 1);
	finish();
}

/* One that cannot be watched does not run: its calls fail. */
static void test_child_that_cannot_be_watched(void)
{
	int fillers[FILLERS];

	need_engine();
	begin("child", 0);
	page->step = 1;
	expect_new(&someone);
	few_descriptors(0, fillers);
	CU_ASSERT_EQUAL(resume(return_action(1)), 0);
	expect(ENGINE_ENTRY);
	all_descriptors(fillers);
	CU_ASSERT_EQUAL(tid_of(ev.task), client);
	CU_ASSERT_EQUAL(page->result[1], -ENOMEM);
	CU_ASSERT_EQUAL(tasks(), 1);
	CU_ASSERT_EQUAL(resume(return_action(3)), 0);
	expect_gone(&someone);
	finish();
}

/* As if the kernel gave none, of threads or of anybody. */
static void forbid_pidfds(bool of_all)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, of_all ? 0 : O_EXCL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog f = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	CU_ASSERT_EQUAL_FATAL(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f), 0);
}

static void test_child_without_a_pidfd(void)
{
	need_engine();
	begin("child", 0);
	page->step = 1;
	expect_new(&someone);
	forbid_pidfds(true);
	CU_ASSERT_EQUAL(resume(return_action(1)), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT_EQUAL(tid_of(ev.task), client);
	CU_ASSERT_EQUAL(page->result[1], -ENOMEM);
	CU_ASSERT_EQUAL(resume(return_action(3)), 0);
	expect_gone(&someone);
	finish();
}

/* Expect a thread's first call, as one of a process of which `peer` is known. */
static void expect_thread(void *owner, const void *peer, int i)
{
	pid_t tid, tgid;

	expect(ENGINE_NEW);
	CU_ASSERT_PTR_EQUAL(ev.parent_owner, peer);
	CU_ASSERT_EQUAL(ev.clone_flags, peer ? THREAD_FLAGS : 0);
	ops->identity(ev.task, &tid, &tgid);
	CU_ASSERT_NOT_EQUAL(tid, client);
	CU_ASSERT_EQUAL(tgid, client);
	CU_ASSERT_EQUAL(resume_new(owner), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT_EQUAL((int)ev.call.args[0], i);
}

static void test_threads(void)
{
	struct engine_action run = run_action();
	struct engine_task *leader;

	need_engine();
	begin("threads", 0);
	expect_thread(&someone, NULL, 1);
	CU_ASSERT_EQUAL(tasks(), 2); /* the leader stands for the process, heard of or not */
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	expect_thread(&another, &someone, 2); /* its end has not been seen yet */
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	page->step = 1;
	expect(ENGINE_NEW);
	CU_ASSERT_EQUAL(tid_of(ev.task), client);
	CU_ASSERT_PTR_NULL(ev.parent_owner);
	CU_ASSERT_EQUAL(resume_new(&client), 0);
	expect(ENGINE_ENTRY);
	leader = ev.task;
	/* Threads end one by one, and what they made was no child. */
	expect_watched_end(&someone);
	expect_watched_end(&another);
	CU_ASSERT_EQUAL(tasks(), 1);
	CU_ASSERT_EQUAL(ops->resume(engine, leader, &run), 0);
	expect_gone(&client);
	CU_ASSERT_EQUAL(client_status(), 0);
	finish();
}

/* Whoever else of the process is known, the leader is preferred. */
static void test_threads_of_a_leader(void)
{
	need_engine();
	begin("threads", 1);
	expect_new(&client);
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	for (int i = 1; i <= 2; i++) {
		expect_thread(&someone, &client, i);
		CU_ASSERT_EQUAL(resume(run_action()), 0);
	}
	page->step = 1;
	let_end();
	CU_ASSERT_EQUAL(client_status(), 0);
	finish();
}

/* Linux before 6.9: a thread's end is that of its process. */
static void test_threads_without_pidfds(void)
{
	struct engine_task *thread;

	need_engine();
	forbid_pidfds(false);
	begin("threads", 0);
	expect_thread(&someone, NULL, 1);
	thread = ev.task;
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	expect_thread(&another, &someone, 2);
	CU_ASSERT_EQUAL(tasks(), 3);
	CU_ASSERT_EQUAL(ops->kill(engine, thread), 0); /* all the same: with its process */
	CU_ASSERT_EQUAL(client_status(), SIGKILL);
	CU_ASSERT_EQUAL(tasks(), 3);
	ops->ready(engine);
	CU_ASSERT_EQUAL(tasks(), 0);
	let_end();
	CU_ASSERT_EQUAL(ops->next(engine, &ev, true), -ECHILD);
	finish();
}

/* ---------------------------------------------------- a number that changes hands */

/*
 * The leader waits, another thread executes a program: that has the leader's
 * number now, and is not to be taken for it.
 */
static void test_replaced_while_it_waits(void)
{
	uint64_t text;
	char c = '?';

	need_engine();
	begin("replaced", 0);
	expect_new(&someone);
	page->step = 1;
	while (page->flags[8] == NONE)
		CU_ASSERT_EQUAL_FATAL(ops->next(engine, &ev, false), 0);
	text = (uint64_t)page->flags[8];
	CU_ASSERT_EQUAL(ops->read(ev.task, text, &c, 1), -EFAULT);
	CU_ASSERT_EQUAL(ops->write(ev.task, text, &c, 1), -EFAULT);
	CU_ASSERT_STRING_EQUAL(page->text, TEXT);
	CU_ASSERT_EQUAL(ops->install_fd(engine, ev.task, 0, true), -ESRCH);
	page->step = 2;
	expect(ENGINE_ENTRY);
	CU_ASSERT_PTR_EQUAL(ev.owner, &someone);
	CU_ASSERT_EQUAL(ev.call.args[0], 8);
	CU_ASSERT_EQUAL(ops->read(ev.task, text, &c, 1), 1);
	CU_ASSERT_EQUAL(c, TEXT[0]);
	CU_ASSERT_EQUAL(resume(return_action(5)), 0);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[0], NONE);
	CU_ASSERT_EQUAL(page->result[8], 5);
	CU_ASSERT_EQUAL(client_status(), 0);
	finish();
}

/* Its answer comes too late for it, and is not the other's. */
static void test_answered_after_it_was_replaced(void)
{
	need_engine();
	begin("replaced", 0);
	expect_new(&someone);
	page->step = 1;
	while (page->flags[8] == NONE)
		CU_ASSERT_EQUAL_FATAL(ops->next(engine, &ev, false), 0);
	CU_ASSERT_EQUAL(resume(return_action(4)), -ESRCH);
	page->step = 2;
	expect(ENGINE_ENTRY);
	CU_ASSERT_EQUAL(resume(return_action(5)), 0);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[8], 5);
	finish();
}

static uint64_t stops(void)
{
	struct engine_stats st;

	ops->stats(engine, &st);
	return st.stops;
}

/* … while it is not even answered that there is such a task. */
static void test_replaced_before_it_is_known(void)
{
	uint64_t before;

	need_engine();
	begin("replaced", 0);
	expect(ENGINE_NEW);
	page->step = 1;
	while (page->flags[8] == NONE)
		CU_ASSERT_EQUAL_FATAL(ops->next(engine, &ev, false), 0);
	before = stops();
	page->step = 2;
	while (stops() == before)
		CU_ASSERT_EQUAL(ops->next(engine, &ev, false), 0);
	CU_ASSERT_EQUAL(resume_new(&someone), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT_EQUAL(ev.call.args[0], 8);
	CU_ASSERT_EQUAL(resume(return_action(5)), 0);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[8], 5);
	finish();
}

/* ------------------------------------------------------------- the worker's end */

/* The process that is called so, among the children of another. */
static pid_t child_called(pid_t parent, const char *name)
{
	pid_t pids[8], found = 0;
	int n = procfs_children(parent, pids, 8);

	for (int i = 0; i < n; i++) {
		char path[48], comm[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pids[i]);
		f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f) && strncmp(comm, name, strlen(name)) == 0)
			found = pids[i];
		if (f)
			fclose(f);
	}
	return found;
}

/* A worker that dies with a question open; its guard may be slow. */
static _Noreturn void be_worker(int tell)
{
	begin("child", 0);
	expect_new(&someone);
	if (write(tell, &client, sizeof(client)) < 0)
		_exit(1);
	for (;;)
		pause();
}

static void test_worker_dies(void)
{
	int told[2], status = -1;
	pid_t worker, guard = 0;

	need_engine();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	page_new();
	CU_ASSERT_EQUAL_FATAL(pipe2(told, O_CLOEXEC), 0);
	worker = fork();
	if (worker == 0)
		be_worker(told[1]);
	CU_ASSERT_EQUAL_FATAL(read(told[0], &client, sizeof(client)), sizeof(client));
	while (!guard) /* it may not have its name yet */
		guard = child_called(worker, "vmmd-guard");
	kill(guard, SIGSTOP);
	kill(worker, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(worker, &status, 0), worker);
	CU_ASSERT_EQUAL(status, SIGKILL);
	/* It waits: its call does not fail, as without a listener it would. */
	usleep(20000);
	CU_ASSERT_EQUAL(page->result[0], NONE);
	CU_ASSERT_EQUAL(waitpid(client, &status, WNOHANG), 0);
	kill(guard, SIGCONT);
	CU_ASSERT_EQUAL(client_status(), SIGKILL);
	CU_ASSERT_EQUAL(page->result[0], NONE);
	CU_ASSERT_EQUAL(waitpid(guard, &status, 0), guard);
	CU_ASSERT_EQUAL(status, 0);
	close(told[0]);
	close(told[1]);
	page_end();
}

/* Whoever runs and whoever waits ends with the engine. */
static void test_destroyed(void)
{
	pid_t child;
	int status;

	need_engine();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	begin("child", 0);
	expect_new(&someone);
	CU_ASSERT_EQUAL(resume(return_action(1)), 0);
	child = tid_of(expect_new(&another));
	ops->destroy(engine);
	while (waitpid(-1, &status, 0) > 0) /* the parent, and the child if that has not waited for it */
		CU_ASSERT_EQUAL(status, SIGKILL);
	CU_ASSERT(kill(child, 0) < 0);
	CU_ASSERT(kill(client, 0) < 0);
	CU_ASSERT_EQUAL(page->result[1], NONE);
	page_end();
}

/* ----------------------------------------------------------- a task out of nowhere */

/* A thread that installs the filter for itself: nobody has heard of its leader. */
static void *filtered_thread(void *arg)
{
	install_filter(*(int *)arg);
	make_call(0, SYS_getpgid);
	guest_wait(1);
	make_call(1, SYS_getpgid);
	return NULL;
}

static void begin_unknown(void)
{
	int tell[2];

	page_new();
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(tell, O_CLOEXEC), 0);
	client = fork();
	if (client == 0) {
		pthread_t thread;

		pthread_create(&thread, NULL, filtered_thread, &tell[1]);
		pthread_join(thread, NULL);
		_exit(0);
	}
	CU_ASSERT_EQUAL(read(tell[0], &listener, sizeof(listener)), sizeof(listener));
	close(tell[0]);
	close(tell[1]);
	CU_ASSERT_EQUAL_FATAL(ops->listen(engine, client, listener), 0);
}

static void test_leader_is_found(void)
{
	need_engine();
	begin_unknown();
	expect_thread(&someone, NULL, 0);
	CU_ASSERT_EQUAL(tasks(), 2);
	ops->destroy(engine);
	CU_ASSERT_EQUAL(client_status(), SIGKILL);
	page_end();
}

/* Its end could not be noticed: it does not become known, and its call fails. */
static void test_leader_cannot_be_watched(void)
{
	int fillers[FILLERS];

	need_engine();
	begin_unknown();
	few_descriptors(2, fillers); /* the thread's, and one to look into /proc with */
	while (page->result[0] == NONE)
		CU_ASSERT_EQUAL_FATAL(ops->next(engine, &ev, false), 0);
	all_descriptors(fillers);
	CU_ASSERT_EQUAL(page->result[0], -ENOMEM);
	CU_ASSERT_EQUAL(tasks(), 0);
	page->step = 1;
	expect_thread(&someone, NULL, 1);
	CU_ASSERT_EQUAL(resume(return_action(6)), 0);
	expect_watched_end(&someone);
	CU_ASSERT_EQUAL(page->result[1], 6);
	CU_ASSERT_EQUAL(client_status(), 0);
	finish();
}

UNIT_SUITE(seccomp_tasks, UNIT_TEST(test_child_is_looked_up), UNIT_TEST(test_child_of_one_that_ends),
	   UNIT_TEST(test_child_that_calls), UNIT_TEST(test_child_that_cannot_be_watched),
	   UNIT_TEST(test_child_without_a_pidfd), UNIT_TEST(test_threads), UNIT_TEST(test_threads_of_a_leader),
	   UNIT_TEST(test_threads_without_pidfds), UNIT_TEST(test_replaced_while_it_waits),
	   UNIT_TEST(test_answered_after_it_was_replaced), UNIT_TEST(test_replaced_before_it_is_known),
	   UNIT_TEST(test_worker_dies), UNIT_TEST(test_destroyed),
	   UNIT_TEST(test_leader_is_found), UNIT_TEST(test_leader_cannot_be_watched));
