// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * control.c - the server side of one control connection.
 *
 * Input: bytes are collected up to CONTROL_LINE_MAX and handled line by line.
 * While more than CONTROL_ROOM of output waits nothing is read, so a client
 * that asks and never listens is held by its own socket. Output: what the
 * socket does not take at once is queued; a queue longer than
 * CONTROL_QUEUE_MAX means that nobody reads, and drops the connection.
 *
 * A broken connection is only marked (CTL_DEAD) and its socket shut down; the
 * loop then finds it readable, and on_closed() and the free happen there. So
 * replies can be sent from anywhere without the connection going away.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "vmmd/control.h"

#define READ_CHUNK 65536

enum ctl_state {
	CTL_OPEN,
	CTL_FINISHING, /* reads no more, waits until its output is sent */
	CTL_DEAD,      /* broken; on_closed() is still to be called */
	CTL_GONE,      /* closed by its owner; freed when no handler runs */
};

struct control_conn {
	struct loop_io io; /* first: handlers get at the connection through it */
	struct loop *loop;
	const struct control_handlers *handlers;
	void *arg;
	int fd;
	enum ctl_state state;
	unsigned int busy; /* handlers that run now */
	bool full;	   /* there was no room; on_room() is to be called */
	int passed;	   /* descriptor for the line that is being read, or -1 */

	char *in;
	size_t in_len, in_cap;
	char *out; /* unsent: out[out_off .. out_len) */
	size_t out_off, out_len, out_cap;

	const char *line; /* while on_line() runs */
	size_t line_len;
	bool more;
};

static void watch(struct control_conn *c)
{
	short events = 0;

	if (c->state == CTL_GONE)
		return;
	if (c->state == CTL_DEAD || (c->state == CTL_OPEN && control_room(c)))
		events |= POLLIN;
	if (c->state != CTL_DEAD && control_queued(c))
		events |= POLLOUT;
	loop_io_set(c->loop, &c->io, events);
}

static void mark_dead(struct control_conn *c)
{
	if (c->state == CTL_DEAD || c->state == CTL_GONE)
		return;
	c->state = CTL_DEAD;
	c->out_off = c->out_len = 0;
	shutdown(c->fd, SHUT_RDWR);
	watch(c);
}

static void conn_free(struct control_conn *c)
{
	if (c->passed >= 0)
		close(c->passed);
	free(c->in);
	free(c->out);
	free(c);
}

/* Leave a handler; the last one out frees what was closed meanwhile. */
static void unbusy(struct control_conn *c)
{
	if (--c->busy == 0 && c->state == CTL_GONE)
		conn_free(c);
}

/* ------------------------------------------------------------------ output */

static void flush(struct control_conn *c)
{
	while (control_queued(c)) {
		ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				mark_dead(c);
			return;
		}
		c->out_off += (size_t)n;
	}
	c->out_off = c->out_len = 0;
	if (c->out_cap > READ_CHUNK) {
		free(c->out);
		c->out = NULL;
		c->out_cap = 0;
	}
	if (c->state == CTL_FINISHING)
		mark_dead(c);
}

static int reserve(char **buf, size_t *cap, size_t need)
{
	size_t want = *cap ? *cap : 4096;
	char *p;

	while (want < need)
		want *= 2;
	if (want == *cap)
		return 0;
	p = realloc(*buf, want);
	if (!p)
		return -ENOMEM;
	*buf = p;
	*cap = want;
	return 0;
}

static void put_line(struct control_conn *c, const char *text, size_t len)
{
	size_t queued = control_queued(c);

	if (c->out_off && c->out_off >= queued) {
		memmove(c->out, c->out + c->out_off, queued);
		c->out_off = 0;
		c->out_len = queued;
	}
	if (queued + len + 1 > CONTROL_QUEUE_MAX || reserve(&c->out, &c->out_cap, c->out_len + len + 1)) {
		mark_dead(c);
		return;
	}
	memcpy(c->out + c->out_len, text, len);
	c->out[c->out_len + len] = '\n';
	c->out_len += len + 1;
	if (queued == 0)
		flush(c);
	if (!control_room(c))
		c->full = true;
	watch(c);
}

/* Send `msg` (stolen). */
static void put_json(struct control_conn *c, json_t *msg)
{
	char *text;

	if (c->state != CTL_OPEN || !msg) {
		json_decref(msg);
		return;
	}
	text = json_dumps(msg, JSON_COMPACT);
	json_decref(msg);
	if (!text) {
		mark_dead(c);
		return;
	}
	put_line(c, text, strlen(text));
	free(text);
}

void control_reply_ok(struct control_conn *c, json_int_t id, json_t *fields)
{
	json_t *msg = json_pack("{s:I, s:b}", "id", id, "ok", 1);

	if (msg && fields)
		json_object_update(msg, fields);
	json_decref(fields);
	put_json(c, msg);
}

void control_event(struct control_conn *c, json_int_t id, json_t *event)
{
	put_json(c, json_pack("{s:I, s:b, s:o}", "id", id, "more", 1, "event", event ? event : json_null()));
}

/* `id` is stolen. The text may hold bytes of the client: what is not UTF-8 becomes '?'. */
static void reply_error(struct control_conn *c, json_t *id, int err, char *text)
{
	const char *name = strerrorname_np(abs(err));
	json_t *str = json_string(text);

	if (!str) {
		for (char *p = text; *p; p++)
			if ((unsigned char)*p >= 0x80)
				*p = '?';
		str = json_string(text);
	}
	put_json(c, json_pack("{s:o, s:b, s:s, s:o}", "id", id, "ok", 0, "errno", name ? name : "EIO",
			      "error", str));
}

void control_reply_error(struct control_conn *c, json_int_t id, int err, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_error(c, json_integer(id), err, text);
}

size_t control_queued(const struct control_conn *c)
{
	return c->out_len - c->out_off;
}

bool control_room(const struct control_conn *c)
{
	return control_queued(c) < CONTROL_ROOM;
}

/* ------------------------------------------------------------------- input */

/* The connection's last words. */
static void refuse(struct control_conn *c, int err, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s", what);
	reply_error(c, json_null(), err, text);
	control_finish(c);
}

static int take_passed(struct control_conn *c)
{
	int fd = c->passed;

	c->passed = -1;
	return fd;
}

static void handle_line(struct control_conn *c, const char *line, size_t len, int fd, bool more)
{
	json_error_t err;
	json_t *msg = json_loadb(line, len, JSON_REJECT_DUPLICATES, &err);
	const char *bad = NULL;

	if (!msg)
		bad = "not a JSON object in one line of UTF-8";
	else if (!json_is_object(msg))
		bad = "not a JSON object";
	else if (!json_is_integer(json_object_get(msg, "id")))
		bad = "no integer \"id\"";
	else if (!json_is_string(json_object_get(msg, "op")))
		bad = "no string \"op\"";

	if (bad) {
		if (fd >= 0)
			close(fd);
		refuse(c, EPROTO, bad);
	} else {
		c->line = line;
		c->line_len = len;
		c->more = more;
		c->handlers->on_line(c, msg, fd);
		c->line = NULL;
	}
	json_decref(msg);
}

/* Handle the whole lines of the input, as long as there is room for replies. */
static void handle_input(struct control_conn *c)
{
	size_t off = 0;

	while (c->state == CTL_OPEN && control_room(c)) {
		char *nl = off < c->in_len ? memchr(c->in + off, '\n', c->in_len - off) : NULL;
		size_t len;

		if (!nl)
			break;
		len = (size_t)(nl - c->in) - off;
		handle_line(c, c->in + off, len, take_passed(c), off + len + 1 < c->in_len);
		off += len + 1;
	}
	if (off) {
		memmove(c->in, c->in + off, c->in_len - off);
		c->in_len -= off;
	}
	if (c->in_len == 0) {
		free(c->in);
		c->in = NULL;
		c->in_cap = 0;
	} else if (c->state == CTL_OPEN && control_room(c) && c->in_len >= CONTROL_LINE_MAX) {
		refuse(c, EMSGSIZE, "line longer than 1 MiB");
	}
}

/* The first descriptors of a message, -1 where there are none; the others are closed. */
static void take_rights(struct msghdr *mh, int *fds, size_t cap)
{
	size_t have = 0;

	for (size_t i = 0; i < cap; i++)
		fds[i] = -1;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n, i;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			if (have < cap)
				fds[have++] = fd;
			else
				close(fd);
		}
	}
}

/* For the line that is being read: one. */
static void note_passed(struct control_conn *c, struct msghdr *mh)
{
	int fd;

	take_rights(mh, &fd, 1);
	if (c->passed < 0)
		c->passed = fd;
	else if (fd >= 0)
		close(fd);
}

static void fill(struct control_conn *c)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} cbuf;
	struct iovec iov;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &cbuf, .msg_controllen = sizeof(cbuf)};
	size_t room = CONTROL_LINE_MAX - c->in_len;
	ssize_t n;

	if (room == 0) /* only while throttled by output: handle_input() refuses a full buffer */
		return;
	if (room > READ_CHUNK)
		room = READ_CHUNK;
	if (reserve(&c->in, &c->in_cap, c->in_len + room)) {
		mark_dead(c);
		return;
	}
	iov.iov_base = c->in + c->in_len;
	iov.iov_len = room;
	n = recvmsg(c->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		note_passed(c, &mh);
		c->in_len += (size_t)n;
	} else if (n == 0) {
		control_finish(c); /* it may have closed its sending side only: let it have its replies */
	} else {
		mark_dead(c);
	}
}

/* Out of the loop, before its descriptor is closed; to be freed. */
static int retire(struct control_conn *c)
{
	int fd = c->fd;

	loop_io_stop(c->loop, &c->io);
	c->state = CTL_GONE;
	c->fd = -1;
	return fd;
}

static void on_io(struct loop_io *io, short revents)
{
	struct control_conn *c = (struct control_conn *)io;
	void (*turn)(bool) = c->handlers->turn;

	c->busy++;
	if (turn)
		turn(true);
	if ((revents & POLLOUT) && c->state != CTL_DEAD)
		flush(c);
	if ((revents & POLLIN) && c->state == CTL_OPEN && control_room(c))
		fill(c);
	if (c->state == CTL_OPEN && c->full && !control_queued(c)) {
		c->full = false;
		if (c->handlers->on_room)
			c->handlers->on_room(c);
	}
	if (c->state == CTL_OPEN)
		handle_input(c);
	if (c->state == CTL_DEAD) {
		if (c->handlers->on_closed)
			c->handlers->on_closed(c);
		if (c->state == CTL_DEAD)
			close(retire(c));
	}
	watch(c);
	unbusy(c);
	if (turn)
		turn(false);
}

void control_feed(struct control_conn *c, const char *line, int fd)
{
	c->busy++;
	if (c->state == CTL_OPEN)
		handle_line(c, line, strlen(line), fd, false);
	else if (fd >= 0)
		close(fd);
	unbusy(c);
}

/* -------------------------------------------------------------------- life */

struct control_conn *control_new(struct loop *loop, int fd, const struct control_handlers *handlers, void *arg)
{
	struct control_conn *c = calloc(1, sizeof(*c));
	int flags = fcntl(fd, F_GETFL);

	if (!c || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
		free(c);
		close(fd);
		return NULL;
	}
	c->loop = loop;
	c->fd = fd;
	c->handlers = handlers;
	c->arg = arg;
	c->passed = -1;
	loop_io_init(&c->io, on_io, fd, POLLIN);
	loop_io_start(loop, &c->io);
	return c;
}

void *control_arg(const struct control_conn *c)
{
	return c->arg;
}

void control_set_arg(struct control_conn *c, void *arg)
{
	c->arg = arg;
}

int control_fd(const struct control_conn *c)
{
	return c->fd;
}

int control_release(struct control_conn *c)
{
	int fd = retire(c);

	if (c->busy == 0)
		conn_free(c);
	return fd;
}

void control_close(struct control_conn *c)
{
	close(control_release(c));
}

void control_finish(struct control_conn *c)
{
	if (c->state != CTL_OPEN)
		return;
	c->state = CTL_FINISHING;
	if (control_queued(c))
		watch(c);
	else
		mark_dead(c);
}

const char *control_line(const struct control_conn *c, size_t *len)
{
	*len = c->line_len;
	return c->line;
}

bool control_more(const struct control_conn *c)
{
	return c->more;
}

json_int_t control_id(const json_t *msg)
{
	return json_integer_value(json_object_get(msg, "id"));
}

const char *control_str(const json_t *msg, const char *key)
{
	return json_string_value(json_object_get(msg, key));
}

/* --------------------------------------------------- between parent and worker */

int control_pair(int sv[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -errno;
	return 0;
}

int control_hand(int sock, int fd, const char *line, size_t len)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} cbuf = {0};
	struct iovec iov[3] = {{(void *)"c", 1}, {(void *)line, len}, {(void *)"\n", 1}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 3, .msg_control = &cbuf, .msg_controllen = sizeof(cbuf)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	ssize_t n;

	if (len > CONTROL_HAND_MAX)
		return -EMSGSIZE;
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	do
		n = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* One record without waiting: its length, 0 if there is none, -errno. */
static ssize_t take_record(int sock, struct msghdr *mh)
{
	ssize_t n;

	do
		n = recvmsg(sock, mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n == 0 ? -ECONNRESET : n;
}

int control_take(int sock, int *fd, char **line)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} cbuf;
	size_t cap = CONTROL_HAND_MAX + 2;
	char *buf = malloc(cap);
	struct iovec iov = {buf, cap};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &cbuf, .msg_controllen = sizeof(cbuf)};
	int passed;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = take_record(sock, &mh);
	if (n > 0) {
		take_rights(&mh, &passed, 1);
		if (n >= 2 && buf[0] == 'c' && buf[n - 1] == '\n' && passed >= 0) {
			memmove(buf, buf + 1, (size_t)n - 2);
			buf[n - 2] = '\0';
			*fd = passed;
			*line = buf;
			return 1;
		}
		if (passed >= 0)
			close(passed);
		n = -EPROTO;
	}
	free(buf);
	return (int)n;
}

/* A string of at most `max` bytes, cut before a character that does not fit. */
static json_t *clipped(const json_t *str, size_t max)
{
	const char *s = json_string_value(str);
	size_t len = json_string_length(str);

	if (len > max) {
		len = max;
		while (len && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
	}
	return json_stringn(s, len);
}

/* Make a state fit into one record: `ps` shows the beginning only. */
static void clip_state(json_t *state)
{
	json_t *cmd = json_object_get(state, "command"), *value, *arg;
	const char *key;
	size_t i;
	void *tmp;

	json_object_foreach_safe(state, tmp, key, value)
		if (json_is_string(value) && json_string_length(value) > 256)
			json_object_set_new(state, key, clipped(value, 256));
	if (!json_is_array(cmd)) {
		json_object_del(state, "command");
		return;
	}
	while (json_array_size(cmd) > 32)
		json_array_remove(cmd, json_array_size(cmd) - 1);
	json_array_foreach(cmd, i, arg)
		if (!json_is_string(arg))
			json_array_set_new(cmd, i, json_string("?"));
		else if (json_string_length(arg) > 256)
			json_array_set_new(cmd, i, clipped(arg, 256));
}

int control_tell(int sock, json_t *state, const int fds[CONTROL_LEFT])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(CONTROL_LEFT * sizeof(int))];
	} cbuf = {0};
	struct iovec iov;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	unsigned nfds = 0;
	char *text;
	ssize_t n;

	while (fds && nfds < CONTROL_LEFT && fds[nfds] >= 0)
		nfds++;
	if (nfds) {
		mh.msg_control = &cbuf;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		*CMSG_FIRSTHDR(&mh) = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
						       .cmsg_len = CMSG_LEN(nfds * sizeof(int))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), fds, nfds * sizeof(int));
	}

	clip_state(state);
	text = json_dumps(state, JSON_COMPACT);
	json_decref(state);
	if (!text)
		return -ENOMEM;
	iov = (struct iovec){text, strlen(text)};
	do
		n = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	n = n < 0 ? -errno : 0;
	free(text);
	return (int)n;
}

static void close_all(int fds[CONTROL_LEFT])
{
	for (int i = 0; i < CONTROL_LEFT; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

int control_hear(int sock, json_t **state, int fds[CONTROL_LEFT])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(CONTROL_LEFT * sizeof(int))];
	} cbuf;
	size_t cap = CONTROL_HAND_MAX;
	char *buf = malloc(cap);
	struct iovec iov = {buf, cap};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &cbuf, .msg_controllen = sizeof(cbuf)};
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = take_record(sock, &mh);
	if (n > 0) {
		take_rights(&mh, fds, CONTROL_LEFT);
		*state = mh.msg_flags & MSG_TRUNC ? NULL : json_loadb(buf, (size_t)n, 0, NULL);
		if (json_is_object(*state)) {
			clip_state(*state);
			n = 1;
		} else {
			json_decref(*state);
			close_all(fds);
			n = -EPROTO;
		}
	}
	free(buf);
	return (int)n;
}
