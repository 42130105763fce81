// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * parent.c - listen, start workers, hand connections over, reap workers.
 *
 * The parent keeps whatever rights the daemon was started with, so it does as
 * little as possible: of a request it looks at "op" and "session" only. One
 * worker per session; the session's id is the worker's process id. What a
 * worker says on its control socket is as hostile as a client.
 *
 * A worker that is gone is noticed by the end of its control socket and then
 * reaped by its own process id; one that lives on without the socket is killed.
 * Nothing here handles SIGCHLD. The client that started a worker may wait for
 * word of it, so the parent keeps that connection too and says how it ended.
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
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "vmmd/control.h"
#include "vmmd/engine/engine.h"
#include "vmmd/listen.h"
#include "vmmd/log.h"
#include "vmmd/parent.h"
#include "vmmd/priv.h"
#include "vmmd/worker.h"

#define MAX_PEERS 1024
#define MAX_USER_PEERS 256    /* of one user who is not root */
#define MAX_USER_WORKERS 512 /* likewise */
#define ACCEPT_PAUSE_MS 100   /* when out of descriptors */
#define REAP_MS 10
#define END_WAIT_MS 5000 /* how long workers may take to end with us */
#define LEFT_MS 500	 /* how often workers that start are looked at */

struct peer {
	LIST_ENTRY(peer) list;
	struct parent *parent;
	struct control_conn *conn;
	struct ucred who;
};

struct worker {
	struct loop_io io; /* first: handlers get at the worker through it */
	LIST_ENTRY(worker) list;
	struct parent *parent;
	pid_t pid;
	uid_t uid;
	int sock; /* -1: at its end, to be reaped */
	int waited; /* for its end, ms */
	int client; /* the connection that asked for it, or -1: for us to write to only */
	json_int_t id; /* of that request */
	int left; /* times that the client was seen gone before there was a session */
	time_t started;
	json_t *state; /* what the worker told, known keys only; NULL: not running yet */
};

struct parent {
	const struct parent_config *cfg;
	struct loop *loop;
	struct listener listener;
	struct loop_io accept_io;
	struct loop_timer accept_timer;
	struct loop_timer reap_timer;
	struct loop_timer left_timer;
	struct loop_signal term, intr, hup;
	LIST_HEAD(peers, peer) peers;
	LIST_HEAD(workers, worker) workers;
	unsigned int npeers;
	json_t *engines; /* answer of the probes, made when first asked for */
};

static const struct control_handlers peer_handlers;

/* Loop watchers carry no argument; these are embedded in struct parent. */
#define PARENT_OF(watcher, member) ((struct parent *)((char *)(watcher) - offsetof(struct parent, member)))

/* A private instance has nothing to do without connections and sessions. */
static void end_if_idle(struct parent *p)
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
	end_if_idle(p);
}

/* Close our side of the connection and forget who it was. */
static void peer_close(struct peer *peer)
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

/* ---------------------------------------------------------------- sessions */

static void worker_gone(struct worker *w)
{
	struct parent *p = w->parent;

	LIST_REMOVE(w, list);
	if (w->client >= 0)
		close(w->client);
	json_decref(w->state);
	free(w);
	end_if_idle(p);
}

/* Nobody else can tell the client why the worker does not answer any more. */
static void tell_client(const struct worker *w, const char *how, int number)
{
	char line[256];
	int n = snprintf(line, sizeof(line),
			 "{\"id\":%lld,\"ok\":false,\"errno\":\"ECHILD\",\"error\":\"the worker of session %d ended %s %d\"}\n",
			 (long long)w->id, (int)w->pid, how, number);

	if (w->client >= 0)
		send(w->client, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void report_end(const struct worker *w, int status)
{
	if (WIFSIGNALED(status)) {
		if (w->left < 2) /* else we did it */
			log_warning("worker of session %d ended by signal %d", (int)w->pid, WTERMSIG(status));
		tell_client(w, "by signal", WTERMSIG(status));
	} else if (WEXITSTATUS(status)) {
		tell_client(w, "with status", WEXITSTATUS(status));
	}
}

/* True: the worker is reaped and the session gone. */
static bool worker_reap(struct worker *w)
{
	int status = 0;
	pid_t pid = waitpid(w->pid, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	if (pid == w->pid)
		report_end(w, status);
	worker_gone(w);
	return true;
}

static void on_reap_timer(struct loop_timer *t)
{
	struct parent *p = PARENT_OF(t, reap_timer);
	struct worker *w, *next;
	bool left = false;

	for (w = LIST_FIRST(&p->workers); w; w = next) {
		next = LIST_NEXT(w, list);
		if (w->sock >= 0 || worker_reap(w))
			continue;
		left = true;
		w->waited += REAP_MS;
		if (w->waited == END_WAIT_MS) {
			log_warning("session %d does not end: its worker is killed", (int)w->pid);
			kill(w->pid, SIGKILL);
		}
	}
	if (!left)
		loop_timer_stop(p->loop, &p->reap_timer);
}

static void worker_shut(struct worker *w)
{
	if (w->sock < 0)
		return;
	loop_io_stop(w->parent->loop, &w->io);
	close(w->sock);
	w->sock = -1;
}

static bool right_type(const char *key, const json_t *value)
{
	size_t i;
	json_t *arg;

	if (!strcmp(key, "pid"))
		return json_is_integer(value);
	if (strcmp(key, "command") != 0)
		return json_is_string(value);
	json_array_foreach(value, i, arg)
		if (!json_is_string(arg))
			return false;
	return json_is_array(value);
}

/* Keep what ps shows. Foreign keys and wrong types are dropped: a worker may run hostile code. */
static void worker_state(struct worker *w, const json_t *told)
{
	static const char *const known[] = {"state", "name", "engine", "layers", "pid", "command"};
	size_t i;

	if (!w->state)
		w->state = json_object();
	for (i = 0; w->state && i < sizeof(known) / sizeof(known[0]); i++) {
		json_t *value = json_object_get(told, known[i]);

		if (right_type(known[i], value))
			json_object_set(w->state, known[i], value);
	}
}

/*
 * A worker that still opens its layers (a file may be a FIFO) does not look
 * whether its client waits, and nobody else would ever end it. Killed when seen
 * twice: the first time its word may be under way.
 */
static void on_left_timer(struct loop_timer *t)
{
	struct parent *p = PARENT_OF(t, left_timer);
	struct worker *w;
	bool starting = false;

	LIST_FOREACH(w, &p->workers, list) {
		struct pollfd pfd = {.fd = w->client};

		if (w->state || w->sock < 0 || w->client < 0)
			continue;
		starting = true;
		if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) && ++w->left == 2)
			kill(w->pid, SIGKILL);
	}
	if (!starting)
		loop_timer_stop(p->loop, &p->left_timer);
}

/* Let go of standard descriptors. */
static int to_null(int first, int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	if (null < 0)
		return -errno;
	for (fd = first; fd <= last; fd++)
		dup2(null, fd);
	close(null);
	return 0;
}

static void on_worker(struct loop_io *io, short revents)
{
	struct worker *w = (struct worker *)io;
	struct parent *p = w->parent;
	json_t *told = NULL;
	int ret = control_hear(w->sock, &told);

	(void)revents;
	if (ret == 1) {
		bool first = !w->state;

		worker_state(w, told);
		json_decref(told);
		if (first && p->cfg->instance == PARENT_PRIVATE)
			to_null(2, 2); /* it is the program's alone now */
		return;
	}
	if (ret == 0)
		return;
	if (ret != -ECONNRESET)
		log_warning("session %d: cannot read its state: %s", (int)w->pid, strerror(-ret));
	worker_shut(w);
	if (!worker_reap(w))
		loop_timer_start(p->loop, &p->reap_timer, REAP_MS, REAP_MS);
}

static unsigned int user_workers(const struct parent *p, uid_t uid)
{
	const struct worker *w;
	unsigned int n = 0;

	LIST_FOREACH(w, &p->workers, list)
		n += w->uid == uid;
	return n;
}

/* ----------------------------------------------------------------- workers */

/* Move what the worker gets out of the way of the small numbers. */
static int move_up(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 6);
}

/*
 * The new process. Of the parent's descriptors it keeps its own three, and for
 * its log standard error if it runs as our user; of the signal handling nothing
 * (the handlers belong to a loop that does not exist here), nor the terminal,
 * which a private one never had: see clients/lib/spawn.c.
 */
static _Noreturn void worker_child(struct peer *peer, int sock, int client_err, char *line)
{
	static const int sigs[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM};
	struct worker_start ws = {.uid = peer->who.uid, .gid = peer->who.gid, .request = line};
	bool private = peer->parent->cfg->instance == PARENT_PRIVATE;
	bool with_err = client_err >= 0;
	sigset_t none;

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	sock = move_up(sock);
	client_err = move_up(client_err);
	ws.client = dup3(move_up(control_fd(peer->conn)), 4, O_CLOEXEC);
	ws.control = dup3(sock, 3, O_CLOEXEC);
	ws.client_err = with_err ? dup3(client_err, 5, O_CLOEXEC) : -1;
	if (ws.client != 4 || ws.control != 3 || (with_err && ws.client_err != 5))
		_exit(1);
	if (close_range(with_err ? 6 : 5, ~0U, 0))
		_exit(1);
	if (!private)
		setsid();
	if (to_null(0, private || ws.uid != geteuid() ? 2 : 1))
		_exit(1);
	if (priv_groups(ws.client))
		_exit(1);
	worker_begin(&ws);
}

/* Give the connection and its request to a new worker. The peer is gone if this returns 0. */
static int start_worker(struct peer *peer, json_int_t id, int client_err)
{
	struct parent *p = peer->parent;
	struct worker *w = calloc(1, sizeof(*w));
	size_t len;
	const char *text = control_line(peer->conn, &len);
	char *line = strndup(text, len);
	int sv[2] = {-1, -1}, ret = -ENOMEM;

	if (!w || !line)
		goto fail;
	ret = control_pair(sv);
	if (ret)
		goto fail;
	w->pid = fork();
	if (w->pid < 0) {
		ret = -errno;
		goto fail;
	}
	if (w->pid == 0)
		worker_child(peer, sv[1], client_err, line);
	close(sv[1]);
	free(line);
	w->parent = p;
	w->sock = sv[0];
	w->uid = peer->who.uid;
	w->started = time(NULL);
	w->id = id;
	w->client = fcntl(control_fd(peer->conn), F_DUPFD_CLOEXEC, 3);
	if (!loop_timer_active(&p->left_timer))
		loop_timer_start(p->loop, &p->left_timer, LEFT_MS, LEFT_MS);
	loop_io_init(&w->io, on_worker, w->sock, POLLIN);
	loop_io_start(p->loop, &w->io);
	LIST_INSERT_HEAD(&p->workers, w, list);
	peer_close(peer);
	return 0;
fail:
	if (sv[0] >= 0) {
		close(sv[0]);
		close(sv[1]);
	}
	free(line);
	free(w);
	return ret;
}

/* ---------------------------------------------------------------- requests */

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
		ret = start_worker(peer, id, client_err);
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
		peer_close(peer);
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
static void hurry(bool begin)
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

static const struct control_handlers peer_handlers = {.on_line = on_line, .on_closed = on_closed, .turn = hurry};

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

/* Let the workers see the end, each does with its tasks what its policy says; and wait a little. */
static void end_workers(struct parent *p)
{
	const struct timespec step = {.tv_nsec = REAP_MS * 1000000L};
	struct worker *w, *next;
	int waited;

	LIST_FOREACH(w, &p->workers, list)
		worker_shut(w);
	for (waited = 0; !LIST_EMPTY(&p->workers) && waited < END_WAIT_MS; waited += REAP_MS) {
		for (w = LIST_FIRST(&p->workers); w; w = next) {
			next = LIST_NEXT(w, list);
			worker_reap(w);
		}
		if (!LIST_EMPTY(&p->workers))
			nanosleep(&step, NULL);
	}
	while (!LIST_EMPTY(&p->workers)) {
		w = LIST_FIRST(&p->workers);
		log_warning("session %d has not ended yet", (int)w->pid);
		worker_gone(w);
	}
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
	loop_timer_init(&p->reap_timer, on_reap_timer);
	loop_timer_init(&p->left_timer, on_left_timer);
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
		peer_close(LIST_FIRST(&p.peers));
	end_workers(&p);
	loop_timer_stop(p.loop, &p.reap_timer);
	loop_timer_stop(p.loop, &p.left_timer);
	loop_signal_stop(p.loop, &p.term);
	loop_signal_stop(p.loop, &p.intr);
	loop_signal_stop(p.loop, &p.hup);
	loop_free(p.loop);
	json_decref(p.engines);
	return ret;
}
