// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * worker.c - the process of one session.
 *
 * Becomes the client's user, builds what the request describes, takes the
 * client's process over, or attaches one that runs, gives up what rights are
 * left, and then runs events until no task is left. A process that was attached is
 * let go when its client goes. Connections that ask about this session come from
 * the parent. When the parent has gone the session ends by its policy.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmmd/choose.h"
#include "vmmd/conf.h"
#include "vmmd/control.h"
#include "vmmd/explain.h"
#include "vmmd/live.h"
#include "vmmd/log.h"
#include "vmmd/plugins_list.h"
#include "vmmd/priv.h"
#include "vmmd/report.h"
#include "vmmd/req_fsm.h"
#include "vmmd/target.h"
#include "vmmd/worker.h"

#define WHY 1024
/* How long the last replies may take to be read. */
#define LINGER_MS 2000
/* Tasks that have ended are looked for this often at most, while they end. */
#define ENGINE_PAUSE_MS 10

struct worker {
	struct worker_start *start;
	struct loop *loop;
	struct loop_io control;
	struct loop_timer linger;
	struct conf *conf;
	struct session *session;
	struct control_conn *run; /* the client that started or attached it; NULL when it has gone */
	json_int_t run_id;
	pid_t pid; /* the process taken over */
	struct loop_io engine; /* the engine's own descriptor … */
	struct loop_timer engine_pause; /* … and the time it is left alone after it was looked at */
	bool receiving;	       /* a second thread handles events, or will: take the turn */
	bool parent_gone;
	bool ended;
	int conns; /* open connections */
	char prefix[32]; /* of log lines: the session's number */
};

/* ------------------------------------------------------------- configuration */

static int read_layers(struct conf *c, const json_t *layers, char *why)
{
	size_t i;
	json_t *item;

	json_array_foreach(layers, i, item) {
		int rc = json_is_string(item) ? conf_layer(c, json_string_value(item), why, WHY) : -EINVAL;

		if (!json_is_string(item))
			snprintf(why, WHY, "\"layers\": item %zu is not a string", i);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* "config", "layers" and "engine" of a request. */
static int read_conf(struct conf *c, const json_t *msg, char *why)
{
	const json_t *file = json_object_get(msg, "config");
	const char *engine = control_str(msg, "engine");
	int rc = 0;

	if (file && !json_is_null(file)) {
		const char *name = control_str(file, "file");
		const json_t *text = json_object_get(file, "text");

		if (!name || !json_is_string(text)) {
			snprintf(why, WHY, "\"config\" wants \"file\" and \"text\", both strings");
			return -EINVAL;
		}
		rc = conf_parse(c, name, json_string_value(text), json_string_length(text), why, WHY);
	}
	if (rc == 0)
		rc = read_layers(c, json_object_get(msg, "layers"), why);
	if (rc == 0 && engine)
		rc = conf_engine(c, engine);
	return rc;
}

/* Where no name that is not absolute leads anywhere, and nothing can be made. */
#define NOWHERE "/proc/self/fdinfo"

static bool attaches(const json_t *msg)
{
	return strcmp(control_str(msg, "op"), "attach") == 0;
}

/*
 * The user's own directory applies while layers open their files. It may have no
 * name (deleted, not UTF-8): then the client is asked, or its child, the program to
 * be. Where its user may not go, the program itself could not open anything either.
 */
static int enter_dir(const struct worker *w, const json_t *msg, char *why)
{
	const char *cwd = control_str(msg, "cwd");
	json_int_t pid = attaches(msg) ? target_client(w->start->client) : json_integer_value(json_object_get(msg, "pid"));
	char link[64];
	int rc;

	if (cwd ? cwd[0] != '/' : pid <= 1) {
		snprintf(why, WHY, "\"cwd\" wants an absolute path");
		return -EINVAL;
	}
	if (cwd && chdir(cwd) == 0)
		return 0;
	rc = cwd ? -errno : -ENOENT;
	snprintf(link, sizeof(link), "/proc/%lld/cwd", (long long)pid);
	if ((pid > 1 && chdir(link) == 0) || ((rc == -EACCES || errno == EACCES) && chdir(NOWHERE) == 0))
		return 0;
	snprintf(why, WHY, "cannot go to %s: %s", cwd ? cwd : link, strerror(-rc));
	return rc;
}

static int build(struct worker *w, const json_t *msg, bool dry, char *why)
{
	int rc = enter_dir(w, msg, why);

	if (rc < 0)
		return rc;
	w->conf = conf_new();
	rc = w->conf ? read_conf(w->conf, msg, why) : -ENOMEM;
	if (rc < 0)
		return rc;
	w->conf->dry = dry;
	w->conf->again = w->start->engine >= 0;
	w->session = session_new(w->loop, w->conf, w->start->client_err, why, WHY);
	if (!w->session)
		return -EINVAL;
	w->session->attaches = attaches(msg);
	return 0;
}

/* ------------------------------------------------------------ "run" and "attach" */

static char *hex(const unsigned char *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	char *s = malloc(2 * n + 1), *q = s;

	if (!s)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		*q++ = digit[p[i] >> 4];
		*q++ = digit[p[i] & 15];
	}
	*q = '\0';
	return s;
}

/* What another worker needs, if one is to go on when this one dies; from the moment that the client can. */
static void leave(const struct worker *w)
{
	int engine = req_fsm_hand(w->session);

	if (engine >= 0)
		control_tell(w->start->control, json_object(), (const int[CONTROL_LEFT]){engine, w->start->client_err});
}

static void tell_parent(struct worker *w, const json_t *msg, pid_t pid)
{
	char *layers = report_layers(w->session);
	const char *name = control_str(msg, "name");
	const json_t *argv = json_object_get(msg, "argv");
	json_t *state = json_pack("{s:s, s:s, s:s, s:s, s:i}", "state", "running", "name", name ? name : "", "engine",
				  req_fsm_engine(w->session), "layers", layers ? layers : "", "pid", (int)pid);

	if (argv)
		json_object_set_new(state, "command", json_deep_copy(argv)); /* it will be cut */
	control_tell(w->start->control, state, NULL);
	free(layers);
}

#define SOCK_FILTER_SIZE 8 /* struct sock_filter, linux/filter.h */

static void on_engine(struct loop_io *io, short revents)
{
	struct worker *w = (struct worker *)(void *)((char *)io - offsetof(struct worker, engine));

	(void)revents;
	req_fsm_ready(w->session);
	loop_io_stop(w->loop, io);
	loop_timer_start(w->loop, &w->engine_pause, ENGINE_PAUSE_MS, 0);
}

static void on_engine_pause(struct loop_timer *t)
{
	struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, engine_pause));

	loop_io_start(w->loop, &w->engine);
}

static void watch_engine(struct worker *w)
{
	int fd = req_fsm_fd(w->session);

	if (fd < 0)
		return;
	loop_timer_init(&w->engine_pause, on_engine_pause);
	loop_io_init(&w->engine, on_engine, fd, POLLIN);
	loop_io_start(w->loop, &w->engine);
}

static void unwatch_engine(struct worker *w)
{
	if (req_fsm_fd(w->session) < 0)
		return;
	loop_io_stop(w->loop, &w->engine);
	loop_timer_stop(w->loop, &w->engine_pause);
}

/* The number of a process; 0: none, or not one. */
static pid_t pid_of(const json_t *msg)
{
	json_int_t pid = json_integer_value(json_object_get(msg, "pid"));

	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

static int launch(struct worker *w, const json_t *msg, char *why)
{
	pid_t pid = pid_of(msg);
	const void *prog = NULL;
	size_t count = 0;
	char *text;
	int rc;

	if (pid <= 1) {
		snprintf(why, WHY, "\"pid\" wants the number of the process to take over");
		return -EINVAL;
	}
	if (!target_is_clients(w->start->client, pid)) {
		snprintf(why, WHY, "process %d is neither the client nor its child", (int)pid);
		return -EPERM;
	}
	rc = req_fsm_launch(w->session, pid, &prog, &count);
	if (rc < 0) {
		snprintf(why, WHY, "process %d cannot be taken over: %s", (int)pid,
			 rc == -EPERM ? "not permitted (is it traced already, or does kernel.yama.ptrace_scope forbid it?)" :
					strerror(-rc));
		return rc;
	}
	text = hex(prog, count * SOCK_FILTER_SIZE);
	if (!text)
		return -ENOMEM;
	w->pid = pid;
	w->receiving = req_fsm_receives(w->session);
	watch_engine(w);
	tell_parent(w, msg, pid);
	control_event(w->run, w->run_id, json_pack("{s:i, s:s, s:I}", "attached", (int)getpid(), "filter", text,
						   "flags", (json_int_t)req_fsm_filter_flags(w->session)));
	leave(w);
	free(text);
	return 0;
}

static const char *why_not_attached(int rc)
{
	if (rc == -ESRCH)
		return "there is no such process";
	if (rc == -EPERM)
		return "not permitted (see \"Ptrace access mode checking\" in ptrace(2))";
	return strerror(-rc);
}

/*
 * The number means the same process all the time if it did so to its user: who has
 * it when it is ours cannot lose it to another, so that is looked at afterwards.
 */
static int attach(struct worker *w, const json_t *msg, char *why)
{
	const json_t *start = json_object_get(msg, "start");
	pid_t pid = pid_of(msg);
	int rc = req_fsm_attach(w->session, pid);

	if (rc == 0 && !target_is(pid, json_is_integer(start) ? json_integer_value(start) : -1))
		rc = -ESRCH;
	if (rc < 0)
		snprintf(why, WHY, "process %d cannot be attached: %s", (int)pid, why_not_attached(rc));
	w->pid = pid;
	return rc;
}

static int tell_attached(struct worker *w, const json_t *msg)
{
	tell_parent(w, msg, w->pid);
	control_event(w->run, w->run_id,
		      json_pack("{s:i, s:s}", "attached", (int)getpid(), "engine", req_fsm_engine(w->session)));
	leave(w);
	return 0;
}

/* The client of an attached process wants no more of it, or has gone. */
static void on_detach(struct worker *w, struct control_conn *c, json_int_t id)
{
	if (c == w->run && w->session->attaches)
		req_fsm_detach(w->session); /* the loop finds that no task is left */
	else
		control_reply_error(c, id, EPERM, "only who has attached a process can let it go");
}

static void receive(void *arg)
{
	struct worker *w = arg;

	req_fsm_receive(w->session);
}

/* The client is about to install its filter: fetch the listener it gets with it. It waits in its execve(2) until then. */
static void on_listener(struct worker *w, struct control_conn *c, const json_t *msg)
{
	const json_t *fd = json_object_get(msg, "fd");
	int rc = -EPERM;

	if (c == w->run && json_is_integer(fd) && json_integer_value(fd) >= 0 && json_integer_value(fd) <= INT_MAX)
		rc = req_fsm_listen(w->session, w->pid, (int)json_integer_value(fd));
	if (rc == 0 && req_fsm_receives(w->session))
		rc = loop_thread_start(w->loop, receive, w);
	if (rc == 0)
		return;
	log_error("process %d gives no seccomp listener: %s", (int)w->pid, strerror(-rc));
	control_reply_error(c, control_id(msg), -rc, "no seccomp listener: %s", strerror(-rc));
	if (c == w->run)
		req_fsm_kill_all(w->session);
}

/* The worker before this one has died: its engine is ours, with the tasks and what they wait for. */
static int go_on(struct worker *w, const json_t *msg)
{
	w->pid = (pid_t)json_integer_value(json_object_get(msg, "pid"));
	w->session->first = w->pid;
	w->session->first_gone = !target_runs(w->pid);
	w->session->first_status = -1;
	log_warning("the worker before this one has died, this one goes on with its %u tasks", req_fsm_tasks(w->session));
	tell_parent(w, msg, w->pid);
	leave(w);
	if (w->session->first_gone && w->conf->kill_at_exit)
		req_fsm_kill_all(w->session);
	return 0;
}

static int confine(struct worker *w, char *why)
{
	int rc = chdir("/") < 0 ? -errno : priv_lock(req_fsm_performs(w->session));

	if (rc < 0)
		snprintf(why, WHY, "the worker cannot confine itself: %s", strerror(-rc));
	return rc;
}

static int run(struct worker *w, const json_t *msg, char *why)
{
	bool again = w->start->engine >= 0;
	const json_t *mask = json_object_get(msg, "umask");
	int rc;

	if (json_is_integer(mask)) /* for the files of layers */
		umask((mode_t)json_integer_value(mask) & 0777);
	rc = attaches(msg) && !again ? target_check(w->start->client, pid_of(msg), why, WHY) : 0;
	if (rc == 0)
		rc = build(w, msg, false, why);
	if (rc == 0)
		rc = req_fsm_start(w->session, again ? &w->start->engine : NULL, why, WHY);
	if (rc < 0)
		return rc;
	if (attaches(msg) && !again) /* root's right to others' files counts in it: see priv.c */
		rc = attach(w, msg, why);
	if (rc == 0)
		rc = confine(w, why);
	if (rc == 0)
		rc = again ? go_on(w, msg) : attaches(msg) ? tell_attached(w, msg) : launch(w, msg, why);
	if (rc < 0 && attaches(msg) && !again)
		req_fsm_detach(w->session);
	return rc;
}

static void on_run(struct worker *w, struct control_conn *c, const json_t *msg)
{
	char why[WHY] = "";
	int rc;

	w->run = c;
	w->run_id = control_id(msg);
	rc = run(w, msg, why);
	if (rc == 0)
		return;
	if (w->conf && w->conf->again)
		log_error("cannot go on: %s", why[0] ? why : strerror(-rc));
	control_reply_error(c, w->run_id, -rc, "%s", why[0] ? why : strerror(-rc));
	control_finish(c);
	w->ended = true;
	loop_break(w->loop);
}

/* ------------------------------------------------------- questions without a session */

static void on_check(struct worker *w, struct control_conn *c, const json_t *msg)
{
	char why[WHY] = "";
	int rc = build(w, msg, true, why);
	const char *engine = NULL;

	if (rc == 0) {
		engine = choose_name(w->session, why, sizeof(why));
		rc = engine ? 0 : -ENOTSUP;
	}
	if (rc < 0) {
		control_reply_error(c, control_id(msg), -rc, "%s", why[0] ? why : strerror(-rc));
	} else {
		char *layers = report_layers(w->session);

		control_reply_ok(c, control_id(msg),
				 json_pack("{s:s, s:s}", "engine", engine, "layers", layers ? layers : ""));
		free(layers);
	}
	control_finish(c);
}

static void on_explain(struct worker *w, struct control_conn *c, const json_t *msg)
{
	char why[WHY] = "";
	int rc = build(w, msg, true, why);
	json_t *report = rc == 0 ? explain(w->session, why, sizeof(why)) : NULL;

	if (report)
		control_reply_ok(c, control_id(msg), report);
	else
		control_reply_error(c, control_id(msg), rc < 0 ? -rc : ENOTSUP, "%s", why[0] ? why : strerror(ENOMEM));
	control_finish(c);
}

static void on_plugins(struct control_conn *c, const json_t *msg)
{
	control_reply_ok(c, control_id(msg), json_pack("{s:o}", "plugins", plugins_list()));
	control_finish(c);
}

/* ------------------------------------------------------- questions to a session */

static void on_show(struct worker *w, struct control_conn *c, json_int_t id)
{
	json_t *o = report_tasks(w->session);

	json_object_set_new(o, "session", json_integer(getpid()));
	control_reply_ok(c, id, o);
}

static void on_command(struct worker *w, struct control_conn *c, const json_t *msg)
{
	const char *name = control_str(msg, "name"), *text = control_str(msg, "text");
	json_t *rows = NULL;
	int rc;

	if (!name || !text) {
		control_reply_error(c, control_id(msg), EINVAL, "\"command\" wants \"name\" and \"text\", both strings");
		return;
	}
	rc = session_command(w->session, name, text, &rows);
	if (rc == 0)
		control_reply_ok(c, control_id(msg), json_pack("{s:o}", "rows", rows));
	else if (rc == -ENOENT)
		control_reply_error(c, control_id(msg), ENOENT, "no layer of this session takes the command \"%s\"", name);
	else
		control_reply_error(c, control_id(msg), -rc, "%s %s: %s", name, text,
				    rc == -ESRCH ? "there is no such question (any more)" : strerror(-rc));
	if (rc != 0)
		json_decref(rows);
}

static void on_session_line(struct worker *w, struct control_conn *c, const json_t *msg, const char *op)
{
	json_int_t id = control_id(msg);

	if (strcmp(op, "listener") == 0) {
		on_listener(w, c, msg);
	} else if (strcmp(op, "detach") == 0) {
		on_detach(w, c, id);
	} else if (strcmp(op, "show") == 0) {
		on_show(w, c, id);
	} else if (strcmp(op, "command") == 0) {
		on_command(w, c, msg);
	} else if (strcmp(op, "trace") == 0) {
		live_start(w->session, c, msg);
	} else if (strcmp(op, "kill") == 0) {
		req_fsm_kill_all(w->session);
		control_reply_ok(c, id, NULL);
	} else {
		control_reply_error(c, id, ENOSYS, "a session does not know the operation \"%.40s\"", op);
	}
}

/* ---------------------------------------------------------------- connections */

static void on_line(struct control_conn *c, json_t *msg, int fd)
{
	struct worker *w = control_arg(c);
	const char *op = control_str(msg, "op");

	if (fd >= 0)
		close(fd);
	if (w->session && w->session->engine)
		on_session_line(w, c, msg, op);
	else if (w->ended || w->conf)
		control_reply_error(c, control_id(msg), ESRCH, "the session has ended");
	else if (strcmp(op, "run") == 0 || attaches(msg))
		on_run(w, c, msg);
	else if (strcmp(op, "check") == 0)
		on_check(w, c, msg);
	else if (strcmp(op, "explain") == 0)
		on_explain(w, c, msg);
	else if (strcmp(op, "plugins") == 0)
		on_plugins(c, msg);
	else
		control_reply_error(c, control_id(msg), ENOSYS, "a worker does not know the operation \"%.40s\"", op);
}

static void on_closed(struct control_conn *c)
{
	struct worker *w = control_arg(c);

	if (w->session)
		live_stop(w->session, c);
	if (w->run == c) {
		w->run = NULL;
		if (w->session && w->session->engine && w->session->attaches)
			req_fsm_detach(w->session);
	}
	w->conns--;
	/* Nothing to do and nobody to tell. */
	if (!w->conns && (w->ended || !(w->session && w->session->engine)))
		loop_break(w->loop);
}

static void on_room(struct control_conn *c)
{
	struct worker *w = control_arg(c);

	if (w->session)
		live_room(w->session, c);
}

static const struct control_handlers handlers = {.on_line = on_line, .on_closed = on_closed, .on_room = on_room};

static struct control_conn *add_conn(struct worker *w, int fd)
{
	struct control_conn *c = control_new(w->loop, fd, &handlers, w);

	if (c)
		w->conns++;
	return c;
}

static void on_control(struct loop_io *io, short revents)
{
	struct worker *w = (struct worker *)(void *)((char *)io - offsetof(struct worker, control));

	(void)revents;
	for (;;) {
		struct control_conn *c;
		char *line = NULL;
		int fd = -1, rc = control_take(w->start->control, &fd, &line);

		if (rc == 0)
			return;
		if (rc < 0) {
			w->parent_gone = true;
			loop_io_stop(w->loop, io);
			loop_break(w->loop);
			return;
		}
		c = add_conn(w, fd);
		if (c)
			control_feed(c, line, -1);
		free(line);
	}
}

/* ------------------------------------------------------------------------ life */

/* Only layers that asked for the client's standard error keep it beyond the program's end. */
static void drop_stderr(struct worker *w)
{
	struct session *s = w->session;

	if (!s->first_gone || s->err_used || w->start->client_err < 0)
		return;
	log_setup(2, w->prefix, VMMD_LOG_WARNING);
	close(w->start->client_err);
	w->start->client_err = -1;
	s->err_fd = -1;
	leave(w); /* nor does another worker get it */
}

static void wait_events(void *arg)
{
	struct worker *w = arg;
	bool turn = w->receiving;
	int rc;

	if (turn)
		loop_turn(w->loop, true);
	rc = req_fsm_poll(w->session, true);
	if (turn)
		loop_turn(w->loop, false);
	if (rc == -ECHILD) {
		w->ended = true;
		loop_break(w->loop);
	}
	if (w->session->first_gone)
		drop_stderr(w);
}

static void on_drain(void *arg)
{
	struct worker *w = arg;

	if (w->session && w->session->engine)
		req_fsm_drain(w->session);
}

static void on_linger(struct loop_timer *t)
{
	struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, linger));

	loop_break(w->loop);
}

/* Say how it went to whoever still listens, for a short while. */
static void farewell(struct worker *w)
{
	if (w->session && w->run && w->session->engine) {
		json_t *o = json_pack("{s:i}", "session", (int)getpid());

		/* One that died before its first stop was seen left no status with us. */
		if (w->session->first_gone && w->session->first_status != -1)
			json_object_set_new(o, "status", json_integer(w->session->first_status));
		json_object_set_new(o, "summary", report_session(w->session));
		control_reply_ok(w->run, w->run_id, o);
		control_finish(w->run);
	}
	if (w->session)
		live_end(w->session);
	if (!w->conns)
		return;
	loop_timer_init(&w->linger, on_linger);
	loop_timer_start(w->loop, &w->linger, LINGER_MS, 0);
	loop_run(w->loop);
	loop_timer_stop(w->loop, &w->linger);
}

static void finish(struct worker *w)
{
	if (w->session) {
		live_stop(w->session, NULL);
		req_fsm_stop(w->session);
		session_free(w->session);
	}
	conf_free(w->conf);
}

static void work(struct worker *w)
{
	struct control_conn *c = add_conn(w, w->start->client);

	if (!c)
		return;
	loop_on_kick(w->loop, on_drain, w);
	loop_io_init(&w->control, on_control, w->start->control, POLLIN);
	control_feed(c, w->start->request, -1);
	loop_io_start(w->loop, &w->control);
	if (w->session && w->session->engine) {
		loop_run_wait(w->loop, wait_events, w);
		req_fsm_shut(w->session);
		loop_thread_stop(w->loop);
		unwatch_engine(w);
	}
	if (!w->parent_gone)
		farewell(w);
	loop_io_stop(w->loop, &w->control);
	finish(w);
}

void worker_main(struct worker_start *start)
{
	struct worker w = {.start = start};
	sigset_t chld;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	/* Engines wait for it: no thread, of a plugin's either, may take it away. */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	prctl(PR_SET_NAME, "vmmd-worker", 0, 0, 0);
	snprintf(w.prefix, sizeof(w.prefix), "vmmd[%d]", (int)getpid());
	log_setup(start->client_err >= 0 ? start->client_err : 2, w.prefix, VMMD_LOG_WARNING);
	rc = priv_worker(start->uid, start->gid);
	if (rc < 0) {
		log_error("cannot become user %u: %s", (unsigned)start->uid, strerror(-rc));
		_exit(1);
	}
	w.loop = loop_new();
	if (!w.loop)
		_exit(1);
	work(&w);
	_exit(0);
}
