// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * parent_worker.c - the life of workers: started, heard, reaped, followed by others.
 *
 * A worker that is gone is noticed by the end of its control socket and then
 * reaped by its own process id; one that lives on without the socket is killed.
 * Nothing here handles SIGCHLD. The client that started a worker may wait for
 * word of it, so the parent keeps that connection too and says how it ended.
 *
 * A session that is to outlive its worker (on-failure: restart) leaves with us
 * what another worker needs to go on: the engine's descriptor, which also keeps
 * the tasks stopped meanwhile, and the client's standard error. We only keep them.
 * If one worker after the other dies the engine's end kills the tasks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vmmd/log.h"
#include "vmmd/parent_impl.h"
#include "vmmd/priv.h"
#include "vmmd/worker.h"

#define REAP_MS 10
#define END_WAIT_MS 5000 /* how long workers may take to end with us */
#define LEFT_MS 500	 /* how often workers that start are looked at */
#define START_WAIT_MS 30000 /* how long one may take to go on in the place of another */
#define AGAIN_MAX 5	 /* workers that may follow one another … */
#define AGAIN_S 60	 /* … in this time */

int parent_to_null(int first, int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	if (null < 0)
		return -errno;
	for (fd = first; fd <= last; fd++)
		dup2(null, fd);
	close(null);
	return 0;
}

static int worker_again(struct worker *w);

/* What it has left with us is no use any more. Without its engine its tasks end. */
static void forget(struct worker *w)
{
	parent_hurry(true);
	for (int i = 0; i < CONTROL_LEFT; i++) {
		if (w->fds[i] >= 0)
			close(w->fds[i]);
		w->fds[i] = -1;
	}
	parent_hurry(false);
}

static void unwatch_end(struct worker *w)
{
	if (w->pidfd < 0)
		return;
	loop_io_stop(w->parent->loop, &w->end);
	close(w->pidfd);
	w->pidfd = -1;
}

static void worker_gone(struct worker *w)
{
	struct parent *p = w->parent;

	LIST_REMOVE(w, list);
	unwatch_end(w);
	forget(w);
	free(w->request);
	if (w->client >= 0)
		close(w->client);
	json_decref(w->state);
	free(w);
	parent_end_if_idle(p);
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

/* It died, and another is to go on: not for ever. */
static bool may_go_on(struct worker *w, int status)
{
	time_t now = time(NULL);

	if (status == 0 || w->fds[CONTROL_ENGINE] < 0 || w->parent->ending)
		return false;
	if (now - w->again_since > AGAIN_S) {
		w->again_since = now;
		w->again = 0;
	}
	if (w->again++ < AGAIN_MAX)
		return true;
	log_error("session %d: %d workers have died in %d seconds: no other goes on", (int)w->pid, AGAIN_MAX + 1, AGAIN_S);
	return false;
}

/* True: the worker is reaped; the session is gone, or another worker goes on with it. */
static bool worker_reap(struct worker *w)
{
	int status = 0;
	pid_t pid = waitpid(w->pid, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	unwatch_end(w);
	if (pid == w->pid && may_go_on(w, status)) {
		log_warning("worker %d has died, status %#x: another goes on", (int)w->pid, (unsigned)status);
		if (worker_again(w) == 0)
			return true;
	}
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
	w->waited = 0;
}

/* The end of its socket, or of its process, has been seen. */
static void worker_ended(struct worker *w)
{
	struct parent *p = w->parent;

	worker_shut(w);
	if (!worker_reap(w))
		loop_timer_start(p->loop, &p->reap_timer, REAP_MS, REAP_MS);
}

static void on_end(struct loop_io *io, short revents)
{
	(void)revents;
	worker_ended((struct worker *)(void *)((char *)io - offsetof(struct worker, end)));
}

/* What it leaves may keep its socket open: the process is what counts. */
static void watch_end(struct worker *w)
{
	if (w->pidfd >= 0 || w->fds[CONTROL_ENGINE] < 0)
		return;
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	if (w->pidfd < 0)
		return;
	loop_io_init(&w->end, on_end, w->pidfd, POLLIN);
	loop_io_start(w->parent->loop, &w->end);
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
 * twice: the first time its word may be under way. One that is to go on has tasks
 * that wait for it, and some time.
 */
static void on_left_timer(struct loop_timer *t)
{
	struct parent *p = PARENT_OF(t, left_timer);
	struct worker *w;
	bool starting = false;

	LIST_FOREACH(w, &p->workers, list) {
		struct pollfd pfd = {.fd = w->client};

		if (!w->starting || w->sock < 0 || w->client < 0)
			continue;
		starting = true;
		w->waited += LEFT_MS;
		if (w->state) {
			if (w->waited == START_WAIT_MS)
				kill(w->pid, SIGKILL);
			continue;
		}
		if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) && ++w->left == 2)
			kill(w->pid, SIGKILL);
	}
	if (!starting)
		loop_timer_stop(p->loop, &p->left_timer);
}

/* What it leaves replaces what it has left. The engine is a device and nothing else. */
static void keep(struct worker *w, const int fds[CONTROL_LEFT])
{
	struct stat st;

	if (fds[CONTROL_ENGINE] < 0)
		return;
	forget(w);
	memcpy(w->fds, fds, sizeof(w->fds));
	if (fstat(fds[CONTROL_ENGINE], &st) < 0 || !S_ISCHR(st.st_mode)) {
		log_warning("session %d leaves no engine", (int)w->pid);
		forget(w);
	}
	watch_end(w);
}

static void on_worker(struct loop_io *io, short revents)
{
	struct worker *w = (struct worker *)io;
	struct parent *p = w->parent;
	int fds[CONTROL_LEFT];
	json_t *told = NULL;
	int ret;

	(void)revents;
	parent_hurry(true); /* what it cannot use is closed there */
	ret = control_hear(w->sock, &told, fds);
	parent_hurry(false);
	if (ret == 1) {
		bool first = !w->state;

		worker_state(w, told);
		json_decref(told);
		w->starting = false;
		keep(w, fds);
		if (first && p->cfg->instance == PARENT_PRIVATE)
			parent_to_null(2, 2); /* it is the program's alone now */
		return;
	}
	if (ret == 0)
		return;
	if (ret != -ECONNRESET)
		log_warning("session %d: cannot read its state: %s", (int)w->pid, strerror(-ret));
	worker_ended(w);
}

/* ----------------------------------------------------------------- workers */

/* Move what the worker gets out of the way of the small numbers. */
static int move_up(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, WORKER_FD + WORKER_FDS);
}

/*
 * The new process. Of the parent's descriptors it keeps its own three, for its
 * log standard error if it runs as our user, and the engine that it goes on with;
 * of the signal handling nothing (the handlers belong to a loop that does not
 * exist here), nor the terminal, which a private one never had: see clients/lib/spawn.c.
 */
static _Noreturn void worker_child(const struct worker *w, int sock, int client, const int fds[CONTROL_LEFT])
{
	static const int sigs[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM};
	struct worker_start ws = {.uid = w->uid, .gid = w->gid, .request = w->request};
	bool private = w->parent->cfg->instance == PARENT_PRIVATE;
	int from[] = {sock, client, fds[CONTROL_ERR], fds[CONTROL_ENGINE]};
	int *to[] = {&ws.control, &ws.client, &ws.client_err, &ws.engine};
	sigset_t none;

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	for (int i = 0; i < WORKER_FDS; i++)
		from[i] = move_up(from[i]);
	for (int i = 0; i < WORKER_FDS; i++) {
		close(WORKER_FD + i);
		*to[i] = from[i] < 0 ? -1 : dup3(from[i], WORKER_FD + i, O_CLOEXEC);
	}
	if (ws.control < 0 || ws.client < 0 || (ws.engine < 0 && fds[CONTROL_ENGINE] >= 0) || close_range(WORKER_FD + WORKER_FDS, ~0U, 0))
		_exit(1);
	if (!private)
		setsid();
	if (parent_to_null(0, private || ws.uid != geteuid() ? 2 : 1))
		_exit(1);
	if (priv_groups(ws.client))
		_exit(1);
	worker_begin(&ws);
}

/* Have a process for it; `fds` stay the caller's. 0 or -errno. */
static int worker_fork(struct worker *w, int client, const int fds[CONTROL_LEFT])
{
	int sv[2], ret = control_pair(sv);

	if (ret)
		return ret;
	w->pid = fork();
	if (w->pid < 0) {
		ret = -errno;
		close(sv[0]);
		close(sv[1]);
		return ret;
	}
	if (w->pid == 0)
		worker_child(w, sv[1], client, fds);
	close(sv[1]);
	w->sock = sv[0];
	w->waited = 0;
	w->starting = true;
	if (!loop_timer_active(&w->parent->left_timer))
		loop_timer_start(w->parent->loop, &w->parent->left_timer, LEFT_MS, LEFT_MS);
	loop_io_init(&w->io, on_worker, w->sock, POLLIN);
	loop_io_start(w->parent->loop, &w->io);
	return 0;
}

int parent_worker_start(struct peer *peer, json_int_t id, int client_err)
{
	struct parent *p = peer->parent;
	struct worker *w = calloc(1, sizeof(*w));
	size_t len;
	const char *text = control_line(peer->conn, &len);
	int ret = -ENOMEM;

	if (w)
		w->request = strndup(text, len);
	if (!w || !w->request)
		goto fail;
	w->parent = p;
	w->uid = peer->who.uid;
	w->gid = peer->who.gid;
	w->started = time(NULL);
	w->id = id;
	w->fds[CONTROL_ENGINE] = w->fds[CONTROL_ERR] = w->pidfd = -1;
	ret = worker_fork(w, control_fd(peer->conn), (const int[CONTROL_LEFT]){-1, client_err});
	if (ret)
		goto fail;
	w->client = fcntl(control_fd(peer->conn), F_DUPFD_CLOEXEC, 3);
	LIST_INSERT_HEAD(&p->workers, w, list);
	parent_peer_close(peer);
	return 0;
fail:
	if (w)
		free(w->request);
	free(w);
	return ret;
}

/* In the place of one that has died; what that had left stays here for the next. */
static int worker_again(struct worker *w)
{
	int ret = w->client < 0 ? -EBADF : worker_fork(w, w->client, w->fds);

	if (ret)
		log_error("no other worker can be started: %s", strerror(-ret));
	return ret;
}

void parent_workers_init(struct parent *p)
{
	loop_timer_init(&p->reap_timer, on_reap_timer);
	loop_timer_init(&p->left_timer, on_left_timer);
}

void parent_workers_end(struct parent *p)
{
	const struct timespec step = {.tv_nsec = REAP_MS * 1000000L};
	struct worker *w, *next;
	int waited;

	p->ending = true;
	LIST_FOREACH(w, &p->workers, list) {
		worker_shut(w);
		forget(w);
	}
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
	loop_timer_stop(p->loop, &p->reap_timer);
	loop_timer_stop(p->loop, &p->left_timer);
}
