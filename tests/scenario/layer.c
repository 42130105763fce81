// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * layer.c - the plugin `script`: a layer that does what its options say.
 *
 * Every callback appends one line to a log that all layers of a scenario
 * share, "NAME TID EVENT …", written at once. Then the rules of the option
 * `on` that match are carried out in order, up to the first that gives a
 * verdict; without one the answer is PASS. A rule is EVENT:MATCH:DEED[:ARG]…
 * (no MATCH for exec, new, end and cancel):
 *
 *   entry:CALL, exit:CALL[>VIEW], signal:NUMBER, exec, new, end, cancel
 *       CALL is a name, a number or @all, and makes the layer want it; `exit`
 *       matches when the layer's view of the call is VIEW, or CALL; signal
 *       numbers may be `*`.
 *
 *   pass                        only be asked
 *   reply:R  drop  reissue:CALL[:ARG]…  verdict:N      answer so
 *   suspend                     and answer by command, see below
 *   later:MS:ANSWER[:R]         suspend, answer by a timer
 *   ready:ANSWER[:R]            suspend, answer by a descriptor watch
 *   now:ANSWER[:R]              suspend, but answer before the callback returns
 *   lazy                        suspend without having taken a ticket
 *   nr:CALL  arg:I:VALUE  pc:VALUE  sp:VALUE  result:R  as:SIGNAL
 *   read:ADDR:LEN  str:ADDR:CAP  write:ADDR:TEXT  scratch:LEN[:ARGINDEX]
 *   task:TEXT  process:TEXT     set the data of the task, of the process
 *   show                        log pc, sp and the data
 *   ticket  inject:SIGNAL  count:NAME
 *
 * What these ask for is wanted with the flags they need, unless the deed begins
 * with '!'. `open:R` fails to open. What a host function refuses is logged.
 *
 * The command NAME with text "[thread] INDEX ANSWER [R]" resumes the layer's
 * INDEXth request (from 1) and logs the outcome; "do INDEX DEED[:ARG]…" does
 * something to it while it waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vmmd/plugin.h>

#define MAX_TICKETS 256
#define MAX_WORDS 12

enum event { EV_ENTRY, EV_EXIT, EV_SIGNAL, EV_EXEC, EV_NEW, EV_END, EV_CANCEL, EV_OPEN, EV_COUNT };

static const char *const event_names[EV_COUNT] = { "entry", "exit", "signal", "exec",
						   "new",   "end",  "cancel", "open" };

/* A rule: its words point into `text`. */
struct rule {
	char *text;
	enum event event;
	bool any;	    /* @all or * */
	int64_t want, view; /* the call or signal it matches */
	bool unasked;
	const char *deed;
	char *word[MAX_WORDS];
	int words;
};

struct layer {
	const struct vmmd_host *host;
	struct vmmd_layer *layer;
	const char *name;
	int log;
	struct rule *rules;
	size_t count;
	uint64_t tickets[MAX_TICKETS + 1];
	struct vmmd_req *reqs[MAX_TICKETS + 1];
	int last;
	struct answer *answers; /* all that were ever on their way */
};

/* An answer on its way; freed with the layer, because its request may be cancelled before. */
struct answer {
	struct answer *next;
	struct layer *l;
	uint64_t ticket;
	enum vmmd_verdict verdict;
	int64_t result;
	int rc;
	struct vmmd_watch *watch;
	int fd[2];
};

static void say(const struct layer *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct layer *l, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n, m;

	n = snprintf(line, sizeof(line), "%s ", l->name);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n = n + m < (int)sizeof(line) - 2 ? n + m : (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (write(l->log, line, (size_t)n) != n)
		abort();
}

/* -------------------------------------------------------------------- rules */

static int64_t number(const char *text)
{
	return text ? (int64_t)strtoll(text, NULL, 0) : 0;
}

static int64_t call_number(const struct layer *l, const char *text)
{
	int64_t nr = l->host->syscall_nr(text);

	return nr >= 0 ? nr : number(text);
}

static bool has_match(enum event e)
{
	return e <= EV_SIGNAL;
}

static void parse_match(const struct layer *l, struct rule *r, char *text)
{
	char *view = strchr(text, '>');

	if (view)
		*view++ = 0;
	r->any = !strcmp(text, "@all") || !strcmp(text, "*");
	if (r->event == EV_SIGNAL) {
		r->view = number(text);
		return;
	}
	r->want = call_number(l, text);
	r->view = view ? call_number(l, view) : r->want;
}

static int parse_rule(const struct layer *l, struct rule *r, const char *text)
{
	char *rest = r->text = strdup(text), *word;
	int n = 0;

	if (!rest)
		return -ENOMEM;
	word = strsep(&rest, ":");
	while (n < EV_COUNT && strcmp(event_names[n], word))
		n++;
	if (n == EV_COUNT || !rest)
		return -EINVAL;
	r->event = (enum event)n;
	if (has_match(r->event))
		parse_match(l, r, strsep(&rest, ":"));
	r->deed = strsep(&rest, ":");
	if (!r->deed)
		return -EINVAL;
	if (*r->deed == '!') {
		r->unasked = true;
		r->deed++;
	}
	while (rest && r->words < MAX_WORDS)
		r->word[r->words++] = strsep(&rest, ":");
	return 0;
}

static bool deed_is(const struct rule *r, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(r->deed, *names))
			return true;
	return false;
}

static uint32_t wants(const struct rule *r)
{
	static const char *const rewrites[] = { "nr", "arg", "pc", "sp", "scratch", NULL };
	static const char *const reissues[] = { "reissue", NULL };
	static const char *const results[] = { "result", NULL };
	uint32_t flags = r->event == EV_ENTRY ? VMMD_WANT_ENTRY : VMMD_WANT_EXIT;

	if (r->unasked)
		return flags;
	if (deed_is(r, rewrites))
		flags |= VMMD_WANT_REWRITE;
	if (deed_is(r, reissues) || (r->words && !strcmp(r->word[r->words - 1], "reissue")))
		flags |= VMMD_WANT_REISSUE;
	if (deed_is(r, results))
		flags |= VMMD_WANT_RESULT;
	return flags;
}

static int ask_for(const struct layer *l, const struct rule *r)
{
	switch (r->event) {
	case EV_ENTRY:
	case EV_EXIT:
		if (r->any)
			return l->host->want_all(l->layer, wants(r));
		return l->host->want(l->layer, r->want, wants(r));
	case EV_SIGNAL:
		return l->host->want_events(l->layer, VMMD_EVENT_SIGNAL);
	case EV_EXEC:
		return l->host->want_events(l->layer, VMMD_EVENT_EXEC);
	case EV_NEW:
		return l->host->want_events(l->layer, VMMD_EVENT_TASK_NEW);
	case EV_END:
		return l->host->want_events(l->layer, VMMD_EVENT_TASK_EXIT);
	case EV_OPEN:
		return (int)number(r->deed);
	default:
		return 0;
	}
}

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

static int resume(struct layer *l, const char *how, int index, const char *verdict, const char *result)
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

/* What a deed answers when it gives no verdict. */
#define GO_ON ((enum vmmd_verdict)-2)

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

/* Deeds that answer. */
static enum vmmd_verdict answer(struct layer *l, struct vmmd_req *req, const struct rule *r)
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

/* Deeds that change or show something. */
static int act(struct layer *l, struct vmmd_req *req, const struct rule *r)
{
	const struct vmmd_host *h = l->host;
	static const char *const memories[] = { "read", "str", "write", NULL };
	static const char *const datas[] = { "task", "process", NULL };
	uint64_t value = (uint64_t)number(r->words ? r->word[r->words - 1] : NULL);

	if (!strcmp(r->deed, "nr"))
		return h->set_nr(req, call_number(l, r->word[0]));
	if (!strcmp(r->deed, "arg"))
		return h->set_arg(req, (unsigned)number(r->word[0]), value);
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

static bool matches(const struct layer *l, const struct rule *r, enum event e, struct vmmd_req *req)
{
	if (r->event != e)
		return false;
	if (e == EV_SIGNAL)
		return r->any || l->host->siginfo(req)->si_signo == r->view;
	if (!has_match(e))
		return true;
	return (r->any && r->view == r->want) || l->host->call(req)->nr == r->view;
}

static enum vmmd_verdict follow(struct layer *l, enum event e, struct vmmd_req *req)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct rule *r = &l->rules[i];
		enum vmmd_verdict v;
		int rc;

		if (!matches(l, r, e, req))
			continue;
		v = answer(l, req, r);
		if (v != GO_ON)
			return v;
		rc = act(l, req, r);
		if (rc < 0)
			say(l, "%s refused %d", r->deed, rc);
	}
	return VMMD_PASS;
}

/* ---------------------------------------------------------------- callbacks */

static void call_text(const struct layer *l, const struct vmmd_call *call, char *buf, size_t len)
{
	const struct vmmd_syscall *sys = l->host->syscall(call->nr);
	size_t n;

	if (!sys) {
		snprintf(buf, len, "%lld()", (long long)call->nr);
		return;
	}
	n = (size_t)snprintf(buf, len, "%s(", sys->name);
	for (unsigned i = 0; i < sys->nargs && n < len; i++)
		n += (size_t)snprintf(buf + n, len - n, "%s%#llx", i ? ", " : "",
				      (unsigned long long)call->args[i]);
	if (n < len)
		snprintf(buf + n, len - n, ")");
}

static pid_t tid_of(const struct layer *l, const struct vmmd_req *req)
{
	return l->host->task(req)->tid;
}

static enum vmmd_verdict on_entry(void *self, struct vmmd_req *req)
{
	struct layer *l = self;
	char text[256];

	call_text(l, l->host->call(req), text, sizeof(text));
	say(l, "%d entry %s", tid_of(l, req), text);
	return follow(l, EV_ENTRY, req);
}

static enum vmmd_verdict on_exit_(void *self, struct vmmd_req *req)
{
	struct layer *l = self;
	char text[256];

	call_text(l, l->host->call(req), text, sizeof(text));
	say(l, "%d exit %s = %lld", tid_of(l, req), text, (long long)l->host->result(req));
	return follow(l, EV_EXIT, req);
}

static enum vmmd_verdict on_signal(void *self, struct vmmd_req *req)
{
	struct layer *l = self;
	const siginfo_t *info = l->host->siginfo(req);

	say(l, "%d signal %s%s", tid_of(l, req), sigabbrev_np(info->si_signo),
	    info->si_code == SI_QUEUE ? " queued" : "");
	return follow(l, EV_SIGNAL, req);
}

static enum vmmd_verdict on_exec(void *self, struct vmmd_req *req)
{
	struct layer *l = self;
	const struct vmmd_task_info *t = l->host->task(req);

	if (t->former_tid != t->tid)
		say(l, "%d exec by %d", t->tid, t->former_tid);
	else
		say(l, "%d exec", t->tid);
	return follow(l, EV_EXEC, req);
}

static enum vmmd_verdict on_new(void *self, struct vmmd_req *req)
{
	struct layer *l = self;
	const struct vmmd_task_info *t = l->host->task(req);

	say(l, "%d new in %d from %d", t->tid, t->tgid, t->parent);
	return follow(l, EV_NEW, req);
}

static void on_end(void *self, struct vmmd_req *req)
{
	struct layer *l = self;

	say(l, "%d end %#x", tid_of(l, req), (unsigned)l->host->task(req)->exit_status);
	follow(l, EV_END, req);
}

static void on_cancel(void *self, struct vmmd_req *req)
{
	say(self, "%d cancel", tid_of(self, req));
	follow(self, EV_CANCEL, req);
}

static void *copy(struct layer *l, const char *what, const char *data, const struct vmmd_task_info *to)
{
	say(l, "%s %d %s", what, to->tid, data);
	return strcmp(data, "private") ? strdup(data) : NULL;
}

static void *task_fork(void *self, void *data, const struct vmmd_task_info *child)
{
	return copy(self, "task_fork", data, child);
}

static void *process_fork(void *self, void *data, const struct vmmd_task_info *child)
{
	return copy(self, "process_fork", data, child);
}

/* Data "lost" does not survive an exec. */
static void *process_exec(void *self, void *data)
{
	say(self, "process_exec %s", (char *)data);
	if (strcmp(data, "lost"))
		return data;
	free(data);
	return NULL;
}

static void task_free(void *self, void *data)
{
	say(self, "task_free %s", (char *)data);
	free(data);
}

static void process_free(void *self, void *data)
{
	say(self, "process_free %s", (char *)data);
	free(data);
}

/* ------------------------------------------------------------------ commands */

/* Do something to a request that waits. */
static int do_deed(struct layer *l, int index, const char *deed)
{
	struct rule r = { .text = NULL };
	char text[160];
	int rc;

	if (index < 1 || index > l->last)
		return -EINVAL;
	snprintf(text, sizeof(text), "cancel:%s", deed);
	rc = parse_rule(l, &r, text);
	if (!rc && answer(l, l->reqs[index], &r) == GO_ON) {
		rc = act(l, l->reqs[index], &r);
		say(l, "do %s = %d", r.deed, rc);
		rc = 0;
	}
	free(r.text);
	return rc;
}

static int on_command(void *self, const char *name, const char *text, struct vmmd_reply *reply)
{
	struct layer *l = self;
	char words[200], *rest = words, *word[4] = { NULL };
	int n = 0;

	(void)reply;
	if (strcmp(name, l->name))
		return -ENOENT;
	snprintf(words, sizeof(words), "%s", text);
	while (rest && n < 4)
		word[n++] = strsep(&rest, " ");
	if (!strcmp(word[0], "do") && n == 3)
		return do_deed(l, atoi(word[1]), word[2]);
	if (!strcmp(word[0], "thread") && n >= 3)
		return resume(l, word[0], atoi(word[1]), word[2], word[3]);
	return n >= 2 ? resume(l, "", atoi(word[0]), word[1], word[2]) : -EINVAL;
}

/* --------------------------------------------------------------- life cycle */

static void layer_free(struct layer *l)
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
	for (size_t i = 0; i < l->count; i++)
		free(l->rules[i].text);
	free(l->rules);
	close(l->log);
	free(l);
}

static void on_close(void *self)
{
	say(self, "close");
	layer_free(self);
}

static int read_rules(struct layer *l)
{
	const struct vmmd_value *on = l->host->option(l->layer, "on");

	l->rules = calloc(on->count + 1, sizeof(*l->rules));
	if (!l->rules)
		return -ENOMEM;
	for (; l->count < on->count; l->count++) {
		struct rule *r = &l->rules[l->count];
		int rc = parse_rule(l, r, on->list[l->count]);

		if (!rc)
			rc = ask_for(l, r);
		if (rc < 0) {
			l->host->log(l->layer, VMMD_LOG_ERROR, "rule %s: %s",
				     on->list[l->count], strerror(-rc));
			free(r->text);
			return rc;
		}
	}
	return 0;
}

static int on_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
{
	struct layer *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	l->host = host;
	l->layer = layer;
	l->name = host->option(layer, "name")->text;
	l->log = open(host->option(layer, "log")->text, O_WRONLY | O_APPEND | O_CLOEXEC);
	rc = l->log < 0 ? -errno : read_rules(l);
	if (rc < 0) {
		layer_free(l);
		return rc;
	}
	*self = l;
	return 0;
}

static const struct vmmd_option options[] = {
	{ .name = "name", .type = VMMD_OPT_STRING, .def = "script", .help = "what log lines begin with" },
	{ .name = "log", .type = VMMD_OPT_STRING, .def = "/dev/null", .help = "where lines go" },
	{ .name = "on", .type = VMMD_OPT_LIST, .help = "rules, see tests/scenario/layer.c" },
	{ .name = NULL },
};

static const struct vmmd_plugin plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(plugin),
	.name = "script",
	.version = "1",
	.summary = "does what its options say, for tests",
	.options = options,
	.open = on_open,
	.close = on_close,
	.entry = on_entry,
	.exit = on_exit_,
	.signal = on_signal,
	.exec = on_exec,
	.task_new = on_new,
	.task_exit = on_end,
	.cancel = on_cancel,
	.task_fork = task_fork,
	.task_free = task_free,
	.process_fork = process_fork,
	.process_exec = process_exec,
	.process_free = process_free,
	.command = on_command,
};

const struct vmmd_plugin *vmmd_plugin(void)
{
	return &plugin;
}
