// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * choose.c - what a stack wants, in terms that engines know: which of them serves
 * it, what is selected of it, and what becomes of each system call then.
 *
 * With req_fsm.c the only file that knows both the stack and the engine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmmd/choose.h"
#include "vmmd/engine/engine.h"
#include "vmmd/engine/own.h"
#include "vmmd/host.h"
#include "vmmd/perform.h"
#include "vmmd/stack.h"

/* What a layer's wants mean for the engine. */
static uint32_t features_of(uint32_t wants, uint32_t events)
{
	uint32_t f = 0;

	if (wants & VMMD_WANT_ENTRY)
		f |= ENGINE_F_ENTRY;
	if (wants & VMMD_WANT_EXIT)
		f |= ENGINE_F_EXIT;
	if (wants & VMMD_WANT_REWRITE)
		f |= ENGINE_F_REWRITE;
	if (wants & VMMD_WANT_RESULT)
		f |= ENGINE_F_RESULT;
	if (wants & VMMD_WANT_REISSUE)
		f |= ENGINE_F_REISSUE;
	if (events & VMMD_EVENT_SIGNAL)
		f |= ENGINE_F_SIGNAL;
	if (events & ~(uint32_t)VMMD_EVENT_SIGNAL)
		f |= ENGINE_F_LIFECYCLE;
	return f;
}

/* What is wanted of a call in terms that engines know: one that we cannot perform must be rewritten. */
static uint32_t wants_of(uint32_t wants, int64_t nr)
{
	if ((wants & VMMD_WANT_PATHS) && !perform_can(nr))
		wants = (wants & ~VMMD_WANT_PATHS) | VMMD_WANT_REWRITE;
	return wants;
}

bool choose_inherits(const struct vmmd_layer *l)
{
	return l->ops->task_fork || l->ops->process_fork || l->ops->process_exec;
}

/* What the stack, or one layer of it, needs of an engine. */
static struct engine_need stack_need(const struct stack *st, const struct vmmd_layer *who)
{
	struct engine_need need = {0};
	uint32_t wants = 0;

	for (int nr = 0; nr <= SYSENT_MAX; nr++)
		wants |= wants_of(stack_wants(st, who, nr), nr);
	need.all = features_of(wants, stack_events(st, who));
	if (wants & VMMD_WANT_PATHS)
		need.any = ENGINE_F_REWRITE | ENGINE_F_INSTALL_FD;
	for (int i = 0; i < st->n; i++)
		if (st->layers[i] && (!who || who == st->layers[i]) && choose_inherits(st->layers[i]))
			need.all |= ENGINE_F_LIFECYCLE;
	return need;
}

void choose_select(const struct stack *st, struct engine_select *select)
{
	memset(select, 0, sizeof(*select));
	for (int nr = 0; nr < ENGINE_NR_MAX; nr++) {
		int refuser = stack_refuser(st, nr);

		select->want[nr] = (uint8_t)wants_of(stack_always(st, NULL, nr), nr);
		select->by_path[nr] = engine_tells_paths(nr) && stack_is_narrow(st, nr);
		if (refuser < 0)
			continue;
		/* Layers outside of it are asked first; if there are none, the kernel answers. */
		if (!select->want[nr])
			select->refuse[nr] = layer_refuses(st->layers[refuser], nr);
	}
	select->want_other = (uint8_t)wants_of(stack_always(st, NULL, -1), -1);
	select->events = stack_events(st, NULL);
	select->below = (const char *const *)st->below.dir;
	select->nbelow = st->below.n;
}

/* May `l`, or a layer inside of it, have the kernel read something else than a copy that we keep? */
static bool rewritten_inside(const struct stack *st, const struct vmmd_layer *l, int64_t nr)
{
	for (int i = 0; i < st->n; i++) {
		if (stack_wants(st, st->layers[i], nr) & VMMD_WANT_REWRITE)
			return true;
		if (st->layers[i] == l)
			break;
	}
	return false;
}

/* Will the call be run on the copies that `l` makes, which the program cannot write to? */
static bool runs_on_copies(const struct stack *st, const struct vmmd_layer *l, const struct engine_ops *ops, int64_t nr)
{
	if (!perform_can(nr))
		return false;
	if (ops->features & ENGINE_F_INSTALL_ANY)
		return !rewritten_inside(st, l, nr);
	return ops->how(wants_of(stack_wants(st, NULL, nr), nr)) == ENGINE_HOW_NOTIFY;
}

/* Layer `l` confines by memory that the program could change before the kernel reads it again: the call, or -1. */
static int racy_call(const struct session *s, const struct vmmd_layer *l, const struct engine_ops *ops)
{
	const struct stack *st = s->stack;

	if (l->advisory || (ops->features & ENGINE_F_SAFE_ARGS))
		return -1;
	for (int nr = 0; nr < SYSENT_MAX; nr++)
		if ((stack_wants(st, l, nr) & (VMMD_WANT_MEMORY | VMMD_WANT_PATHS)) &&
		    (s->attaches || !runs_on_copies(st, l, ops, nr)))
			return nr;
	return -1;
}

static int refuse_layer(struct session *s, const struct vmmd_layer *l, const struct engine_ops *ops, char *why, size_t len)
{
	struct engine_need need = stack_need(s->stack, l);
	uint32_t missing = need.all & ~ops->features;
	int racy;

	if (!missing && need.any && !(need.any & ops->features))
		missing = need.any;
	if (missing) {
		snprintf(why, len, "layer %s needs \"%s\", which engine %s does not have; use another engine or layer",
			 l->label, engine_feature_names[__builtin_ctz(missing)], ops->name);
		return -ENOTSUP;
	}
	racy = racy_call(s, l, ops);
	if (racy < 0)
		return 0;
	if (s->attaches)
		snprintf(why, len, "layer %s confines by what an argument of %s points to; that is not to be had for a process that runs already",
			 l->label, sysent(racy)->name);
	else
		snprintf(why, len,
		 "layer %s confines by what an argument of %s points to, which the program can change after the decision "
		 "on engine %s in this stack; use another engine, or leave out layers that rewrite this call or want its exit",
		 l->label, sysent(racy)->name, ops->name);
	return -ENOTSUP;
}

/* What on-failure needs of an engine. */
static const struct {
	const char *name;
	uint32_t needs;
} policies[] = {
	[CONF_KILL] = {"kill", 0},
	[CONF_RELEASE] = {"release", ENGINE_F_RELEASE},
	[CONF_RESTART] = {"restart", ENGINE_F_HAND_OVER},
};

const char *choose_policy(const struct conf *conf)
{
	return policies[conf->on_failure].name;
}

int choose_refuse(struct session *s, const struct engine_ops *ops, char *why, size_t len)
{
	for (int i = s->stack->n - 1; i >= 0; i--) {
		int rc = refuse_layer(s, s->stack->layers[i], ops, why, len);

		if (rc < 0)
			return rc;
	}
	if (policies[s->conf->on_failure].needs & ~ops->features) {
		snprintf(why, len, "on-failure: %s needs \"%s\", which engine %s does not have",
			 policies[s->conf->on_failure].name,
			 engine_feature_names[__builtin_ctz(policies[s->conf->on_failure].needs)], ops->name);
		return -ENOTSUP;
	}
	if (s->attaches && !(ops->features & ENGINE_F_ATTACH)) {
		snprintf(why, len, "engine %s cannot take over a running process; use kmod", ops->name);
		return -ENOTSUP;
	}
	return 0;
}

const struct engine_ops *choose_engine(struct session *s, char *why, size_t len)
{
	struct engine_need need = stack_need(s->stack, NULL);
	struct engine_select select;
	bool named = s->conf->engine && strcmp(s->conf->engine, "auto") != 0;
	const struct engine_ops *ops;
	char because[300];

	choose_select(s->stack, &select);
	need.select = &select;
	need.all |= policies[s->conf->on_failure].needs;
	if (s->attaches)
		need.all |= ENGINE_F_ATTACH;
	if (named)
		need.all = need.any = 0; /* refuse() says which layer is in the way */
	ops = engine_choose(named ? s->conf->engine : "auto", &need, why, len);
	if (!ops && s->attaches && !named) { /* it says no word of what was asked for */
		snprintf(because, sizeof(because), "%s", why);
		snprintf(why, len, "cannot take over a running process: %s", because);
	}
	return ops && choose_refuse(s, ops, why, len) == 0 ? ops : NULL;
}

const char *choose_name(struct session *s, char *why, size_t len)
{
	const struct engine_ops *ops = choose_engine(s, why, len);

	return ops ? ops->name : NULL;
}

bool choose_performs(const struct stack *st, const struct engine_ops *ops)
{
	if (!ops->install_fd)
		return false;
	for (int nr = 0; nr < SYSENT_MAX; nr++)
		if (stack_wants(st, NULL, nr) & HOST_AT_WANTS)
			return true;
	return false;
}

/* ------------------------------------------------------------- explaining it */

/* The outermost layer whose wants alone have the call handled so, or which refuses it; -1: none. */
static int forced_by(const struct stack *st, const struct engine_ops *ops, int64_t nr, enum engine_how how)
{
	if (how == ENGINE_HOW_ERRNO)
		return stack_refuser(st, nr);
	for (int i = st->n - 1; i >= 0 && how != ENGINE_HOW_ALLOW; i--)
		if (ops->how(wants_of(stack_always(st, st->layers[i], nr), nr)) == how)
			return i;
	return -1;
}

static void explain_call(const struct stack *st, const struct engine_ops *ops, const struct engine_select *select,
			 int64_t nr, struct choose_call *c)
{
	const struct engine_own *own = engine_own(ops, choose_performs(st, ops), nr);
	enum engine_how how = engine_handles(ops, select, choose_performs(st, ops), nr);

	memset(c, 0, sizeof(*c));
	c->how = engine_how_names[how];
	c->by_path = how != ENGINE_HOW_ALLOW && nr < ENGINE_NR_MAX && select->by_path[nr] &&
		     (ops->features & ENGINE_F_PATHS);
	c->layer = c->refuser = -1;
	if (own && own->error && !own->flag) {
		c->error = own->error;
		c->why = own->why;
		return;
	}
	c->layer = forced_by(st, ops, nr, how);
	if (c->layer < 0 && !own && how == ENGINE_HOW_TRACE) /* by a layer, and dearer by the engine: filter_how() */
		c->layer = forced_by(st, ops, nr, ENGINE_HOW_NOTIFY);
	c->refuser = stack_refuser(st, nr);
	if (c->refuser >= 0)
		c->error = layer_refuses(st->layers[c->refuser], nr);
	for (int i = 0; i < st->n; i++)
		c->wants[i] = stack_wants(st, st->layers[i], nr) | wants_of(stack_wants(st, st->layers[i], nr), nr);
	if (own && own->flag) {
		c->flag = own->flag;
		c->flag_error = own->error;
	}
	if (own && (own->flag || (c->layer < 0 && how != ENGINE_HOW_ALLOW)))
		c->why = own->why;
}

void choose_calls(const struct stack *st, const struct engine_ops *ops, struct choose_call calls[SYSENT_MAX + 1])
{
	struct engine_select select;

	choose_select(st, &select);
	for (int nr = 0; nr <= SYSENT_MAX; nr++)
		explain_call(st, ops, &select, nr, &calls[nr]);
}

const char *choose_explain(struct session *s, struct choose_call calls[SYSENT_MAX + 1], char *why, size_t len)
{
	const struct engine_ops *ops = choose_engine(s, why, len);

	if (!ops)
		return NULL;
	choose_calls(s->stack, ops, calls);
	return ops->name;
}

const char *choose_obstacle(struct session *s, size_t i, char *why, size_t len)
{
	const struct engine_need none = {0};
	const struct engine_ops *ops = engine_all[i];
	bool named = s->conf->engine && strcmp(s->conf->engine, "auto") != 0;

	if (!ops)
		return NULL;
	if (choose_refuse(s, ops, why, len) == 0 && engine_choose(ops->name, &none, why, len))
		snprintf(why, len, "%s", named ? "another engine is asked for" :
						 "every call that stops would be a ptrace stop anyway");
	why[strcspn(why, ";")] = '\0'; /* what follows is advice */
	return ops->name;
}
