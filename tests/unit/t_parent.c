/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_parent.c - the parent with real connections and real workers.
 *
 * parent_run() runs in a child of the test; the test is the client. Workers
 * here never get as far as a session: whole sessions are tested by the system
 * tests.
 */
#include "tests/unit/unit.h"
#include "vmmd/control.h"
#include "vmmd/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct daemon {
	char dir[64], path[108];
	pid_t pid;
};

static void start(struct daemon *d)
{
	strcpy(d->dir, "/tmp/vmmd-unit.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(d->dir));
	CU_ASSERT_EQUAL(chmod(d->dir, 0755), 0);
	snprintf(d->path, sizeof(d->path), "%s/s", d->dir);
	d->pid = fork();
	if (d->pid == 0) {
		struct parent_config cfg = {.instance = PARENT_USER, .socket = d->path, .mode = 0666,
					    .private_fd = -1};

		_exit(parent_run(&cfg) ? 1 : 0);
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int i;

	strcpy(sa.sun_path, path);
	for (i = 0; i < 500; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return fd;
		close(fd);
		usleep(10000);
	}
	CU_FAIL_FATAL("the parent does not listen");
	return -1;
}

/* End it as a service manager does; its exit status. */
static int stop(struct daemon *d)
{
	int status = -1;

	kill(d->pid, SIGTERM);
	waitpid(d->pid, &status, 0);
	CU_ASSERT(access(d->path, F_OK) < 0);
	rmdir(d->dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The next line as JSON; NULL at the end. */
static json_t *hear(int fd)
{
	char buf[8192];
	size_t len = 0;

	while (len < sizeof(buf) && read(fd, buf + len, 1) == 1 && buf[len] != '\n')
		len++;
	return len ? json_loadb(buf, len, 0, NULL) : NULL;
}

static json_t *ask(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	return hear(fd);
}

/* Ask, and expect a refusal with this errno. */
static void ask_refused(int fd, const char *text, const char *err)
{
	json_t *reply = ask(fd, text);

	CU_ASSERT(json_is_false(json_object_get(reply, "ok")));
	CU_ASSERT_STRING_EQUAL(control_str(reply, "errno"), err);
	CU_ASSERT(control_str(reply, "error") && control_str(reply, "error")[0]);
	json_decref(reply);
}

static void test_asked(void)
{
	struct daemon d;
	json_t *r;
	int fd;

	start(&d);
	fd = connect_to(d.path);
	r = ask(fd, "{\"id\":3,\"op\":\"version\"}\n");
	CU_ASSERT_EQUAL(control_id(r), 3);
	CU_ASSERT_STRING_EQUAL(control_str(r, "version"), VMMD_VERSION);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(r, "protocol")), VMMD_PROTOCOL);
	json_decref(r);
	r = ask(fd, "{\"id\":4,\"op\":\"ps\"}\n");
	CU_ASSERT(json_is_array(json_object_get(r, "sessions")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(r, "sessions")), 0);
	json_decref(r);
	r = ask(fd, "{\"id\":5,\"op\":\"status\"}\n");
	CU_ASSERT_STRING_EQUAL(control_str(r, "instance"), "user");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(r, "pid")), d.pid);
	CU_ASSERT(json_array_size(json_object_get(r, "engines")) > 0);
	json_decref(r);
	close(fd);
	CU_ASSERT_EQUAL(stop(&d), 0);
}

static void test_refused(void)
{
	struct daemon d;
	int fd;

	start(&d);
	fd = connect_to(d.path);
	ask_refused(fd, "{\"id\":1,\"op\":\"nosuch\"}\n", "ENOSYS");
	ask_refused(fd, "{\"id\":1,\"op\":\"show\"}\n", "EINVAL");
	ask_refused(fd, "{\"id\":1,\"op\":\"show\",\"session\":7}\n", "EINVAL");
	ask_refused(fd, "{\"id\":1,\"op\":\"kill\",\"session\":\"7\"}\n", "ESRCH");
	ask_refused(fd, "{\"id\":1,\"op\":\"kill\",\"session\":\"\"}\n", "ESRCH");
	/* A request behind one that moves the connection would be lost. */
	ask_refused(fd, "{\"id\":1,\"op\":\"check\"}\n{\"id\":2,\"op\":\"version\"}\n", "EPROTO");
	json_decref(hear(fd)); /* the answer to the second */
	ask_refused(fd, "nonsense\n", "EPROTO");
	CU_ASSERT_PTR_NULL(hear(fd));
	close(fd);
	/* Nobody else is hurt. */
	fd = connect_to(d.path);
	json_decref(ask(fd, "{\"id\":1,\"op\":\"version\"}\n"));
	close(fd);
	CU_ASSERT_EQUAL(stop(&d), 0);
}

/* Workers start, refuse what makes no sense, end, and are reaped. */
static void test_workers(void)
{
	static const char *const bad[] = {
		"{\"id\":1,\"op\":\"run\"}\n",
		"{\"id\":1,\"op\":\"run\",\"cwd\":\"/\",\"argv\":[\"x\"],\"pid\":0}\n",
		"{\"id\":1,\"op\":\"run\",\"cwd\":\"/\",\"argv\":[\"x\"],\"pid\":-1,\"layers\":[]}\n",
		"{\"id\":1,\"op\":\"run\",\"cwd\":\"relative\",\"argv\":[\"x\"],\"pid\":2}\n",
		"{\"id\":1,\"op\":\"check\",\"cwd\":\"/\",\"layers\":[\"no-such-layer\"]}\n",
		"{\"id\":1,\"op\":\"check\",\"cwd\":\"/\",\"config\":{\"file\":\"f\",\"text\":\"layers: 7\\n\"}}\n",
	};
	struct daemon d;
	size_t i;

	start(&d);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = connect_to(d.path);
		json_t *r = ask(fd, bad[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(r);
		CU_ASSERT(json_is_false(json_object_get(r, "ok")));
		json_decref(r);
		close(fd);
	}
	CU_ASSERT_EQUAL(stop(&d), 0);
}

/* A private instance lives as long as its connection. */
static void test_private(void)
{
	int sv[2], status;
	json_t *r;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0) {
		struct parent_config cfg = {.instance = PARENT_PRIVATE, .private_fd = sv[1]};

		close(sv[0]);
		_exit(parent_run(&cfg) ? 1 : 0);
	}
	close(sv[1]);
	r = ask(sv[0], "{\"id\":1,\"op\":\"version\"}\n");
	CU_ASSERT(json_is_true(json_object_get(r, "ok")));
	json_decref(r);
	CU_ASSERT_EQUAL(waitpid(pid, &status, WNOHANG), 0);
	close(sv[0]);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

/* … and as long as the worker that took it over. */
static void test_private_worker(void)
{
	int sv[2], status;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0) {
		struct parent_config cfg = {.instance = PARENT_PRIVATE, .private_fd = sv[1]};

		close(sv[0]);
		_exit(parent_run(&cfg) ? 1 : 0);
	}
	close(sv[1]);
	ask_refused(sv[0], "{\"id\":1,\"op\":\"run\",\"cwd\":\"/\",\"pid\":0}\n", "EINVAL");
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	close(sv[0]);
}

static void test_two(void)
{
	struct daemon d;
	struct parent_config cfg = {.instance = PARENT_USER, .mode = 0600, .private_fd = -1};

	start(&d);
	close(connect_to(d.path));
	cfg.socket = d.path;
	CU_ASSERT_EQUAL(parent_run(&cfg), -EADDRINUSE);
	CU_ASSERT_EQUAL(stop(&d), 0);
}

/* Another user may look, but gets no worker of a daemon that cannot become that user. */
static void test_other_user(void)
{
	struct daemon d;
	pid_t pid;
	int status;

	if (geteuid() != 0)
		unit_skip("not root");
	strcpy(d.dir, "/tmp/vmmd-unit.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(d.dir));
	CU_ASSERT_EQUAL(chown(d.dir, 65534, 65534), 0);
	CU_ASSERT_EQUAL(chmod(d.dir, 0755), 0);
	snprintf(d.path, sizeof(d.path), "%s/s", d.dir);
	d.pid = fork();
	if (d.pid == 0) {
		struct parent_config cfg = {.instance = PARENT_USER, .socket = d.path, .mode = 0666,
					    .private_fd = -1};

		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(1);
		_exit(parent_run(&cfg) ? 1 : 0);
	}
	close(connect_to(d.path));
	pid = fork();
	if (pid == 0) {
		json_t *r;
		int fd;

		if (setresgid(1, 1, 1) || setresuid(1, 1, 1))
			_exit(2);
		fd = connect_to(d.path);
		r = ask(fd, "{\"id\":1,\"op\":\"run\",\"cwd\":\"/\",\"pid\":2}\n");
		_exit(r && !strcmp(control_str(r, "errno"), "EPERM") ? 0 : 3);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_EQUAL(stop(&d), 0);
}

UNIT_SUITE(parent, UNIT_TEST(test_asked), UNIT_TEST(test_refused), UNIT_TEST(test_workers), UNIT_TEST(test_private),
	   UNIT_TEST(test_private_worker), UNIT_TEST(test_two), UNIT_TEST(test_other_user));
