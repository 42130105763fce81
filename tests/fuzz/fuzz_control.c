/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_control.c - a control connection whose other end is hostile.
 *
 * The bytes go through a real socket in pieces; the pieces, and whether a
 * descriptor is sent along, follow from the bytes. Whatever comes in: the
 * handlers see only requests with an id and an op, everything sent back is a
 * line of JSON, and the connection ends when the client has gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "vmmd/control.h"

struct client {
	struct loop_io io; /* first */
	struct loop *loop;
	int fd;
	const uint8_t *data;
	size_t left;
	char *in;
	size_t in_len;
	bool served; /* the server's side of the connection is gone */
};

static void client_end(struct client *cl)
{
	loop_io_stop(cl->loop, &cl->io);
	if (cl->served)
		loop_break(cl->loop);
}

static void served(struct client *cl)
{
	cl->served = true;
	loop_io_set(cl->loop, &cl->io, POLLIN);
}

/* Everything the server says is lines of JSON objects. */
static void client_read(struct client *cl)
{
	char buf[4096], *nl;
	ssize_t n = recv(cl->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		client_end(cl);
		return;
	}
	cl->in = realloc(cl->in, cl->in_len + (size_t)n);
	FUZZ_CHECK(cl->in);
	memcpy(cl->in + cl->in_len, buf, (size_t)n);
	cl->in_len += (size_t)n;
	while ((nl = memchr(cl->in, '\n', cl->in_len))) {
		size_t len = (size_t)(nl - cl->in);
		json_t *msg = json_loadb(cl->in, len, 0, NULL);

		FUZZ_CHECK(json_is_object(msg));
		json_decref(msg);
		cl->in_len -= len + 1;
		memmove(cl->in, nl + 1, cl->in_len);
	}
}

/* Send the next piece; its first byte says how long it is and whether a descriptor goes along. */
static void client_write(struct client *cl)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(2 * sizeof(int))];
	} cbuf = { 0 };
	size_t size = cl->left ? 1 + cl->data[0] % 61 * 16u : 0;
	struct iovec iov = { (void *)cl->data, size < cl->left ? size : cl->left };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[2] = { cl->fd, cl->fd };
	ssize_t n;

	if (cl->left && cl->data[0] % 4 == 0) {
		size_t bytes = sizeof(int) * (1 + cl->data[0] / 4 % 2);
		struct cmsghdr *cm;

		mh.msg_control = &cbuf;
		mh.msg_controllen = CMSG_SPACE(bytes);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(cm), fds, bytes);
	}
	n = cl->left ? sendmsg(cl->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		cl->data += n;
		cl->left -= (size_t)n;
	}
	if (n <= 0) {
		shutdown(cl->fd, SHUT_WR);
		loop_io_set(cl->loop, &cl->io, POLLIN);
	}
}

static void client_io(struct loop_io *io, short revents)
{
	struct client *cl = (struct client *)io;

	if (revents & POLLOUT)
		client_write(cl);
	if (revents & POLLIN)
		client_read(cl);
}

/* All that a handler can do to a connection, picked by the op. */
static void on_line(struct control_conn *c, json_t *msg, int fd)
{
	struct client *cl = control_arg(c);
	const char *op = control_str(msg, "op");
	json_int_t id = control_id(msg);
	size_t len;
	json_t *copy;

	FUZZ_CHECK(op && control_line(c, &len));
	FUZZ_CHECK(!memchr(control_line(c, &len), '\n', len));
	if (fd >= 0)
		close(fd);
	switch (op[0]) {
	case 'f':
		control_reply_ok(c, id, NULL);
		control_finish(c);
		break;
	case 'c':
		served(cl);
		control_close(c);
		break;
	case 'r':
		served(cl);
		close(control_release(c));
		break;
	case 'n':
		copy = json_deep_copy(msg);
		json_object_set_new(copy, "op", json_string("again"));
		control_event(c, id, copy);
		control_feed(c, "{\"id\":1,\"op\":\"x\"}", -1);
		break;
	case 'e':
		control_reply_error(c, id, EPERM, "no %s for you", op);
		break;
	default:
		control_reply_ok(c, id, json_deep_copy(msg));
	}
}

static void on_closed(struct control_conn *c)
{
	served(control_arg(c));
}

static const struct control_handlers handlers = { .on_line = on_line, .on_closed = on_closed };

static void control_one(const uint8_t *data, size_t size)
{
	struct client cl = { .loop = loop_new(), .data = data, .left = size };
	int sv[2];

	FUZZ_CHECK(cl.loop && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	cl.fd = sv[0];
	loop_io_init(&cl.io, client_io, cl.fd, POLLIN | POLLOUT);
	loop_io_start(cl.loop, &cl.io);
	FUZZ_CHECK(control_new(cl.loop, sv[1], &handlers, &cl));
	loop_run(cl.loop);
	FUZZ_CHECK(cl.served && cl.in_len == 0);
	close(cl.fd);
	loop_free(cl.loop);
	free(cl.in);
}

/* Records between worker and parent: each side reads what the other must never have sent. */
static void record_one(const uint8_t *data, size_t size)
{
	json_t *state = NULL;
	char *line = NULL;
	int sv[2], fd = -1, rc, fds[CONTROL_LEFT];

	FUZZ_CHECK(!control_pair(sv));
	if (size && size <= CONTROL_HAND_MAX) {
		FUZZ_CHECK(send(sv[0], data, size, MSG_DONTWAIT) == (ssize_t)size);
		rc = control_take(sv[1], &fd, &line);
		FUZZ_CHECK(rc == -EPROTO); /* no descriptor came along */
		FUZZ_CHECK(send(sv[1], data, size, MSG_DONTWAIT) == (ssize_t)size);
		rc = control_hear(sv[0], &state, fds);
		FUZZ_CHECK(rc == -EPROTO || (rc == 1 && json_is_object(state)));
		if (rc == 1)
			control_tell(sv[1], state, NULL);
		if (!control_hand(sv[0], sv[0], (const char *)data, size)) {
			FUZZ_CHECK(control_take(sv[1], &fd, &line) == 1 && fd >= 0 && strlen(line) <= size);
			close(fd);
			free(line);
		}
	}
	close(sv[0]);
	FUZZ_CHECK(control_take(sv[1], &fd, &line) == -ECONNRESET);
	close(sv[1]);
}

static const char *const control_seeds[] = {
	"{\"id\":1,\"op\":\"version\"}\n{\"id\":2,\"op\":\"ps\"}\n",
	"{\"id\":3,\"op\":\"run\",\"name\":\"n\",\"argv\":[\"/bin/true\"],\"cwd\":\"/\",\"pid\":1,\"layers\":[\"null\"]}\n",
	"{\"id\":-9223372036854775808,\"op\":\"n\",\"session\":\"7\",\"text\":\"\\u00e9\\ud83d\\ude00\"}\n{\"id\":1,\"op\":\"finish\"}\n",
	"{\"op\":\"e\",\"id\":4}\n{\"op\":\"e\",\"id\":5}\n{\"id\":6,\"op\":\"close\"}\n{\"id\":7,\"op\":\"x\"}\n",
	"{\"id\":1.5,\"op\":\"x\"}\n",
	"{\"id\":1,\"op\":\"release\"}\n",
	"{\"id\":1,\"op\":\"x\",\"id\":2}\n[1]\n\n",
	NULL,
};

static const char *const control_words[] = {
	"\n", "{", "}", "[", "]", "\"", ":", ",", "\"id\":", "\"op\":", "\"n", "\"f", "\"c", "\"r", "\"e", "null", "true",
	"1e999", "-0", "18446744073709551616", "\\u0000", "\\ud800", "\xff", "\xc3", "\\", "{\"id\":1,\"op\":\"x\"}\n", "[[[[[[[[",
	"{\"a\":{\"a\":", NULL,
};

const struct fuzz_target fuzz_control = { "control", control_one, control_seeds, control_words };
const struct fuzz_target fuzz_record = { "record", record_one, control_seeds, control_words };
