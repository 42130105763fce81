// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * request.c - send a request, read what comes back.
 *
 * The daemon is not trusted further than its uid: lines are bounded, types are
 * checked, and text from it is printed by callers only after making it plain.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "clients/lib/impl.h"

#define REQUEST_MAX (1024 * 1024)    /* the daemon reads no longer line */
#define REPLY_MAX (16 * 1024 * 1024) /* no reply is as long */
#define READ_CHUNK 65536

int vmmctl_fail(struct vmmctl *c, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return err < 0 ? err : -err;
}

const char *vmmctl_error(const struct vmmctl *c)
{
	return c->error;
}

json_t *vmmctl_text(const char *text, size_t max)
{
	size_t len = strnlen(text, max), i;
	json_t *str;
	char *copy;

	/* Not in the middle of a character. */
	if (text[len])
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	str = json_stringn(text, len);
	if (str)
		return str;
	copy = strndup(text, len);
	if (!copy)
		return NULL;
	for (i = 0; i < len; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	str = json_stringn(copy, len);
	free(copy);
	return str;
}

/* The first byte carries the descriptor. */
static ssize_t send_some(int sock, const char *buf, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} cbuf = {0};
	struct iovec iov = {(void *)buf, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *cm;

		mh.msg_control = &cbuf;
		mh.msg_controllen = sizeof(cbuf);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	}
	do
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int vmmctl_send(struct vmmctl *c, const char *op, json_t *fields, int fd)
{
	json_t *msg = json_pack("{s:I, s:s}", "id", ++c->id, "op", op);
	size_t len, off = 0;
	char *text;
	int ret = 0;

	if (msg && fields)
		json_object_update(msg, fields);
	json_decref(fields);
	text = msg ? json_dumps(msg, JSON_COMPACT) : NULL;
	json_decref(msg);
	if (!text)
		return vmmctl_fail(c, ENOMEM, "cannot make the request '%s'", op);
	len = strlen(text);
	text[len++] = '\n'; /* instead of the NUL */
	if (len > REQUEST_MAX) {
		free(text);
		return vmmctl_fail(c, EMSGSIZE, "the request is longer than 1 MiB");
	}
	while (!ret && off < len) {
		ssize_t n = send_some(c->fd, text + off, len - off, off ? -1 : fd);

		if (n < 0)
			ret = (int)n;
		else
			off += (size_t)n;
	}
	free(text);
	/* A daemon that refuses early has hung up with a reply behind: read that first. */
	if (ret == -EPIPE || ret == -ECONNRESET)
		return 0;
	if (ret)
		return vmmctl_fail(c, ret, "cannot send to vmmd: %s", strerror(-ret));
	return 0;
}

/* Receive until there is a whole line: its length with the newline, or -errno. */
static ssize_t read_line(struct vmmctl *c)
{
	size_t seen = 0;

	for (;;) {
		char *nl = c->len > seen ? memchr(c->in + seen, '\n', c->len - seen) : NULL;
		ssize_t n;

		if (nl)
			return nl - c->in + 1;
		seen = c->len;
		if (c->len > REPLY_MAX)
			return vmmctl_fail(c, EPROTO, "vmmd sent a line that is too long");
		if (c->cap - c->len < READ_CHUNK) {
			char *p = realloc(c->in, c->cap + 2 * READ_CHUNK + c->cap / 2);

			if (!p)
				return vmmctl_fail(c, ENOMEM, "out of memory");
			c->in = p;
			c->cap += 2 * READ_CHUNK + c->cap / 2;
		}
		n = recv(c->fd, c->in + c->len, READ_CHUNK, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return vmmctl_fail(c, ETIMEDOUT, "vmmd does not answer");
		if (n < 0 && errno != ECONNRESET)
			return vmmctl_fail(c, errno, "cannot read from vmmd: %s", strerror(errno));
		if (n <= 0)
			return vmmctl_fail(c, ECONNRESET, "vmmd hung up");
		c->len += (size_t)n;
	}
}

static int errno_by_name(const char *name)
{
	for (int e = 1; name && e < 200; e++) {
		const char *known = strerrorname_np(e);

		if (known && !strcmp(known, name))
			return e;
	}
	return EIO;
}

/* Sort out one line for the last request; 2: it is for none. Takes `msg`. */
static int sort_out(struct vmmctl *c, json_t *msg, json_t **out)
{
	json_t *id = json_object_get(msg, "id"), *ok = json_object_get(msg, "ok");
	const char *error = json_string_value(json_object_get(msg, "error"));
	json_t *event = json_object_get(msg, "event");
	int ret = 2;

	if (json_is_false(ok)) {
		/* An id of null: the daemon could not even read the request. */
		ret = vmmctl_fail(c, errno_by_name(json_string_value(json_object_get(msg, "errno"))), "%s",
				  error ? error : "vmmd gave no reason");
	} else if (json_integer_value(id) != c->id) {
		ret = 2;
	} else if (json_is_true(ok)) {
		*out = json_incref(msg);
		ret = 0;
	} else if (json_is_true(json_object_get(msg, "more")) && json_is_object(event)) {
		*out = json_incref(event);
		ret = 1;
	} else {
		ret = vmmctl_fail(c, EPROTO, "vmmd sent something that is not a reply");
	}
	json_decref(msg);
	return ret;
}

int vmmctl_next(struct vmmctl *c, json_t **msg)
{
	int ret;

	*msg = NULL;
	do {
		ssize_t n = read_line(c);
		json_t *line;

		if (n < 0)
			return (int)n;
		line = json_loadb(c->in, (size_t)n - 1, 0, NULL);
		c->len -= (size_t)n;
		memmove(c->in, c->in + n, c->len);
		if (!json_is_object(line)) {
			json_decref(line);
			return vmmctl_fail(c, EPROTO, "vmmd sent something that is not JSON");
		}
		ret = sort_out(c, line, msg);
	} while (ret == 2);
	return ret;
}

void vmmctl_take_over(struct vmmctl *c)
{
	c->id++;
}

int vmmctl_call(struct vmmctl *c, const char *op, json_t *fields, json_t **reply)
{
	int ret = vmmctl_send(c, op, fields, -1);

	*reply = NULL;
	while (!ret) {
		ret = vmmctl_next(c, reply);
		if (ret <= 0)
			break;
		json_decref(*reply); /* an event nobody asked for */
		*reply = NULL;
		ret = 0;
	}
	return ret;
}
