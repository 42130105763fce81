// SPDX-License-Identifier: GPL-2.0-or-later
/* deeds.c - the plugin `script`: what its rules have it do. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/layer.h"

/* ------------------------------------------------------------------ answers */

static enum vmmd_verdict verdict_of(const char *text)
{
	static const char *const names[] = { "pass", "reply", "suspend", "reissue", "drop" };

	for (int i = 0; i < 5; i++)
		if (!strcmp(names[i], text))
			return (enum vmmd_verdict)i;
	return (enum vmmd_verdict)number(text);
}

static uint64_t take_ticket(struct layer *l, struct vmmd_req *req)
{
	uint64_t ticket = l->host->ticket(req);

	if (l->last < MAX_TICKETS) {
		l->tickets[++l->last] = ticket;
		l->reqs[l->last] = req;
	}
	return ticket;
}

static struct answer *answer_new(struct layer *l, struct vmmd_req *req, const char *verdict,
				 const char *result)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	a->l = l;
	a->ticket = take_ticket(l, req);
	a->verdict = verdict_of(verdict);
	a->result = number(result);
	a->fd[0] = a->fd[1] = -1;
	a->next = l->answers;
	l->answers = a;
	return a;
}

static void answer_give(struct answer *a)
{
	a->rc = a->l->host->resume(a->l->layer, a->ticket, a->verdict, a->result);
}

static void on_timer(void *arg)
{
	struct answer *a = arg;

	answer_give(a);
	say(a->l, "timer = %d", a->rc);
}

static void on_ready(void *arg, short revents)
{
	struct answer *a = arg;

	a->l->host->watch_stop(a->watch);
	answer_give(a);
	say(a->l, "ready %d = %d", revents == POLLIN, a->rc);
}

static void *in_thread(void *arg)
{
	answer_give(arg);
	return NULL;
}

int deed_resume(struct layer *l, const char *how, int index, const char *verdict, const char *result)
{
	struct answer a = { .l = l };
	pthread_t thread;

	if (index < 1 || index > l->last)
		return -EINVAL;
	a.ticket = l->tickets[index];
	a.verdict = verdict_of(verdict);
	a.result = number(result);
	if (strcmp(how, "thread")) {
		answer_give(&a);
	} else {
		if (pthread_create(&thread, NULL, in_thread, &a))
			return -EAGAIN;
		pthread_join(thread, NULL);
	}
	say(l, "resume %d = %d", index, a.rc);
	return 0;
}

/* -------------------------------------------------------------------- deeds */

static enum vmmd_verdict later(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	struct answer *a = answer_new(l, req, r->word[1], r->word[2]);

	if (!l->host->timer_start(l->layer, number(r->word[0]), false, on_timer, a))
		abort();
	return VMMD_SUSPEND;
}

static enum vmmd_verdict ready(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	struct answer *a = answer_new(l, req, r->word[0], r->word[1]);

	if (pipe2(a->fd, O_CLOEXEC) || write(a->fd[1], "x", 1) != 1)
		abort();
	a->watch = l->host->watch_start(l->layer, a->fd[0], POLLIN, on_ready, a);
	if (!a->watch)
		abort();
	return VMMD_SUSPEND;
}

static enum vmmd_verdict now(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	struct answer *a = answer_new(l, req, r->word[0], r->word[1]);

	answer_give(a);
	say(l, "now = %d", a->rc);
	return VMMD_SUSPEND;
}

static enum vmmd_verdict reissue(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	struct vmmd_call call = { .nr = call_number(l, r->word[0]) };

	for (int i = 1; i < r->words && i <= 6; i++)
		call.args[i - 1] = (uint64_t)number(r->word[i]);
	return l->host->reissue(req, &call);
}

/* What cannot be run from outside is passed. */
static enum vmmd_verdict at_call(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	const char *const paths[2] = { r->words > 0 ? r->word[0] : NULL, r->words > 1 ? r->word[1] : NULL };
	enum vmmd_verdict v = l->host->at_call(req, l->host->call(req), paths);

	if (v == VMMD_REPLY)
		return v;
	say(l, "at_call = %d", (int)v);
	return VMMD_PASS;
}

/* A descriptor of its own, which it closes at once: the host has to have a copy. */
static enum vmmd_verdict reply_fd(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	enum vmmd_verdict v = l->host->reply_fd(req, fd, r->words ? O_CLOEXEC : 0);

	close(fd);
	if (v == VMMD_REPLY)
		return v;
	say(l, "reply_fd = %d", (int)v);
	return VMMD_PASS;
}

/* Deeds that answer. */
enum vmmd_verdict deed_answer(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	if (!strcmp(r->deed, "pass"))
		return VMMD_PASS;
	if (!strcmp(r->deed, "reply"))
		return l->host->reply(req, number(r->word[0]));
	if (!strcmp(r->deed, "drop"))
		return VMMD_DROP;
	if (!strcmp(r->deed, "reissue"))
		return reissue(l, req, r);
	if (!strcmp(r->deed, "verdict"))
		return (enum vmmd_verdict)number(r->word[0]);
	if (!strcmp(r->deed, "lazy"))
		return VMMD_SUSPEND;
	if (!strcmp(r->deed, "later"))
		return later(l, req, r);
	if (!strcmp(r->deed, "ready"))
		return ready(l, req, r);
	if (!strcmp(r->deed, "now"))
		return now(l, req, r);
	if (!strcmp(r->deed, "atcall"))
		return at_call(l, req, r);
	if (!strcmp(r->deed, "replyfd"))
		return reply_fd(l, req, r);
	if (!strcmp(r->deed, "suspend")) {
		take_ticket(l, req);
		return VMMD_SUSPEND;
	}
	return GO_ON;
}

static int scratch(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	uint64_t addr = 0;
	int rc = l->host->scratch(req, (size_t)number(r->word[0]), &addr);

	if (rc < 0)
		return rc;
	say(l, "scratch %#llx", (unsigned long long)addr);
	if (r->words < 2)
		return 0;
	l->host->write(req, addr, "scratch", 8);
	return l->host->set_arg(req, (unsigned)number(r->word[1]), addr);
}

static int memory(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	char buf[4096] = "";
	uint64_t addr = (uint64_t)number(r->word[0]);
	size_t len = r->words > 1 ? (size_t)number(r->word[1]) : 0;
	ssize_t n;

	if (!strcmp(r->deed, "write"))
		n = l->host->write(req, addr, r->word[1], strlen(r->word[1]));
	else if (!strcmp(r->deed, "str"))
		n = l->host->read_str(req, addr, buf, len);
	else
		n = l->host->read(req, addr, buf, len < sizeof(buf) ? len : sizeof(buf) - 1);
	say(l, "%s %zd%s%s", r->deed, n, n > 0 && buf[0] ? " " : "", n > 0 ? buf : "");
	return 0;
}

/* Replace the signal under way, or queue another one. */
static int send(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = (int)number(r->word[0]);
	info.si_code = SI_QUEUE;
	if (!strcmp(r->deed, "as"))
		return l->host->set_siginfo(req, &info);
	return l->host->inject_signal(l->layer, l->host->task(req)->tid, &info);
}

/* Data is text; a layer that has none says "-". */
static int show(struct layer *l, struct vmmd_req *req)
{
	const struct vmmd_call *call = l->host->call(req);
	const char *task = l->host->task_data(req), *process = l->host->process_data(req);

	if (call)
		say(l, "pc %#llx sp %#llx", (unsigned long long)call->pc,
		    (unsigned long long)call->sp);
	say(l, "task %s process %s", task ? task : "-", process ? process : "-");
	return 0;
}

static int set_data(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	char *text = strdup(r->word[0]);

	if (!strcmp(r->deed, "task")) {
		free(l->host->task_data(req));
		l->host->set_task_data(req, text);
	} else {
		free(l->host->process_data(req));
		l->host->set_process_data(req, text);
	}
	return 0;
}

static int at_open(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	int fd = l->host->at_open(req, AT_FDCWD, r->word[0], O_RDONLY, 0);

	if (fd < 0)
		return fd;
	say(l, "at_open: a descriptor%s", fcntl(fd, F_GETFD) == FD_CLOEXEC ? ", close-on-exec" : "");
	close(fd);
	return 0;
}

/* Deeds that change or show something. */
int deed_act(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	const struct vmmd_host *h = l->host;
	static const char *const memories[] = { "read", "str", "write", NULL };
	static const char *const datas[] = { "task", "process", NULL };
	uint64_t value = (uint64_t)number(r->words ? r->word[r->words - 1] : NULL);

	if (!strcmp(r->deed, "nr"))
		return h->set_nr(req, call_number(l, r->word[0]));
	if (!strcmp(r->deed, "arg"))
		return h->set_arg(req, (unsigned)number(r->word[0]), value);
	if (!strcmp(r->deed, "path"))
		return h->set_path(req, (unsigned)number(r->word[0]), r->word[1]);
	if (!strcmp(r->deed, "follow"))
		return h->follow(req);
	if (!strcmp(r->deed, "rarely"))
		return 0;
	if (!strcmp(r->deed, "atopen"))
		return at_open(l, req, r);
	if (!strcmp(r->deed, "pc"))
		return h->set_pc(req, value);
	if (!strcmp(r->deed, "sp"))
		return h->set_sp(req, value);
	if (!strcmp(r->deed, "result"))
		return h->set_result(req, (int64_t)value);
	if (!strcmp(r->deed, "as") || !strcmp(r->deed, "inject"))
		return send(l, req, r);
	if (!strcmp(r->deed, "scratch"))
		return scratch(l, req, r);
	if (!strcmp(r->deed, "show"))
		return show(l, req);
	if (!strcmp(r->deed, "ticket"))
		return take_ticket(l, req) ? 0 : -EINVAL;
	if (!strcmp(r->deed, "count"))
		return (int)(*h->counter(l->layer, r->word[0]) += 1) * 0;
	if (deed_is(r, memories))
		return memory(l, req, r);
	if (deed_is(r, datas))
		return set_data(l, req, r);
	say(l, "unknown deed %s", r->deed);
	return 0;
}

void deed_answers_free(struct layer *l)
{
	struct answer *a, *next;

	for (a = l->answers; a; a = next) {
		next = a->next;
		if (a->fd[0] >= 0) {
			close(a->fd[0]);
			close(a->fd[1]);
		}
		free(a);
	}
}
