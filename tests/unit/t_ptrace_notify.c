/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_ptrace_notify.c - tests of vmmd/engine/ptrace_notify.c: traced tasks, of
 * whose calls some are notifications. See t_ptrace_again.c for ENGINE_AGAIN.
 */
#include "tests/unit/hybrid_worker.h"

#include "vmmd/engine/notify.h"

/* --------------------------------------------------------------- the guests */

static int guest_second(void)
{
	make_call(8, SYS_getpgid);
	return 0;
}

static const struct guest guests[] = {
	{"calls", guest_calls}, {"slow", guest_slow}, {"children", guest_children},
	{"replaced", guest_replaced}, {"second", guest_second},
};

GUESTS("vmmd-unit-hybrid", guests);

/* ---------------------------------------------------------- what it says it is */

static void test_operations(void)
{
	const uint32_t stops = VMMD_WANT_EXIT | VMMD_WANT_REWRITE | VMMD_WANT_RESULT | VMMD_WANT_REISSUE;

	CU_ASSERT_STRING_EQUAL(engine_hybrid.name, "hybrid");
	CU_ASSERT_EQUAL(engine_hybrid.features,
			ENGINE_F_ENTRY | ENGINE_F_EXIT | ENGINE_F_REWRITE | ENGINE_F_RESULT | ENGINE_F_REISSUE |
				ENGINE_F_SIGNAL | ENGINE_F_LIFECYCLE | ENGINE_F_RESELECT | ENGINE_F_INSTALL_FD |
				ENGINE_F_ERRNO);
	CU_ASSERT_PTR_NULL(engine_ptrace.receive);
	CU_ASSERT_PTR_NULL(engine_ptrace.install_fd);
	for (uint32_t want = 0; want < 0x80; want++)
		CU_ASSERT_EQUAL(engine_hybrid.how(want), want & stops ? ENGINE_HOW_TRACE :
							 want	      ? ENGINE_HOW_NOTIFY :
									ENGINE_HOW_ALLOW);
}

/* Where nothing is a notification there is no listener, and no second thread. */
static void test_when_it_receives(void)
{
	prepare(NULL);
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_TRUE(ops->receives(engine));
	CU_ASSERT_EQUAL(ops->filter_flags(engine), notify_flags());
	CU_ASSERT_EQUAL(ops->fd(engine), -1);
	CU_ASSERT_EQUAL(ops->next(engine, &event, true), -ECHILD);
	ops->destroy(engine);
	sel.refuse[SYS_getpgid] = EPERM;
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_FALSE(ops->receives(engine));
	CU_ASSERT_EQUAL(ops->filter_flags(engine), 0);
	ops->destroy(engine);
	sel.refuse[SYS_getpgid] = 0;
	sel.want[SYS_getpgid] = VMMD_WANT_EXIT;
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_FALSE(ops->receives(engine));
	ops->destroy(engine);
	sel.want_other = VMMD_WANT_ENTRY;
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_TRUE(ops->receives(engine));
	CU_ASSERT_EQUAL(turns, 0);
	ops->destroy(engine);
}

static void test_listen_to_nobody(void)
{
	pid_t gone = fork();

	if (gone == 0)
		_exit(0);
	CU_ASSERT_EQUAL(waitpid(gone, NULL, 0), gone);
	prepare(NULL);
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_EQUAL(ops->listen(engine, gone, 3), -ESRCH);
	CU_ASSERT_EQUAL(ops->launch(engine, gone), -ESRCH);
	ops->destroy(engine);
}

/* -------------------------------------------------------------------- entries */

static bool answer_all(const struct engine_event *ev, struct engine_action *a)
{
	if (ev->type == ENGINE_ENTRY)
		*a = return_action(-EACCES - (int64_t)ev->call.args[0]);
	return true;
}

/* Each call is stopped in its own way. */
static void test_two_ways(void)
{
	struct engine_stats st;

	sel.want[SYS_getsid] = VMMD_WANT_ENTRY | VMMD_WANT_REWRITE;
	sel.events = VMMD_EVENT_TASK_EXIT;
	begin("calls", 4, answer_all);
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry entry fixed-entry entry exiting gone");
	CU_ASSERT_EQUAL(status, 0);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(page->result[i], -EACCES - i);
	ops->stats(engine, &st);
	CU_ASSERT_EQUAL(st.tasks, 0);
	CU_ASSERT_EQUAL(st.events, 8); /* and its NEW */
	end();
}

static void test_what_is_told(void)
{
	struct engine_action a = run_action();
	pid_t tid, tgid;
	uint64_t addr;
	char buf[64];

	begin("calls", 1, hold);
	until_held(1);
	CU_ASSERT(event.fixed);
	CU_ASSERT(!event.again);
	CU_ASSERT_EQUAL(event.call.nr, SYS_getpgid);
	CU_ASSERT_EQUAL(event.call.args[0], 0);
	CU_ASSERT_EQUAL(event.call.args[2], 33);
	CU_ASSERT_NOT_EQUAL(event.call.pc, 0);
	ops->identity(event.task, &tid, &tgid);
	CU_ASSERT_EQUAL(tid, client);
	CU_ASSERT_EQUAL(tgid, client);
	CU_ASSERT_EQUAL(ops->read(event.task, event.call.args[1], buf, sizeof(TEXT)), sizeof(TEXT));
	CU_ASSERT_STRING_EQUAL(buf, TEXT);
	CU_ASSERT_EQUAL(ops->write(event.task, event.call.args[1], "else", 4), 4);
	CU_ASSERT_NSTRING_EQUAL(page->text, "else", 4);
	CU_ASSERT_EQUAL(ops->read(event.task, 8, buf, 1), -EFAULT);
	CU_ASSERT(ops->scratch(engine, event.task, &addr) < 0); /* at a stop only */
	/* What cannot be rewritten is not run as it stands. */
	a.changed = true;
	a.call = &event.call;
	CU_ASSERT_EQUAL(resume(event.task, a), 0);
	while (look() >= 0)
		;
	CU_ASSERT_EQUAL(page->result[0], -ENOSYS);
	end();
	CU_ASSERT_EQUAL(status, 0);
}

static bool give_descriptors(const struct engine_event *ev, struct engine_action *a)
{
	static int number;

	if (ev->type != ENGINE_ENTRY)
		return true;
	switch (ev->call.args[0]) {
	case 0:
	case 2:
		*a = (struct engine_action){.type = ENGINE_RETURN_FD, .fd = 0, .cloexec = ev->call.args[0] == 0};
		break;
	case 4:
		number = ops->install_fd(engine, ev->task, 0, true);
		CU_ASSERT(number > 2);
		CU_ASSERT_EQUAL(page->result[4], NONE);
		CU_ASSERT_EQUAL(ops->install_fd(engine, ev->task, -1, true), -EBADF);
		*a = return_action(number);
		break;
	case 5: /* a stop: nothing can be installed */
		CU_ASSERT(!ev->fixed);
		CU_ASSERT_EQUAL(ops->install_fd(engine, ev->task, 0, true), -ENOTSUP);
		break;
	default:
		*a = (struct engine_action){.type = ENGINE_RETURN_FD, .fd = -1};
	}
	return true;
}

static void test_descriptors(void)
{
	sel.want[SYS_getsid] = VMMD_WANT_ENTRY;
	sel.want[SYS_getppid] = VMMD_WANT_EXIT;
	begin("calls", 5, give_descriptors);
	while (look() >= 0)
		;
	CU_ASSERT(page->result[0] > 2);
	CU_ASSERT_EQUAL(page->flags[0], FD_CLOEXEC);
	CU_ASSERT_EQUAL(page->result[1], -EBADF);
	CU_ASSERT_EQUAL(page->flags[2], 0);
	CU_ASSERT_EQUAL(page->flags[4], FD_CLOEXEC);
	end();
	sel.want[SYS_getsid] = VMMD_WANT_EXIT;
	begin("calls", 6, give_descriptors);
	end();
}

/* No action for an entry: nothing is let through. */
static void test_bad_actions(void)
{
	static const enum engine_action_type bad[] = {ENGINE_GO, ENGINE_DROP};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin("calls", 1, hold);
		until_held(1);
		CU_ASSERT_EQUAL(resume(held[0], (struct engine_action){.type = bad[i]}), -EINVAL);
		CU_ASSERT_EQUAL(resume(held[0], run_action()), -EINVAL); /* none is outstanding */
		CU_ASSERT_EQUAL(page->result[0], NONE);
		ops->kill_all(engine);
		end();
		CU_ASSERT_EQUAL(status, SIGKILL);
	}
}

/* A call that a layer made of another one has been decided: it is asked about once. */
static bool make_another(const struct engine_event *ev, struct engine_action *a)
{
	static struct vmmd_call other;

	if (ev->type == ENGINE_ENTRY && ev->call.nr == SYS_getsid) {
		other = ev->call;
		other.nr = SYS_getpgid; /* which is a notification */
		other.args[0] = 0;
		a->changed = a->want_exit = true;
		a->call = &other;
	}
	if (ev->type == ENGINE_EXIT)
		CU_ASSERT_EQUAL(ev->result, getpgid(0));
	return true;
}

static void test_decided_already(void)
{
	sel.want[SYS_getsid] = VMMD_WANT_REWRITE | VMMD_WANT_EXIT;
	begin("calls", 2, make_another);
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry entry exit gone");
	CU_ASSERT_EQUAL(page->result[1], getpgid(0));
	end();
}

/* --------------------------------------------------------------------- launch */

static void client_calls(void)
{
	page->result[7] = raw(SYS_getpgid, 0, 0, 0);
}

static void test_client_is_not_asked_about(void)
{
	client_does = client_calls;
	begin("calls", 1, NULL);
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry gone");
	CU_ASSERT_EQUAL(page->result[7], getpgid(0));
	end();
}

/* The execve(2) of the client waits for the listener, also where it is a stop. */
static void test_exec_before_the_listener(void)
{
	sel.want[SYS_execve] = VMMD_WANT_EXIT;
	prepare(NULL);
	start("calls");
	page->count = 1;
	for (int i = 0; i < 50; i++)
		CU_ASSERT_EQUAL(look(), 0);
	CU_ASSERT_STRING_EQUAL(seen, "");
	listen_to_it();
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "entry exec fixed-entry gone");
	end();
}

/* A task that is not traced and yet has the filter: nobody would be asked. */
static void test_a_stranger_is_refused(void)
{
	int tell[2], stranger_status = -1;

	prepare(NULL);
	page_new();
	CU_ASSERT_EQUAL_FATAL(ops->create(&engine, &config), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(tell, O_CLOEXEC), 0);
	client = fork();
	if (client == 0) {
		install_filter(tell[1]);
		make_call(0, SYS_getpgid);
		_exit(0);
	}
	CU_ASSERT_EQUAL(read(tell[0], &listener, sizeof(listener)), sizeof(listener));
	close(tell[0]);
	close(tell[1]);
	listen_to_it();
	CU_ASSERT_EQUAL(waitpid(client, &stranger_status, 0), client);
	CU_ASSERT_EQUAL(stranger_status, 0);
	CU_ASSERT_EQUAL(page->result[0], -ENOSYS);
	end();
	CU_ASSERT_STRING_EQUAL(seen, "");
}

/* ---------------------------------------------------------------- exits, while all stops */

static bool want_exit(const struct engine_event *ev, struct engine_action *a)
{
	a->want_exit = ev->type == ENGINE_ENTRY;
	if (ev->type == ENGINE_EXIT) {
		CU_ASSERT_EQUAL(ev->result, getpgid(0));
		a->result = 815;
	}
	return true;
}

/* A notification has no exit; but while every call stops it has. */
static void test_exit_while_all_stops(void)
{
	begin("slow", 3, want_exit);
	page->step = 1;
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry fixed-entry gone");
	CU_ASSERT_EQUAL(page->result[0], getpgid(0));
	end();
	begin("slow", 1, want_exit);
	while (!strstr(seen, "exec"))
		look();
	turn(&turn_lock, true);
	CU_ASSERT_EQUAL(ops->reselect(engine, &sel), 0);
	turn(&turn_lock, false);
	page->step = 1;
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry exit gone");
	CU_ASSERT_EQUAL(page->result[0], 815);
	end();
}

/* ------------------------------------------------------------------------ ends */

static void test_dead_before_answer(void)
{
	static const enum engine_action_type ways[] = {ENGINE_RUN, ENGINE_RETURN, ENGINE_RETURN_FD};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char c;

		begin("calls", 1, hold);
		until_held(1);
		kill(client, SIGKILL);
		wait_dead(client);
		CU_ASSERT_EQUAL(ops->read(held[0], event.call.args[1], &c, 1) < 0, true);
		CU_ASSERT_EQUAL(ops->write(held[0], event.call.args[1], &c, 1), -EFAULT);
		CU_ASSERT_EQUAL(ops->install_fd(engine, held[0], 0, true), -ESRCH);
		CU_ASSERT_EQUAL(resume(held[0], (struct engine_action){.type = ways[i]}), -ESRCH);
		end();
		CU_ASSERT_EQUAL(status, SIGKILL);
	}
}

/* The leader waits, another thread executes a program: the leader's question is void. */
static void test_replaced_while_it_waits(void)
{
	begin("replaced", 0, hold);
	until_held(1);
	page->step = 1;
	until_held(2);
	CU_ASSERT_EQUAL(event.call.args[0], 8);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "fixed-entry gone exec fixed-entry"));
	CU_ASSERT_EQUAL(resume(held[1], return_action(5)), 0);
	while (look() >= 0)
		;
	CU_ASSERT_EQUAL(page->result[0], NONE);
	CU_ASSERT_EQUAL(page->result[8], 5);
	end();
	CU_ASSERT_EQUAL(status, 0);
}

static void test_destroyed_while_they_wait(void)
{
	int left;

	begin("children", 2, hold);
	until_held(2);
	ops->kill_all(engine);
	pthread_join(receiver, NULL);
	CU_ASSERT_EQUAL(received, -ECHILD);
	ops->destroy(engine);
	while (waitpid(-1, &left, __WALL) > 0)
		CU_ASSERT(!WIFEXITED(left));
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(page->result[i], NONE);
	page_end();
}

static void nothing(int sig)
{
	(void)sig;
}

/* The second thread comes home, while tasks wait and others will. */
static void test_shut(void)
{
	const struct sigaction sa = {.sa_handler = nothing};

	sigaction(SIGUSR2, &sa, NULL);
	begin("calls", 1, hold);
	until_held(1);
	ops->shut(engine);
	while (pthread_tryjoin_np(receiver, NULL) == EBUSY) { /* again: it may not have slept yet */
		pthread_kill(receiver, SIGUSR2);
		usleep(500);
	}
	CU_ASSERT_EQUAL(received, -ECANCELED);
	CU_ASSERT_EQUAL(ops->receive(engine, &event), -ECANCELED);
	CU_ASSERT_EQUAL(turns, 0);
	finish();
}

UNIT_SUITE(ptrace_notify, UNIT_TEST(test_operations), UNIT_TEST(test_when_it_receives),
	   UNIT_TEST(test_listen_to_nobody), UNIT_TEST(test_two_ways), UNIT_TEST(test_what_is_told),
	   UNIT_TEST(test_descriptors), UNIT_TEST(test_bad_actions),
	   UNIT_TEST(test_decided_already), UNIT_TEST(test_client_is_not_asked_about),
	   UNIT_TEST(test_exec_before_the_listener), UNIT_TEST(test_a_stranger_is_refused),
	   UNIT_TEST(test_exit_while_all_stops), UNIT_TEST(test_dead_before_answer),
	   UNIT_TEST(test_replaced_while_it_waits), UNIT_TEST(test_destroyed_while_they_wait),
	   UNIT_TEST(test_shut));
