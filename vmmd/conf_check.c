/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_check.c - the options of a layer against the schema of its plugin.
 *
 * A schema comes from a loaded plugin and is trusted to be well formed (the
 * loader has looked); the texts are not. Values are copies: a struct
 * conf_values outlives the struct conf, and needs the plugin only for the
 * names of choices.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/conf_impl.h"
#include "vmmd/sysent.h"

/* What the values point to: a chain, so that one pointer frees it. */
struct chunk {
	struct chunk *next;
	max_align_t data[];
};

/* The check of one layer. */
struct check {
	const struct conf_layer *layer;
	struct conf_values *values;
	char *why;
	size_t len;
};

/* The check of one option. */
struct item {
	const struct vmmd_option *schema;
	const struct conf_option *option;
	struct vmmd_value *value;
	bool command_line; /* from `-l` or a default: '+' joins, and a key alone is true */
	char name[2 * CONF_SHOWN + 32]; /* "option NAME of layer PLUGIN" */
};

static void *keep(struct check *k, size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + size);

	if (!c)
		return NULL;
	c->next = k->values->mem;
	k->values->mem = c;
	return c->data;
}

static char *keep_text(struct check *k, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = keep(k, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void conf_values_free(struct conf_values *v)
{
	for (struct chunk *c = v->mem, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(v->v);
	memset(v, 0, sizeof(*v));
}

#define item_fail(k, i, ...) conf_fail((k)->why, (k)->len, (i)->option->where, __VA_ARGS__)

static int out_of_memory(struct check *k)
{
	return conf_no_memory(k->why, k->len);
}

/* Run the plugin's own check on one text. */
static int check_text(struct check *k, struct item *i, const char *text)
{
	char clause[160] = "not accepted";

	if (!i->schema->check || !i->schema->check(text, clause, sizeof(clause)))
		return 0;
	clause[sizeof(clause) - 1] = '\0';
	return item_fail(k, i, "%s is \"%.*s\": %s", i->name, CONF_SHOWN, text, clause);
}

static int check_bool(struct check *k, struct item *i, const char *text)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

	for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
		if (!strcmp(text, words[n])) {
			i->value->num = n & 1;
			return 0;
		}
	}
	return item_fail(k, i, "%s is \"%.*s\"; expected true or false (yes, no, on, off)", i->name, CONF_SHOWN, text);
}

static int check_range(struct check *k, struct item *i, const char *text, const char *unit)
{
	const struct vmmd_option *s = i->schema;

	if ((!s->min && !s->max) || (i->value->num >= s->min && i->value->num <= s->max))
		return 0;
	return item_fail(k, i, "%s is \"%.*s\"; expected %" PRId64 "%s to %" PRId64 "%s", i->name, CONF_SHOWN, text,
			 s->min, unit, s->max, unit);
}

static int check_int(struct check *k, struct item *i, const char *text)
{
	const char *digits = text + (text[0] == '-');
	size_t n = strspn(digits, "0123456789");

	errno = 0;
	i->value->num = strtoll(text, NULL, 10);
	if (!n || digits[n] || errno)
		return item_fail(k, i, "%s is \"%.*s\"; expected a decimal number", i->name, CONF_SHOWN, text);
	return check_range(k, i, text, "");
}

static int check_duration(struct check *k, struct item *i, const char *text)
{
	if (conf_duration(text, &i->value->num))
		return item_fail(k, i, "%s is \"%.*s\"; expected " CONF_DURATION_FORM, i->name, CONF_SHOWN, text);
	return check_range(k, i, text, "ms");
}

static int check_choice(struct check *k, struct item *i, const char *text)
{
	int pick = conf_choose(text, i->schema->choices, i->option->where, i->name, k->why, k->len);

	if (pick < 0)
		return pick;
	i->value->num = pick;
	i->value->text = i->schema->choices[pick];
	return 0;
}

/* The one text of an option that is no list: '+' that joined nothing is a plus sign again. */
static char *whole_text(struct check *k, struct item *i)
{
	const struct conf_option *o = i->option;
	size_t size = 1;
	char *text, *end;

	for (size_t n = 0; n < o->count; n++)
		size += strlen(o->items[n]) + 1;
	text = end = keep(k, size);
	for (size_t n = 0; text && n < o->count; n++) {
		if (n)
			*end++ = '+';
		end = stpcpy(end, o->items[n]);
	}
	return text;
}

static int check_single(struct check *k, struct item *i)
{
	const struct conf_option *o = i->option;
	bool bare = !o->count && !o->is_list;
	char *text;
	int rc;

	if (o->is_list && !i->command_line)
		return item_fail(k, i, "%s is a list; expected one text", i->name);
	if (bare && i->schema->type != VMMD_OPT_BOOL)
		return item_fail(k, i, "%s has no value; write %s=...", i->name, i->schema->name);
	text = bare ? keep_text(k, "true") : whole_text(k, i);
	if (!text)
		return out_of_memory(k);
	switch (i->schema->type) {
	case VMMD_OPT_BOOL:
		rc = check_bool(k, i, text);
		break;
	case VMMD_OPT_INT:
		rc = check_int(k, i, text);
		break;
	case VMMD_OPT_DURATION:
		rc = check_duration(k, i, text);
		break;
	case VMMD_OPT_CHOICE:
		rc = check_choice(k, i, text);
		break;
	default:
		i->value->text = text;
		rc = 0;
	}
	return rc ? rc : check_text(k, i, text);
}

static int check_syscall(struct check *k, struct item *i, struct vmmd_set *set, const char *text)
{
	char clause[160] = "not known";

	if (!sysent_set_add(set, text, clause, sizeof(clause)))
		return 0;
	return item_fail(k, i, "%s is \"%.*s\": %s (names, numbers, @all, @path, @net, @process; \"!NAME\" takes one out)%s",
			 i->name, CONF_SHOWN, text, clause,
			 strchr(text, '+') ? "; in a file write a list: [a, b]" : "");
}

static int check_list(struct check *k, struct item *i)
{
	const struct conf_option *o = i->option;
	/* "key=" is how a command line writes the empty list. */
	size_t count = i->command_line && o->count == 1 && !o->items[0][0] ? 0 : o->count;
	bool is_set = i->schema->type == VMMD_OPT_SYSCALLS;
	struct vmmd_set *set = is_set ? keep(k, sizeof(*set)) : NULL;
	const char **list = is_set ? NULL : keep(k, (count + 1) * sizeof(*list));
	int rc = 0;

	if (!set && !list)
		return out_of_memory(k);
	if (!o->count && !o->is_list)
		return item_fail(k, i, "%s has no value; write %s=item+item...", i->name, i->schema->name);
	for (size_t n = 0; n < count && !rc; n++) {
		if (!o->items[n][0])
			return item_fail(k, i, "%s has an empty item%s", i->name,
					 i->command_line ? " (\"\\+\" is a plain plus sign)" : "");
		if (set) {
			rc = check_syscall(k, i, set, o->items[n]);
		} else {
			list[n] = keep_text(k, o->items[n]);
			rc = list[n] ? 0 : out_of_memory(k);
		}
		if (!rc)
			rc = check_text(k, i, o->items[n]);
	}
	i->value->set = set;
	i->value->list = list;
	i->value->count = set ? 0 : count;
	return rc;
}

static int check_value(struct check *k, const struct vmmd_option *schema, const struct conf_option *o,
		       struct vmmd_value *value, bool command_line)
{
	struct item i = { .schema = schema, .option = o, .value = value, .command_line = command_line };

	snprintf(i.name, sizeof(i.name), "option %.*s of layer %.*s", CONF_SHOWN, schema->name, CONF_SHOWN,
		 k->layer->plugin);
	value->given = true;
	if (schema->type == VMMD_OPT_LIST || schema->type == VMMD_OPT_SYSCALLS)
		return check_list(k, &i);
	return check_single(k, &i);
}

/* One configured option: find it in the schema, take its value. */
static int check_option(struct check *k, const struct vmmd_option *schema, const struct conf_option *o)
{
	struct conf_advice a = { .used = 0 };
	char hint[CONF_HINT_LEN];

	for (size_t n = 0; n < k->values->count; n++) {
		conf_advise(&a, o->name, schema[n].name);
		if (strcmp(o->name, schema[n].name))
			continue;
		if (k->values->v[n].given)
			return conf_fail(k->why, k->len, o->where, "layer %.*s has option %s twice; remove one",
					 CONF_SHOWN, k->layer->plugin, o->name);
		return check_value(k, &schema[n], o, &k->values->v[n], !strncmp(o->where, "-l ", 3));
	}
	if (!k->values->count)
		return conf_fail(k->why, k->len, o->where, "layer %.*s has no option \"%.*s\"; it takes none",
				 CONF_SHOWN, k->layer->plugin, CONF_SHOWN, o->name);
	return conf_fail(k->why, k->len, o->where, "layer %.*s has no option \"%.*s\"%s (options: %s)", CONF_SHOWN,
			 k->layer->plugin, CONF_SHOWN, o->name, conf_hint(&a, hint, sizeof(hint)), a.text);
}

/* The default of an option that is not configured, written as on a command line. */
static int check_default(struct check *k, const struct vmmd_option *schema, struct vmmd_value *value)
{
	struct conf_option o = { .where = k->layer->where };
	const char *s = schema->def;
	int rc;

	if (!s)
		return 0;
	rc = conf_split(&o, &s, "");
	rc = rc ? out_of_memory(k) : check_value(k, schema, &o, value, true);
	o.where = NULL;
	conf_option_fini(&o);
	return rc;
}

int conf_check_layer(const struct conf_layer *layer, const struct vmmd_option *schema, struct conf_values *out,
		     char *why, size_t whylen)
{
	static const struct vmmd_option none = { .name = NULL };
	struct check k = { .layer = layer, .values = out, .why = why, .len = whylen };
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (!schema)
		schema = &none;
	while (schema[out->count].name)
		out->count++;
	out->v = calloc(out->count + 1, sizeof(*out->v));
	if (!out->v)
		rc = out_of_memory(&k);
	for (size_t n = 0; n < layer->count && !rc; n++)
		rc = check_option(&k, schema, &layer->options[n]);
	for (size_t n = 0; n < out->count && !rc; n++)
		if (!out->v[n].given)
			rc = check_default(&k, &schema[n], &out->v[n]);
	if (rc)
		conf_values_free(out);
	return rc;
}
