/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_explain.c - tests of vmmd/explain.c.
 *
 * What is explained is compared with the program that the engine then has the
 * kernel run for each call, so the two cannot say different things.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tests/unit/bpf.h"
#include "vmmd/choose.h"
#include "vmmd/conf.h"
#include "vmmd/engine/engine.h"
#include "vmmd/engine/kmod.h"
#include "vmmd/engine/ptrace.h"
#include "vmmd/explain.h"
#include "vmmd/loop.h"
#include "vmmd/req_fsm.h"

static struct loop *loop;
static struct conf *conf;
static struct session *s;
static char why[600];

/* `layers` is closed by NULL, innermost first. */
static void begin(const char *engine, const char *const *layers)
{
	loop = loop_new();
	conf = conf_new();
	CU_ASSERT_EQUAL_FATAL(conf_engine(conf, engine), 0);
	for (; *layers; layers++)
		CU_ASSERT_EQUAL_FATAL(conf_layer(conf, *layers, why, sizeof(why)), 0);
	conf->dry = true;
	s = session_new(loop, conf, -1, why, sizeof(why));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
}

static void finish(void)
{
	req_fsm_stop(s);
	session_free(s);
	conf_free(conf);
	loop_free(loop);
}

static json_t *explained(void)
{
	json_t *o = explain(s, why, sizeof(why));

	if (!o && strstr(why, "cannot work here"))
		unit_skip(why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	return o;
}

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "";
}

/* The answer for a call, NULL if it is told of none. */
static const json_t *answer(const json_t *o, const char *name)
{
	const json_t *found = NULL;
	json_t *group, *call;
	size_t i, k;

	json_array_foreach(json_object_get(o, "groups"), i, group) {
		json_array_foreach(json_object_get(group, "calls"), k, call) {
			if (strcmp(text(call, "call"), name) != 0)
				continue;
			CU_ASSERT_PTR_NULL(found); /* once only */
			found = json_object_get(group, "answer");
		}
	}
	return found;
}

/* Why this cheaper engine was not taken. */
static const char *why_not(const json_t *o, const char *engine)
{
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(o, "cheaper"), i, e)
		if (strcmp(text(e, "engine"), engine) == 0)
			return text(e, "why");
	return "";
}

/* What is expected of "auto" is expected of a host without the module, which serves every stack. */
static void without_kmod(void)
{
	char clause[200] = "";

	if (engine_all[0]->probe(clause, sizeof(clause)) == 0)
		unit_skip("the kernel module is loaded: \"auto\" takes it");
}

static void is(const json_t *o, const char *call, const char *want)
{
	const json_t *a = answer(o, call);
	char *have = a ? json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	if (!have || strcmp(have, want) != 0)
		fprintf(stderr, "%s: %s\n", call, have ? have : "not told");
	CU_ASSERT(have && strcmp(have, want) == 0);
	free(have);
}

static void test_who_forced_it(void)
{
	json_t *o;

	without_kmod();
	begin("auto", (const char *const[]){"null,syscalls=getpid+gettid", "rewrite", "null,syscalls=getpid+creat",
					    "deny,syscalls=connect", "null,syscalls=connect", NULL});
	o = explained();
	CU_ASSERT_STRING_EQUAL(text(o, "engine"), "hybrid");
	is(o, "gettid", "{\"layer\":\"null[0]\",\"mechanism\":\"notify\",\"wants\":{\"null[0]\":[\"entry\"]}}");
	is(o, "getpid",
	   "{\"layer\":\"null[2]\",\"mechanism\":\"notify\",\"wants\":{\"null[0]\":[\"entry\"],\"null[2]\":[\"entry\"]}}");
	is(o, "creat", "{\"layer\":\"rewrite[1]\",\"mechanism\":\"trace\",\"wants\":"
		       "{\"null[2]\":[\"entry\"],\"rewrite[1]\":[\"entry\",\"rewrite\"]}}");
	is(o, "connect", "{\"layer\":\"null[4]\",\"mechanism\":\"notify\",\"then\":{\"errno\":\"EPERM\","
			 "\"layer\":\"deny[3]\"},\"wants\":{\"null[4]\":[\"entry\"]}}");
	is(o, "ptrace", "{\"errno\":\"EPERM\",\"mechanism\":\"errno\",\"wants\":{},"
			"\"why\":\"a task has one tracer, and it is vmmd\"}");
	CU_ASSERT_STRING_EQUAL(text(json_object_get(answer(o, "clone"), "but"), "with"), "CLONE_UNTRACED");
	CU_ASSERT_STRING_EQUAL(text(answer(o, "clone"), "mechanism"), "native");
	CU_ASSERT_STRING_EQUAL(text(answer(o, "clone3"), "mechanism"), "trace");
	CU_ASSERT_PTR_NULL(answer(o, "getppid"));
	CU_ASSERT_PTR_NULL(answer(o, "other"));
	json_decref(o);
	finish();
}

static void test_a_refusal_inside_hides_nothing_outside(void)
{
	json_t *o;

	without_kmod();
	begin("auto", (const char *const[]){"null,syscalls=socket+connect", "deny,syscalls=socket+connect,errno=EACCES",
					    "null,syscalls=connect", NULL});
	o = explained();
	CU_ASSERT_STRING_EQUAL(text(o, "engine"), "seccomp");
	is(o, "socket", "{\"errno\":\"EACCES\",\"layer\":\"deny[1]\",\"mechanism\":\"errno\",\"wants\":{}}");
	is(o, "connect", "{\"layer\":\"null[2]\",\"mechanism\":\"notify\",\"then\":{\"errno\":\"EACCES\","
			 "\"layer\":\"deny[1]\"},\"wants\":{\"null[2]\":[\"entry\"]}}");
	json_decref(o);
	finish();
}

/* An exit that is wanted rarely needs an engine that has it, and costs nothing where it is not asked for. */
static void test_wanted_rarely(void)
{
	json_t *o;

	begin("auto", (const char *const[]){"remap,map=/nowhere=/tmp", "null,syscalls=readlinkat,exit=true", NULL});
	o = explained();
	CU_ASSERT_STRING_EQUAL(text(o, "engine"), "hybrid");
	is(o, "readlink", "{\"layer\":\"remap[0]\",\"mechanism\":\"notify\",\"wants\":{\"remap[0]\":"
			  "[\"entry\",\"exit\",\"result\",\"reissue\",\"paths\",\"rarely\"]}}");
	CU_ASSERT_STRING_EQUAL(text(answer(o, "readlinkat"), "mechanism"), "trace");
	CU_ASSERT_STRING_EQUAL(text(answer(o, "readlinkat"), "layer"), "null[1]");
	json_decref(o);
	finish();
}

static void test_layers_and_cheaper_engines(void)
{
	const json_t *l, *e;
	json_t *o;

	without_kmod();
	begin("auto", (const char *const[]){"deny,syscalls=socket", "trace,syscalls=getpid", NULL});
	o = explained();
	CU_ASSERT_STRING_EQUAL(text(o, "engine"), "ptrace");
	e = json_object_get(o, "cheaper");
	CU_ASSERT_EQUAL_FATAL(json_array_size(e), 3);
	CU_ASSERT_STRING_EQUAL(text(json_array_get(e, 0), "engine"), "kmod");
	CU_ASSERT_PTR_NOT_NULL(strstr(text(json_array_get(e, 0), "why"), "cannot work here"));
	CU_ASSERT_STRING_EQUAL(text(json_array_get(e, 1), "engine"), "seccomp");
	CU_ASSERT_STRING_EQUAL(text(json_array_get(e, 1), "why"),
			       "layer trace[1] needs \"exit\", which engine seccomp does not have");
	CU_ASSERT_STRING_EQUAL(text(json_array_get(e, 2), "engine"), "hybrid");
	CU_ASSERT_STRING_EQUAL(text(json_array_get(e, 2), "why"), "every call that stops would be a ptrace stop anyway");
	l = json_object_get(o, "layers");
	CU_ASSERT_EQUAL_FATAL(json_array_size(l), 2);
	CU_ASSERT_STRING_EQUAL(text(json_array_get(l, 0), "layer"), "deny[0]");
	CU_ASSERT(json_is_true(json_object_get(json_array_get(l, 0), "confines")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(json_array_get(l, 0), "events")), 0);
	CU_ASSERT(json_is_false(json_object_get(json_array_get(l, 1), "confines")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(json_array_get(l, 1), "events")), 4);
	CU_ASSERT(json_is_false(json_object_get(o, "every_call")));
	CU_ASSERT_STRING_EQUAL(text(o, "foreign_abi"), "refuse");
	json_decref(o);
	finish();
}

/* Where the engine has a table of paths, calls stop only for those that concern the layers. */
static void test_by_path(void)
{
	static struct choose_call calls[SYSENT_MAX + 1];
	struct engine_select select;

	begin("ptrace", (const char *const[]){"remap,map=/nowhere=/tmp", "deny,path=/srv/*", "null,syscalls=access+getpid",
					      NULL});
	choose_calls(s->stack, &engine_kmod, calls);
	CU_ASSERT_STRING_EQUAL(calls[SYS_openat].how, "trace");
	CU_ASSERT_TRUE(calls[SYS_openat].by_path);
	CU_ASSERT_TRUE(calls[SYS_readlinkat].by_path); /* whatever they want of it */
	CU_ASSERT_TRUE(calls[SYS_rename].by_path);
	CU_ASSERT_TRUE(calls[SYS_chdir].by_path);
	CU_ASSERT_FALSE(calls[SYS_access].by_path); /* null has said nothing */
	CU_ASSERT_FALSE(calls[SYS_getcwd].by_path); /* no path is given */
	CU_ASSERT_FALSE(calls[SYS_connect].by_path);
	CU_ASSERT_FALSE(calls[SYS_chroot].by_path);
	CU_ASSERT_FALSE(calls[SYS_pivot_root].by_path);
	CU_ASSERT_FALSE(calls[SYS_openat2].by_path);
	CU_ASSERT_STRING_EQUAL(calls[SYS_openat2].how, "trace");
	CU_ASSERT_FALSE(calls[SYS_getpid].by_path);
	CU_ASSERT_FALSE(calls[SYSENT_MAX].by_path);
	choose_calls(s->stack, &engine_ptrace, calls);
	CU_ASSERT_STRING_EQUAL(calls[SYS_openat].how, "trace");
	CU_ASSERT_FALSE(calls[SYS_openat].by_path);
	/* The engine is told so in any case. */
	choose_select(s->stack, &select);
	CU_ASSERT_TRUE(select.by_path[SYS_openat]);
	CU_ASSERT_FALSE(select.by_path[SYS_access]);
	CU_ASSERT_EQUAL_FATAL(select.nbelow, 4);
	CU_ASSERT_STRING_EQUAL(select.below[1], "/nowhere");
	CU_ASSERT_STRING_EQUAL(select.below[3], "/srv");
	finish();
	/* Everything is below the root. */
	begin("ptrace", (const char *const[]){"remap,map=/=/srv", NULL});
	choose_calls(s->stack, &engine_kmod, calls);
	CU_ASSERT_FALSE(calls[SYS_openat].by_path);
	finish();
}

static void test_named_and_refused(void)
{
	json_t *o;

	begin("seccomp", (const char *const[]){"trace", NULL});
	CU_ASSERT_PTR_NULL(explain(s, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "trace[0]"));
	finish();
	begin("ptrace", (const char *const[]){"null,syscalls=getpid", NULL});
	conf->on_failure = CONF_RELEASE;
	o = explained();
	CU_ASSERT_STRING_EQUAL(why_not(o, "seccomp"),
			       "on-failure: release needs \"release\", which engine seccomp does not have");
	CU_ASSERT(json_is_true(json_object_get(o, "every_call")));
	json_decref(o);
	finish();
	begin("ptrace", (const char *const[]){"null,syscalls=getpid", NULL});
	conf->on_failure = CONF_RESTART;
	CU_ASSERT_PTR_NULL(explain(s, why, sizeof(why)));
	CU_ASSERT_STRING_EQUAL(why, "on-failure: restart needs \"hand-over\", which engine ptrace does not have");
	finish();
	begin("ptrace", (const char *const[]){"null,syscalls=getpid", NULL});
	o = explained();
	CU_ASSERT_STRING_EQUAL(why_not(o, "seccomp"),
			       "another engine is asked for");
	json_decref(o);
	finish();
}

static uint32_t action_of(const struct choose_call *c)
{
	if (strcmp(c->how, "errno") == 0)
		return SECCOMP_RET_ERRNO | (uint32_t)c->error;
	if (strcmp(c->how, "notify") == 0)
		return SECCOMP_RET_USER_NOTIF;
	return strcmp(c->how, "trace") == 0 ? SECCOMP_RET_TRACE : SECCOMP_RET_ALLOW;
}

/* The filter of a real engine says the same of every number. */
static void agrees(const char *engine, const char *const *layers)
{
	static struct choose_call calls[SYSENT_MAX + 1];
	const void *prog;
	size_t count;

	begin(engine, layers);
	if (!choose_explain(s, calls, why, sizeof(why)) && strstr(why, "cannot work here"))
		unit_skip(why);
	CU_ASSERT_EQUAL_FATAL(req_fsm_start(s, NULL, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(s->engine->ops->filter(s->engine, &prog, &count), 0);
	for (int nr = -1; nr <= SYSENT_MAX + 1; nr++) {
		const struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
		uint32_t says = bpf_run(prog, count, &d);

		if ((says & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRACE)
			says = SECCOMP_RET_TRACE;
		if (says != action_of(&calls[nr < 0 || nr > SYSENT_MAX ? SYSENT_MAX : nr]))
			fprintf(stderr, "%s: call %d: the filter says %#x\n", engine, nr, says);
		CU_ASSERT_EQUAL(says, action_of(&calls[nr < 0 || nr > SYSENT_MAX ? SYSENT_MAX : nr]));
	}
	finish();
}

static void test_as_the_filter_has_it(void)
{
	static const char *const engines[] = {"seccomp", "hybrid", "ptrace"};
	static const char *const some[] = {"null,syscalls=getpid+openat+clone+exit_group", NULL};
	static const char *const refusals[] = {"deny,syscalls=socket+clone+clone3+execve+exit_group+io_uring_setup", NULL};
	static const char *const all[] = {"null", "deny,syscalls=connect", "null,syscalls=connect", NULL};

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		agrees(engines[i], some);
		agrees(engines[i], refusals);
		agrees(engines[i], all);
	}
	agrees("seccomp", (const char *const[]){"deny,path=/nowhere,confine", NULL});
	agrees("hybrid", (const char *const[]){"remap,map=/nowhere=/tmp", NULL});
	for (size_t i = 1; i < sizeof(engines) / sizeof(engines[0]); i++) {
		agrees(engines[i], (const char *const[]){"rewrite", "trace,syscalls=read", NULL});
		agrees(engines[i], (const char *const[]){"rewrite", "null,syscalls=read", "trace,syscalls=@path", NULL});
	}
}

UNIT_SUITE(explain, UNIT_TEST(test_who_forced_it), UNIT_TEST(test_a_refusal_inside_hides_nothing_outside),
	   UNIT_TEST(test_wanted_rarely), UNIT_TEST(test_by_path),
	   UNIT_TEST(test_layers_and_cheaper_engines), UNIT_TEST(test_named_and_refused),
	   UNIT_TEST(test_as_the_filter_has_it));
