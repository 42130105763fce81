// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * session.c - one sandbox: its stack, its tasks, and the requests that wait.
 *
 * Suspension. A ticket names a request from the moment a layer asks for one
 * until it is resumed, cancelled, or the layer returns without suspending. The
 * table of tickets is the only thing other threads touch: session_resume()
 * takes the request out of it and puts it into `answered`, from where the
 * event thread goes on. So every ticket is answered at most once, and a
 * request that is in neither place cannot be resumed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "vmmd/host.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

static void on_timeout(struct loop_timer *timer);

int64_t session_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct session *session_new(struct loop *loop, const struct conf *conf, int err_fd, char *why, size_t len)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(why, len, "out of memory");
		return NULL;
	}
	s->magic = SESSION_MAGIC;
	s->loop = loop;
	s->conf = conf;
	s->err_fd = err_fd;
	pthread_mutex_init(&s->lock, NULL);
	loop_timer_init(&s->timeout, on_timeout);
	s->stack = calloc(1, sizeof(*s->stack));
	if (!s->stack)
		snprintf(why, len, "out of memory");
	if (!s->stack || stack_open(s->stack, s, conf, why, len) < 0) {
		pthread_mutex_destroy(&s->lock);
		free(s->stack);
		free(s);
		return NULL;
	}
	return s;
}

void session_free(struct session *s)
{
	struct task *t, *tmp;

	if (!s)
		return;
	DL_FOREACH_SAFE(s->tasks, t, tmp) {
		t->engine_task = NULL;
		session_cancel(s, &t->call);
		session_cancel(s, &t->report);
		task_free(t);
	}
	loop_timer_stop(s->loop, &s->timeout);
	stack_close(s->stack);
	free(s->stack);
	pthread_mutex_destroy(&s->lock);
	s->magic = 0;
	free(s);
}

/* --------------------------------------------------------------- suspension */

uint64_t session_ticket(struct session *s, struct vmmd_req *req)
{
	uint64_t ticket;

	pthread_mutex_lock(&s->lock);
	if (req->wait == REQ_RUNNING) {
		req->ticket = ++s->last_ticket;
		req->wait = REQ_TICKETED;
		HASH_ADD(hh, s->tickets, ticket, sizeof(req->ticket), req);
	}
	ticket = req->ticket;
	pthread_mutex_unlock(&s->lock);
	return ticket;
}

int session_resume(struct session *s, int layer, uint64_t ticket, enum vmmd_verdict verdict, int64_t result)
{
	struct vmmd_req *req;

	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->tickets, &ticket, sizeof(ticket), req);
	if (!req || req->layer != layer) {
		pthread_mutex_unlock(&s->lock);
		return -ESRCH;
	}
	HASH_DEL(s->tickets, req);
	req->answer = verdict;
	req->answer_result = result;
	req->wait = REQ_ANSWERED;
	DL_APPEND(s->answered, req);
	pthread_mutex_unlock(&s->lock);
	loop_kick(s->loop);
	return 0;
}

static void watch_timeout(struct session *s, struct vmmd_req *req)
{
	int64_t limit = s->conf->layer_timeout_ms;

	if (!limit)
		return;
	req->deadline_ms = session_clock_ns() / 1000000 + limit;
	if (!s->suspended)
		loop_timer_start(s->loop, &s->timeout, limit, 0);
	/* All have the same limit, so the list is in the order of deadlines. */
	DL_APPEND2(s->suspended, req, late_prev, late);
}

static void unwatch_timeout(struct session *s, struct vmmd_req *req)
{
	if (!req->deadline_ms)
		return;
	req->deadline_ms = 0;
	DL_DELETE2(s->suspended, req, late_prev, late);
}

bool session_suspend(struct session *s, struct vmmd_req *req)
{
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = req->wait != REQ_RUNNING;
	if (req->wait == REQ_TICKETED)
		req->wait = REQ_SUSPENDED;
	pthread_mutex_unlock(&s->lock);
	if (!ok)
		return false;
	s->stats.suspended++;
	watch_timeout(s, req);
	return true;
}

/* Take the request out of both tables. True if no answer had come. */
static bool forget(struct session *s, struct vmmd_req *req)
{
	bool open;

	pthread_mutex_lock(&s->lock);
	open = req->wait == REQ_TICKETED || req->wait == REQ_SUSPENDED;
	if (open)
		HASH_DEL(s->tickets, req);
	else if (req->wait == REQ_ANSWERED)
		DL_DELETE(s->answered, req);
	req->wait = REQ_RUNNING;
	pthread_mutex_unlock(&s->lock);
	return open;
}

void session_unticket(struct session *s, struct vmmd_req *req)
{
	/* Only the event thread leaves REQ_RUNNING, so this look needs no lock. */
	if (req->wait != REQ_RUNNING)
		forget(s, req);
}

struct vmmd_req *session_next_answered(struct session *s)
{
	struct vmmd_req *req;

	pthread_mutex_lock(&s->lock);
	req = s->answered;
	if (req) {
		DL_DELETE(s->answered, req);
		req->wait = REQ_RUNNING;
	}
	pthread_mutex_unlock(&s->lock);
	if (!req)
		return NULL;
	unwatch_timeout(s, req);
	s->stats.suspended--;
	req->resumed = true;
	return req;
}

void session_cancel(struct session *s, struct vmmd_req *req)
{
	bool open;

	if (req->wait == REQ_RUNNING)
		return;
	unwatch_timeout(s, req);
	s->stats.suspended--;
	req->asked->stats.waiting--;
	open = forget(s, req);
	if (open)
		stack_cancel(req);
}

/* layer-timeout: the layer has not answered; its answer is a bad one. */
static void on_timeout(struct loop_timer *timer)
{
	struct session *s = (struct session *)(void *)((char *)timer - offsetof(struct session, timeout));
	int64_t now = session_clock_ns() / 1000000;
	struct vmmd_req *req, *tmp;

	DL_FOREACH_SAFE2(s->suspended, req, tmp, late) {
		if (req->deadline_ms > now) {
			loop_timer_start(s->loop, timer, req->deadline_ms - now, 0);
			return;
		}
		unwatch_timeout(s, req);
		if (session_resume(s, req->layer, req->ticket, (enum vmmd_verdict)-1, 0) == 0)
			stack_cancel(req);
	}
}

int session_command(struct session *s, const char *name, const char *text, json_t **rows)
{
	struct vmmd_reply reply = {.rows = json_array()};

	*rows = reply.rows;
	return reply.rows ? stack_command(s->stack, name, text, &reply) : -ENOMEM;
}

void session_forget_layer(struct session *s, const struct vmmd_layer *l)
{
	struct task *t;

	DL_FOREACH(s->tasks, t) {
		task_forget_layer(t, l);
		t->call.entered &= ~(1u << l->index);
	}
}

/* --------------------------------------------------------------- statistics */

void session_count_latency(struct session *s, int64_t start_ns)
{
	uint64_t ns = (uint64_t)(session_clock_ns() - start_ns);
	int bucket = ns ? 63 - __builtin_clzll(ns) : 0;

	s->stats.latency[bucket < SESSION_BUCKETS ? bucket : SESSION_BUCKETS - 1]++;
}
