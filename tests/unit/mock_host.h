/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mock_host.h - a host table for tests of one layer without a session.
 *
 * The "task" is the test itself: its addresses are those of the test, and
 * everything below MOCK_UNMAPPED is not mapped. Options go through conf.c, so
 * schema, defaults and checks of the plugin are tested along the way. To be
 * included once, after a plugin's .c file or <vmmd/plugin.h>.
 */
#ifndef TESTS_MOCK_HOST_H
#define TESTS_MOCK_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vmmd/plugin.h>

#include "tests/unit/unit.h"
#include "vmmd/conf.h"
#include "vmmd/sysent.h"

#define MOCK_UNMAPPED 65536u
#define MOCK_COUNTERS 8

struct vmmd_timer {
	int64_t ms;
	void (*fn)(void *);
	void *arg;
};

struct vmmd_layer {
	const struct vmmd_plugin *plugin;
	struct conf *conf;
	struct conf_values values;
	void *self;
	uint32_t want[SYSENT_MAX], want_other, events;
	bool advisory;
	uint16_t refuse[SYSENT_MAX];
	char below[1024]; /* what only_below() was given, each with a blank before it */
	const char *counter_name[MOCK_COUNTERS];
	uint64_t counter[MOCK_COUNTERS];
	struct vmmd_timer timer; /* one is enough; fn NULL: not running */
	uint64_t resumed;	 /* ticket of the last resume() */
	enum vmmd_verdict resume_verdict;
	int64_t resume_result;
	unsigned resumes;
	char log[512];
	char rows[4096]; /* of a command's answer */
};

struct vmmd_req {
	struct vmmd_layer *layer;
	int64_t nr; /* as it came */
	struct vmmd_call call;
	struct vmmd_call again; /* of reissue() */
	int64_t result;
	bool exit;
	const char *cwd, *root;
	int fd; /* with a path; all others are closed */
	const char *fd_path;
	unsigned root_looked, cwd_looked;
	void *task_data;
	struct vmmd_task_info info;
	uint64_t ticket;
	_Alignas(16) unsigned char scratch[16384];
	size_t scratch_used;
	unsigned read_args; /* bit I: what argument I points to has been read */
	bool read_other;    /* other memory has */
	unsigned replaced;  /* bit I: by set_path() */
	bool followed; /* follow() was called */
	const char *closed; /* a path that at_open() cannot open from outside */
};

/* The layer that was opened last is the one that is asked. */
static struct vmmd_layer *mock_layer;

struct vmmd_reply {
	struct vmmd_layer *layer;
};

static const struct vmmd_value *mock_option(struct vmmd_layer *l, const char *name)
{
	static const struct vmmd_value none;

	for (size_t i = 0; l->plugin->options[i].name; i++)
		if (!strcmp(l->plugin->options[i].name, name))
			return &l->values.v[i];
	return &none;
}

static int mock_want(struct vmmd_layer *l, int64_t nr, uint32_t flags)
{
	if (!sysent(nr))
		return -EINVAL;
	l->want[nr] |= flags;
	return 0;
}

static int mock_want_set(struct vmmd_layer *l, const struct vmmd_set *set, uint32_t flags)
{
	for (int nr = 0; nr < SYSENT_MAX; nr++)
		if (sysent_set_has(set, nr))
			l->want[nr] |= flags;
	if (set->other)
		l->want_other |= flags;
	return 0;
}

static int mock_want_events(struct vmmd_layer *l, uint32_t events)
{
	l->events |= events;
	return 0;
}

static int mock_advisory(struct vmmd_layer *l)
{
	l->advisory = true;
	return 0;
}

static int mock_only_below(struct vmmd_layer *l, const char *dir)
{
	size_t n = strlen(l->below);

	if (!l->advisory)
		return -EPERM;
	snprintf(l->below + n, sizeof(l->below) - n, " %s", dir);
	return 0;
}

static int mock_refuse(struct vmmd_layer *l, int64_t nr, int error)
{
	if (nr < 0 || nr >= SYSENT_MAX || error < 1 || error > 4095)
		return -EINVAL;
	l->refuse[nr] = (uint16_t)error;
	return 0;
}

static int mock_refuse_set(struct vmmd_layer *l, const struct vmmd_set *set, int error)
{
	int r = 0;

	for (int nr = 0; nr < SYSENT_MAX && !r; nr++)
		if (sysent_set_has(set, nr))
			r = mock_refuse(l, nr, error);
	return r;
}

static const struct vmmd_call *mock_call(const struct vmmd_req *req)
{
	return &req->call;
}

static int64_t mock_result(const struct vmmd_req *req)
{
	return req->result;
}

static int mock_set_nr(struct vmmd_req *req, int64_t nr)
{
	if (!(req->layer->want[req->nr] & VMMD_WANT_REWRITE))
		return -EACCES;
	req->call.nr = nr;
	return 0;
}

static int mock_set_arg(struct vmmd_req *req, unsigned index, uint64_t value)
{
	if (!(req->layer->want[req->nr] & VMMD_WANT_REWRITE))
		return -EACCES;
	req->call.args[index] = value;
	return 0;
}

static int mock_set_result(struct vmmd_req *req, int64_t result)
{
	req->result = result;
	return req->exit ? 0 : -EINVAL;
}

static enum vmmd_verdict mock_reply(struct vmmd_req *req, int64_t result)
{
	req->result = result;
	return VMMD_REPLY;
}

static enum vmmd_verdict mock_reissue(struct vmmd_req *req, const struct vmmd_call *call)
{
	req->again = *call;
	return VMMD_REISSUE;
}

static int mock_follow(struct vmmd_req *req)
{
	if (req->exit)
		return -EINVAL;
	if (!(req->layer->want[req->nr] & VMMD_WANT_RARELY))
		return -EACCES;
	req->followed = true;
	return 0;
}

static const struct vmmd_task_info *mock_task(const struct vmmd_req *req)
{
	return &req->info;
}

/* As vmmd notes what a layer has looked at; the copies of set_path() are not the program's. */
static void mock_note(struct vmmd_req *req, uint64_t addr)
{
	if (addr - (uintptr_t)req->scratch < sizeof(req->scratch))
		return;
	for (unsigned i = 0; i < 6; i++)
		if (req->call.args[i] == addr) {
			req->read_args |= 1u << i;
			return;
		}
	req->read_other = true;
}

static ssize_t mock_read(struct vmmd_req *req, uint64_t addr, void *buf, size_t len)
{
	mock_note(req, addr);
	if (addr < MOCK_UNMAPPED)
		return -EFAULT;
	memcpy(buf, (const void *)(uintptr_t)addr, len);
	return (ssize_t)len;
}

static ssize_t mock_write(struct vmmd_req *req, uint64_t addr, const void *buf, size_t len)
{
	(void)req;
	if (addr < MOCK_UNMAPPED)
		return -EFAULT;
	memcpy((void *)(uintptr_t)addr, buf, len);
	return (ssize_t)len;
}

static ssize_t mock_read_str(struct vmmd_req *req, uint64_t addr, char *buf, size_t cap)
{
	size_t n;

	mock_note(req, addr);
	if (addr < MOCK_UNMAPPED)
		return -EFAULT;
	n = strnlen((const char *)(uintptr_t)addr, cap);
	memcpy(buf, (const void *)(uintptr_t)addr, n < cap ? n + 1 : n);
	return n < cap ? (ssize_t)n : -ENAMETOOLONG;
}

static int mock_scratch(struct vmmd_req *req, size_t len, uint64_t *addr)
{
	*addr = (uint64_t)(uintptr_t)(req->scratch + req->scratch_used);
	req->scratch_used += (len + 15) & ~(size_t)15;
	return req->scratch_used <= sizeof(req->scratch) ? 0 : -ENOMEM;
}

static int mock_set_path(struct vmmd_req *req, unsigned index, const char *path)
{
	const struct vmmd_syscall *sc = sysent(req->call.nr);
	uint64_t addr;
	int r;

	if (index >= 6 || !sc || (sc->kind[index] != VMMD_ARG_PATH && sc->kind[index] != VMMD_ARG_STR))
		return -EINVAL;
	if (!(req->layer->want[req->nr] & (VMMD_WANT_PATHS | VMMD_WANT_REWRITE)))
		return -EACCES;
	if (strlen(path) >= 4096)
		return -ENAMETOOLONG;
	r = mock_scratch(req, strlen(path) + 1, &addr);
	if (r)
		return r;
	strcpy((char *)(uintptr_t)addr, path);
	req->call.args[index] = addr;
	req->replaced |= 1u << index;
	return 0;
}

/* The task is this process. */
static int mock_at_open(struct vmmd_req *req, int dirfd, const char *path, uint64_t flags, uint32_t mode)
{
	int fd;

	if (req->closed && !strcmp(req->closed, path))
		return -EOPNOTSUPP;
	fd = openat(dirfd, path, (int)flags, mode);
	return fd < 0 ? -errno : fd;
}

static ssize_t mock_text(const char *text, char *buf, size_t cap)
{
	if (!text)
		return -ENOENT;
	return snprintf(buf, cap, "%s", text);
}

static ssize_t mock_cwd(struct vmmd_req *req, char *buf, size_t cap)
{
	req->cwd_looked++;
	return mock_text(req->cwd, buf, cap);
}

static ssize_t mock_root(struct vmmd_req *req, char *buf, size_t cap)
{
	req->root_looked++;
	return mock_text(req->root, buf, cap);
}

static ssize_t mock_fd_path(struct vmmd_req *req, int fd, char *buf, size_t cap)
{
	return mock_text(fd == req->fd ? req->fd_path : NULL, buf, cap);
}

static void *mock_task_data(const struct vmmd_req *req)
{
	return req->task_data;
}

static void mock_set_task_data(struct vmmd_req *req, void *data)
{
	req->task_data = data;
}

static uint64_t mock_ticket(struct vmmd_req *req)
{
	return req->ticket;
}

static int mock_resume(struct vmmd_layer *l, uint64_t ticket, enum vmmd_verdict v, int64_t result)
{
	l->resumed = ticket;
	l->resume_verdict = v;
	l->resume_result = result;
	l->resumes++;
	return 0;
}

static struct vmmd_timer *mock_timer_start(struct vmmd_layer *l, int64_t ms, bool repeat,
					   void (*fn)(void *), void *arg)
{
	(void)repeat;
	l->timer = (struct vmmd_timer){ms, fn, arg};
	return &l->timer;
}

static void mock_timer_stop(struct vmmd_timer *t)
{
	t->fn = NULL;
}

static void mock_log(struct vmmd_layer *l, enum vmmd_log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(l->log, sizeof(l->log), fmt, ap);
	va_end(ap);
}

static uint64_t *mock_counter(struct vmmd_layer *l, const char *name)
{
	for (size_t i = 0; i < MOCK_COUNTERS; i++)
		if (!l->counter_name[i] || !strcmp(l->counter_name[i], name)) {
			l->counter_name[i] = name;
			return &l->counter[i];
		}
	return NULL;
}

static void mock_reply_row(struct vmmd_reply *reply)
{
	strcat(reply->layer->rows, "\n");
}

static void mock_reply_field(struct vmmd_reply *reply, const char *key, const char *fmt, ...)
{
	char *rows = reply->layer->rows;
	size_t n = strlen(rows), cap = sizeof(reply->layer->rows);
	va_list ap;

	n += (size_t)snprintf(rows + n, cap - n, "%s=", key);
	va_start(ap, fmt);
	vsnprintf(rows + n, cap - n, fmt, ap);
	va_end(ap);
	n = strlen(rows);
	snprintf(rows + n, cap - n, " ");
}

static const struct vmmd_host mock_host = {
	.size = sizeof(struct vmmd_host),
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.option = mock_option,
	.set_has = sysent_set_has,
	.want = mock_want,
	.want_set = mock_want_set,
	.want_events = mock_want_events,
	.call = mock_call,
	.result = mock_result,
	.set_nr = mock_set_nr,
	.set_arg = mock_set_arg,
	.set_result = mock_set_result,
	.reply = mock_reply,
	.reissue = mock_reissue,
	.task = mock_task,
	.read = mock_read,
	.write = mock_write,
	.read_str = mock_read_str,
	.scratch = mock_scratch,
	.cwd = mock_cwd,
	.root = mock_root,
	.fd_path = mock_fd_path,
	.task_data = mock_task_data,
	.set_task_data = mock_set_task_data,
	.ticket = mock_ticket,
	.resume = mock_resume,
	.timer_start = mock_timer_start,
	.timer_stop = mock_timer_stop,
	.log = mock_log,
	.counter = mock_counter,
	.reply_row = mock_reply_row,
	.reply_field = mock_reply_field,
	.syscall = sysent,
	.syscall_nr = sysent_nr,
	.advisory = mock_advisory,
	.refuse = mock_refuse,
	.refuse_set = mock_refuse_set,
	.set_path = mock_set_path,
	.at_open = mock_at_open,
	.follow = mock_follow,
	.only_below = mock_only_below,
};

/* Open a layer as `-l spec` does. 0, or the error of the options or of open(), with a text in l->log. */
__attribute__((unused)) static int mock_open(struct vmmd_layer *l, const struct vmmd_plugin *plugin,
					     const char *spec)
{
	int r;

	memset(l, 0, sizeof(*l));
	mock_layer = l;
	l->plugin = plugin;
	l->conf = conf_new();
	r = conf_layer(l->conf, spec, l->log, sizeof(l->log));
	if (!r)
		r = conf_check_layer(&l->conf->layers[0], plugin->options, &l->values, l->log,
				     sizeof(l->log));
	if (!r) {
		r = plugin->open(&mock_host, l, &l->self);
		if (r)
			conf_values_free(&l->values);
	}
	if (r)
		conf_free(l->conf);
	return r;
}

__attribute__((unused)) static void mock_close(struct vmmd_layer *l)
{
	if (l->plugin->close)
		l->plugin->close(l->self);
	conf_values_free(&l->values);
	conf_free(l->conf);
}

__attribute__((unused)) static void mock_req(struct vmmd_req *req, int64_t nr, uint64_t a0, uint64_t a1,
					     uint64_t a2, uint64_t a3)
{
	memset(req, 0, sizeof(*req));
	req->layer = mock_layer;
	req->nr = nr;
	req->call = (struct vmmd_call){.nr = nr, .args = {a0, a1, a2, a3}};
	req->cwd = "/work";
	req->root = "/";
	req->fd = 7;
	req->info.tid = 1234;
	req->ticket = 99;
}

#define MOCK_PTR(p) ((uint64_t)(uintptr_t)(p))

#endif
