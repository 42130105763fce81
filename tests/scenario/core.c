// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * core.c - the daemon's core as the scenarios drive it.
 *
 * What worker.c does for a real session: a loop, a configuration, a session on
 * an engine, and the wake-up that goes on with resumed requests.
 */
#include "tests/scenario/core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "vmmd/conf.h"
#include "vmmd/engine/engine.h"
#include "vmmd/loop.h"
#include "vmmd/req_fsm.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"

struct core {
	const char *plugin, *log;
	struct loop *loop;
	struct conf *conf;
	struct session *session;
	struct loop_timer timer;
	bool ended; /* the core has seen that no task is left */
	char *names[VMMD_MAX_LAYERS]; /* of the layers, innermost first */
	size_t nnames;
};

struct core *core_new(const char *plugin, const char *log)
{
	struct core *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->plugin = plugin;
	c->log = log;
	c->loop = loop_new();
	c->conf = conf_new();
	if (!c->loop || !c->conf) {
		core_free(c);
		return NULL;
	}
	return c;
}

int core_set(struct core *c, const char *line, char *why, size_t len)
{
	return conf_parse(c->conf, "scenario", line, strlen(line), why, len);
}

int core_layer(struct core *c, const char *name, char **rules, size_t count, char *why, size_t len)
{
	char spec[4096];
	size_t n = (size_t)snprintf(spec, sizeof(spec), "%s,name=%s,log=%s", c->plugin, name, c->log);

	for (size_t i = 0; i < count && n < sizeof(spec); i++)
		n += (size_t)snprintf(spec + n, sizeof(spec) - n, "%s%s", i ? "+" : ",on=", rules[i]);
	if (n >= sizeof(spec) || c->nnames == VMMD_MAX_LAYERS)
		return -E2BIG;
	c->names[c->nnames++] = strdup(name);
	return conf_layer(c->conf, spec, why, len);
}

static void on_kick(void *arg)
{
	struct core *c = arg;

	if (c->session)
		req_fsm_drain(c->session);
}

int core_start(struct core *c, const struct engine_ops *ops, char *why, size_t len)
{
	int rc;

	c->session = session_new(c->loop, c->conf, 2, why, len);
	if (!c->session)
		return -EINVAL;
	loop_on_kick(c->loop, on_kick, c);
	rc = req_fsm_start_with(c->session, ops, why, len);
	if (rc < 0) {
		session_free(c->session);
		c->session = NULL;
	}
	return rc;
}

bool core_started(const struct core *c)
{
	return c->session;
}

struct engine *core_engine(struct core *c)
{
	return c->session ? c->session->engine : NULL;
}

int core_turn(struct core *c)
{
	int rc = req_fsm_poll(c->session, false);

	req_fsm_drain(c->session);
	c->ended = rc == -ECHILD;
	return c->ended ? 0 : rc;
}

static void on_time(struct loop_timer *timer)
{
	struct core *c = (struct core *)(void *)((char *)timer - offsetof(struct core, timer));

	loop_break(c->loop);
}

void core_wait(struct core *c, int64_t ms)
{
	loop_timer_init(&c->timer, on_time);
	loop_timer_start(c->loop, &c->timer, ms, 0);
	loop_run(c->loop);
	loop_timer_stop(c->loop, &c->timer);
}

int core_command(struct core *c, const char *name, const char *text)
{
	return stack_command(c->session->stack, name, text, NULL);
}

void core_stop(struct core *c)
{
	struct engine *e = core_engine(c);

	if (!c->session)
		return;
	if (e) {
		c->session->engine = NULL;
		e->ops->destroy(e);
	}
	session_free(c->session);
	c->session = NULL;
}

void core_free(struct core *c)
{
	core_stop(c);
	conf_free(c->conf);
	loop_free(c->loop);
	for (size_t i = 0; i < c->nnames; i++)
		free(c->names[i]);
	free(c);
}

/* ----------------------------------------------------------------- counters */

static int layer_count(const struct vmmd_layer *l, const char *what, uint64_t *value)
{
	const struct layer_stats *st = &l->stats;
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{ "asked-entry", st->asked[REQ_ENTRY] },
		{ "asked-exit", st->asked[REQ_EXIT] },
		{ "asked-signal", st->asked[REQ_SIGNAL] },
		{ "asked-exec", st->asked[REQ_EXEC] },
		{ "asked-new", st->asked[REQ_TASK_NEW] },
		{ "asked-end", st->asked[REQ_TASK_EXIT] },
		{ "replied", st->replied },
		{ "suspended", st->suspended },
		{ "waiting", st->waiting },
		{ "reissued", st->reissued },
		{ "dropped", st->dropped },
		{ "cancelled", st->cancelled },
		{ "failed", st->failed },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, what))
			continue;
		*value = all[i].value;
		return 0;
	}
	return -ENOENT;
}

static int own_counter(const struct vmmd_layer *l, const char *name, uint64_t *value)
{
	for (size_t i = 0; i < LAYER_COUNTERS; i++) {
		if (strcmp(l->counters[i].name, name))
			continue;
		*value = l->counters[i].value;
		return 0;
	}
	return -ENOENT;
}

static int session_count(const struct core *c, const char *what, uint64_t *value)
{
	const struct session *s = c->session;

	if (!strcmp(what, "tasks"))
		*value = s->stats.tasks;
	else if (!strcmp(what, "processes"))
		*value = s->stats.processes;
	else if (!strcmp(what, "suspended"))
		*value = s->stats.suspended;
	else if (!strcmp(what, "tickets"))
		*value = HASH_COUNT(s->tickets);
	else if (!strcmp(what, "ended"))
		*value = c->ended;
	else
		return -ENOENT;
	return 0;
}

int core_count(struct core *c, const char *what, uint64_t *value)
{
	size_t n = strcspn(what, ".:");

	if (!what[n])
		return session_count(c, what, value);
	for (size_t i = 0; i < c->nnames; i++) {
		const struct vmmd_layer *l = c->session->stack->layers[i];

		if (strncmp(c->names[i], what, n) || c->names[i][n])
			continue;
		return what[n] == '.' ? layer_count(l, what + n + 1, value) :
					own_counter(l, what + n + 1, value);
	}
	return -ENOENT;
}

const char *core_left(struct core *c)
{
	const struct session *s = c->session;

	for (size_t i = 0; i < c->nnames; i++)
		if (s->stack->layers[i]->stats.waiting)
			return "a layer has requests waiting";
	if (s->tasks || s->stats.tasks)
		return "tasks are left";
	if (s->stats.processes)
		return "processes are left";
	if (s->stats.suspended)
		return "suspended requests are left";
	if (s->tickets || s->answered || s->suspended)
		return "tickets are left";
	return NULL;
}
