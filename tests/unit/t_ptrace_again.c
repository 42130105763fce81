/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_ptrace_again.c - tests of vmmd/engine/ptrace_notify.c: a notification is wanted
 * once more where registers can be changed (ENGINE_AGAIN).
 */
#include "tests/unit/hybrid_worker.h"

/* --------------------------------------------------------------- the guests */

/* `mov %rdi,%rax; mov $0,%edi; syscall; ret` in memory that can be written. */
static int guest_own_code(void)
{
	static const unsigned char code[] = {0x48, 0x89, 0xf8, 0xbf, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};
	void *mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long (*fn)(long);

	if (mem == MAP_FAILED)
		return 1;
	memcpy(mem, code, sizeof(code));
	memcpy(&fn, &mem, sizeof(fn));
	page->result[0] = fn(SYS_getpgid);
	return 0;
}

static const struct guest guests[] = {
	{"calls", guest_calls}, {"slow", guest_slow}, {"children", guest_children}, {"own-code", guest_own_code},
};

GUESTS("vmmd-unit-again", guests);

/* ------------------------------------------------------------------ the tests */

static bool ask_again(const struct engine_event *ev, struct engine_action *a)
{
	static struct vmmd_call other;

	if (ev->type == ENGINE_ENTRY && ev->fixed)
		a->type = ENGINE_AGAIN;
	if (ev->type == ENGINE_ENTRY && !ev->fixed) {
		CU_ASSERT(ev->again);
		CU_ASSERT_EQUAL(ev->call.nr, SYS_getpgid);
		CU_ASSERT_EQUAL(ev->call.args[2], 33);
		CU_ASSERT_NOT_EQUAL(ev->call.sp, 0);
		other = ev->call;
		other.nr = SYS_getppid;
		a->changed = a->want_exit = true;
		a->call = &other;
	}
	if (ev->type == ENGINE_EXIT) {
		CU_ASSERT_EQUAL(ev->result, getpid());
		a->result = 4711;
	}
	return true;
}

static void test_again(void)
{
	begin("calls", 3, ask_again);
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry entry exit fixed-entry entry exit gone");
	CU_ASSERT_EQUAL(wakes, 2);
	CU_ASSERT_EQUAL(page->result[0], 4711);
	CU_ASSERT_EQUAL(page->result[2], 4711);
	end();
	CU_ASSERT_EQUAL(status, 0);
}

static bool ask_again_and_run(const struct engine_event *ev, struct engine_action *a)
{
	if (ev->type == ENGINE_ENTRY && ev->fixed)
		a->type = ENGINE_AGAIN;
	return true;
}

/* With a signal pending: it comes behind that entry, and may have the call be started again. */
static void test_again_as_it_stands(void)
{
	sel.events = VMMD_EVENT_SIGNAL;
	begin("calls", 1, hold);
	until_held(1);
	kill(client, SIGWINCH);
	on_event = ask_again_and_run;
	CU_ASSERT_EQUAL(resume(held[0], (struct engine_action){.type = ENGINE_AGAIN}), 0);
	while (look() >= 0)
		;
	CU_ASSERT_NSTRING_EQUAL(seen, "exec fixed-entry entry signal", 29);
	CU_ASSERT_EQUAL(page->result[0], getpgid(0));
	end();
	CU_ASSERT_EQUAL(status, 0);
}

/* While every call stops, the exit of the one it is brought out of is such a stop. */
static void test_again_while_all_stops(void)
{
	begin("slow", 3, ask_again_and_run);
	while (!strstr(seen, "exec"))
		look();
	turn(&turn_lock, true);
	CU_ASSERT_EQUAL(ops->reselect(engine, &sel), 0);
	turn(&turn_lock, false);
	page->step = 1;
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry entry fixed-entry entry gone");
	CU_ASSERT_EQUAL(page->result[0], getpgid(0));
	end();
	CU_ASSERT_EQUAL(status, 0);
}

/* The instruction is not there any more: the call fails, and is not run as it stands. */
static bool spoil_code(const struct engine_event *ev, struct engine_action *a)
{
	static const char nops[] = {(char)0x90, (char)0x90};

	if (ev->type != ENGINE_ENTRY)
		return true;
	CU_ASSERT(ev->fixed);
	CU_ASSERT_EQUAL(ops->write(ev->task, ev->call.pc - 2, nops, 2), 2);
	a->type = ENGINE_AGAIN;
	return true;
}

static void test_again_without_an_instruction(void)
{
	begin("own-code", 0, spoil_code);
	while (look() >= 0)
		;
	CU_ASSERT_STRING_EQUAL(seen, "exec fixed-entry gone");
	CU_ASSERT_EQUAL(page->result[0], -ENOSYS);
	end();
	CU_ASSERT_EQUAL(status, 0);
}

/* Several on the list, one of which is killed there. */
static void test_again_of_several(void)
{
	const struct engine_action again = {.type = ENGINE_AGAIN};

	sel.events = VMMD_EVENT_TASK_EXIT;
	begin("children", 3, hold);
	until_held(3);
	turn(&turn_lock, true);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(ops->resume(engine, held[i], &again), 0);
	CU_ASSERT_EQUAL(ops->kill(engine, held[1]), 0);
	on_event = ask_again_and_run;
	turn(&turn_lock, false);
	end();
	CU_ASSERT_EQUAL(wakes, 3);
	CU_ASSERT_EQUAL(status, 0);
}

/* Killed on the list, or while it waits, with and without an event of its end. */
static void test_dead_when_asked_again(void)
{
	const struct engine_action again = {.type = ENGINE_AGAIN};

	for (int way = 0; way < 4; way++) {
		sel.events = way & 1 ? VMMD_EVENT_TASK_EXIT : 0;
		begin("calls", 1, hold);
		until_held(1);
		turn(&turn_lock, true);
		if (way & 2)
			CU_ASSERT_EQUAL(ops->resume(engine, held[0], &again), 0);
		CU_ASSERT_EQUAL(ops->kill(engine, held[0]), 0);
		turn(&turn_lock, false);
		end();
		CU_ASSERT_STRING_EQUAL(seen, way & 1 ? "exec fixed-entry exiting gone" : "exec fixed-entry gone");
		CU_ASSERT_EQUAL(status, SIGKILL);
	}
}

/* All three are on the list, and the first of them dies before the list is looked at. */
static bool ask_again_and_kill(const struct engine_event *ev, struct engine_action *a)
{
	const struct engine_action again = {.type = ENGINE_AGAIN};

	if (ev->type != ENGINE_ENTRY || !ev->fixed)
		return true;
	(void)a;
	if (nheld < 2)
		return false;
	held[2] = ev->task;
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(ops->resume(engine, held[i], &again), 0);
	CU_ASSERT_EQUAL(ops->kill(engine, held[0]), 0);
	return false;
}

/* The first thread sleeps meanwhile, and hears of the death first. */
static void test_dead_on_the_list(void)
{
	for (int way = 0; way < 2; way++) {
		sel.events = way ? VMMD_EVENT_TASK_EXIT : 0;
		begin("children", 3, ask_again_and_kill);
		while (look_at(true) >= 0)
			;
		CU_ASSERT_EQUAL(wakes, 3);
		wakes = 0;
		end();
		CU_ASSERT_EQUAL(status, 0);
	}
}

UNIT_SUITE(ptrace_again, UNIT_TEST(test_again), UNIT_TEST(test_again_as_it_stands),
	   UNIT_TEST(test_again_while_all_stops),
	   UNIT_TEST(test_again_without_an_instruction), UNIT_TEST(test_again_of_several),
	   UNIT_TEST(test_dead_when_asked_again),
	   UNIT_TEST(test_dead_on_the_list));
