/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_ptrace.c - tests of vmmd/engine/ptrace*.c: the engine with nothing above it.
 *
 * The traced program is this one, which under the name GUEST does something
 * small before main() and says by its exit status whether all was as it had to
 * be. The test is tracer and parent at once, so the engine reaps the first task.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/ptrace.h"

#define GUEST "vmmd-unit-guest"

/* ----------------------------------------------------------------- the guest */

/* A call; `same`: its argument registers are what they were. */
static long call(long nr, long a, long b, long c, bool *same)
{
	long ret, d = a, s = b, x = c;

	__asm__ volatile("syscall" : "=a"(ret), "+D"(d), "+S"(s), "+d"(x) : "0"(nr) : "rcx", "r11", "memory");
	*same = d == a && s == b && x == c;
	return ret;
}

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		_exit(9);
}

static int be_told(const char *name, long expected)
{
	bool same;
	long ret = call(SYS_getpgid, 0x12345678, 22, 33, &same);

	if (ret != expected)
		fprintf(stderr, "%s: %ld, not %ld\n", name, ret, expected);
	return ret == expected && same ? 0 : 1;
}

static int be(const char *what, const char *arg)
{
	bool same;

	if (strcmp(what, "told") == 0)
		return be_told(what, atol(arg));
	if (strcmp(what, "chdir") == 0)
		return call(SYS_chdir, (long)(uintptr_t)arg, 0, 0, &same) == 0 && same ? 0 : 1;
	if (strcmp(what, "raise") == 0) {
		signal(atoi(arg), on_signal);
		raise(atoi(arg));
		return 0;
	}
	if (strcmp(what, "fork") == 0 && fork() >= 0)
		for (;;)
			pause();
	return 2;
}

__attribute__((constructor)) static void be_guest(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[0], GUEST) == 0)
		_exit(be(argv[1], argv[2]));
}

/* ---------------------------------------------------------------- the tracer */

typedef void (*on_event_fn)(const struct engine_event *, struct engine_action *);

static struct engine_select sel;
static struct engine *engine;
static const struct engine_ops *const ops = &engine_ptrace;
static char seen[400]; /* the events, in order */
static int status;     /* of the last task */
static int step;       /* for handlers */

static void become(int fd, const char *what, const char *arg)
{
	struct sock_fprog f;
	const void *prog;
	size_t count;
	char c;

	ops->filter(engine, &prog, &count);
	f.len = (unsigned short)count;
	f.filter = (struct sock_filter *)(uintptr_t)prog;
	if (read(fd, &c, 1) != 1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f) < 0)
		_exit(100);
	execl("/proc/self/exe", GUEST, what, arg, NULL);
	_exit(101);
}

static void begin(const char *what, const char *arg)
{
	struct engine_config cfg = {.select = &sel, .foreign = ENGINE_FOREIGN_REFUSE};
	int fds[2];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &cfg), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		become(fds[0], what, arg);
	CU_ASSERT_EQUAL_FATAL(ops->launch(engine, pid), 0);
	CU_ASSERT_EQUAL(write(fds[1], "x", 1), 1);
	close(fds[0]);
	close(fds[1]);
}

static void go_on(const struct engine_event *ev, on_event_fn fn)
{
	struct engine_action a = {.type = ENGINE_GO};
	int rc;

	if (ev->type == ENGINE_ENTRY)
		a.type = ENGINE_RUN;
	if (ev->type == ENGINE_EXIT) {
		a.type = ENGINE_RETURN;
		a.result = ev->result;
	}
	if (fn)
		fn(ev, &a);
	rc = ops->resume(engine, ev->task, &a);
	CU_ASSERT(rc == 0 || rc == -ESRCH); /* killed meanwhile */
}

/* Until nothing is left. */
static void follow(on_event_fn fn)
{
	static const char *const names[] = {"new", "entry", "exit", "signal", "exec", "exiting", "gone"};
	struct engine_event ev;
	int rc;

	while ((rc = ops->next(engine, &ev, true)) >= 0) {
		if (rc == 0)
			continue;
		if (strlen(seen) + 10 < sizeof(seen))
			sprintf(seen + strlen(seen), "%s%s", *seen ? " " : "", names[ev.type]);
		if (ev.type == ENGINE_GONE)
			status = ev.status;
		else
			go_on(&ev, fn);
	}
	CU_ASSERT_EQUAL(rc, -ECHILD);
	ops->destroy(engine);
	/* A grandchild that the tracer saw end is, once its parent has gone, still to be reaped. */
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

/* -------------------------------------------------------------------- tests */

static void look_at_all(const struct engine_event *ev, struct engine_action *a)
{
	static pid_t tid;
	pid_t tgid;

	if (ev->type == ENGINE_NEW) {
		CU_ASSERT_PTR_NULL(ev->owner);
		ops->identity(ev->task, &tid, &tgid);
		CU_ASSERT_EQUAL(tid, tgid);
		ops->set_owner(ev->task, &tid);
		return;
	}
	CU_ASSERT_PTR_EQUAL(ev->owner, &tid);
	if (ev->type == ENGINE_EXEC)
		CU_ASSERT_EQUAL(ev->former_tid, tid);
	if (ev->type == ENGINE_ENTRY) {
		CU_ASSERT_EQUAL(ev->call.nr, SYS_getpgid);
		CU_ASSERT_EQUAL(ev->call.args[0], 0x12345678);
		CU_ASSERT_EQUAL(ev->call.args[1], 22);
		CU_ASSERT_EQUAL(ev->call.args[2], 33);
		a->want_exit = true;
	}
	if (ev->type == ENGINE_EXIT)
		CU_ASSERT_EQUAL(ev->result, -ESRCH);
}

static void test_order(void)
{
	struct engine_stats st;

	sel.want[SYS_getpgid] = VMMD_WANT_ENTRY | VMMD_WANT_EXIT;
	sel.events = VMMD_EVENT_EXEC | VMMD_EVENT_TASK_NEW | VMMD_EVENT_TASK_EXIT;
	begin("told", "-3"); /* -ESRCH */
	ops->stats(engine, &st);
	CU_ASSERT_EQUAL(st.tasks, 1);
	follow(look_at_all);
	CU_ASSERT_STRING_EQUAL(seen, "new exec entry exit exiting gone");
	CU_ASSERT_EQUAL(status, 0);
}

static void answer(const struct engine_event *ev, struct engine_action *a)
{
	if (ev->type != ENGINE_ENTRY)
		return;
	a->type = ENGINE_RETURN;
	a->result = 4711;
}

static void test_answered(void)
{
	sel.want[SYS_getpgid] = VMMD_WANT_ENTRY;
	begin("told", "4711");
	follow(answer);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_PTR_NULL(strstr(seen, "exit")); /* no exit of a call that was not run */
}

/* The kernel gets another call; the program gets a result, and its own registers back. */
static void rewrite(const struct engine_event *ev, struct engine_action *a)
{
	static struct vmmd_call other;

	if (ev->type == ENGINE_ENTRY) {
		other = ev->call;
		other.nr = SYS_getppid;
		other.args[0] = other.args[1] = other.args[2] = 9;
		a->changed = a->want_exit = true;
		a->call = &other;
	} else if (ev->type == ENGINE_EXIT) {
		CU_ASSERT_EQUAL(ev->result, getpid());
		a->result = 77;
	}
}

static void test_rewritten(void)
{
	sel.want[SYS_getpgid] = VMMD_WANT_ENTRY | VMMD_WANT_REWRITE;
	begin("told", "77");
	follow(rewrite);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "entry exit"));
}

static void reissue(const struct engine_event *ev, struct engine_action *a)
{
	static struct vmmd_call other;

	if (ev->type == ENGINE_ENTRY)
		a->want_exit = true;
	if (ev->type != ENGINE_EXIT)
		return;
	step++;
	if (step == 1) {
		memset(&other, 0, sizeof(other));
		other.nr = SYS_getppid;
		a->type = ENGINE_RUN;
		a->call = &other;
		a->changed = a->want_exit = true;
	} else {
		CU_ASSERT_EQUAL(ev->result, getpid());
		a->result = 5;
	}
}

static void test_reissued(void)
{
	sel.want[SYS_getpgid] = VMMD_WANT_EXIT | VMMD_WANT_REISSUE;
	begin("told", "5");
	follow(reissue);
	CU_ASSERT_EQUAL(step, 2);
	CU_ASSERT_EQUAL(status, 0);
}

/* Another path, in memory that only the task's calls know. */
static void redirect(const struct engine_event *ev, struct engine_action *a)
{
	static struct vmmd_call other;
	uint64_t addr = 0;
	char buf[16] = "";

	if (ev->type == ENGINE_EXIT)
		CU_ASSERT_EQUAL(ev->result, 0);
	if (ev->type != ENGINE_ENTRY)
		return;
	CU_ASSERT_EQUAL(ops->read(ev->task, ev->call.args[0], buf, 9), 9);
	CU_ASSERT_STRING_EQUAL(buf, "/no/such");
	CU_ASSERT_EQUAL(ops->scratch(engine, ev->task, &addr), 0);
	CU_ASSERT_EQUAL(ops->write(ev->task, addr, "/", 2), 2);
	CU_ASSERT_EQUAL(ops->write(ev->task, addr + ENGINE_SCRATCH - 4, "end", 4), 4);
	CU_ASSERT_EQUAL(ops->read(ev->task, addr, buf, 2), 2);
	CU_ASSERT_STRING_EQUAL(buf, "/");
	CU_ASSERT(ops->read(ev->task, 8, buf, 2) < 0);
	other = ev->call;
	other.args[0] = addr;
	a->changed = a->want_exit = true;
	a->call = &other;
}

static void test_memory(void)
{
	sel.want[SYS_chdir] = VMMD_WANT_ENTRY | VMMD_WANT_REWRITE;
	begin("chdir", "/no/such");
	follow(redirect);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "entry exit"));
}

static void drop(const struct engine_event *ev, struct engine_action *a)
{
	if (ev->type != ENGINE_SIGNAL)
		return;
	CU_ASSERT_EQUAL(ev->info->si_signo, SIGUSR1);
	a->type = ENGINE_DROP;
}

static void turn_into_term(const struct engine_event *ev, struct engine_action *a)
{
	(void)a;
	if (ev->type == ENGINE_SIGNAL)
		ev->info->si_signo = SIGTERM;
}

static void test_signals(void)
{
	sel.events = VMMD_EVENT_SIGNAL;
	begin("raise", "10"); /* SIGUSR1: its handler ends the program */
	follow(NULL);
	CU_ASSERT_EQUAL(status, 9 << 8);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "signal gone"));
	begin("raise", "10");
	follow(drop);
	CU_ASSERT_EQUAL(status, 0);
	begin("raise", "10");
	follow(turn_into_term); /* for which it has no handler */
	CU_ASSERT_EQUAL(status, SIGTERM);
}

static void kill_both(const struct engine_event *ev, struct engine_action *a)
{
	static int parent;

	(void)a;
	if (ev->type != ENGINE_NEW)
		return;
	if (++step == 1) {
		ops->set_owner(ev->task, &parent);
		return;
	}
	CU_ASSERT_PTR_EQUAL(ev->parent_owner, &parent);
	CU_ASSERT_EQUAL(ev->clone_flags & 0xff, SIGCHLD);
	ops->kill_all(engine);
}

static void test_kill_all(void)
{
	sel.events = VMMD_EVENT_TASK_NEW;
	begin("fork", "");
	follow(kill_both);
	CU_ASSERT_EQUAL(step, 2);
	CU_ASSERT_EQUAL(status, SIGKILL);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "gone gone"));
}

/* Whatever runs ends with the engine. */
static void test_destroyed(void)
{
	struct engine_event ev;
	int left;

	begin("fork", "");
	while (step < 2) {
		if (ops->next(engine, &ev, true) <= 0)
			continue;
		step += ev.type == ENGINE_NEW;
		if (step < 2)
			go_on(&ev, NULL);
	}
	ops->destroy(engine);
	while (waitpid(-1, &left, __WALL) > 0)
		CU_ASSERT(!WIFEXITED(left));
	CU_ASSERT_EQUAL(errno, ECHILD);
}

UNIT_SUITE(ptrace, UNIT_TEST(test_order), UNIT_TEST(test_answered), UNIT_TEST(test_rewritten),
	   UNIT_TEST(test_reissued), UNIT_TEST(test_memory), UNIT_TEST(test_signals), UNIT_TEST(test_kill_all),
	   UNIT_TEST(test_destroyed));
