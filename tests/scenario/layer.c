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
 *   refuse:CALL:ERRNO, advisory:yes, below:DIR (only_below()), open:R (fails to open)
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
 *   atcall[:PATH[:PATH]]  replyfd[:cloexec]            answer so; PASS where the host cannot
 *   path:I:TEXT  atopen:PATH
 *   follow  rarely              want exits only of calls that are followed; the latter does not
 *   nr:CALL  arg:I:VALUE  pc:VALUE  sp:VALUE  result:R  as:SIGNAL
 *   read:ADDR:LEN  str:ADDR:CAP  write:ADDR:TEXT  scratch:LEN[:ARGINDEX]
 *   task:TEXT  process:TEXT     set the data of the task, of the process
 *   show                        log pc, sp and the data
 *   ticket  inject:SIGNAL  count:NAME
 *
 * What these ask for is wanted with the flags they need, unless the deed begins
 * with '!'. What a host function refuses is logged.
 *
 * The command NAME with text "[thread] INDEX ANSWER [R]" resumes the layer's
 * INDEXth request (from 1) and logs the outcome; "do INDEX DEED[:ARG]…" does
 * something to it while it waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/layer.h"

static const char *const event_names[EV_COUNT] = { "entry", "exit", "signal", "refuse", "exec",
						   "new",   "end",  "cancel", "open",	"advisory", "below" };

void say(const struct layer *l, const char *fmt, ...)
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

int64_t number(const char *text)
{
	return text ? (int64_t)strtoull(text, NULL, 0) : 0;
}

int64_t call_number(const struct layer *l, const char *text)
{
	int64_t nr = l->host->syscall_nr(text);

	return nr >= 0 ? nr : number(text);
}

static bool has_match(enum event e)
{
	return e <= EV_REFUSE;
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

bool deed_is(const struct rule *r, const char *const *names)
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
	static const char *const paths[] = { "path", "atcall", "atopen", NULL };
	static const char *const rarely[] = { "follow", "rarely", NULL };
	static const char *const reads[] = { "read", "str", NULL };
	uint32_t flags = r->event == EV_ENTRY ? VMMD_WANT_ENTRY : VMMD_WANT_EXIT;

	if (r->unasked)
		return flags;
	if (deed_is(r, rewrites))
		flags |= VMMD_WANT_REWRITE;
	if (deed_is(r, reissues) || (r->words && !strcmp(r->word[r->words - 1], "reissue")))
		flags |= VMMD_WANT_REISSUE;
	if (deed_is(r, results))
		flags |= VMMD_WANT_RESULT;
	if (deed_is(r, paths))
		flags |= VMMD_WANT_PATHS;
	if (deed_is(r, rarely))
		flags |= VMMD_WANT_RARELY;
	if (r->event == EV_ENTRY && deed_is(r, reads))
		flags |= VMMD_WANT_MEMORY;
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
	case EV_REFUSE:
		return l->host->refuse(l->layer, r->want, (int)number(r->deed));
	case EV_ADVISORY:
		return l->host->advisory(l->layer);
	case EV_BELOW:
		return l->host->only_below(l->layer, r->deed);
	case EV_OPEN:
		return (int)number(r->deed);
	default:
		return 0;
	}
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
		v = deed_answer(l, req, r);
		if (v != GO_ON)
			return v;
		rc = deed_act(l, req, r);
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
	if (!rc && deed_answer(l, l->reqs[index], &r) == GO_ON) {
		rc = deed_act(l, l->reqs[index], &r);
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
		return deed_resume(l, word[0], atoi(word[1]), word[2], word[3]);
	return n >= 2 ? deed_resume(l, "", atoi(word[0]), word[1], word[2]) : -EINVAL;
}

/* --------------------------------------------------------------- life cycle */

static void layer_free(struct layer *l)
{
	deed_answers_free(l);
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
