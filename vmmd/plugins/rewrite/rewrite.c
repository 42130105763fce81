/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rewrite.c - the layer that turns one system call into another.
 *
 * A rule is FROM:TO(ARG;ARG...)[=RESULT]. ARG is aN, argument N of the call as
 * the program made it, or a number. The table of rules is constant after
 * open(); the datum of a task is the rule whose RESULT its call awaits, a
 * pointer into that table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vmmd/plugin.h>

#define REWRITE_NR_MAX 512  /* above all known numbers */
#define REWRITE_NAME_MAX 32 /* of a system call, NUL included */
#define REWRITE_RULES_MAX 255

struct rewrite_arg {
	bool copy;	/* value is the index of an argument of the program's call */
	uint64_t value;
};

struct rewrite_rule {
	char from[REWRITE_NAME_MAX], to[REWRITE_NAME_MAX];
	int64_t nr;
	unsigned nargs; /* written in the rule; after open(): to be set */
	struct rewrite_arg args[6];
	bool has_result;
	int64_t result;
};

struct rewrite {
	const struct vmmd_host *host;
	struct rewrite_rule *rules;
	uint8_t of[REWRITE_NR_MAX]; /* 1 + index of the rule for a number */
	uint64_t *rewritten;
};

/* ----------------------------------------------------------------- grammar */

/* Copy a name of [a-z0-9_]; returns what follows it, or NULL. */
static const char *rewrite_name(const char *text, char *out)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (!n || n >= REWRITE_NAME_MAX)
		return NULL;
	memcpy(out, text, n);
	out[n] = '\0';
	return text + n;
}

/* Decimal, 0x hexadecimal or 0 octal, with an optional '-'. */
static const char *rewrite_number(const char *text, uint64_t *value)
{
	bool neg = *text == '-';
	char *end;

	text += neg;
	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno || (neg && *value > (uint64_t)INT64_MAX + 1))
		return NULL;
	if (neg)
		*value = -*value;
	return end;
}

static const char *rewrite_arg(const char *text, struct rewrite_arg *arg)
{
	if (*text != 'a') {
		arg->copy = false;
		return rewrite_number(text, &arg->value);
	}
	if (text[1] < '0' || text[1] > '5')
		return NULL;
	arg->copy = true;
	arg->value = (uint64_t)(text[1] - '0');
	return text + 2;
}

/* The list behind '('; returns what follows ')', or NULL after writing `why`. */
static const char *rewrite_args(const char *text, struct rewrite_rule *rule, char *why, size_t len)
{
	rule->nargs = 0;
	if (*text == ')')
		return text + 1;
	for (;;) {
		if (rule->nargs == 6) {
			snprintf(why, len, "a system call has at most six arguments");
			return NULL;
		}
		text = rewrite_arg(text, &rule->args[rule->nargs++]);
		if (!text || (*text != ';' && *text != ')')) {
			snprintf(why, len, "argument %u is not a0 to a5 or a number, followed by ';' or ')'",
				 rule->nargs);
			return NULL;
		}
		if (*text++ == ')')
			return text;
	}
}

static int rewrite_parse(const char *text, struct rewrite_rule *rule, char *why, size_t len)
{
	uint64_t result;

	memset(rule, 0, sizeof(*rule));
	text = rewrite_name(text, rule->from);
	if (!text || *text++ != ':') {
		snprintf(why, len, "a rule begins with the name of a system call and ':'");
		return -1;
	}
	text = rewrite_name(text, rule->to);
	if (!text || *text++ != '(') {
		snprintf(why, len, "after ':' comes the name of the new system call and '('");
		return -1;
	}
	text = rewrite_args(text, rule, why, len);
	if (!text)
		return -1;
	if (*text == '=') {
		rule->has_result = true;
		text = rewrite_number(text + 1, &result);
		if (!text) {
			snprintf(why, len, "after '=' comes a number, the new result");
			return -1;
		}
		rule->result = (int64_t)result;
	}
	if (*text) {
		snprintf(why, len, "a rule ends with ')' or '=RESULT'");
		return -1;
	}
	return 0;
}

static int rewrite_check(const char *text, char *why, size_t len)
{
	struct rewrite_rule rule;

	return rewrite_parse(text, &rule, why, len);
}

static const struct vmmd_option rewrite_options[] = {
	{.name = "rules", .type = VMMD_OPT_LIST, .def = "creat:open(a0;0x241;a1)", .check = rewrite_check,
	 .help = "FROM:TO(ARG;ARG...)[=RESULT], ARG is a0 to a5 or a number"},
	{.name = NULL},
};

/* -------------------------------------------------------------------- open */

/* Find the numbers of a rule; the arguments it does not write become 0. */
static int rewrite_bind(struct rewrite *self, struct vmmd_layer *layer, size_t index)
{
	const struct vmmd_host *host = self->host;
	struct rewrite_rule *rule = &self->rules[index];
	int64_t from = host->syscall_nr(rule->from);
	const struct vmmd_syscall *to;

	rule->nr = host->syscall_nr(rule->to);
	if (from < 0 || from >= REWRITE_NR_MAX || rule->nr < 0) {
		host->log(layer, VMMD_LOG_ERROR, "rules: no system call is called \"%s\"",
			  rule->nr < 0 ? rule->to : rule->from);
		return -EINVAL;
	}
	to = host->syscall(rule->nr);
	if (to && rule->nargs > to->nargs) {
		host->log(layer, VMMD_LOG_ERROR, "rules: %s takes %u arguments, not %u", rule->to,
			  to->nargs, rule->nargs);
		return -EINVAL;
	}
	if (self->of[from]) {
		host->log(layer, VMMD_LOG_ERROR, "rules: two rules for %s", rule->from);
		return -EINVAL;
	}
	if (to)
		rule->nargs = to->nargs;
	self->of[from] = (uint8_t)(index + 1);
	if (!rule->has_result)
		return host->want(layer, from, VMMD_WANT_ENTRY | VMMD_WANT_REWRITE);
	return host->want(layer, from, VMMD_WANT_ENTRY | VMMD_WANT_REWRITE | VMMD_WANT_RESULT);
}

static int rewrite_setup(struct rewrite *self, struct vmmd_layer *layer)
{
	const struct vmmd_value *rules = self->host->option(layer, "rules");
	char why[128] = "";
	int r = 0;

	if (rules->count > REWRITE_RULES_MAX) {
		self->host->log(layer, VMMD_LOG_ERROR, "rules: more than %d", REWRITE_RULES_MAX);
		return -EINVAL;
	}
	self->rules = calloc(rules->count + 1, sizeof(*self->rules));
	self->rewritten = self->host->counter(layer, "rewritten");
	if (!self->rules || !self->rewritten)
		return -ENOMEM;
	for (size_t i = 0; i < rules->count && !r; i++) {
		if (rewrite_parse(rules->list[i], &self->rules[i], why, sizeof(why))) {
			self->host->log(layer, VMMD_LOG_ERROR, "rules: %s", why);
			return -EINVAL;
		}
		r = rewrite_bind(self, layer, i);
	}
	return r;
}

static void rewrite_close(void *self_)
{
	struct rewrite *self = self_;

	free(self->rules);
	free(self);
}

static int rewrite_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self_)
{
	struct rewrite *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return -ENOMEM;
	self->host = host;
	r = host->advisory(layer);
	if (!r)
		r = rewrite_setup(self, layer);
	if (r)
		rewrite_close(self);
	else
		*self_ = self;
	return r;
}

/* ------------------------------------------------------------------ events */

static int rewrite_apply(const struct rewrite *self, struct vmmd_req *req,
			 const struct rewrite_rule *rule, const struct vmmd_call *old)
{
	int r = self->host->set_nr(req, rule->nr);

	for (unsigned i = 0; i < rule->nargs && !r; i++) {
		const struct rewrite_arg *arg = &rule->args[i];
		uint64_t value = arg->copy ? old->args[arg->value] : arg->value;

		if (value != old->args[i])
			r = self->host->set_arg(req, i, value);
	}
	return r;
}

static enum vmmd_verdict rewrite_entry(void *self_, struct vmmd_req *req)
{
	struct rewrite *self = self_;
	struct vmmd_call call = *self->host->call(req); /* set_*() show through the original */
	struct rewrite_rule *rule;
	int r;

	if (call.nr < 0 || call.nr >= REWRITE_NR_MAX || !self->of[call.nr])
		return VMMD_PASS;
	rule = &self->rules[self->of[call.nr] - 1];
	r = rewrite_apply(self, req, rule, &call);
	if (r)
		return self->host->reply(req, r); /* never half of a rewrite */
	if (rule->has_result)
		self->host->set_task_data(req, rule);
	++*self->rewritten;
	return VMMD_PASS;
}

static enum vmmd_verdict rewrite_exit(void *self_, struct vmmd_req *req)
{
	struct rewrite *self = self_;
	const struct rewrite_rule *rule = self->host->task_data(req);

	if (!rule)
		return VMMD_PASS;
	self->host->set_task_data(req, NULL);
	if (self->host->result(req) >= 0)
		self->host->set_result(req, rule->result);
	return VMMD_PASS;
}

static const struct vmmd_plugin rewrite_plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(struct vmmd_plugin),
	.name = "rewrite",
	.version = VMMD_VERSION,
	.summary = "turn one system call into another: creat(2) becomes open(2)",
	.options = rewrite_options,
	.open = rewrite_open,
	.close = rewrite_close,
	.entry = rewrite_entry,
	.exit = rewrite_exit,
};

__attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin(void)
{
	return &rewrite_plugin;
}
