// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - what a session tells about itself, as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "vmmd/choose.h"
#include "vmmd/host.h"
#include "vmmd/plugin_loader.h"
#include "vmmd/report.h"
#include "vmmd/req_fsm.h"
#include "vmmd/stack.h"

static const char *const event_names[REQ_EVENTS_] = {"entry", "exit", "signal", "exec", "task_new", "task_exit"};

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *counts(const uint64_t n[REQ_EVENTS_])
{
	json_t *o = json_object();

	for (int i = 0; i < REQ_EVENTS_; i++)
		json_object_set_new(o, event_names[i], number(n[i]));
	return o;
}

static json_t *layer_counters(const struct vmmd_layer *l)
{
	json_t *o = json_object();

	for (int i = 0; i < LAYER_COUNTERS && l->counters[i].name[0]; i++)
		json_object_set_new(o, l->counters[i].name, number(l->counters[i].value));
	return o;
}

static json_t *report_layer(const struct vmmd_layer *l)
{
	const struct layer_stats *s = &l->stats;
	json_t *o = json_pack("{s:i, s:s, s:s, s:b, s:s}", "layer", l->index, "name", l->ops->name, "version",
			      l->ops->version, "live", l->live, "file", plugin_path(l->plugin));

	if (!o)
		return json_object();
	json_object_set_new(o, "asked", counts(s->asked));
	json_object_set_new(o, "replied", number(s->replied));
	json_object_set_new(o, "rewritten", number(s->rewritten));
	json_object_set_new(o, "reissued", number(s->reissued));
	json_object_set_new(o, "suspended", number(s->suspended));
	json_object_set_new(o, "waiting", number(s->waiting));
	json_object_set_new(o, "cancelled", number(s->cancelled));
	json_object_set_new(o, "dropped", number(s->dropped));
	json_object_set_new(o, "failed", number(s->failed));
	json_object_set_new(o, "counters", layer_counters(l));
	return o;
}

static json_t *report_stack(const struct stack *st)
{
	json_t *a = json_array();

	for (int i = 0; i < st->n; i++)
		if (st->layers[i])
			json_array_append_new(a, report_layer(st->layers[i]));
	return a;
}

static json_t *report_latency(const struct session *s)
{
	json_t *a = json_array();

	for (int i = 0; i < SESSION_BUCKETS; i++)
		if (s->stats.latency[i])
			json_array_append_new(a, json_pack("{s:I, s:I}", "from_ns", (json_int_t)1 << i, "count",
							   (json_int_t)s->stats.latency[i]));
	return a;
}

json_t *report_session(const struct session *s)
{
	const struct session_stats *st = &s->stats;
	json_t *o = json_object();

	json_object_set_new(o, "engine", json_string(req_fsm_engine(s)));
	json_object_set_new(o, "on_failure", json_string(choose_policy(s->conf)));
	json_object_set_new(o, "first", json_integer(s->first));
	json_object_set_new(o, "first_gone", json_boolean(s->first_gone));
	json_object_set_new(o, "layers", report_stack(s->stack));
	json_object_set_new(o, "events", counts(st->events));
	json_object_set_new(o, "stops", number(req_fsm_stops(s)));
	json_object_set_new(o, "latency", report_latency(s));
	json_object_set_new(o, "tasks_now", number(st->tasks));
	json_object_set_new(o, "tasks_max", number(st->tasks_max));
	json_object_set_new(o, "tasks_ever", number(st->tasks_ever));
	json_object_set_new(o, "processes", number(st->processes));
	json_object_set_new(o, "suspended", number(st->suspended));
	json_object_set_new(o, "task_bytes", number(req_fsm_task_bytes(s) + sizeof(struct task) +
						    (size_t)(REQ_CALL_VIEWS + s->stack->configured + STACK_LIVE) *
							    sizeof(struct vmmd_call)));
	return o;
}

static const char *task_state(const struct task *t)
{
	if (t->call.wait != REQ_RUNNING || t->report.wait != REQ_RUNNING)
		return "suspended";
	return t->call.step == REQ_KERNEL ? "kernel" : "running";
}

static json_t *report_task(const struct task *t)
{
	const struct vmmd_syscall *sc = NULL;
	const struct vmmd_req *waiting = t->call.wait != REQ_RUNNING ? &t->call : &t->report;
	bool in_call = t->call.step != REQ_IDLE;
	json_t *o = json_pack("{s:i, s:i, s:i, s:s}", "tid", (int)t->info.tid, "tgid", (int)t->info.tgid, "parent",
			      (int)t->info.parent, "state", task_state(t));

	if (!o)
		return json_object();
	if (in_call) {
		sc = sysent(t->calls[REQ_CALL_ENGINE].nr);
		json_object_set_new(o, "call", sc ? json_string(sc->name) :
						    json_integer((json_int_t)t->calls[REQ_CALL_ENGINE].nr));
	}
	if (waiting->wait != REQ_RUNNING)
		json_object_set_new(o, "layer", json_string(waiting->asked->label));
	return o;
}

json_t *report_tasks(const struct session *s)
{
	json_t *o = report_session(s), *a = json_array();
	const struct task *t;

	DL_FOREACH(s->tasks, t)
		json_array_append_new(a, report_task(t));
	json_object_set_new(o, "tasks", a);
	return o;
}

char *report_layers(const struct session *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (int i = 0; i < s->stack->configured; i++)
		fprintf(f, "%s%s", i ? " " : "", s->stack->layers[i]->ops->name);
	fclose(f);
	return text;
}
