/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_seccomp.c - tests of vmmd/engine/seccomp.c: the engine with nothing above it, and one task. */
#include "tests/unit/seccomp_worker.h"

#include <sys/resource.h>
#include <sys/time.h>

#include "vmmd/engine/notify.h"

/* --------------------------------------------------------------- the guests */

static int guest_calls(void)
{
	for (int i = 0; i < page->count; i++)
		make_call(i, SYS_getpgid);
	return 0;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	page->signals++;
	page->result[CALLS - 1] = info->si_value.sival_int;
}

/* A signal whose handler lets no call go on. */
static int guest_signal(void)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &sa, NULL);
	make_call(0, SYS_getpgid);
	while (!page->signals)
		usleep(200);
	return 0;
}

/* What is refused without a question, and what nobody is interested in. */
static int guest_unasked(void)
{
	make_call(0, SYS_getsid);
	page->result[1] = raw(SYS_getppid, 0, 0, 0);
	page->result[2] = raw(SYS_landlock_create_ruleset, 0, 0, 1);
	page->result[4] = raw(SYS_clone3, 8, 88, 0);
	make_call(3, SYS_getpgid);
	return 0;
}

static const struct guest guests[] = {{"calls", guest_calls}, {"signal", guest_signal}, {"unasked", guest_unasked}};

GUESTS("vmmd-unit-seccomp", guests);

/* ---------------------------------------------------------- what it says it is */

static void test_operations(void)
{
	CU_ASSERT_STRING_EQUAL(engine_seccomp.name, "seccomp");
	CU_ASSERT_EQUAL(engine_seccomp.features, ENGINE_F_ENTRY | ENGINE_F_INSTALL_FD | ENGINE_F_ERRNO);
	/* One thread, and no event by another way. */
	CU_ASSERT_PTR_NULL(engine_seccomp.receive);
	CU_ASSERT_PTR_NULL(engine_seccomp.receives);
	CU_ASSERT_PTR_NULL(engine_seccomp.shut);
	for (uint32_t want = 0; want < 0x80; want++)
		CU_ASSERT_EQUAL(engine_seccomp.how(want), want ? ENGINE_HOW_NOTIFY : ENGINE_HOW_ALLOW);
}

static void test_nobody_there(void)
{
	const siginfo_t info = {.si_signo = SIGTERM};
	struct engine_stats st;
	const void *prog = NULL;
	size_t count = 0;
	pid_t gone;

	need_engine();
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	gone = fork();
	if (gone == 0)
		_exit(0);
	CU_ASSERT_EQUAL(waitpid(gone, NULL, 0), gone);
	CU_ASSERT_EQUAL(ops->launch(engine, gone), -ESRCH);
	CU_ASSERT_EQUAL(ops->listen(engine, gone, 3), -ESRCH);
	CU_ASSERT_EQUAL(ops->inject(engine, getpid(), &info), -ESRCH);
	CU_ASSERT_EQUAL(ops->next(engine, &ev, false), -ECHILD);
	CU_ASSERT_EQUAL(ops->next(engine, &ev, true), -ECHILD);
	CU_ASSERT_EQUAL(ops->filter(engine, &prog, &count), 0);
	CU_ASSERT(prog != NULL && count > 0);
	CU_ASSERT_EQUAL(ops->filter_flags(engine), notify_flags());
	CU_ASSERT(ops->fd(engine) >= 0);
	ops->ready(engine); /* which is nothing to it */
	CU_ASSERT_EQUAL(ops->reselect(engine, NULL), 0);
	CU_ASSERT_EQUAL(ops->reselect(engine, &sel), -ENOTSUP);
	ops->kill_all(engine);
	ops->stats(engine, &st);
	CU_ASSERT_EQUAL(st.tasks + st.tasks_max + st.stops + st.events, 0);
	CU_ASSERT(st.task_bytes > 0);
	ops->destroy(engine);
}

/* A descriptor too few, wherever it is missed: nothing is left, and it is said. */
static void test_create_without_descriptors(void)
{
	struct rlimit old, few;
	int low = dup(0), failed = 0, rc;

	close(low);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (few = old;; failed++) {
		few.rlim_cur = (rlim_t)(low + failed);
		setrlimit(RLIMIT_NOFILE, &few);
		rc = engine_seccomp.create(&engine, &config);
		if (rc == 0)
			break;
		CU_ASSERT_EQUAL_FATAL(rc, -EMFILE);
		setrlimit(RLIMIT_NOFILE, &old);
		CU_ASSERT_EQUAL(dup(0), low);
		close(low);
	}
	CU_ASSERT(failed >= 4); /* epoll, timer, the two ends of the guard's connection */
	/* One for each task will be needed. */
	getrlimit(RLIMIT_NOFILE, &few);
	CU_ASSERT_EQUAL(few.rlim_cur, old.rlim_max);
	engine_seccomp.destroy(engine);
}

/* -------------------------------------------------------------------- events */

static void test_order(void)
{
	struct engine_stats st;
	pid_t tid, tgid;

	need_engine();
	sel.want[SYS_getpgid] = VMMD_WANT_ENTRY | VMMD_WANT_EXIT; /* there is none, but a stop */
	begin("calls", 2);
	expect(ENGINE_NEW);
	CU_ASSERT_PTR_NULL(ev.owner);
	CU_ASSERT_PTR_NULL(ev.parent_owner);
	CU_ASSERT_EQUAL(ev.clone_flags, 0);
	ops->identity(ev.task, &tid, &tgid);
	CU_ASSERT_EQUAL(tid, client);
	CU_ASSERT_EQUAL(tgid, client);
	CU_ASSERT_EQUAL(resume_new(&someone), 0);
	for (int i = 0; i < 2; i++) {
		expect(ENGINE_ENTRY);
		CU_ASSERT_PTR_EQUAL(ev.owner, &someone);
		CU_ASSERT(ev.fixed);
		CU_ASSERT(!ev.again);
		CU_ASSERT_EQUAL(ev.call.nr, SYS_getpgid);
		CU_ASSERT_EQUAL((int)ev.call.args[0], i);
		CU_ASSERT_EQUAL(ev.call.args[2], 33);
		CU_ASSERT_NOT_EQUAL(ev.call.pc, 0);
		CU_ASSERT_EQUAL(page->result[i], NONE);
		CU_ASSERT_EQUAL(resume(run_action()), 0);
	}
	expect_gone(&someone);
	CU_ASSERT_EQUAL(next(), -ECHILD);
	CU_ASSERT_EQUAL(next(), -ECHILD);
	CU_ASSERT_EQUAL(page->result[0], getpgid(0));
	CU_ASSERT_EQUAL(client_status(), 0);
	ops->stats(engine, &st);
	CU_ASSERT_EQUAL(st.tasks, 0);
	CU_ASSERT_EQUAL(st.tasks_max, 1);
	CU_ASSERT_EQUAL(st.events, 4);
	CU_ASSERT_EQUAL(st.stops, 4); /* execve(2) and exit_group(2) are the engine's own */
	finish();
}

static void test_answers(void)
{
	static const int64_t results[] = {4711, 0, -EACCES, -4095, INT64_C(1) << 40};
	struct engine_action a = run_action();

	need_engine();
	begin("calls", 6);
	expect_new(&someone);
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(resume(return_action(results[i])), 0);
		expect(ENGINE_ENTRY);
		CU_ASSERT_EQUAL(page->result[i], results[i]);
	}
	/* What cannot be rewritten is not run as it stands. */
	a.changed = true;
	a.call = &ev.call;
	CU_ASSERT_EQUAL(resume(a), 0);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[5], -ENOSYS);
	finish();
}

static void test_descriptors(void)
{
	struct engine_action a = {.type = ENGINE_RETURN_FD, .cloexec = true};
	int number;

	need_engine();
	begin("calls", 4);
	expect_new(&someone);
	a.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(resume(a), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT(page->result[0] > 2);
	CU_ASSERT_EQUAL(page->flags[0], FD_CLOEXEC);
	a.cloexec = false;
	CU_ASSERT_EQUAL(resume(a), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT(page->result[1] > page->result[0]);
	CU_ASSERT_EQUAL(page->flags[1], 0);
	number = ops->install_fd(engine, ev.task, a.fd, true);
	CU_ASSERT(number > page->result[1]);
	CU_ASSERT_EQUAL(page->result[2], NONE); /* it waits still */
	CU_ASSERT_EQUAL(ops->install_fd(engine, ev.task, -1, true), -EBADF);
	CU_ASSERT_EQUAL(resume(return_action(number)), 0);
	CU_ASSERT_EQUAL(ops->install_fd(engine, ev.task, a.fd, true), -ENOTSUP); /* no longer */
	expect(ENGINE_ENTRY);
	CU_ASSERT_EQUAL(page->result[2], number);
	CU_ASSERT_EQUAL(page->flags[2], FD_CLOEXEC);
	close(a.fd);
	CU_ASSERT_EQUAL(resume(a), 0); /* none any more: the program's error */
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[3], -EBADF);
	finish();
}

/* No action for an entry, or none outstanding: nothing is let through. */
static void test_bad_actions(void)
{
	static const enum engine_action_type bad[] = {ENGINE_GO, ENGINE_AGAIN, ENGINE_DROP};

	need_engine();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin("calls", 1);
		expect_new(&someone);
		CU_ASSERT_EQUAL(resume((struct engine_action){.type = bad[i]}), -EINVAL);
		CU_ASSERT_EQUAL(page->result[0], NONE);
		ops->kill_all(engine);
		expect_gone(&someone);
		CU_ASSERT_EQUAL(client_status(), SIGKILL);
		finish();
	}
	begin("calls", 1);
	expect_new(&someone);
	CU_ASSERT_EQUAL(resume(return_action(1)), 0);
	CU_ASSERT_EQUAL(resume(return_action(2)), -EINVAL);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[0], 1);
	finish();
}

/* Refused or let through by the filter: no stop of them. */
static void test_unasked(void)
{
	struct engine_stats st;

	need_engine();
	sel.want[SYS_getsid] = VMMD_WANT_ENTRY;
	sel.refuse[SYS_getsid] = EXDEV;
	config.performs = true;
	begin("unasked", 0);
	expect_new(&someone);
	CU_ASSERT_EQUAL(ev.call.nr, SYS_getpgid);
	CU_ASSERT_EQUAL(page->result[0], -EXDEV);
	CU_ASSERT_EQUAL(page->result[1], getpid());
	CU_ASSERT_EQUAL(page->result[2], -EOPNOTSUPP);
	CU_ASSERT_EQUAL(page->result[4], -EFAULT); /* the engine looks at it, and lets it fail */
	ops->stats(engine, &st);
	CU_ASSERT_EQUAL(st.stops, 3); /* execve(2), clone3(2), and this */
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	expect_gone(&someone);
	finish();
}

static void test_not_blocking(void)
{
	need_engine();
	begin("calls", 1);
	expect_new(&someone);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(ops->next(engine, &ev, false), 0);
	ops->kill(engine, ev.task);
	wait_dead(client);
	/* The end is news as well. */
	CU_ASSERT_EQUAL(ops->next(engine, &ev, false), 1);
	CU_ASSERT_EQUAL(ev.type, ENGINE_GONE);
	CU_ASSERT_EQUAL(ops->next(engine, &ev, false), -ECHILD);
	finish();
}

static void on_alarm(int sig)
{
	(void)sig;
	someone++;
}

/* A signal to the worker has next() return, with a listener and without. */
static void test_woken(void)
{
	const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = on_alarm};

	need_engine();
	start("calls");
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL); /* again and again: one could come too early */
	CU_ASSERT_EQUAL(ops->next(engine, &ev, true), 0);
	CU_ASSERT(someone > 0);
	setitimer(ITIMER_REAL, &never, NULL);
	page->count = 1;
	CU_ASSERT_EQUAL_FATAL(ops->listen(engine, client, listener), 0);
	expect_new(&someone);
	someone = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	CU_ASSERT_EQUAL(ops->next(engine, &ev, true), 0);
	CU_ASSERT(someone > 0);
	setitimer(ITIMER_REAL, &never, NULL);
	finish();
}

/* ---------------------------------------------------------------------- launch */

static void client_calls(void)
{
	page->result[7] = raw(SYS_getpgid, 0, 0, 0);
}

/* The client's own calls are nobody's business, its execve(2) is. */
static void test_launch(void)
{
	need_engine();
	sel.want[SYS_execve] = VMMD_WANT_ENTRY;
	client_does = client_calls;
	begin("calls", 1);
	expect_new(&someone);
	CU_ASSERT_EQUAL(ev.call.nr, SYS_execve);
	CU_ASSERT_EQUAL(page->result[7], getpgid(0));
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT_EQUAL(ev.call.nr, SYS_getpgid);
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	expect_gone(&someone);
	finish();
}

/* It ends before there is a listener: nothing to report, nothing to wait for. */
static void test_client_ends_early(void)
{
	struct pollfd p = {.events = POLLIN};

	need_engine();
	start("calls");
	CU_ASSERT_EQUAL(tasks(), 1);
	CU_ASSERT_EQUAL(ops->next(engine, &ev, false), 0);
	kill(client, SIGKILL);
	p.fd = ops->fd(engine);
	CU_ASSERT_EQUAL(poll(&p, 1, 5000), 1);
	ops->ready(engine);
	CU_ASSERT_EQUAL(tasks(), 0);
	CU_ASSERT_EQUAL(next(), -ECHILD);
	finish();
}

/* ---------------------------------------------------------------------- memory */

static void test_memory(void)
{
	const uint64_t end = (uint64_t)sysconf(_SC_PAGESIZE);
	char buf[64] = "";
	uint64_t text;

	need_engine();
	begin("calls", 2);
	expect_new(&someone);
	text = ev.call.args[1];
	CU_ASSERT_EQUAL(ops->read(ev.task, text, buf, sizeof(TEXT)), sizeof(TEXT));
	CU_ASSERT_TRUE(ops->held(engine, ev.task));
	CU_ASSERT_STRING_EQUAL(buf, TEXT);
	CU_ASSERT_EQUAL(ops->write(ev.task, text, "else", 4), 4);
	CU_ASSERT_NSTRING_EQUAL(page->text, "else", 4);
	CU_ASSERT_EQUAL(ops->read(ev.task, 8, buf, 1), -EFAULT);
	CU_ASSERT_EQUAL(ops->write(ev.task, 8, buf, 1), -EFAULT);
	CU_ASSERT_EQUAL(ops->read(ev.task, 8, buf, 0), 0);
	CU_ASSERT_EQUAL(ops->write(ev.task, 8, buf, 0), 0);
	/* Code is not writable, even from outside. */
	CU_ASSERT_EQUAL(ops->write(ev.task, ev.call.pc & ~(end - 1), buf, 1), -EFAULT);
	CU_ASSERT_EQUAL(ops->scratch(engine, ev.task, &text), -ENOTSUP);
	CU_ASSERT_EQUAL(resume(return_action(0)), 0);
	expect(ENGINE_ENTRY);
	ops->kill(engine, ev.task);
	wait_dead(client);
	CU_ASSERT_EQUAL(ops->read(ev.task, text, buf, 1), -EFAULT);
	CU_ASSERT_EQUAL(ops->write(ev.task, text, buf, 1), -EFAULT);
	finish();
}

/* -------------------------------------------------------------- ends and signals */

/* The task dies before it is answered, in any way. */
static void test_dead_before_answer(void)
{
	static const enum engine_action_type ways[] = {ENGINE_RUN, ENGINE_RETURN, ENGINE_RETURN_FD};

	need_engine();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		begin("calls", 1);
		expect_new(&someone);
		kill(client, SIGKILL);
		wait_dead(client);
		CU_ASSERT_EQUAL(ops->install_fd(engine, ev.task, 0, true), -ESRCH);
		CU_ASSERT_FALSE(ops->held(engine, ev.task));
		CU_ASSERT_EQUAL(resume((struct engine_action){.type = ways[i]}), -ESRCH);
		expect_gone(&someone);
		CU_ASSERT_EQUAL(next(), -ECHILD);
		finish();
	}
	/* … or before it is asked about: it is, and the answer goes nowhere. */
	begin("calls", 1);
	expect(ENGINE_NEW);
	kill(client, SIGKILL);
	wait_dead(client);
	CU_ASSERT_EQUAL(resume_new(&someone), 0);
	expect(ENGINE_ENTRY);
	CU_ASSERT_EQUAL(resume(run_action()), -ESRCH);
	expect_gone(&someone);
	finish();
	/* … or its end is known before its call is reported. */
	begin("calls", 1);
	expect(ENGINE_NEW);
	CU_ASSERT_EQUAL(resume_new(&someone), 0);
	kill(client, SIGKILL);
	wait_dead(client);
	ops->ready(engine);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(next(), -ECHILD);
	finish();
}

/* A handler runs when the call has its answer, not before. */
static void test_signal_while_it_waits(void)
{
	char c;

	need_engine();
	begin("signal", 0);
	expect_new(&someone);
	kill(client, SIGUSR1);
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL_FATAL(ops->read(ev.task, ev.call.args[1], &c, 1), 1); /* it is in that call */
		usleep(100);
	}
	CU_ASSERT_EQUAL(page->signals, 0);
	CU_ASSERT_EQUAL(resume(return_action(42)), 0);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[0], 42);
	CU_ASSERT_EQUAL(page->signals, 1);
	CU_ASSERT_EQUAL(client_status(), 0);
	finish();
}

static void test_inject(void)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};

	need_engine();
	begin("signal", 0);
	expect_new(&someone);
	info.si_value.sival_int = 815;
	CU_ASSERT_EQUAL(ops->inject(engine, client, &info), 0);
	CU_ASSERT_EQUAL(resume(run_action()), 0);
	expect_gone(&someone);
	CU_ASSERT_EQUAL(page->result[CALLS - 1], 815);
	info.si_signo = 4711;
	CU_ASSERT_EQUAL(ops->inject(engine, client, &info), -ESRCH); /* gone */
	finish();
	begin("calls", 1);
	expect_new(&someone);
	CU_ASSERT_EQUAL(ops->inject(engine, client, &info), -EINVAL);
	CU_ASSERT_EQUAL(ops->kill(engine, ev.task), 0);
	CU_ASSERT_EQUAL(client_status(), SIGKILL);
	CU_ASSERT_EQUAL(ops->kill(engine, ev.task), -ESRCH);
	finish();
}

UNIT_SUITE(seccomp, UNIT_TEST(test_operations), UNIT_TEST(test_nobody_there),
	   UNIT_TEST(test_create_without_descriptors), UNIT_TEST(test_order),
	   UNIT_TEST(test_answers), UNIT_TEST(test_descriptors), UNIT_TEST(test_bad_actions),
	   UNIT_TEST(test_unasked), UNIT_TEST(test_not_blocking), UNIT_TEST(test_woken),
	   UNIT_TEST(test_launch), UNIT_TEST(test_client_ends_early), UNIT_TEST(test_memory),
	   UNIT_TEST(test_dead_before_answer), UNIT_TEST(test_signal_while_it_waits),
	   UNIT_TEST(test_inject));
