// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.c - what vmmd offers to layers (struct vmmd_host of the SDK).
 *
 * Thin: each function checks that it makes sense for this layer at this
 * moment, and asks the request, the task, the session or the engine. Mistakes
 * of a plugin get an error, never an assert.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utlist.h>

#include "vmmd/engine/engine.h"
#include "vmmd/host.h"
#include "vmmd/log.h"
#include "vmmd/out.h"
#include "vmmd/req_path.h"
#include "vmmd/session.h"

#define SCRATCH_CALL 16384u
#define SCRATCH_REQ (60u * 1024)

struct vmmd_timer {
	struct vmmd_layer *layer;
	struct loop_timer timer;
	void (*fn)(void *arg);
	void *arg;
	bool repeat;
	struct vmmd_timer *prev, *next;
};

struct vmmd_watch {
	struct vmmd_layer *layer;
	struct loop_io io;
	void (*fn)(void *arg, short revents);
	void *arg;
	struct vmmd_watch *prev, *next;
};

static struct engine *engine_of(const struct vmmd_req *req)
{
	return req->task->session->engine;
}

/* ------------------------------------------------------------- configuration */

static const struct vmmd_value *host_option(struct vmmd_layer *l, const char *name)
{
	static const struct vmmd_value none;
	size_t i = 0;

	for (const struct vmmd_option *o = l->ops->options; o && o->name; o++, i++)
		if (strcmp(o->name, name) == 0 && i < l->values.count)
			return &l->values.v[i];
	return &none;
}

static bool host_set_has(const struct vmmd_set *set, int64_t nr)
{
	return set && sysent_set_has(set, nr);
}

/* ----------------------------------------------------------------- selection */

#define WANT_ALL_FLAGS                                                                                    \
	(VMMD_WANT_ENTRY | VMMD_WANT_EXIT | VMMD_WANT_REWRITE | VMMD_WANT_RESULT | VMMD_WANT_REISSUE |    \
	 VMMD_WANT_PATHS | VMMD_WANT_MEMORY | VMMD_WANT_RARELY)

/* Changing the result or running again needs the exit; changing the call needs the entry. */
static int normal_flags(uint32_t *flags)
{
	if (*flags & ~WANT_ALL_FLAGS)
		return -EINVAL;
	if (*flags & (VMMD_WANT_RESULT | VMMD_WANT_REISSUE))
		*flags |= VMMD_WANT_EXIT;
	if (*flags & (VMMD_WANT_REWRITE | VMMD_WANT_PATHS | VMMD_WANT_MEMORY | VMMD_WANT_RARELY))
		*flags |= VMMD_WANT_ENTRY;
	return 0;
}

static int host_want(struct vmmd_layer *l, int64_t nr, uint32_t flags)
{
	if (!l->opening)
		return -EBUSY;
	if (nr < 0 || nr >= SYSENT_MAX || normal_flags(&flags) < 0)
		return -EINVAL;
	l->want[nr] |= (uint8_t)flags;
	return 0;
}

static int host_want_set(struct vmmd_layer *l, const struct vmmd_set *set, uint32_t flags)
{
	if (!l->opening)
		return -EBUSY;
	if (normal_flags(&flags) < 0)
		return -EINVAL;
	for (int nr = 0; nr < SYSENT_MAX; nr++)
		if (host_set_has(set, nr))
			l->want[nr] |= (uint8_t)flags;
	if (set && set->other)
		l->want_other |= (uint8_t)flags;
	return 0;
}

static int host_want_all(struct vmmd_layer *l, uint32_t flags)
{
	if (!l->opening)
		return -EBUSY;
	if (normal_flags(&flags) < 0)
		return -EINVAL;
	for (int nr = 0; nr < SYSENT_MAX; nr++)
		l->want[nr] |= (uint8_t)flags;
	l->want_other |= (uint8_t)flags;
	return 0;
}

static int host_want_events(struct vmmd_layer *l, uint32_t events)
{
	if (!l->opening)
		return -EBUSY;
	if (events & ~(VMMD_EVENT_SIGNAL | VMMD_EVENT_EXEC | VMMD_EVENT_TASK_NEW | VMMD_EVENT_TASK_EXIT))
		return -EINVAL;
	l->events |= events;
	return 0;
}

static int host_advisory(struct vmmd_layer *l)
{
	if (!l->opening)
		return -EBUSY;
	l->advisory = true;
	return 0;
}

static int host_refuse(struct vmmd_layer *l, int64_t nr, int error)
{
	if (!l->opening)
		return -EBUSY;
	/* The kernel's last errno, 4095, is not to be had of libseccomp. */
	if (nr < 0 || nr >= SYSENT_MAX || error < 1 || error > 4094)
		return -EINVAL;
	l->refuse[nr] = (uint16_t)error;
	return 0;
}

static int host_refuse_set(struct vmmd_layer *l, const struct vmmd_set *set, int error)
{
	int rc = 0;

	for (int nr = 0; nr < SYSENT_MAX && rc == 0; nr++)
		if (host_set_has(set, nr))
			rc = host_refuse(l, nr, error);
	return rc;
}

static int host_only_below(struct vmmd_layer *l, const char *dir)
{
	if (!l->opening)
		return -EBUSY;
	if (!l->advisory)
		return -EPERM;
	/* Of a live layer the engine's first selection, which outlives it, knows nothing: it is asked about all paths. */
	return l->live ? 0 : below_add(&l->below, dir);
}

/* ---------------------------------------------------------------- the request */

static const struct vmmd_call *host_call(const struct vmmd_req *req)
{
	return req_view(req);
}

static int64_t host_result(const struct vmmd_req *req)
{
	return req->result;
}

/* The call to rewrite, or NULL with why not. */
static struct vmmd_call *rewritable(struct vmmd_req *req, int *rc)
{
	*rc = !req->calls || req->event != REQ_ENTRY ? -EINVAL : req->want & VMMD_WANT_REWRITE ? 0 : -EACCES;
	if (*rc)
		return NULL;
	req->asked->stats.rewritten++;
	return &req->calls[REQ_CALL_NOW];
}

static int host_set_nr(struct vmmd_req *req, int64_t nr)
{
	int rc;
	struct vmmd_call *c = rewritable(req, &rc);

	if (c)
		c->nr = nr;
	return rc;
}

static int host_set_arg(struct vmmd_req *req, unsigned index, uint64_t value)
{
	int rc;
	struct vmmd_call *c;

	if (index >= 6)
		return -EINVAL;
	c = rewritable(req, &rc);
	if (c)
		c->args[index] = value;
	return rc;
}

/* pc and sp may also be set on the way up; then they go with the result. */
static int set_place(struct vmmd_req *req, uint64_t *pc, uint64_t *sp)
{
	struct vmmd_call *c;
	int rc = 0;

	if (req->calls && req->event == REQ_EXIT) {
		if (!(req->want & VMMD_WANT_REWRITE))
			return -EACCES;
		c = &req->calls[REQ_CALL_NOW];
		req->moved = true;
	} else {
		c = rewritable(req, &rc);
	}
	if (c && pc)
		c->pc = *pc;
	if (c && sp)
		c->sp = *sp;
	return rc;
}

static int host_set_pc(struct vmmd_req *req, uint64_t pc)
{
	return set_place(req, &pc, NULL);
}

static int host_set_sp(struct vmmd_req *req, uint64_t sp)
{
	return set_place(req, NULL, &sp);
}

static int host_set_result(struct vmmd_req *req, int64_t result)
{
	if (!req->calls || req->event != REQ_EXIT)
		return -EINVAL;
	if (!(req->want & VMMD_WANT_RESULT))
		return -EACCES;
	req->result = result;
	return 0;
}

static enum vmmd_verdict host_reply(struct vmmd_req *req, int64_t result)
{
	if (req->event == REQ_ENTRY) {
		req->result = result;
		req->has_result = true;
	}
	return VMMD_REPLY;
}

static enum vmmd_verdict host_reissue(struct vmmd_req *req, const struct vmmd_call *call)
{
	if (req->calls && req->event == REQ_EXIT && (req->want & VMMD_WANT_REISSUE)) {
		req->calls[REQ_CALL_NEXT] = *call;
		req->has_next = true;
	}
	return VMMD_REISSUE;
}

static int host_follow(struct vmmd_req *req)
{
	if (!req->calls || req->event != REQ_ENTRY)
		return -EINVAL;
	if (!(req->want & VMMD_WANT_EXIT))
		return -EACCES;
	req->follow = true;
	return 0;
}

static const siginfo_t *host_siginfo(const struct vmmd_req *req)
{
	return req->event == REQ_SIGNAL ? req->info : NULL;
}

static int host_set_siginfo(struct vmmd_req *req, const siginfo_t *info)
{
	int signo = info->si_signo;

	if (req->event != REQ_SIGNAL || signo < 1 || signo > 64 || signo == SIGKILL || signo == SIGSTOP)
		return -EINVAL;
	*req->info = *info;
	return 0;
}

static const struct vmmd_task_info *host_task(const struct vmmd_req *req)
{
	return &req->task->info;
}

/* ------------------------------------------------------- memory and paths */

bool host_is_text(const struct vmmd_call *c, unsigned index)
{
	const struct vmmd_syscall *s = sysent(c->nr);

	return s && index < s->nargs && (s->kind[index] == VMMD_ARG_PATH || s->kind[index] == VMMD_ARG_STR);
}

/*
 * What the layer has looked at: see stack.c, lets_look_again(). One address may be
 * that of two paths; with what else it may be equal (a buffer for the result)
 * does not matter, unless it is no path's.
 */
static void note_read(struct vmmd_req *req, uint64_t addr)
{
	const struct vmmd_call *now = req->calls ? &req->calls[REQ_CALL_NOW] : NULL;
	uint8_t paths = 0, others = 0;

	if (!now || req->event != REQ_ENTRY)
		return;
	for (unsigned i = 0; i < 6; i++)
		if (now->args[i] == addr)
			*(host_is_text(now, i) ? &paths : &others) |= (uint8_t)(1u << i);
	req->read_args |= paths ? paths : others;
	if (!paths && !others)
		req->read_other = true;
}

/* A layer that is told of the end, or of a cancelled request, may find the task gone. */
ssize_t host_read_raw(struct vmmd_req *req, uint64_t addr, void *buf, size_t len)
{
	ssize_t n = req_path_read(req, addr, buf, len);

	if (n != -ENOENT)
		return n;
	if (!req->task->engine_task)
		return -EFAULT;
	return engine_of(req)->ops->read(req->task->engine_task, addr, buf, len);
}

static ssize_t host_read(struct vmmd_req *req, uint64_t addr, void *buf, size_t len)
{
	note_read(req, addr);
	return host_read_raw(req, addr, buf, len);
}

ssize_t host_write(struct vmmd_req *req, uint64_t addr, const void *buf, size_t len)
{
	if (!req->task->engine_task)
		return -EFAULT;
	return engine_of(req)->ops->write(req->task->engine_task, addr, buf, len);
}

#define PAGE 4096u

/* Most strings end in the page they begin in: read to its end first, then page by page. */
static ssize_t host_read_str(struct vmmd_req *req, uint64_t addr, char *buf, size_t cap)
{
	size_t done = 0;

	note_read(req, addr);
	while (done < cap) {
		size_t chunk = PAGE - ((addr + done) & (PAGE - 1));
		const char *nul;
		ssize_t n;

		if (chunk > cap - done)
			chunk = cap - done;
		n = host_read_raw(req, addr + done, buf + done, chunk);
		if (n <= 0)
			return -EFAULT;
		nul = memchr(buf + done, '\0', (size_t)n);
		if (nul)
			return nul - buf;
		if ((size_t)n < chunk)
			return -EFAULT;
		done += (size_t)n;
	}
	return -ENAMETOOLONG;
}

static ssize_t host_read_iov(struct vmmd_req *req, uint64_t iov, size_t count, void *buf, size_t cap)
{
	struct iovec v[64];
	size_t done = 0;

	if (count > IOV_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count && done < cap; i++) {
		size_t k = i % 64;
		ssize_t n;
		size_t len;

		if (k == 0) {
			size_t want = (count - i < 64 ? count - i : 64) * sizeof(v[0]);

			n = host_read(req, iov + i * sizeof(v[0]), v, want);
			if (n < 0 || (size_t)n < want)
				return done ? (ssize_t)done : -EFAULT;
		}
		len = v[k].iov_len < cap - done ? v[k].iov_len : cap - done;
		n = len ? host_read(req, (uint64_t)(uintptr_t)v[k].iov_base, (char *)buf + done, len) : 0;
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
		if ((size_t)n < len)
			break;
	}
	return (ssize_t)done;
}

int host_scratch(struct vmmd_req *req, size_t len, uint64_t *addr)
{
	struct engine *e = engine_of(req);
	uint32_t size = (uint32_t)((len + 15) & ~(size_t)15);
	int rc;

	if (!req->calls || !req->task->engine_task)
		return -EINVAL;
	if (req->fixed)
		return -ENOTSUP;
	if (len > SCRATCH_CALL || req->scratch_used + size > SCRATCH_REQ)
		return -ENOMEM;
	if (!req->scratch) {
		rc = e->ops->scratch(e, req->task->engine_task, &req->scratch);
		if (rc < 0)
			return rc;
	}
	*addr = req->scratch + req->scratch_used;
	req->scratch_used += size;
	return 0;
}

static ssize_t proc_link(const struct vmmd_req *req, const char *what, char *buf, size_t cap)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)req->task->info.tid, what);
	n = readlink(path, buf, cap);
	if (n < 0)
		return -errno;
	if ((size_t)n >= cap)
		return -ENAMETOOLONG;
	buf[n] = '\0';
	return n;
}

static ssize_t host_cwd(struct vmmd_req *req, char *buf, size_t cap)
{
	return proc_link(req, "cwd", buf, cap);
}

static ssize_t host_root(struct vmmd_req *req, char *buf, size_t cap)
{
	return proc_link(req, "root", buf, cap);
}

static ssize_t host_fd_path(struct vmmd_req *req, int fd, char *buf, size_t cap)
{
	char what[32];

	if (fd < 0)
		return -EBADF;
	snprintf(what, sizeof(what), "fd/%d", fd);
	return proc_link(req, what, buf, cap);
}

/* ---------------------------------------------------------------------- data */

static void *host_task_data(const struct vmmd_req *req)
{
	return task_data(req->task, req->layer);
}

static void host_set_task_data(struct vmmd_req *req, void *data)
{
	if (task_set_data(req->task, req->layer, data) < 0)
		log_error("out of memory for the data of task %d", (int)req->task->info.tid);
}

static void *host_process_data(const struct vmmd_req *req)
{
	return process_data(req->task->process, req->layer);
}

static void host_set_process_data(struct vmmd_req *req, void *data)
{
	if (process_set_data(req->task->session, req->task->process, req->layer, data) < 0)
		log_error("out of memory for the data of process %d", (int)req->task->info.tgid);
}

/* --------------------------------------------------------------------- later */

static uint64_t host_ticket(struct vmmd_req *req)
{
	return session_ticket(req->task->session, req);
}

static int host_resume(struct vmmd_layer *l, uint64_t ticket, enum vmmd_verdict verdict, int64_t result)
{
	return session_resume(l->session, l->index, ticket, verdict, result);
}

static void timer_free(struct vmmd_timer *t)
{
	loop_timer_stop(t->layer->session->loop, &t->timer);
	DL_DELETE(t->layer->timers, t);
	free(t);
}

static void on_timer(struct loop_timer *timer)
{
	struct vmmd_timer *t = (struct vmmd_timer *)(void *)((char *)timer - offsetof(struct vmmd_timer, timer));
	void (*fn)(void *) = t->fn;
	void *arg = t->arg;

	if (!t->repeat)
		timer_free(t);
	fn(arg);
}

static struct vmmd_timer *host_timer_start(struct vmmd_layer *l, int64_t ms, bool repeat, void (*fn)(void *),
					   void *arg)
{
	struct vmmd_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (ms < 1) /* to repeat after nothing would be to spin */
		ms = repeat ? 1 : 0;
	t->layer = l;
	t->fn = fn;
	t->arg = arg;
	t->repeat = repeat;
	loop_timer_init(&t->timer, on_timer);
	loop_timer_start(l->session->loop, &t->timer, ms, repeat ? ms : 0);
	DL_APPEND(l->timers, t);
	return t;
}

static void host_timer_stop(struct vmmd_timer *t)
{
	if (t)
		timer_free(t);
}

static void on_watch(struct loop_io *io, short revents)
{
	struct vmmd_watch *w = (struct vmmd_watch *)(void *)((char *)io - offsetof(struct vmmd_watch, io));

	w->fn(w->arg, revents);
}

static struct vmmd_watch *host_watch_start(struct vmmd_layer *l, int fd, short events,
					   void (*fn)(void *arg, short revents), void *arg)
{
	struct vmmd_watch *w;

	if (fd < 0 || !(events & (POLLIN | POLLOUT)))
		return NULL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->layer = l;
	w->fn = fn;
	w->arg = arg;
	loop_io_init(&w->io, on_watch, fd, events);
	loop_io_start(l->session->loop, &w->io);
	DL_APPEND(l->watches, w);
	return w;
}

static void host_watch_stop(struct vmmd_watch *w)
{
	if (!w)
		return;
	loop_io_stop(w->layer->session->loop, &w->io);
	DL_DELETE(w->layer->watches, w);
	free(w);
}

static int host_inject_signal(struct vmmd_layer *l, pid_t tid, const siginfo_t *info)
{
	struct engine *e = l->session->engine;

	return e ? e->ops->inject(e, tid, info) : -ESRCH;
}

/* -------------------------------------------------------------- telling people */

static void host_log(struct vmmd_layer *l, enum vmmd_log_level level, const char *fmt, ...)
{
	char line[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_msg(level, "%s: %s", l->label, line);
}

static uint64_t *host_counter(struct vmmd_layer *l, const char *name)
{
	struct layer_counter *last = &l->counters[LAYER_COUNTERS - 1];

	for (struct layer_counter *c = l->counters; c <= last; c++) {
		if (!c->name[0] && c < last)
			snprintf(c->name, sizeof(c->name), "%s", name);
		if (strncmp(c->name, name, sizeof(c->name) - 1) == 0)
			return &c->value;
	}
	/* The last one takes what has no room of its own. */
	snprintf(last->name, sizeof(last->name), "other");
	return &last->value;
}

static struct vmmd_out *host_out_open(struct vmmd_layer *l, const char *path)
{
	struct vmmd_out *o;

	if (!l->opening) {
		errno = EBUSY;
		return NULL;
	}
	if (l->session->conf->dry)
		o = out_new_file(l->session->loop, "/dev/null", false);
	else if (l->live)
		o = out_new_pipe(l->live_fd);
	else if (strcmp(path, "-") == 0)
		o = out_new_fd(l->session->err_fd);
	else
		o = out_new_file(l->session->loop, path, l->session->conf->again);
	if (!o)
		return NULL;
	if (!l->live && strcmp(path, "-") == 0)
		l->session->err_used = true;
	*out_link(o) = l->outs;
	l->outs = o;
	return o;
}

static void host_out_write(struct vmmd_out *o, const void *buf, size_t len)
{
	out_write(o, buf, len);
}

static void host_reply_row(struct vmmd_reply *r)
{
	json_array_append_new(r->rows, json_object());
}

static void host_reply_field(struct vmmd_reply *r, const char *key, const char *fmt, ...)
{
	size_t n = json_array_size(r->rows);
	char text[4352];
	json_t *value;
	va_list ap;

	if (!n) {
		host_reply_row(r);
		n = 1;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	value = json_string(text);
	if (!value) { /* a path need not be UTF-8 */
		for (char *p = text; *p; p++)
			if ((unsigned char)*p >= 0x80)
				*p = '?';
		value = json_string(text);
	}
	json_object_set_new(json_array_get(r->rows, n - 1), key, value);
}

static const struct vmmd_syscall *host_syscall(int64_t nr)
{
	return sysent(nr);
}

static int64_t host_syscall_nr(const char *name)
{
	return sysent_nr(name);
}

/* ------------------------------------------------------------ life of a layer */

void host_layer_quiet(struct vmmd_layer *l)
{
	struct vmmd_timer *t, *next_timer;
	struct vmmd_watch *w, *next_watch;

	DL_FOREACH_SAFE(l->timers, t, next_timer)
		timer_free(t);
	DL_FOREACH_SAFE(l->watches, w, next_watch)
		host_watch_stop(w);
}

void host_layer_fini(struct vmmd_layer *l)
{
	host_layer_quiet(l);
	while (l->outs) {
		struct vmmd_out *o = l->outs;

		l->outs = *out_link(o);
		out_free(o);
	}
	below_fini(&l->below);
}

const struct vmmd_host host_table = {
	.size = sizeof(struct vmmd_host),
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.option = host_option,
	.set_has = host_set_has,
	.want = host_want,
	.want_set = host_want_set,
	.want_all = host_want_all,
	.want_events = host_want_events,
	.call = host_call,
	.result = host_result,
	.set_nr = host_set_nr,
	.set_arg = host_set_arg,
	.set_pc = host_set_pc,
	.set_sp = host_set_sp,
	.set_result = host_set_result,
	.reply = host_reply,
	.reissue = host_reissue,
	.siginfo = host_siginfo,
	.set_siginfo = host_set_siginfo,
	.task = host_task,
	.read = host_read,
	.write = host_write,
	.read_str = host_read_str,
	.read_iov = host_read_iov,
	.scratch = host_scratch,
	.cwd = host_cwd,
	.root = host_root,
	.fd_path = host_fd_path,
	.task_data = host_task_data,
	.set_task_data = host_set_task_data,
	.process_data = host_process_data,
	.set_process_data = host_set_process_data,
	.ticket = host_ticket,
	.resume = host_resume,
	.timer_start = host_timer_start,
	.timer_stop = host_timer_stop,
	.watch_start = host_watch_start,
	.watch_stop = host_watch_stop,
	.inject_signal = host_inject_signal,
	.log = host_log,
	.counter = host_counter,
	.out_open = host_out_open,
	.out_write = host_out_write,
	.reply_row = host_reply_row,
	.reply_field = host_reply_field,
	.syscall = host_syscall,
	.syscall_nr = host_syscall_nr,
	.advisory = host_advisory,
	.refuse = host_refuse,
	.refuse_set = host_refuse_set,
	.set_path = host_set_path,
	.at_call = host_at_call,
	.at_open = host_at_open,
	.reply_fd = host_reply_fd,
	.follow = host_follow,
	.only_below = host_only_below,
};
