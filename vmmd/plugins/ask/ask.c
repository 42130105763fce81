/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.c - the layer that holds system calls until somebody has answered.
 *
 * A question is one suspended request. It is in a list by age, in a tree by
 * its number (answers) and in a tree by its request (cancellation), and leaves
 * all three before the request is resumed. Its number is its ticket, which no
 * other layer of the session has. All questions wait equally long, so one timer, for the oldest, serves
 * all of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vmmd/plugin.h>

#include "vmmd/plugins/common/errname.h"
#include "vmmd/plugins/common/path.h"

#define ASK_NR_MAX 512 /* above all known numbers */

struct ask_question {
	uint64_t ticket; /* also its number */
	struct vmmd_req *req; /* only compared */
	pid_t tid;
	int64_t nr;
	int64_t since; /* CLOCK_MONOTONIC, ms */
	struct ask_question *prev, *next;
	char path[]; /* quoted, or "" */
};

struct ask {
	const struct vmmd_host *host;
	struct vmmd_layer *layer;
	const struct vmmd_set *set;
	const struct vmmd_value *paths; /* NULL: not given */
	int64_t timeout;		/* ms; 0: never */
	bool allow_at_timeout;
	int err;
	struct path_roots roots;
	struct ask_question *oldest, *newest;
	void *by_num, *by_req; /* trees of tsearch(3) */
	struct vmmd_timer *timer;
	uint64_t *asked, *allowed, *denied, *timeouts, *cancelled, *pending;
};

static const char *const ask_defaults[] = {"deny", "allow", NULL};

static const struct vmmd_option ask_options[] = {
	{.name = "syscalls", .type = VMMD_OPT_SYSCALLS, .help = "the system calls to ask about; required"},
	{.name = "path", .type = VMMD_OPT_LIST, .check = path_check_glob,
	 .help = "ask only about calls with a path that matches one of these patterns"},
	{.name = "timeout", .type = VMMD_OPT_DURATION, .def = "0",
	 .help = "how long a call waits for an answer; 0: for ever"},
	{.name = "default", .type = VMMD_OPT_CHOICE, .def = "deny", .choices = ask_defaults,
	 .help = "what happens to a call when its time is over"},
	{.name = "errno", .type = VMMD_OPT_STRING, .def = "EPERM", .check = errname_check,
	 .help = "the error of a denied call, by name or number"},
	{.name = NULL},
};

/* --------------------------------------------------------------- questions */

static int64_t ask_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int ask_cmp_num(const void *a_, const void *b_)
{
	const struct ask_question *a = a_, *b = b_;

	return (a->ticket > b->ticket) - (a->ticket < b->ticket);
}

static int ask_cmp_req(const void *a_, const void *b_)
{
	uintptr_t a = (uintptr_t)((const struct ask_question *)a_)->req;
	uintptr_t b = (uintptr_t)((const struct ask_question *)b_)->req;

	return (a > b) - (a < b);
}

/* Take a question out; the caller frees it. */
static void ask_remove(struct ask *self, struct ask_question *q)
{
	tdelete(q, &self->by_num, ask_cmp_num);
	tdelete(q, &self->by_req, ask_cmp_req);
	*(q->prev ? &q->prev->next : &self->oldest) = q->next;
	*(q->next ? &q->next->prev : &self->newest) = q->prev;
	--*self->pending;
	if (!self->oldest && self->timer) {
		self->host->timer_stop(self->timer);
		self->timer = NULL;
	}
}

static int ask_insert(struct ask *self, struct ask_question *q)
{
	if (!tsearch(q, &self->by_num, ask_cmp_num))
		return -ENOMEM;
	if (!tsearch(q, &self->by_req, ask_cmp_req)) {
		tdelete(q, &self->by_num, ask_cmp_num);
		return -ENOMEM;
	}
	q->prev = self->newest;
	q->next = NULL;
	*(q->prev ? &q->prev->next : &self->oldest) = q;
	self->newest = q;
	++*self->pending;
	return 0;
}

/* End a question: err 0 lets the call run. */
static int ask_answer(struct ask *self, struct ask_question *q, int err)
{
	uint64_t ticket = q->ticket;

	ask_remove(self, q);
	free(q);
	if (err)
		return self->host->resume(self->layer, ticket, VMMD_REPLY, -err);
	return self->host->resume(self->layer, ticket, VMMD_PASS, 0);
}

static void ask_expire(void *self_);

/* Have the timer run for the oldest question. A timer for an older one may run: it finds nothing. */
static int ask_arm(struct ask *self)
{
	int64_t left;

	if (!self->timeout || !self->oldest || self->timer)
		return 0;
	left = self->oldest->since + self->timeout - ask_now();
	self->timer = self->host->timer_start(self->layer, left > 0 ? left : 1, false, ask_expire, self);
	return self->timer ? 0 : -ENOMEM;
}

static void ask_expire(void *self_)
{
	struct ask *self = self_;
	int64_t now = ask_now();

	self->timer = NULL; /* vmmd has freed it */
	while (self->oldest && self->oldest->since + self->timeout <= now) {
		++*self->timeouts;
		ask_answer(self, self->oldest, self->allow_at_timeout ? 0 : self->err);
	}
	if (ask_arm(self)) {
		self->host->log(self->layer, VMMD_LOG_ERROR, "no timer: all questions end now");
		while (self->oldest) {
			++*self->timeouts;
			ask_answer(self, self->oldest, self->allow_at_timeout ? 0 : self->err);
		}
	}
}

/* ------------------------------------------------------------------- entry */

/* 1 if the call is to be asked about, 0 if not, -errno to refuse it. Stores a path of it, or "". */
static int ask_match(struct ask *self, struct vmmd_req *req, const struct vmmd_call *call, char *path)
{
	const struct vmmd_syscall *sc = self->host->syscall(call->nr);
	int r = 0;

	path[0] = '\0';
	for (unsigned i = 0; sc && i < 6; i++) {
		if (sc->kind[i] == VMMD_ARG_PATH)
			r = path_arg(&self->roots, self->host, req, call, i, path);
		else if (i < 5 && sc->kind[i] == VMMD_ARG_SOCKADDR)
			r = path_arg_unix(&self->roots, self->host, req, call->args[i],
					  call->args[i + 1], path);
		else
			continue;
		if (r <= 0)
			path[0] = '\0';
		if (!self->paths) {
			if (r > 0)
				break; /* the first one is shown */
		} else if (r < 0 || (r > 0 && path_match(self->paths, path))) {
			return r;
		}
	}
	return !self->paths;
}

static struct ask_question *ask_new(struct ask *self, struct vmmd_req *req, int64_t nr, const char *path)
{
	size_t cap = 4 * strlen(path) + 5; /* as path_quote() needs at most */
	struct ask_question *q = malloc(sizeof(*q) + cap);

	if (!q)
		return NULL;
	path_quote(path, q->path, cap);
	q->req = req;
	q->ticket = self->host->ticket(req);
	q->tid = self->host->task(req)->tid;
	q->nr = nr;
	q->since = ask_now();
	if (!q->ticket || ask_insert(self, q)) {
		free(q);
		return NULL;
	}
	if (ask_arm(self)) {
		ask_remove(self, q);
		free(q);
		return NULL;
	}
	++*self->asked;
	return q;
}

static void ask_name(const struct ask *self, int64_t nr, char *out, size_t cap)
{
	const struct vmmd_syscall *sc = self->host->syscall(nr);

	if (sc)
		snprintf(out, cap, "%s", sc->name);
	else
		snprintf(out, cap, "syscall_%" PRId64, nr);
}

static enum vmmd_verdict ask_entry(void *self_, struct vmmd_req *req)
{
	struct ask *self = self_;
	const struct vmmd_call call = *self->host->call(req);
	struct ask_question *q;
	char path[PATH_TEXT], name[40];
	int r;

	path_roots_note(&self->roots, call.nr);
	if (!self->host->set_has(self->set, call.nr))
		return VMMD_PASS;
	r = ask_match(self, req, &call, path);
	if (r <= 0)
		return r ? self->host->reply(req, r) : VMMD_PASS;
	q = ask_new(self, req, call.nr, path);
	if (!q) {
		self->host->log(self->layer, VMMD_LOG_ERROR, "out of memory: a call is denied unasked");
		return self->host->reply(req, -self->err);
	}
	ask_name(self, q->nr, name, sizeof(name));
	self->host->log(self->layer, VMMD_LOG_WARNING, "question %" PRIu64 ": %s(%s%s%s) of %d waits", q->ticket,
			name, q->path[0] ? "\"" : "", q->path, q->path[0] ? "\"" : "", (int)q->tid);
	return VMMD_SUSPEND;
}

static void ask_cancel(void *self_, struct vmmd_req *req)
{
	struct ask *self = self_;
	struct ask_question key = {.req = req};
	struct ask_question **found = tfind(&key, &self->by_req, ask_cmp_req);
	struct ask_question *q = found ? *found : NULL;

	if (!q)
		return;
	ask_remove(self, q);
	free(q);
	++*self->cancelled;
}

/* ---------------------------------------------------------------- commands */

/* "allow", "deny", "deny=ERRNO": 0, the errno, or -EINVAL. */
static int ask_parse(const struct ask *self, const char *text)
{
	int err;

	if (!strcmp(text, "allow"))
		return 0;
	if (!strcmp(text, "deny"))
		return self->err;
	if (strncmp(text, "deny=", 5))
		return -EINVAL;
	err = errname_parse(text + 5);
	return err ? err : -EINVAL;
}

static int ask_command_answer(struct ask *self, const char *text)
{
	struct ask_question key = {.ticket = 0}, **found;
	char *end;
	int err;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	key.ticket = strtoull(text, &end, 10);
	if (errno || *end != ' ')
		return -EINVAL;
	err = ask_parse(self, end + strspn(end, " "));
	if (err < 0)
		return err;
	found = tfind(&key, &self->by_num, ask_cmp_num);
	if (!found)
		return -ESRCH;
	++*(err ? self->denied : self->allowed);
	return ask_answer(self, *found, err);
}

static void ask_command_pending(struct ask *self, struct vmmd_reply *reply)
{
	const struct vmmd_host *host = self->host;
	int64_t now = ask_now();
	char name[40];

	for (const struct ask_question *q = self->oldest; q; q = q->next) {
		ask_name(self, q->nr, name, sizeof(name));
		host->reply_row(reply);
		host->reply_field(reply, "question", "%" PRIu64, q->ticket);
		host->reply_field(reply, "tid", "%d", (int)q->tid);
		host->reply_field(reply, "syscall", "%s", name);
		host->reply_field(reply, "path", "%s", q->path);
		host->reply_field(reply, "seconds", "%" PRId64, (now - q->since) / 1000);
	}
}

static int ask_command(void *self, const char *name, const char *text, struct vmmd_reply *reply)
{
	if (!strcmp(name, "answer"))
		return ask_command_answer(self, text);
	if (strcmp(name, "pending"))
		return -ENOENT;
	ask_command_pending(self, reply);
	return 0;
}

/* -------------------------------------------------------------- open, close */

static bool ask_takes_path(const struct vmmd_syscall *sc)
{
	return path_find(sc, VMMD_ARG_PATH) >= 0 || path_find(sc, VMMD_ARG_SOCKADDR) >= 0;
}

/* A question that shows a path is decided by memory, which the program can change meanwhile. */
static int ask_declare(struct ask *self, struct vmmd_layer *layer)
{
	for (int nr = 0; nr < ASK_NR_MAX; nr++)
		if (self->host->set_has(self->set, nr) && ask_takes_path(self->host->syscall(nr)))
			return self->host->advisory(layer);
	return 0;
}

/* With path only the calls of the set that take one can be asked about. */
static int ask_want(struct ask *self, struct vmmd_layer *layer)
{
	const struct vmmd_host *host = self->host;
	unsigned found = 0;
	int r = ask_declare(self, layer);

	if (!r)
		r = path_roots_want(host, layer);
	if (!r && !self->paths)
		return host->want_set(layer, self->set, VMMD_WANT_ENTRY);
	for (int nr = 0; nr < ASK_NR_MAX && !r; nr++) {
		if (!host->set_has(self->set, nr) || !ask_takes_path(host->syscall(nr)))
			continue;
		r = host->want(layer, nr, VMMD_WANT_ENTRY);
		found++;
	}
	if (!r && !found) {
		host->log(layer, VMMD_LOG_ERROR, "nothing to ask: no call in syscalls takes a path");
		r = -EINVAL;
	}
	return r ? r : path_only_below(host, layer, self->paths);
}

static int ask_counters(struct ask *self)
{
	const struct vmmd_host *host = self->host;

	self->asked = host->counter(self->layer, "asked");
	self->allowed = host->counter(self->layer, "allowed");
	self->denied = host->counter(self->layer, "denied");
	self->timeouts = host->counter(self->layer, "timeouts");
	self->cancelled = host->counter(self->layer, "cancelled");
	self->pending = host->counter(self->layer, "pending");
	return self->asked && self->allowed && self->denied && self->timeouts && self->cancelled &&
			       self->pending ? 0 : -ENOMEM;
}

static int ask_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self_)
{
	const struct vmmd_value *paths = host->option(layer, "path");
	struct ask *self;
	int r;

	if (!host->option(layer, "syscalls")->given) {
		host->log(layer, VMMD_LOG_ERROR, "nothing to ask: give syscalls");
		return -EINVAL;
	}
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->host = host;
	self->layer = layer;
	self->set = host->option(layer, "syscalls")->set;
	self->paths = paths->given ? paths : NULL;
	self->timeout = host->option(layer, "timeout")->num;
	self->allow_at_timeout = host->option(layer, "default")->num == 1;
	self->err = errname_parse(host->option(layer, "errno")->text);
	r = ask_counters(self);
	if (!r)
		r = ask_want(self, layer);
	if (r)
		free(self);
	else
		*self_ = self;
	return r;
}

static void ask_close(void *self_)
{
	struct ask *self = self_;

	/* vmmd has stopped the timer and cancelled every request by now; should one be left, no leak. */
	self->timer = NULL;
	while (self->oldest) {
		struct ask_question *q = self->oldest;

		ask_remove(self, q);
		free(q);
	}
	free(self);
}

static const struct vmmd_plugin ask_plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(struct vmmd_plugin),
	.name = "ask",
	.version = VMMD_VERSION,
	.summary = "hold system calls until somebody allows or denies them",
	.options = ask_options,
	.open = ask_open,
	.close = ask_close,
	.entry = ask_entry,
	.cancel = ask_cancel,
	.command = ask_command,
};

__attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin(void)
{
	return &ask_plugin;
}
