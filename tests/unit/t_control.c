/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_control.c - one control connection: lines, limits, output, and hand-over.
 *
 * Server and client are the two ends of a socketpair in one process; the loop
 * runs until a count of handler calls is reached or a timer says too late.
 */
#include "tests/unit/unit.h"
#include "vmmd/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
	struct loop *loop;
	struct loop_timer timer;
	struct control_conn *conn;
	int client;
	int lines, closed, room;
	int want; /* lines + closed at which to stop */
	int fd;	  /* the last one that came */
	char op[64];
	bool more;
	void (*react)(struct fixture *, json_t *msg);
};

static struct fixture *the; /* timers carry no argument */

static void on_late(struct loop_timer *t)
{
	(void)t;
	loop_break(the->loop);
}

static void count(struct fixture *f)
{
	if (f->lines + f->closed >= f->want)
		loop_break(f->loop);
}

static void on_line(struct control_conn *c, json_t *msg, int fd)
{
	struct fixture *f = control_arg(c);

	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->lines++;
	f->more = control_more(c);
	snprintf(f->op, sizeof(f->op), "%s", control_str(msg, "op"));
	if (f->react)
		f->react(f, msg);
	count(f);
}

static void on_closed(struct control_conn *c)
{
	struct fixture *f = control_arg(c);

	f->closed++;
	f->conn = NULL;
	count(f);
}

static void on_room(struct control_conn *c)
{
	struct fixture *f = control_arg(c);

	f->room++;
}

static const struct control_handlers handlers = {.on_line = on_line, .on_closed = on_closed, .on_room = on_room};

static void setup(struct fixture *f)
{
	int sv[2];

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	the = f;
	f->loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->loop);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	f->client = sv[1];
	f->conn = control_new(f->loop, sv[0], &handlers, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->conn);
	loop_timer_init(&f->timer, on_late);
}

static void teardown(struct fixture *f)
{
	if (f->conn)
		control_close(f->conn);
	if (f->fd >= 0)
		close(f->fd);
	close(f->client);
	loop_free(f->loop);
}

/* Run until `n` more lines or ends have been seen; at most `ms`. */
static void run(struct fixture *f, int n, int ms)
{
	f->want = f->lines + f->closed + n;
	loop_timer_start(f->loop, &f->timer, ms, 0);
	loop_run(f->loop);
	loop_timer_stop(f->loop, &f->timer);
}

static void say(struct fixture *f, const char *text)
{
	CU_ASSERT_EQUAL(send(f->client, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* What the client has got so far, as text. */
static const char *heard(struct fixture *f, char *buf, size_t len)
{
	ssize_t n = recv(f->client, buf, len - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void test_lines(void)
{
	struct fixture f;

	setup(&f);
	say(&f, "{\"id\":1,\"op\":\"a\"}\n{\"id\":2,");
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.lines, 1);
	CU_ASSERT_STRING_EQUAL(f.op, "a");
	CU_ASSERT(f.more);
	run(&f, 1, 50);
	CU_ASSERT_EQUAL(f.lines, 1);
	say(&f, "\"op\":\"b\"}\n");
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.lines, 2);
	CU_ASSERT_STRING_EQUAL(f.op, "b");
	CU_ASSERT(!f.more);
	shutdown(f.client, SHUT_RDWR);
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.closed, 1);
	teardown(&f);
}

/* Each is one error reply and the end of the connection; the handler sees nothing. */
static void test_hostile(void)
{
	static const char *const bad[] = {
		"nonsense\n", "\n", "[1]\n", "17\n", "{\"op\":\"a\"}\n", "{\"id\":1}\n",
		"{\"id\":\"1\",\"op\":\"a\"}\n", "{\"id\":1,\"op\":2}\n", "{\"id\":1.5,\"op\":\"a\"}\n",
		"{\"id\":99999999999999999999,\"op\":\"a\"}\n", "{\"id\":1,\"id\":2,\"op\":\"a\"}\n",
		"{\"id\":1,\"op\":\"\xff\"}\n", "{\"id\":1,\"op\":\"a\"} x\n", "{\"id\":1,\"op\":\"a\\u0000\"}\n",
	};
	char buf[512];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture f;

		setup(&f);
		say(&f, bad[i]);
		run(&f, 1, 1000);
		CU_ASSERT_EQUAL(f.lines, 0);
		CU_ASSERT_EQUAL(f.closed, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(heard(&f, buf, sizeof(buf)), "{\"id\":null,\"ok\":false,\"errno\":\"EPROTO\""));
		teardown(&f);
	}
}

static void test_deep(void)
{
	struct fixture f;
	char *text = malloc(200001);

	/* Nesting that would overflow a naive parser's stack. */
	setup(&f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, '[', 200000);
	text[199999] = '\n';
	text[200000] = '\0';
	fcntl(f.client, F_SETFL, O_NONBLOCK);
	for (size_t off = 0; off < 200000 && !f.closed;) {
		ssize_t n = send(f.client, text + off, 200000 - off, MSG_NOSIGNAL);

		if (n > 0)
			off += (size_t)n;
		run(&f, 1, 20);
	}
	CU_ASSERT_EQUAL(f.lines, 0);
	CU_ASSERT_EQUAL(f.closed, 1);
	free(text);
	teardown(&f);
}

/* Send `n` blanks without a newline, running the server meanwhile. */
static void send_blanks(struct fixture *f, size_t n)
{
	char block[32768];

	memset(block, ' ', sizeof(block));
	fcntl(f->client, F_SETFL, O_NONBLOCK);
	while (n && !f->closed) {
		size_t len = n < sizeof(block) ? n : sizeof(block);
		ssize_t sent = send(f->client, block, len, MSG_NOSIGNAL);

		if (sent > 0)
			n -= (size_t)sent;
		else
			run(f, 1, 10);
	}
}

static void test_longest(void)
{
	static const char req[] = "{\"id\":1,\"op\":\"a\"}\n";
	struct fixture f;
	char buf[512];

	setup(&f);
	send_blanks(&f, CONTROL_LINE_MAX - strlen(req));
	run(&f, 1, 50); /* take what is in the socket */
	say(&f, req);
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.lines, 1);
	send_blanks(&f, CONTROL_LINE_MAX);
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.lines, 1);
	CU_ASSERT_EQUAL(f.closed, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard(&f, buf, sizeof(buf)), "EMSGSIZE"));
	teardown(&f);
}

static void reply_some(struct fixture *f, json_t *msg)
{
	control_reply_ok(f->conn, control_id(msg), json_pack("{s:i}", "n", 5));
	control_reply_ok(f->conn, control_id(msg), NULL);
	control_event(f->conn, control_id(msg), json_pack("{s:s}", "line", "x\ny"));
	control_reply_error(f->conn, control_id(msg), -ENOENT, "no '%s'\xff", "z");
}

static void test_replies(void)
{
	struct fixture f;
	char buf[1024];

	setup(&f);
	f.react = reply_some;
	say(&f, "{\"id\":-7,\"op\":\"a\"}\n");
	run(&f, 1, 1000);
	CU_ASSERT_STRING_EQUAL(heard(&f, buf, sizeof(buf)),
			       "{\"id\":-7,\"ok\":true,\"n\":5}\n"
			       "{\"id\":-7,\"ok\":true}\n"
			       "{\"id\":-7,\"more\":true,\"event\":{\"line\":\"x\\ny\"}}\n"
			       "{\"id\":-7,\"ok\":false,\"errno\":\"ENOENT\",\"error\":\"no 'z'?\"}\n");
	CU_ASSERT_EQUAL(control_queued(f.conn), 0);
	teardown(&f);
}

static json_t *big_event(size_t len)
{
	char *text = malloc(len + 1);
	json_t *event;

	memset(text, 'x', len);
	text[len] = '\0';
	event = json_pack("{s:s}", "line", text);
	free(text);
	return event;
}

/* A client that never reads is dropped, and only then; replies to it are no error. */
static void test_overflow(void)
{
	struct fixture f;
	int n = 0;

	setup(&f);
	while (control_room(f.conn) && n++ < 1000)
		control_event(f.conn, 1, big_event(10000));
	CU_ASSERT(n > 20 && n < 1000);
	while (control_queued(f.conn) && n++ < 10000)
		control_event(f.conn, 1, big_event(10000));
	CU_ASSERT(n > 700 && n < 1000); /* 8 MiB of 10 KB */
	CU_ASSERT_EQUAL(f.closed, 0);
	control_event(f.conn, 1, json_object());
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.closed, 1);
	teardown(&f);
}

/* While output waits no further requests are read; afterwards they are. */
static void test_backpressure(void)
{
	struct fixture f;
	char *buf = malloc(1 << 20);
	ssize_t n, total = 0;

	setup(&f);
	while (control_room(f.conn))
		control_event(f.conn, 1, big_event(10000));
	say(&f, "{\"id\":2,\"op\":\"a\"}\n");
	run(&f, 1, 50);
	CU_ASSERT_EQUAL(f.lines, 0);
	CU_ASSERT_EQUAL(f.room, 0);
	while (f.room == 0 && (n = recv(f.client, buf, 1 << 20, 0)) > 0) {
		total += n;
		run(&f, 1, 20);
	}
	CU_ASSERT_EQUAL(f.lines, 1);
	CU_ASSERT_EQUAL(f.room, 1);
	CU_ASSERT(total > 10000);
	free(buf);
	teardown(&f);
}

static void test_finish(void)
{
	struct fixture f;
	char *buf = malloc(1 << 20);
	ssize_t n, total = 0;

	setup(&f);
	while (control_room(f.conn))
		control_event(f.conn, 1, big_event(10000));
	control_finish(f.conn);
	run(&f, 1, 20);
	CU_ASSERT_EQUAL(f.closed, 0); /* not all is sent */
	while ((n = recv(f.client, buf, 1 << 20, 0)) > 0) {
		total += n;
		run(&f, 1, 20);
	}
	CU_ASSERT_EQUAL(f.closed, 1);
	CU_ASSERT(total > CONTROL_ROOM);
	free(buf);
	teardown(&f);
}

/* A client that sends, says that it is done, and then reads gets everything. */
static void test_half_close(void)
{
	struct fixture f;
	char *buf = malloc(1 << 20);
	ssize_t n, total = 0, sent;

	setup(&f);
	/* More than the socket takes, less than is held back. */
	for (sent = 0; control_queued(f.conn) < 50000; sent += 10000)
		control_event(f.conn, 1, big_event(10000));
	CU_ASSERT(control_room(f.conn));
	shutdown(f.client, SHUT_WR);
	run(&f, 1, 20);
	CU_ASSERT_EQUAL(f.closed, 0);
	while ((n = recv(f.client, buf, 1 << 20, 0)) > 0) {
		total += n;
		run(&f, 1, 20);
	}
	CU_ASSERT_EQUAL(f.closed, 1);
	CU_ASSERT(total > sent);
	free(buf);
	teardown(&f);
}

static void send_fds(int sock, const char *text, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} cbuf = {0};
	struct iovec iov = {(void *)text, strlen(text)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &cbuf,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(cm), fds, n * sizeof(int));
	CU_ASSERT(sendmsg(sock, &mh, 0) > 0);
}

static void test_descriptor(void)
{
	struct fixture f;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), many[] = {null, null, null, null};

	setup(&f);
	send_fds(f.client, "{\"id\":1,\"op\":\"a\"}\n", &null, 1);
	run(&f, 1, 1000);
	CU_ASSERT(f.fd >= 0);
	CU_ASSERT(fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
	/* More than one: the first counts, none leaks. */
	send_fds(f.client, "{\"id\":1,\"op\":\"a\"}\n", many, 4);
	run(&f, 1, 1000);
	CU_ASSERT(f.fd >= 0);
	say(&f, "{\"id\":1,\"op\":\"a\"}\n");
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.fd, -1);
	/* With a line that is refused, and with half a line. */
	send_fds(f.client, "{\"id\":1,", &null, 1);
	run(&f, 1, 20);
	send_fds(f.client, "nonsense}\n", many, 4);
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.closed, 1);
	close(null);
	teardown(&f);
}

static void close_it(struct fixture *f, json_t *msg)
{
	(void)msg;
	control_reply_ok(f->conn, 1, NULL);
	control_close(f->conn);
	f->conn = NULL;
}

static void test_close_in_handler(void)
{
	struct fixture f;
	char buf[256];

	setup(&f);
	f.react = close_it;
	say(&f, "{\"id\":1,\"op\":\"a\"}\n{\"id\":2,\"op\":\"b\"}\n");
	run(&f, 1, 1000);
	CU_ASSERT_EQUAL(f.lines, 1);
	CU_ASSERT_EQUAL(f.closed, 0);
	CU_ASSERT_STRING_EQUAL(heard(&f, buf, sizeof(buf)), "{\"id\":1,\"ok\":true}\n");
	teardown(&f);
}

static void test_feed(void)
{
	struct fixture f;

	setup(&f);
	control_feed(f.conn, "{\"id\":1,\"op\":\"fed\"}", -1);
	CU_ASSERT_EQUAL(f.lines, 1);
	CU_ASSERT_STRING_EQUAL(f.op, "fed");
	f.react = close_it;
	control_feed(f.conn, "{\"id\":1,\"op\":\"fed\"}", dup(f.client));
	CU_ASSERT_PTR_NULL(f.conn);
	teardown(&f);
}

static void test_hand_over(void)
{
	static const char req[] = "{\"id\":1,\"op\":\"show\"}";
	char *line = NULL, *big = malloc(CONTROL_HAND_MAX + 1), buf[16];
	int sv[2], pair[2], fd = -1, n;

	CU_ASSERT_EQUAL_FATAL(control_pair(sv), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	CU_ASSERT_EQUAL(control_take(sv[1], &fd, &line), 0);
	CU_ASSERT_EQUAL(control_hand(sv[0], pair[0], req, strlen(req)), 0);
	CU_ASSERT_EQUAL(control_take(sv[1], &fd, &line), 1);
	CU_ASSERT_STRING_EQUAL(line, req);
	free(line);
	CU_ASSERT_EQUAL(write(fd, "hi", 2), 2);
	CU_ASSERT_EQUAL(read(pair[1], buf, sizeof(buf)), 2);
	close(fd);

	/* The longest one, one too long, and more than the worker takes in. */
	memset(big, ' ', CONTROL_HAND_MAX + 1);
	CU_ASSERT_EQUAL(control_hand(sv[0], pair[0], big, CONTROL_HAND_MAX), 0);
	CU_ASSERT_EQUAL(control_take(sv[1], &fd, &line), 1);
	CU_ASSERT_EQUAL(strlen(line), CONTROL_HAND_MAX);
	free(line);
	close(fd);
	CU_ASSERT_EQUAL(control_hand(sv[0], pair[0], big, CONTROL_HAND_MAX + 1), -EMSGSIZE);
	for (n = 0; n < 1000 && control_hand(sv[0], pair[0], big, CONTROL_HAND_MAX) == 0; n++)
		;
	CU_ASSERT(n > 0 && n < 1000);
	CU_ASSERT_EQUAL(control_hand(sv[0], pair[0], big, CONTROL_HAND_MAX), -EAGAIN);

	/* What is not a connection is refused, without a leak. */
	CU_ASSERT_EQUAL(send(sv[1], "x", 1, 0), 1);
	CU_ASSERT_EQUAL(control_take(sv[0], &fd, &line), -EPROTO);
	send_fds(sv[1], "x\n", pair, 1);
	CU_ASSERT_EQUAL(control_take(sv[0], &fd, &line), -EPROTO);
	close(sv[0]);
	while (n-- > 0) {
		CU_ASSERT_EQUAL(control_take(sv[1], &fd, &line), 1);
		free(line);
		close(fd);
	}
	CU_ASSERT_EQUAL(control_take(sv[1], &fd, &line), -ECONNRESET);
	close(sv[1]);
	close(pair[0]);
	close(pair[1]);
	free(big);
}

static void test_tell(void)
{
	json_t *state = json_object(), *cmd = json_array(), *got;
	int sv[2], fds[CONTROL_LEFT] = {7, 7};
	char *big = malloc(5001);

	CU_ASSERT_EQUAL_FATAL(control_pair(sv), 0);
	/* Multi-byte characters, so that the cut must not fall into one. */
	for (int i = 0; i < 5000; i += 2)
		memcpy(big + i, "\xc3\xa4", 2);
	big[5000] = '\0';
	for (int i = 0; i < 5000; i++)
		json_array_append_new(cmd, json_string(big));
	json_object_set_new(state, "state", json_string("running"));
	json_object_set_new(state, "name", json_string(big + 4000));
	json_object_set_new(state, "command", cmd);
	CU_ASSERT_EQUAL(control_tell(sv[1], state, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(control_hear(sv[0], &got, fds), 1);
	CU_ASSERT_EQUAL(fds[CONTROL_ENGINE], -1);
	CU_ASSERT_EQUAL(fds[CONTROL_ERR], -1);
	CU_ASSERT_STRING_EQUAL(control_str(got, "state"), "running");
	CU_ASSERT_EQUAL(strlen(control_str(got, "name")), 256);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(got, "command")), 32);
	json_decref(got);
	CU_ASSERT_EQUAL(control_hear(sv[0], &got, fds), 0);
	CU_ASSERT_EQUAL(send(sv[1], "[]", 2, 0), 2);
	CU_ASSERT_EQUAL(control_hear(sv[0], &got, fds), -EPROTO);
	close(sv[1]);
	CU_ASSERT_EQUAL(control_hear(sv[0], &got, fds), -ECONNRESET);
	close(sv[0]);
	free(big);
}

/* Descriptors with a state: none, one, both, and those that nobody asked for. */
static void test_tell_descriptors(void)
{
	int sv[2], pipes[2], fds[CONTROL_LEFT], more[3];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(more))];
	} cbuf = {0};
	char text[] = "{}";
	struct iovec iov = {text, 2};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &cbuf, .msg_controllen = sizeof(cbuf)};
	json_t *got;

	CU_ASSERT_EQUAL_FATAL(control_pair(sv), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(pipes, O_CLOEXEC), 0);
	CU_ASSERT_EQUAL(control_tell(sv[1], json_object(), (const int[]){pipes[1], -1}), 0);
	CU_ASSERT_EQUAL_FATAL(control_hear(sv[0], &got, fds), 1);
	json_decref(got);
	CU_ASSERT_EQUAL(fds[CONTROL_ERR], -1);
	CU_ASSERT_EQUAL(fcntl(fds[CONTROL_ENGINE], F_GETFD), FD_CLOEXEC);
	CU_ASSERT_EQUAL(write(fds[CONTROL_ENGINE], "x", 1), 1);
	close(fds[CONTROL_ENGINE]);
	CU_ASSERT_EQUAL(control_tell(sv[1], json_object(), pipes), 0);
	CU_ASSERT_EQUAL_FATAL(control_hear(sv[0], &got, fds), 1);
	json_decref(got);
	CU_ASSERT_EQUAL(read(fds[CONTROL_ENGINE], text, 1), 1);
	close(fds[CONTROL_ENGINE]);
	close(fds[CONTROL_ERR]);
	/* More than it wants, and with what is no state: nothing is left open (the suite counts them). */
	more[0] = more[1] = more[2] = pipes[0];
	*CMSG_FIRSTHDR(&mh) = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(more))};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), more, sizeof(more));
	memcpy(text, "{}", 2);
	CU_ASSERT_EQUAL(sendmsg(sv[1], &mh, 0), 2);
	CU_ASSERT_EQUAL_FATAL(control_hear(sv[0], &got, fds), 1);
	json_decref(got);
	close(fds[CONTROL_ENGINE]);
	close(fds[CONTROL_ERR]);
	memcpy(text, "[]", 2);
	CU_ASSERT_EQUAL(sendmsg(sv[1], &mh, 0), 2);
	CU_ASSERT_EQUAL(control_hear(sv[0], &got, fds), -EPROTO);
	close(pipes[0]);
	close(pipes[1]);
	close(sv[0]);
	close(sv[1]);
}

UNIT_SUITE(control, UNIT_TEST(test_lines), UNIT_TEST(test_hostile), UNIT_TEST(test_deep), UNIT_TEST(test_longest),
	   UNIT_TEST(test_replies), UNIT_TEST(test_overflow), UNIT_TEST(test_backpressure), UNIT_TEST(test_finish), UNIT_TEST(test_half_close),
	   UNIT_TEST(test_descriptor), UNIT_TEST(test_close_in_handler), UNIT_TEST(test_feed),
	   UNIT_TEST(test_hand_over), UNIT_TEST(test_tell), UNIT_TEST(test_tell_descriptors));
