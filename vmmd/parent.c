// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * parent.c - listen, read requests, hand connections over.
 *
 * The parent keeps whatever rights the daemon was started with, so it does as
 * little as possible: of a request it looks at "op" and "session" only. One
 * worker per session; the session's id is the worker's process id. What a
 * worker says on its control socket is as hostile as a client.
 *
 * Owners: the parent owns its peers (connections) and sessions; a peer owns
 * its connection until it is given to a worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "vmmd/engine/engine.h"
#include "vmmd/log.h"
#include "vmmd/parent_impl.h"

#define MAX_PEERS 1024
#define MAX_USER_PEERS 256    /* of one user who is not root */
#define MAX_USER_WORKERS 512 /* likewise */
#define ACCEPT_PAUSE_MS 100   /* when out of descriptors */

static const struct control_handlers peer_handlers;

/* A private instance has nothing to do without connections and sessions. */
void parent_end_if_idle(struct parent *p)
{
	if (p->cfg->instance == PARENT_PRIVATE && LIST_EMPTY(&p->peers) && LIST_EMPTY(&p->workers))
		loop_break(p->loop);
}

/* ------------------------------------------------------------------- peers */

static void peer_free(struct peer *peer)
{
	struct parent *p = peer->parent;

	LIST_REMOVE(peer, list);
	p->npeers--;
	free(peer);
	parent_end_if_idle(p);
}

/* Close our side of the connection and forget who it was. */
void parent_peer_close(struct peer *peer)
{
	control_close(peer->conn);
	peer_free(peer);
}

static void on_closed(struct control_conn *conn)
{
	peer_free(control_arg(conn));
}

static bool too_many(const struct parent *p, uid_t uid)
{
	const struct peer *peer;
	unsigned int n = 0;

	if (uid == 0) /* must get in when users have taken all there is */
		return false;
	LIST_FOREACH(peer, &p->peers, list)
		n += peer->who.uid == uid;
	return p->npeers >= MAX_PEERS || n >= MAX_USER_PEERS;
}

/* Takes `fd`. */
static int peer_new(struct parent *p, int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	socklen_t len = sizeof(peer->who);
	int ret = -ENOMEM;

	if (!peer)
		goto fail;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer->who, &len)) {
		ret = -errno;
		goto fail;
	}
	ret = -EAGAIN;
	if (too_many(p, peer->who.uid))
		goto fail;
	peer->parent = p;
	peer->conn = control_new(p->loop, fd, &peer_handlers, peer);
	if (!peer->conn) {
		free(peer);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&p->peers, peer, list);
	p->npeers++;
	return 0;
fail:
	close(fd);
	free(peer);
	return ret;
}

static void on_accept(struct loop_io *io, short revents)
{
	struct parent *p = PARENT_OF(io, accept_io);
	int fd = accept4(p->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)revents;
	if (fd >= 0) {
		int ret = peer_new(p, fd);

		if (ret)
			log_warning("connection refused: %s", strerror(-ret));
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		/* The connection stays in the queue: do not spin on it. */
		loop_io_stop(p->loop, &p->accept_io);
		loop_timer_start(p->loop, &p->accept_timer, ACCEPT_PAUSE_MS, 0);
	}
}

static void on_accept_timer(struct loop_timer *t)
{
	struct parent *p = PARENT_OF(t, accept_timer);

	loop_io_start(p->loop, &p->accept_io);
}

/* ---------------------------------------------------------------- requests */

static unsigned int user_workers(const struct parent *p, uid_t uid)
{
	const struct worker *w;
	unsigned int n = 0;

	LIST_FOREACH(w, &p->workers, list)
		n += w->uid == uid;
	return n;
}

static bool may_see(const struct peer *peer, const struct worker *w)
{
	return peer->who.uid == 0 || peer->who.uid == w->uid;
}

static void op_version(struct peer *peer, const json_t *msg)
{
	control_reply_ok(peer->conn, control_id(msg),
			 json_pack("{s:s, s:i}", "version", VMMD_VERSION, "protocol", CONTROL_PROTOCOL));
}

static json_t *engine_row(const struct engine_ops *ops)
{
	char why[256] = "";
	int ret = ops->probe(why, sizeof(why));
	json_t *features = json_array();
	unsigned int i;

	for (i = 0; i < ENGINE_F_COUNT_; i++)
		if (ops->features & 1u << i)
			json_array_append_new(features, json_string(engine_feature_names[i]));
	return json_pack("{s:s, s:b, s:s, s:o}", "name", ops->name, "usable", ret == 0, "why",
			 ret == 0 ? "" : why, "features", features);
}

static void op_status(struct peer *peer, const json_t *msg)
{
	static const char *const instances[] = {"system", "user", "private"};
	struct parent *p = peer->parent;
	const struct worker *w;
	int n = 0;

	if (!p->engines) {
		const struct engine_ops *const *e;

		p->engines = json_array();
		for (e = engine_all; *e; e++)
			json_array_append_new(p->engines, engine_row(*e));
	}
	LIST_FOREACH(w, &p->workers, list)
		n += w->sock >= 0 && w->state && may_see(peer, w);
	control_reply_ok(peer->conn, control_id(msg),
			 json_pack("{s:s, s:i, s:s, s:i, s:I, s:s, s:i, s:O}", "version", VMMD_VERSION,
				   "protocol", CONTROL_PROTOCOL, "instance", instances[p->cfg->instance],
				   "pid", (int)getpid(), "uid", (json_int_t)geteuid(), "socket",
				   p->cfg->socket ? p->cfg->socket : "", "sessions", n, "engines",
				   p->engines));
}

static void op_ps(struct peer *peer, const json_t *msg)
{
	const struct worker *w;
	json_t *rows = json_array();

	LIST_FOREACH(w, &peer->parent->workers, list) {
		char id[16];
		json_t *row;

		if (w->sock < 0 || !w->state || !may_see(peer, w))
			continue;
		snprintf(id, sizeof(id), "%d", (int)w->pid);
		row = json_pack("{s:s, s:I, s:I}", "session", id, "uid", (json_int_t)w->uid, "started",
				(json_int_t)w->started);
		json_object_update(row, w->state);
		json_array_insert_new(rows, 0, row); /* the list is newest first */
	}
	control_reply_ok(peer->conn, control_id(msg), json_pack("{s:o}", "sessions", rows));
}

/* Bytes that are already on their way in or out would be lost when the connection moves. */
static bool may_leave(struct peer *peer, const json_t *msg)
{
	if (!control_more(peer->conn) && !control_queued(peer->conn))
		return true;
	control_reply_error(peer->conn, control_id(msg), EPROTO, "one request at a time: '%s' must wait for replies",
			    control_str(msg, "op"));
	return false;
}

static void to_new_worker(struct peer *peer, const json_t *msg, int client_err)
{
	uid_t uid = peer->who.uid;
	json_int_t id = control_id(msg);
	int ret;

	if (geteuid() != 0 && uid != geteuid()) {
		control_reply_error(peer->conn, id, EPERM, "this vmmd runs sessions of user %u only",
				    (unsigned int)geteuid());
	} else if (uid != 0 && user_workers(peer->parent, uid) >= MAX_USER_WORKERS) {
		control_reply_error(peer->conn, id, EAGAIN, "user %u has %d sessions, no more are allowed",
				    (unsigned int)uid, MAX_USER_WORKERS);
	} else if (may_leave(peer, msg)) {
		ret = parent_worker_start(peer, id, client_err);
		if (ret)
			control_reply_error(peer->conn, id, ret, "cannot start a worker: %s", strerror(-ret));
	}
}

/* The session called `who`: its number, or its name if no other that may be seen has it. */
static struct worker *find_worker(struct peer *peer, const char *who, int *err)
{
	struct worker *w, *found = NULL;
	char *end;
	long pid = strtol(who, &end, 10);

	*err = ESRCH;
	LIST_FOREACH(w, &peer->parent->workers, list) {
		const char *name = control_str(w->state, "name");

		if (w->sock < 0 || !w->state || !may_see(peer, w))
			continue;
		if (*who && !*end && w->pid == pid)
			return w;
		if (!name || strcmp(name, who) != 0)
			continue;
		*err = found ? ENOTUNIQ : 0;
		found = w;
	}
	return *err ? NULL : found;
}

static void to_session(struct peer *peer, const json_t *msg)
{
	const char *who = control_str(msg, "session"), *line;
	json_int_t id = control_id(msg);
	struct worker *w;
	size_t len;
	int err, ret;

	if (!who) {
		control_reply_error(peer->conn, id, EINVAL, "no string \"session\"");
		return;
	}
	w = find_worker(peer, who, &err);
	if (!w) {
		control_reply_error(peer->conn, id, err,
				    err == ESRCH ? "no session '%.200s'"
						 : "several sessions are called '%.200s': use the number",
				    who);
		return;
	}
	if (!may_leave(peer, msg))
		return;
	line = control_line(peer->conn, &len);
	ret = control_hand(w->sock, control_fd(peer->conn), line, len);
	if (!ret)
		parent_peer_close(peer);
	else
		control_reply_error(peer->conn, id, ret == -EAGAIN ? EBUSY : ret, "session %d: %s", (int)w->pid,
				    ret == -EAGAIN ? "too busy to answer" : strerror(-ret));
}

/* ---------------------------------------------------------------- dispatch */

enum answerer { PARENT, WORKER, SESSION };

struct op {
	const char *name;
	enum answerer who;
	void (*fn)(struct peer *, const json_t *msg); /* PARENT */
};

static const struct op ops[] = {
#define CONTROL_OP(name, who, help) {#name, who, OP_##who(name)},
#define OP_PARENT(name) op_##name
#define OP_WORKER(name) NULL
#define OP_SESSION(name) NULL
#include "proto/control.tbl"
#undef CONTROL_OP
};

static void on_line(struct control_conn *conn, json_t *msg, int fd)
{
	struct peer *peer = control_arg(conn);
	const char *name = control_str(msg, "op");
	const struct op *op = NULL;
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name))
			op = &ops[i];
	if (!op)
		control_reply_error(conn, control_id(msg), ENOSYS, "unknown operation '%.100s'", name);
	else if (op->who == PARENT)
		op->fn(peer, msg);
	else if (op->who == WORKER)
		to_new_worker(peer, msg, fd);
	else
		to_session(peer, msg);
	if (fd >= 0)
		close(fd);
}

/*
 * To close what a client has sent may wait as long as the client likes: a socket
 * with SO_LINGER does. A signal ends that wait, so the time of one turn is bounded.
 */
void parent_hurry(bool begin)
{
	struct itimerval t = {0};

	if (begin)
		t.it_value.tv_usec = t.it_interval.tv_usec = 2000;
	setitimer(ITIMER_REAL, &t, NULL);
}

static void on_alarm(int signo)
{
	(void)signo;
}

static const struct control_handlers peer_handlers = {.on_line = on_line, .on_closed = on_closed, .turn = parent_hurry};

/* ------------------------------------------------------------------- whole */

static void stop(struct parent *p)
{
	loop_break(p->loop);
}

static void on_term(struct loop_signal *sig, int signo)
{
	(void)signo;
	stop(PARENT_OF(sig, term));
}

static void on_intr(struct loop_signal *sig, int signo)
{
	(void)signo;
	stop(PARENT_OF(sig, intr));
}

static void on_hup(struct loop_signal *sig, int signo)
{
	(void)signo;
	stop(PARENT_OF(sig, hup));
}

static int start(struct parent *p)
{
	const struct parent_config *cfg = p->cfg;
	int ret;

	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
	loop_signal_init(&p->term, on_term, SIGTERM);
	loop_signal_init(&p->intr, on_intr, SIGINT);
	loop_signal_init(&p->hup, on_hup, SIGHUP);
	loop_signal_start(p->loop, &p->term);
	loop_signal_start(p->loop, &p->intr);
	loop_signal_start(p->loop, &p->hup);
	parent_workers_init(p);
	loop_timer_init(&p->accept_timer, on_accept_timer);
	if (cfg->socket) {
		ret = listen_start(&p->listener, cfg->socket, cfg->mode);
		if (ret) {
			log_msg(cfg->instance == PARENT_PRIVATE ? VMMD_LOG_WARNING : VMMD_LOG_ERROR,
				"cannot listen on %s: %s", cfg->socket,
				ret == -EADDRINUSE ? "another vmmd does" : strerror(-ret));
			/* A private session works without; it is only not listed. */
			if (cfg->instance != PARENT_PRIVATE)
				return ret;
		} else {
			loop_io_init(&p->accept_io, on_accept, p->listener.fd, POLLIN);
			loop_io_start(p->loop, &p->accept_io);
		}
	}
	if (cfg->private_fd >= 0) {
		ret = peer_new(p, cfg->private_fd);
		if (ret) {
			log_error("cannot use descriptor %d: %s", cfg->private_fd, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

int parent_run(const struct parent_config *cfg)
{
	struct parent p = {.cfg = cfg, .listener.fd = -1};
	int ret;

	LIST_INIT(&p.peers);
	LIST_INIT(&p.workers);
	p.loop = loop_new();
	if (!p.loop) {
		log_error("cannot make an event loop");
		return -ENOMEM;
	}
	ret = start(&p);
	if (!ret) {
		log_info("%s, listening on %s", VMMD_VERSION, cfg->socket ? cfg->socket : "no socket");
		loop_run(p.loop);
	}
	loop_timer_stop(p.loop, &p.accept_timer);
	if (p.listener.fd >= 0)
		loop_io_stop(p.loop, &p.accept_io);
	listen_stop(&p.listener);
	while (!LIST_EMPTY(&p.peers))
		parent_peer_close(LIST_FIRST(&p.peers));
	parent_workers_end(&p);
	loop_signal_stop(p.loop, &p.term);
	loop_signal_stop(p.loop, &p.intr);
	loop_signal_stop(p.loop, &p.hup);
	loop_free(p.loop);
	json_decref(p.engines);
	return ret;
}
