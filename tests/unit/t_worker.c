/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_worker.c - tests of vmmd/worker.c: workers in a child of the test, which is parent and client. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/control.h"
#include "vmmd/worker.h"

/* Where there is the kernel module a running process can be attached. */
static bool unit_kmod(void)
{
	return access("/dev/vmmd", R_OK | W_OK) == 0;
}

struct worker {
	pid_t pid;
	int control, client;
};

static void start(struct worker *w, const char *request)
{
	int control[2], client[2];

	unsetenv("VMMD_PLUGIN_PATH"); /* this build's own are found beside the program */
	CU_ASSERT_EQUAL_FATAL(control_pair(control), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	w->pid = fork();
	if (w->pid == 0) {
		struct worker_start begin = {.control = control[1], .client = client[1], .client_err = -1, .engine = -1,
					     .uid = getuid(), .gid = getgid(), .request = strdup(request)};

		close(control[0]);
		close(client[0]);
		worker_main(&begin);
	}
	close(control[1]);
	close(client[1]);
	w->control = control[0];
	w->client = client[0];
}

/* The next line of a connection as JSON; NULL at the end. */
static json_t *hear(int fd)
{
	static char buf[256 * 1024];
	size_t n = 0;

	while (n < sizeof(buf) && read(fd, buf + n, 1) == 1 && buf[n] != '\n')
		n++;
	return n ? json_loadb(buf, n, 0, NULL) : NULL;
}

/* After its answer it ends on its own, well. */
static void ends(struct worker *w)
{
	int status = -1;

	CU_ASSERT_PTR_NULL(hear(w->client));
	CU_ASSERT_EQUAL(waitpid(w->pid, &status, 0), w->pid);
	CU_ASSERT_EQUAL(status, 0);
	close(w->control);
	close(w->client);
}

static json_t *ask(const char *request)
{
	struct worker w;
	json_t *reply;

	start(&w, request);
	reply = hear(w.client);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	CU_ASSERT_EQUAL(control_id(reply), 9);
	ends(&w);
	return reply;
}

static void refused(const char *request, const char *err, const char *text)
{
	json_t *r = ask(request);
	const char *said = control_str(r, "error");

	CU_ASSERT(json_is_false(json_object_get(r, "ok")));
	CU_ASSERT_STRING_EQUAL(control_str(r, "errno"), err);
	if (!said || !strstr(said, text) || strcmp(control_str(r, "errno"), err) != 0)
		fprintf(stderr, "%s: %s \"%s\"\n", request, control_str(r, "errno"), said ? said : "");
	CU_ASSERT(said && strstr(said, text));
	json_decref(r);
}

static void test_check(void)
{
	json_t *r = ask("{\"id\":9,\"op\":\"check\",\"cwd\":\"/\",\"layers\":[\"null\",\"trace,syscalls=getpid\"]}");

	CU_ASSERT(json_is_true(json_object_get(r, "ok")));
	CU_ASSERT_STRING_EQUAL(control_str(r, "layers"), "null trace");
	CU_ASSERT(control_str(r, "engine") && control_str(r, "engine")[0]);
	json_decref(r);
}

static void test_check_finds_faults(void)
{
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"/\",\"layers\":[\"no-such-layer\"]}", "EINVAL", "no-such-layer");
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"/\",\"layers\":[\"trace,no-such=1\"]}", "EINVAL", "no-such");
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"/\",\"layers\":[\"null\",7]}", "EINVAL", "item 1 is not a string");
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"/\",\"config\":{\"file\":\"f.yaml\",\"text\":\"\\nlayers: 7\\n\"}}",
		"EINVAL", "f.yaml:2");
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"/\",\"config\":{\"file\":\"f.yaml\"}}", "EINVAL", "\"text\"");
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"/\",\"layers\":[],\"engine\":\"no-such\"}", "EOPNOTSUPP", "no-such");
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"relative\",\"layers\":[]}", "EINVAL", "absolute");
	refused("{\"id\":9,\"op\":\"check\",\"cwd\":\"/no/such/dir\",\"layers\":[]}", "ENOENT", "/no/such/dir");
}

static void test_plugins(void)
{
	json_t *r = ask("{\"id\":9,\"op\":\"plugins\"}");
	const json_t *o;
	size_t i;
	int found = 0;

	CU_ASSERT(json_is_true(json_object_get(r, "ok")));
	json_array_foreach(json_object_get(r, "plugins"), i, o)
		found += strcmp(control_str(o, "name"), "trace") == 0 && !json_object_get(o, "error");
	CU_ASSERT_EQUAL(found, 1);
	json_decref(r);
}

/* Without a session there is nothing else to ask; the worker lives as long as its client asks. */
static void test_unknown(void)
{
	struct worker w;
	json_t *r;

	start(&w, "{\"id\":9,\"op\":\"show\"}");
	r = hear(w.client);
	CU_ASSERT_STRING_EQUAL(control_str(r, "errno"), "ENOSYS");
	CU_ASSERT_PTR_NOT_NULL(strstr(control_str(r, "error"), "\"show\""));
	json_decref(r);
	shutdown(w.client, SHUT_WR);
	ends(&w);
}

static void test_the_parent_goes(void)
{
	struct worker w;

	start(&w, "{\"id\":9,\"op\":\"show\"}");
	json_decref(hear(w.client));
	shutdown(w.control, SHUT_RDWR);
	ends(&w);
}

/* Ask to take `pid` over. */
static void run_refused(pid_t pid, const char *err, const char *text)
{
	char request[200];

	snprintf(request, sizeof(request), "{\"id\":9,\"op\":\"run\",\"cwd\":\"/\",\"layers\":[],\"pid\":%d}", (int)pid);
	refused(request, err, text);
}

/* A worker takes over its client, or the client's child, and nobody else. */
static void test_who_is_taken_over(void)
{
	pid_t gone = fork();

	if (gone == 0)
		_exit(0);
	CU_ASSERT_EQUAL(waitpid(gone, NULL, 0), gone);
	run_refused(gone, "EPERM", "neither the client nor its child");
	run_refused(getppid(), "EPERM", "neither the client nor its child");
	run_refused(1, "EINVAL", "\"pid\"");
	refused("{\"id\":9,\"op\":\"run\",\"cwd\":\"/\",\"layers\":[]}", "EINVAL", "\"pid\"");
}

/* What "attach" gets wrong is said before anything is built; then there must be an engine that can. */
static void test_who_is_attached(void)
{
	const char *error = unit_kmod() ? "EPERM" : "EOPNOTSUPP";
	char request[200];

	refused("{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[]}", "EINVAL", "\"pid\"");
	refused("{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[],\"pid\":\"7\"}", "EINVAL", "\"pid\"");
	refused("{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[],\"pid\":-7}", "EINVAL", "\"pid\"");
	refused("{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[],\"pid\":4294967303}", "EINVAL", "\"pid\"");
	refused("{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[],\"pid\":1}", "EINVAL", "process 1 cannot");
	snprintf(request, sizeof(request), "{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[\"no-such\"],\"pid\":%d}",
		 (int)getppid());
	refused(request, "EINVAL", "no-such");
	snprintf(request, sizeof(request),
		 "{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[],\"engine\":\"ptrace\",\"pid\":%d}", (int)getppid());
	refused(request, "EOPNOTSUPP", "engine ptrace cannot take over a running process");
	/* A kernel thread, which nobody may trace. */
	refused("{\"id\":9,\"op\":\"attach\",\"cwd\":\"/\",\"layers\":[],\"pid\":2}", error,
		unit_kmod() ? "not permitted" : "cannot take over a running process");
}

/* Hand a connection over as the parent does, and ask on it how many tasks there are. */
static size_t tasks(const struct worker *w)
{
	static const char show[] = "{\"id\":4,\"op\":\"show\"}";
	size_t n;
	json_t *r;
	int sv[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CU_ASSERT_EQUAL(control_hand(w->control, sv[1], show, strlen(show)), 0);
	close(sv[1]);
	r = hear(sv[0]);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(r, "session")), w->pid);
	n = json_array_size(json_object_get(r, "tasks"));
	json_decref(r);
	close(sv[0]);
	return n;
}

/* Have a child of ours taken over, and hear of it: the client is told the filter, the parent the state. */
static pid_t run(struct worker *w, const char *engine, bool listener)
{
	json_t *r, *event, *state = NULL;
	int fds[CONTROL_LEFT];
	char request[240];
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	snprintf(request, sizeof(request),
		 "{\"id\":9,\"op\":\"run\",\"name\":\"n\",\"argv\":[\"x\"],\"cwd\":\"/\",\"layers\":[\"null\"],"
		 "\"engine\":\"%s\",\"pid\":%d}",
		 engine, (int)child);
	start(w, request);
	r = hear(w->client);
	event = json_object_get(r, "event");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(event, "attached")), w->pid);
	CU_ASSERT(json_string_length(json_object_get(event, "filter")) > 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(event, "flags")) != 0, listener);
	json_decref(r);
	CU_ASSERT_EQUAL(control_hear(w->control, &state, fds), 1);
	CU_ASSERT_STRING_EQUAL(control_str(state, "state"), "running");
	CU_ASSERT_STRING_EQUAL(control_str(state, "name"), "n");
	CU_ASSERT_STRING_EQUAL(control_str(state, "layers"), "null");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(state, "pid")), child);
	json_decref(state);
	return child;
}

/* … with the child's end the session ends; how it ended is known where it is traced. */
static void test_a_run(void)
{
	struct worker w;
	pid_t child = run(&w, "ptrace", false);
	json_t *r;

	while (tasks(&w) == 0) /* the worker has yet to see it stop */
		usleep(1000);
	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
	r = hear(w.client);
	CU_ASSERT(json_is_true(json_object_get(r, "ok")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(r, "status")), SIGKILL);
	CU_ASSERT(json_is_object(json_object_get(r, "summary")));
	json_decref(r);
	ends(&w);
}

/* A program that was run is not let go, by its own client either. */
static void test_a_run_is_not_detached(void)
{
	static const char detach[] = "{\"id\":10,\"op\":\"detach\"}\n";
	struct worker w;
	pid_t child = run(&w, "ptrace", false);
	json_t *r;

	CU_ASSERT_EQUAL(write(w.client, detach, strlen(detach)), (ssize_t)strlen(detach));
	r = hear(w.client);
	CU_ASSERT_EQUAL(control_id(r), 10);
	CU_ASSERT_STRING_EQUAL(control_str(r, "errno"), "EPERM");
	json_decref(r);
	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
	json_decref(hear(w.client));
	ends(&w);
}

static void test_a_run_that_is_not_traced(void)
{
	struct worker w;
	pid_t child = run(&w, "seccomp", true);
	json_t *r;

	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
	r = hear(w.client);
	CU_ASSERT(json_is_true(json_object_get(r, "ok")));
	CU_ASSERT_PTR_NULL(json_object_get(r, "status"));
	CU_ASSERT(json_is_object(json_object_get(r, "summary")));
	json_decref(r);
	ends(&w);
}

/* A number that is no listener: the session ends, and its program with it. */
static void no_listener(const char *request)
{
	struct worker w;
	pid_t child = run(&w, "seccomp", true);
	int status = 0;
	json_t *r;

	CU_ASSERT_EQUAL(write(w.client, request, strlen(request)), (ssize_t)strlen(request));
	r = hear(w.client);
	CU_ASSERT(json_is_false(json_object_get(r, "ok")));
	CU_ASSERT_PTR_NOT_NULL(strstr(control_str(r, "error"), "no seccomp listener"));
	json_decref(r);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, SIGKILL);
	json_decref(hear(w.client));
	ends(&w);
}

static void test_no_listener(void)
{
	no_listener("{\"id\":10,\"op\":\"listener\",\"fd\":-1}\n");
	no_listener("{\"id\":10,\"op\":\"listener\",\"fd\":2147483648}\n");
	no_listener("{\"id\":10,\"op\":\"listener\",\"fd\":\"3\"}\n");
	no_listener("{\"id\":10,\"op\":\"listener\"}\n");
}

UNIT_SUITE(worker, UNIT_TEST(test_check), UNIT_TEST(test_check_finds_faults), UNIT_TEST(test_plugins),
	   UNIT_TEST(test_unknown), UNIT_TEST(test_the_parent_goes), UNIT_TEST(test_who_is_taken_over),
	   UNIT_TEST(test_who_is_attached), UNIT_TEST(test_a_run), UNIT_TEST(test_a_run_is_not_detached),
	   UNIT_TEST(test_a_run_that_is_not_traced), UNIT_TEST(test_no_listener));
