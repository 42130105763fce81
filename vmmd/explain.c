// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * explain.c - which engine a stack gets, how it stops each call, and because of
 * whom, as JSON.
 *
 * Calls with the same answer are told once, with a list of their names: a stack
 * that wants all calls would fill pages otherwise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/choose.h"
#include "vmmd/explain.h"
#include "vmmd/req_fsm.h"
#include "vmmd/stack.h"

static const char *const want_names[] = {"entry", "exit", "rewrite", "result", "reissue", "paths", "memory", "rarely"};
static const char *const event_names[] = {"signal", "exec", "task_new", "task_exit"};

/* The names of the bits that are set. */
static json_t *names(uint32_t bits, const char *const *name, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		if (bits >> i & 1)
			json_array_append_new(a, json_string(name[i]));
	return a;
}

#define NAMES(bits, table) names(bits, table, sizeof(table) / sizeof((table)[0]))

static json_t *error_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? json_string(name) : json_integer(error);
}

/* -------------------------------------------------------------------- layers */

static json_t *explain_layers(const struct stack *st)
{
	json_t *a = json_array();

	for (int i = 0; i < st->n; i++) {
		const struct vmmd_layer *l = st->layers[i];
		json_t *o = json_pack("{s:s, s:b, s:o}", "layer", l->label, "confines", !l->advisory, "events",
				      NAMES(l->events, event_names));

		json_object_set_new(o, "inherits", json_boolean(choose_inherits(l)));
		json_array_append_new(a, o);
	}
	return a;
}

/* Engines that are cheaper than the chosen one, with what is in the way. */
static json_t *explain_cheaper(struct session *s, const char *engine)
{
	json_t *a = json_array();
	char why[512];

	for (size_t i = 0;; i++) {
		const char *name = choose_obstacle(s, i, why, sizeof(why));

		if (!name || strcmp(name, engine) == 0)
			return a;
		json_array_append_new(a, json_pack("{s:s, s:s}", "engine", name, "why", why));
	}
}

/* --------------------------------------------------------------------- calls */

static json_t *explain_wants(const struct stack *st, const struct choose_call *c)
{
	json_t *o = json_object();

	for (int i = 0; i < st->n; i++)
		if (c->wants[i])
			json_object_set_new(o, st->layers[i]->label, NAMES(c->wants[i], want_names));
	return o;
}

static json_t *explain_below(const struct stack *st)
{
	json_t *a = json_array();

	for (size_t i = 0; i < st->below.n; i++) {
		json_t *dir = json_string(st->below.dir[i]);

		json_array_append_new(a, dir ? dir : json_string("?")); /* it need not be UTF-8 */
	}
	return a;
}

/* Without the call's name. */
static json_t *explain_call(const struct stack *st, const struct choose_call *c)
{
	json_t *o = json_pack("{s:s}", "mechanism", c->how);
	bool native = strcmp(c->how, "native") == 0, refused = strcmp(c->how, "errno") == 0;

	if (refused)
		json_object_set_new(o, "errno", error_name(c->error));
	if (c->by_path)
		json_object_set_new(o, "below", explain_below(st));
	if (c->layer >= 0)
		json_object_set_new(o, "layer", json_string(st->layers[c->layer]->label));
	if (c->refuser >= 0 && !refused)
		json_object_set_new(o, "then", json_pack("{s:o, s:s}", "errno", error_name(c->error), "layer",
							 st->layers[c->refuser]->label));
	if (c->flag)
		json_object_set_new(o, "but", json_pack("{s:o, s:s}", "errno", error_name(c->flag_error), "with",
							c->flag));
	if (c->why)
		json_object_set_new(o, "why", json_string(c->why));
	if (!native)
		json_object_set_new(o, "wants", explain_wants(st, c));
	return o;
}

static json_t *call_name(int nr)
{
	const struct vmmd_syscall *sc = sysent(nr);
	char text[16];

	if (nr == SYSENT_MAX)
		return json_pack("{s:s, s:i}", "call", "other", "nr", -1);
	snprintf(text, sizeof(text), "%d", nr);
	return json_pack("{s:s, s:i}", "call", sc ? sc->name : text, "nr", nr);
}

/* To the group with this answer. Takes `answer`. */
static void add_call(json_t *groups, json_t *answer, int nr)
{
	json_t *group, *calls, *name = call_name(nr);
	size_t i;

	json_array_foreach(groups, i, group) {
		if (!json_equal(json_object_get(group, "answer"), answer))
			continue;
		json_decref(answer);
		json_array_append_new(json_object_get(group, "calls"), name);
		return;
	}
	calls = json_array();
	json_array_append_new(calls, name);
	json_array_append_new(groups, json_pack("{s:o, s:o}", "answer", answer, "calls", calls));
}

static json_t *explain_calls(const struct stack *st, const struct choose_call *calls)
{
	json_t *groups = json_array(), *other = explain_call(st, &calls[SYSENT_MAX]);

	for (int nr = 0; nr <= SYSENT_MAX; nr++) {
		json_t *answer = explain_call(st, &calls[nr]);
		bool plain = strcmp(calls[nr].how, "native") == 0 && !calls[nr].flag;

		/* A number that no call has is one of the others, unless it was named. */
		if (plain || (nr < SYSENT_MAX && !sysent(nr) && json_equal(answer, other)))
			json_decref(answer);
		else
			add_call(groups, answer, nr);
	}
	json_decref(other);
	return groups;
}

json_t *explain(struct session *s, char *why, size_t len)
{
	struct choose_call *calls = calloc(SYSENT_MAX + 1, sizeof(*calls));
	const char *engine = calls ? choose_explain(s, calls, why, len) : NULL;
	json_t *o = NULL;

	if (engine) {
		o = json_pack("{s:s, s:o, s:o, s:o}", "engine", engine, "cheaper", explain_cheaper(s, engine), "layers",
			      explain_layers(s->stack), "groups", explain_calls(s->stack, calls));
		json_object_set_new(o, "every_call", json_boolean(s->conf->on_failure == CONF_RELEASE &&
									strcmp(engine, "ptrace") == 0));
		json_object_set_new(o, "foreign_abi", json_string(s->conf->foreign_abi == CONF_FOREIGN_NATIVE ?
									  "native" : "refuse"));
	}
	free(calls);
	return o;
}
