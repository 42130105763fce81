// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stack.c - the ordered layers of a session, and the walks through them.
 *
 * A walk is resumable: all its state is in the request. stack_down() and
 * stack_up() go on from the layer asked last, with the answer that came in the
 * meantime if it had suspended the request (req->resumed).
 *
 * A broken layer (bad verdict, no answer in time, SUSPEND that nothing could
 * resume) never stops a walk: the session's answer takes its place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/host.h"
#include "vmmd/log.h"
#include "vmmd/plugin_loader.h"
#include "vmmd/req_path.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

/* Calls reissued and answered inside the stack before a layer counts as broken. */
#define REISSUE_MAX 64

#define BROKEN ((enum vmmd_verdict)-1)

static int nr_index(int64_t nr)
{
	return nr >= 0 && nr < SYSENT_MAX ? (int)nr : SYSENT_MAX;
}

static uint32_t below(int layer)
{
	return layer >= 32 ? ~0u : (1u << layer) - 1;
}

static uint32_t above(int layer)
{
	return layer < 0 ? ~0u : layer >= 31 ? 0 : ~0u << (layer + 1);
}

/* ------------------------------------------------------------------- masks */

static void masks_update(struct stack *st)
{
	static const uint32_t flag[REQ_EVENTS_] = {
		[REQ_SIGNAL] = VMMD_EVENT_SIGNAL,
		[REQ_EXEC] = VMMD_EVENT_EXEC,
		[REQ_TASK_NEW] = VMMD_EVENT_TASK_NEW,
		[REQ_TASK_EXIT] = VMMD_EVENT_TASK_EXIT,
	};

	memset(st->entry, 0, sizeof(st->entry));
	memset(st->event, 0, sizeof(st->event));
	for (int i = 0; i < st->n; i++) {
		const struct vmmd_layer *l = st->layers[i];

		if (!l)
			continue;
		for (int nr = 0; nr <= SYSENT_MAX; nr++)
			if (layer_wants(l, nr) || layer_refuses(l, nr))
				st->entry[nr] |= 1u << i;
		for (int e = REQ_SIGNAL; e < REQ_EVENTS_; e++)
			if (l->events & flag[e])
				st->event[e] |= 1u << i;
	}
}

int stack_refuser(const struct stack *st, int64_t nr)
{
	for (int i = st->n - 1; i >= 0; i--)
		if (st->layers[i] && layer_refuses(st->layers[i], nr))
			return i;
	return -1;
}

static uint32_t wants(const struct stack *st, const struct vmmd_layer *who, int64_t nr,
		      uint32_t (*of)(const struct vmmd_layer *, int64_t nr))
{
	uint32_t all = 0;

	for (int i = stack_refuser(st, nr) + 1; i < st->n; i++)
		if (st->layers[i] && (!who || who == st->layers[i]))
			all |= of(st->layers[i], nr);
	return all;
}

uint32_t stack_wants(const struct stack *st, const struct vmmd_layer *who, int64_t nr)
{
	return wants(st, who, nr, layer_wants);
}

uint32_t stack_always(const struct stack *st, const struct vmmd_layer *who, int64_t nr)
{
	return wants(st, who, nr, layer_always);
}

/* One that refuses it answers whatever the path is. */
bool stack_is_narrow(const struct stack *st, int64_t nr)
{
	bool narrow = false;

	if (stack_refuser(st, nr) >= 0)
		return false;
	for (int i = 0; i < st->n; i++) {
		if (!st->layers[i] || !layer_wants(st->layers[i], nr))
			continue;
		if (!below_is_narrow(&st->layers[i]->below))
			return false;
		narrow = true;
	}
	return narrow;
}

uint32_t stack_events(const struct stack *st, const struct vmmd_layer *who)
{
	uint32_t all = 0;

	for (int i = 0; i < st->n; i++)
		if (st->layers[i] && (!who || who == st->layers[i]))
			all |= st->layers[i]->events;
	return all;
}

/* ------------------------------------------------------------ open and close */

static void layer_free(struct vmmd_layer *l)
{
	host_layer_fini(l);
	conf_values_free(&l->values);
	plugin_put(l->plugin);
	free(l->label);
	l->magic = 0;
	free(l);
}

static int layer_new(struct stack *st, struct vmmd_layer **out, const struct conf_layer *cl, int index,
		     int live_fd, char *why, size_t len)
{
	struct vmmd_layer *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	l->magic = LAYER_MAGIC;
	l->index = index;
	l->session = st->session;
	l->live_fd = live_fd;
	l->live = live_fd >= 0;
	rc = plugin_get(&l->plugin, cl->plugin, cl->where, why, len);
	if (rc < 0) {
		free(l);
		return rc;
	}
	l->ops = plugin_table(l->plugin);
	rc = conf_check_layer(cl, l->ops->options, &l->values, why, len);
	if (rc == 0 && asprintf(&l->label, "%s[%d]", l->ops->name, index) < 0) {
		l->label = NULL;
		rc = -ENOMEM;
	}
	if (rc < 0) {
		layer_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

static int layer_open(struct vmmd_layer *l, const struct conf_layer *cl, char *why, size_t len)
{
	int rc;

	l->opening = true;
	rc = l->ops->open(&host_table, l, &l->self);
	l->opening = false;
	if (l->ops->abi_minor < 1) /* it was written before it could say so */
		l->advisory = true;
	if (rc < 0)
		snprintf(why, len, "%slayer %s does not open: %s", cl->where, l->ops->name, strerror(-rc));
	return rc < 0 ? rc : 0;
}

static int stack_add(struct stack *st, int index, const struct conf_layer *cl, int live_fd, char *why, size_t len)
{
	struct vmmd_layer *l;
	int rc;

	rc = layer_new(st, &l, cl, index, live_fd, why, len);
	if (rc < 0)
		return rc;
	rc = layer_open(l, cl, why, len);
	if (rc < 0) {
		layer_free(l);
		return rc;
	}
	st->layers[index] = l;
	if (st->n <= index)
		st->n = index + 1;
	masks_update(st);
	return 0;
}

/* Once: an engine keeps the list. */
static int stack_collect(struct stack *st)
{
	int rc = 0;

	for (int i = 0; i < st->n; i++) {
		const struct below *b = &st->layers[i]->below;

		for (size_t k = 0; below_is_narrow(b) && k < b->n && rc == 0; k++)
			rc = below_add(&st->below, b->dir[k]);
	}
	return rc;
}

int stack_open(struct stack *st, struct session *s, const struct conf *conf, char *why, size_t len)
{
	int rc;

	st->session = s;
	st->broken_passes = conf->broken_layer == CONF_BROKEN_PASS;
	if (conf->nlayers > VMMD_MAX_LAYERS - STACK_LIVE) {
		snprintf(why, len, "%zu layers; a stack has at most %d", conf->nlayers, VMMD_MAX_LAYERS - STACK_LIVE);
		return -E2BIG;
	}
	st->configured = (int)conf->nlayers;
	for (size_t i = 0; i < conf->nlayers; i++) {
		rc = stack_add(st, (int)i, &conf->layers[i], -1, why, len);
		if (rc < 0) {
			stack_close(st);
			return rc;
		}
	}
	rc = stack_collect(st);
	if (rc < 0)
		stack_close(st);
	return rc;
}

int stack_push(struct stack *st, struct vmmd_layer **out, const struct conf_layer *cl, int live_fd, char *why,
	       size_t len)
{
	for (int i = st->configured; i < st->configured + STACK_LIVE; i++) {
		int rc;

		if (st->layers[i])
			continue;
		rc = stack_add(st, i, cl, live_fd, why, len);
		if (rc == 0)
			*out = st->layers[i];
		return rc;
	}
	snprintf(why, len, "%d live traces are attached already; stop one first", STACK_LIVE);
	return -EBUSY;
}

static void layer_close(struct stack *st, int i)
{
	struct vmmd_layer *l = st->layers[i];

	host_layer_quiet(l);
	if (l->ops->close)
		l->ops->close(l->self);
	st->layers[i] = NULL;
	layer_free(l);
}

void stack_pop(struct stack *st, struct vmmd_layer *l)
{
	layer_close(st, l->index);
	while (st->n > st->configured && !st->layers[st->n - 1])
		st->n--;
	masks_update(st);
}

void stack_close(struct stack *st)
{
	for (int i = st->n - 1; i >= 0; i--)
		if (st->layers[i])
			layer_close(st, i);
	st->n = 0;
	masks_update(st);
	below_fini(&st->below);
}

/* ------------------------------------------------------------------- walks */

static enum vmmd_verdict call_layer(struct vmmd_layer *l, struct vmmd_req *req)
{
	const struct vmmd_plugin *ops = l->ops;

	switch (req->event) {
	case REQ_ENTRY:
		return ops->entry && (req->want & VMMD_WANT_ENTRY) ? ops->entry(l->self, req) : VMMD_PASS;
	case REQ_EXIT:
		return ops->exit ? ops->exit(l->self, req) : VMMD_PASS;
	case REQ_SIGNAL:
		return ops->signal ? ops->signal(l->self, req) : VMMD_PASS;
	case REQ_EXEC:
		return ops->exec ? ops->exec(l->self, req) : VMMD_PASS;
	case REQ_TASK_NEW:
		return ops->task_new ? ops->task_new(l->self, req) : VMMD_PASS;
	case REQ_TASK_EXIT:
		if (ops->task_exit)
			ops->task_exit(l->self, req);
		return VMMD_PASS;
	default:
		return VMMD_PASS;
	}
}

static enum vmmd_verdict ask(struct stack *st, struct vmmd_req *req, int i)
{
	struct vmmd_layer *l = st->layers[i];
	enum vmmd_verdict v;

	req->layer = i;
	req->asked = l;
	req->has_result = false;
	req->has_next = false;
	req->follow = false;
	req->read_args = 0;
	req->read_other = false;
	l->stats.asked[req->event]++;
	v = call_layer(l, req);
	if (v == VMMD_SUSPEND) {
		if (req->event != REQ_TASK_EXIT && session_suspend(st->session, req)) {
			l->stats.suspended++;
			l->stats.waiting++;
			return v;
		}
		v = BROKEN;
	}
	session_unticket(st->session, req);
	return v;
}

static enum vmmd_verdict take_answer(struct vmmd_req *req)
{
	req->resumed = false;
	req->asked->stats.waiting--;
	if (req->answer == VMMD_REPLY) {
		req->result = req->answer_result;
		req->has_result = true;
	}
	return req->answer == VMMD_SUSPEND ? BROKEN : req->answer;
}

/* True: go on as if it had passed. */
static bool broken(struct stack *st, struct vmmd_req *req, enum vmmd_verdict v)
{
	static const char *const what[REQ_EVENTS_] = {"a call",	   "an exit",	  "a signal",
						      "an exec", "a new task", "a task's end"};
	struct vmmd_layer *l = req->asked;

	/* Every one is counted; the log gets the first, and then each power of two. */
	l->stats.failed++;
	if ((l->stats.failed & (l->stats.failed - 1)) == 0)
		log_warning("layer %s gave no valid answer to %s of %d (verdict %d, %llu so far): %s", l->label,
			    what[req->event], (int)req->task->info.tid, (int)v,
			    (unsigned long long)l->stats.failed, st->broken_passes ? "passed" : "refused");
	if (st->broken_passes)
		return true;
	switch (req->event) {
	case REQ_ENTRY:
	case REQ_EXIT:
		req_path_drop_fd(req);
		req->result = -EPERM;
		return false;
	case REQ_EXEC:
	case REQ_TASK_NEW:
		req->kill = true;
		return false;
	default:
		return true; /* a signal is delivered as it is */
	}
}

void stack_begin_down(const struct stack *st, struct vmmd_req *req)
{
	req->layer = st->n;
	req->entered = 0;
	req->followed = false;
	req->reissues = 0;
	req->resumed = false;
	req->event = REQ_ENTRY;
}

void stack_begin_up(struct vmmd_req *req)
{
	req->layer = -1;
	req->resumed = false;
}

/* refuse(): it is not even asked. */
static bool refused(struct stack *st, struct vmmd_req *req, int64_t nr)
{
	struct vmmd_layer *l = st->layers[req->layer];
	uint16_t error = layer_refuses(l, nr);

	if (!error)
		return false;
	l->stats.replied++;
	req->asked = l;
	req->result = -(int64_t)error;
	return true;
}

/*
 * The rule of plugin.h, Confinement: what a layer has read must not be read again
 * by the kernel, unless the layer is advisory or the engine sees to it.
 */
static bool lets_look_again(const struct stack *st, const struct vmmd_req *req)
{
	const struct vmmd_call *now = &req->calls[REQ_CALL_NOW];

	if (st->safe_args || req->asked->advisory)
		return false;
	/* It has not said that it would look, so nobody has seen to where the copy goes. */
	if ((req->read_args || req->read_other) && !(req->want & VMMD_WANT_MEMORY))
		return true;
	for (unsigned i = 0; i < 6; i++)
		if ((req->read_args >> i & 1) && !req_path_text(req, now->args[i]))
			return true;
	return req->read_other;
}

enum stack_end stack_down(struct stack *st, struct vmmd_req *req)
{
	struct vmmd_call *now = &req->calls[REQ_CALL_NOW];

	for (;;) {
		enum vmmd_verdict v;

		if (req->resumed) {
			v = take_answer(req);
		} else {
			uint32_t rest = st->entry[nr_index(now->nr)] & below(req->layer);

			if (!rest)
				return STACK_THROUGH;
			req->layer = 31 - __builtin_clz(rest);
			if (refused(st, req, now->nr))
				return STACK_TURNED;
			req->want = layer_wants(st->layers[req->layer], now->nr);
			v = ask(st, req, req->layer);
			if (v == VMMD_SUSPEND)
				return STACK_WAIT;
		}
		if (v == VMMD_REPLY && req->has_result) {
			req->asked->stats.replied++;
			return STACK_TURNED;
		}
		if (v == VMMD_PASS && lets_look_again(st, req))
			v = BROKEN;
		if (v != VMMD_PASS && !broken(st, req, v))
			return STACK_TURNED;
		req->followed |= req->follow;
		if ((req->want & VMMD_WANT_EXIT) && (req->follow || !(req->want & VMMD_WANT_RARELY))) {
			req->entered |= 1u << req->layer;
			req->wants[req->layer] = (uint8_t)req->want;
			req->calls[REQ_CALL_VIEWS + req->layer] = *now;
		}
	}
}

/* Layer req->layer wants another call run: it is the caller now. */
static void reissue(struct vmmd_req *req)
{
	struct vmmd_call *now = &req->calls[REQ_CALL_NOW];

	now->nr = req->calls[REQ_CALL_NEXT].nr;
	memcpy(now->args, req->calls[REQ_CALL_NEXT].args, sizeof(now->args));
	req->calls[REQ_CALL_VIEWS + req->layer] = *now;
	req->entered &= ~below(req->layer);
	req->entered |= 1u << req->layer;
	req->event = REQ_ENTRY;
	req->reissues++;
}

static bool may_reissue(const struct vmmd_req *req)
{
	return req->event == REQ_EXIT && req->has_next && !req->no_reissue && req->reissues < REISSUE_MAX;
}

static uint32_t up_mask(const struct stack *st, const struct vmmd_req *req)
{
	return (req->event == REQ_EXIT ? req->entered : st->event[req->event]) & above(req->layer);
}

enum stack_end stack_up(struct stack *st, struct vmmd_req *req)
{
	for (;;) {
		enum vmmd_verdict v;

		if (req->resumed) {
			v = take_answer(req);
		} else {
			uint32_t rest = up_mask(st, req);

			if (!rest)
				return STACK_THROUGH;
			req->layer = __builtin_ctz(rest);
			if (req->event == REQ_EXIT)
				req->want = req->wants[req->layer];
			v = ask(st, req, req->layer);
			if (v == VMMD_SUSPEND)
				return STACK_WAIT;
		}
		if (v == VMMD_PASS)
			continue;
		if (v == VMMD_REISSUE && may_reissue(req)) {
			req->asked->stats.reissued++;
			reissue(req);
			return STACK_TURNED;
		}
		if (v == VMMD_DROP && req->event == REQ_SIGNAL) {
			req->asked->stats.dropped++;
			req->dropped = true;
			return STACK_THROUGH;
		}
		if (!broken(st, req, v) && req->kill)
			return STACK_THROUGH;
	}
}

void stack_cancel(struct vmmd_req *req)
{
	struct vmmd_layer *l = req->asked;

	l->stats.cancelled++;
	if (l->ops->cancel)
		l->ops->cancel(l->self, req);
}

int stack_command(struct stack *st, const char *name, const char *text, struct vmmd_reply *reply)
{
	int failed = -ENOENT;
	bool done = false;

	for (int i = st->n - 1; i >= 0; i--) {
		struct vmmd_layer *l = st->layers[i];
		int rc;

		if (!l || !l->ops->command)
			continue;
		rc = l->ops->command(l->self, name, text, reply);
		if (rc == 0)
			done = true;
		else if (rc != -ENOENT)
			failed = rc;
	}
	return done ? 0 : failed;
}
