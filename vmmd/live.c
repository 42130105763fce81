// SPDX-License-Identifier: GPL-2.0-or-later
/* live.c - traces attached to a running session. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmmd/conf.h"
#include "vmmd/live.h"
#include "vmmd/req_fsm.h"
#include "vmmd/stack.h"

#define LIVE_PIPE (1024 * 1024)
#define LIVE_LINE 16384

struct live {
	struct session *session;
	struct control_conn *conn;
	json_int_t id;
	struct vmmd_layer *layer;
	struct loop_io io;
	int rd, wr;
	size_t used;
	struct live *next;
	char line[LIVE_LINE];
};

static void send_line(struct live *v, size_t len)
{
	json_t *text = json_stringn(v->line, len);

	if (!text) { /* a line of text that is not UTF-8 */
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)v->line[i] >= 0x80)
				v->line[i] = '?';
		text = json_stringn(v->line, len);
	}
	control_event(v->conn, v->id, json_pack("{s:o}", "line", text));
}

static void send_lines(struct live *v)
{
	char *nl;

	while ((nl = memchr(v->line, '\n', v->used))) {
		size_t len = (size_t)(nl - v->line);

		send_line(v, len);
		v->used -= len + 1;
		memmove(v->line, nl + 1, v->used);
	}
	if (v->used == sizeof(v->line)) {
		send_line(v, v->used);
		v->used = 0;
	}
}

static void on_readable(struct loop_io *io, short revents)
{
	struct live *v = (struct live *)(void *)((char *)io - offsetof(struct live, io));

	(void)revents;
	while (control_room(v->conn)) {
		ssize_t n = read(v->rd, v->line + v->used, sizeof(v->line) - v->used);

		if (n <= 0)
			return;
		v->used += (size_t)n;
		send_lines(v);
	}
	/* The pipe fills and the trace drops lines until live_room(). */
	loop_io_stop(v->session->loop, io);
}

void live_room(struct session *s, const struct control_conn *c)
{
	for (struct live *v = s->lives; v; v = v->next)
		if (v->conn == c)
			loop_io_start(s->loop, &v->io);
}

static void live_free(struct live *v)
{
	loop_io_stop(v->session->loop, &v->io);
	if (v->rd >= 0)
		close(v->rd);
	if (v->wr >= 0)
		close(v->wr);
	free(v);
}

static struct live *live_new(struct session *s, struct control_conn *c, json_int_t id)
{
	struct live *v = calloc(1, sizeof(*v));
	int fds[2];

	if (!v)
		return NULL;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(v);
		return NULL;
	}
	v->session = s;
	v->conn = c;
	v->id = id;
	v->rd = fds[0];
	v->wr = fds[1];
	fcntl(v->wr, F_SETPIPE_SZ, LIVE_PIPE); /* less is also fine */
	loop_io_init(&v->io, on_readable, v->rd, POLLIN);
	return v;
}

/* "trace" with the client's options, as the configuration would name it. */
static int push_layer(struct live *v, const json_t *msg, char *why, size_t len)
{
	const char *options = control_str(msg, "options"), *format = control_str(msg, "format");
	struct conf *c = conf_new();
	char *spec = NULL;
	int rc = -ENOMEM;

	if (c && asprintf(&spec, "trace%s%s%s%s", format ? ",format=" : "", format ? format : "",
			  options && options[0] ? "," : "", options ? options : "") >= 0)
		rc = conf_layer(c, spec, why, len);
	if (rc == 0)
		rc = stack_push(v->session->stack, &v->layer, &c->layers[0], v->wr, why, len);
	free(spec);
	conf_free(c);
	return rc;
}

static int push(struct live *v, const json_t *msg, char *why, size_t len)
{
	if (!req_fsm_may_reselect(v->session)) {
		snprintf(why, len, "engine %s cannot be asked for more while programs run; "
				   "start the session with `--engine hybrid` or with a trace layer",
			 req_fsm_engine(v->session));
		return -ENOTSUP;
	}
	return push_layer(v, msg, why, len);
}

void live_start(struct session *s, struct control_conn *c, const json_t *msg)
{
	json_int_t id = control_id(msg);
	struct live *v = live_new(s, c, id);
	char why[512] = "";
	int rc;

	if (!v) {
		control_reply_error(c, id, ENOMEM, "no memory or descriptor for a trace");
		return;
	}
	rc = push(v, msg, why, sizeof(why));
	if (rc < 0) {
		control_reply_error(c, id, -rc, "%s", why[0] ? why : strerror(-rc));
		live_free(v);
		return;
	}
	v->next = s->lives;
	s->lives = v;
	loop_io_start(s->loop, &v->io);
	req_fsm_reselect(s);
	control_event(c, id, json_pack("{s:i}", "attached", (int)getpid()));
}

static void detach(struct session *s, struct live *v)
{
	session_forget_layer(s, v->layer);
	stack_pop(s->stack, v->layer);
	if (s->engine)
		req_fsm_reselect(s);
	on_readable(&v->io, POLLIN);
	live_free(v);
}

void live_stop(struct session *s, const struct control_conn *c)
{
	struct live **p = &s->lives;

	while (*p) {
		struct live *v = *p;

		if (c && v->conn != c) {
			p = &v->next;
			continue;
		}
		*p = v->next;
		detach(s, v);
	}
}

void live_end(struct session *s)
{
	for (struct live *v = s->lives; v; v = v->next) {
		on_readable(&v->io, POLLIN);
		control_reply_ok(v->conn, v->id, json_pack("{s:i}", "session", (int)getpid()));
		control_finish(v->conn);
	}
}
