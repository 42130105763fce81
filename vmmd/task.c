// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * task.c - traced threads, their processes, and the layers' data for both.
 *
 * The arrays of data are made when a layer first sets something, so a task of
 * a stack without such layers costs its struct and nothing more.
 */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "vmmd/req_path.h"
#include "vmmd/session.h"
#include "vmmd/stack.h"
#include "vmmd/task.h"

static int slots(const struct session *s)
{
	return s->stack->configured + STACK_LIVE;
}

static struct process *process_new(struct session *s, pid_t tgid)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->magic = PROCESS_MAGIC;
	p->tgid = tgid;
	s->stats.processes++;
	return p;
}

static struct process *process_of_new(struct session *s, const struct vmmd_task_info *info, struct task *parent)
{
	struct task *t;

	if (parent && parent->process->tgid == info->tgid)
		return parent->process;
	/* A thread whose creator is another process, or gone; or one of a process that ran before us, in any order. */
	if (!parent || info->tid != info->tgid)
		DL_FOREACH(s->tasks, t)
			if (t->process->tgid == info->tgid)
				return t->process;
	return process_new(s, info->tgid);
}

static void req_init(struct vmmd_req *req, struct task *t, struct vmmd_call *calls)
{
	req->magic = REQ_MAGIC;
	req->task = t;
	req->calls = calls;
	req->fd = -1;
}

struct task *task_new(struct session *s, struct engine_task *et, const struct vmmd_task_info *info,
		      struct task *parent)
{
	size_t calls = (size_t)(REQ_CALL_VIEWS + slots(s));
	struct task *t = calloc(1, sizeof(*t) + calls * sizeof(t->calls[0]));

	if (!t)
		return NULL;
	t->magic = TASK_MAGIC;
	t->session = s;
	t->engine_task = et;
	t->info = *info;
	t->process = process_of_new(s, info, parent);
	if (!t->process) {
		free(t);
		return NULL;
	}
	t->process->tasks++;
	req_init(&t->call, t, t->calls);
	req_init(&t->report, t, NULL);
	DL_APPEND(s->tasks, t);
	s->stats.tasks_ever++;
	if (++s->stats.tasks > s->stats.tasks_max)
		s->stats.tasks_max = s->stats.tasks;
	return t;
}

void *task_data(const struct task *t, int layer)
{
	return t->data ? t->data[layer] : NULL;
}

void *process_data(const struct process *p, int layer)
{
	return p->data ? p->data[layer] : NULL;
}

static int set_data(const struct session *s, void ***data, int layer, void *value)
{
	if (!*data && value)
		*data = calloc((size_t)slots(s), sizeof(void *));
	if (!*data)
		return value ? -ENOMEM : 0;
	(*data)[layer] = value;
	return 0;
}

int task_set_data(struct task *t, int layer, void *value)
{
	return set_data(t->session, &t->data, layer, value);
}

int process_set_data(const struct session *s, struct process *p, int layer, void *value)
{
	return set_data(s, &p->data, layer, value);
}

static void inherit_one(struct vmmd_layer *l, struct task *t, struct task *parent)
{
	const struct session *s = t->session;
	void *from = task_data(parent, l->index), *to;

	if (from && l->ops->task_fork) {
		to = l->ops->task_fork(l->self, from, &t->info);
		if (to && task_set_data(t, l->index, to) < 0 && l->ops->task_free)
			l->ops->task_free(l->self, to);
	}
	if (t->process == parent->process)
		return;
	from = process_data(parent->process, l->index);
	if (from && l->ops->process_fork) {
		to = l->ops->process_fork(l->self, from, &t->info);
		if (to && process_set_data(s, t->process, l->index, to) < 0 &&
		    l->ops->process_free)
			l->ops->process_free(l->self, to);
	}
}

void task_inherit(struct task *t, struct task *parent)
{
	struct stack *st = t->session->stack;

	if (!parent->data && !parent->process->data)
		return;
	for (int i = 0; i < st->n; i++)
		if (st->layers[i])
			inherit_one(st->layers[i], t, parent);
}

void task_exec(struct task *t, pid_t tid)
{
	struct stack *st = t->session->stack;

	t->info.tid = tid;
	for (int i = 0; i < st->n && t->process->data; i++) {
		struct vmmd_layer *l = st->layers[i];

		if (l && t->process->data[i] && l->ops->process_exec)
			t->process->data[i] = l->ops->process_exec(l->self, t->process->data[i]);
	}
}

static void task_data_free(struct task *t, const struct vmmd_layer *l)
{
	void *data = task_data(t, l->index);

	if (!data)
		return;
	t->data[l->index] = NULL;
	if (l->ops->task_free)
		l->ops->task_free(l->self, data);
}

static void process_data_free(struct process *p, const struct vmmd_layer *l)
{
	void *data = process_data(p, l->index);

	if (!data)
		return;
	p->data[l->index] = NULL;
	if (l->ops->process_free)
		l->ops->process_free(l->self, data);
}

void task_forget_layer(struct task *t, const struct vmmd_layer *l)
{
	task_data_free(t, l);
	process_data_free(t->process, l);
}

void task_free(struct task *t)
{
	struct session *s = t->session;
	struct process *p = t->process;
	bool last = --p->tasks == 0;

	for (int i = s->stack->n - 1; i >= 0; i--) {
		if (!s->stack->layers[i])
			continue;
		task_data_free(t, s->stack->layers[i]);
		if (last)
			process_data_free(p, s->stack->layers[i]);
	}
	if (last) {
		s->stats.processes--;
		free(p->data);
		p->magic = 0;
		free(p);
	}
	req_path_free(&t->call);
	DL_DELETE(s->tasks, t);
	s->stats.tasks--;
	free(t->data);
	t->magic = 0;
	free(t);
}
