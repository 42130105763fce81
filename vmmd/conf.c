/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.c - what a session is told to be, and the command line's part of it.
 *
 * Everything reachable from a struct conf is its own and freed by conf_free().
 * Layers are complete before they enter it; after an error it holds those
 * that came before. conf_impl.h says what the other conf files do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/conf_impl.h"

struct conf *conf_new(void)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (c && conf_engine(c, "auto")) {
		free(c);
		return NULL;
	}
	return c;
}

void conf_option_fini(struct conf_option *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->items[i]);
	free(o->items);
	free(o->name);
	free(o->where);
}

void conf_layer_fini(struct conf_layer *l)
{
	for (size_t i = 0; i < l->count; i++)
		conf_option_fini(&l->options[i]);
	free(l->options);
	free(l->plugin);
	free(l->where);
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->nlayers; i++)
		conf_layer_fini(&c->layers[i]);
	free(c->layers);
	free(c->engine);
	free(c);
}

int conf_engine(struct conf *c, const char *name)
{
	char *copy;

	if (!conf_is_name(name))
		return -EINVAL;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(c->engine);
	c->engine = copy;
	return 0;
}

/* Room for one more element behind `count`; the new one is zero. */
static void *grow(void *array, size_t count, size_t size)
{
	void *p = array;

	/* Powers of two only: the array is full when count is one. */
	if (!count || !(count & (count - 1)))
		p = reallocarray(array, count ? count * 2 : 1, size);
	if (p)
		memset((char *)p + count * size, 0, size);
	return p;
}

int conf_option_add(struct conf_option *o, const char *text, size_t len)
{
	char **items = grow(o->items, o->count, sizeof(*items));

	if (!items)
		return -ENOMEM;
	o->items = items;
	items[o->count] = strndup(text, len);
	if (!items[o->count])
		return -ENOMEM;
	o->count++;
	return 0;
}

int conf_layer_add(struct conf_layer *l, const char *where, const char *name, struct conf_option **out, char *why,
		   size_t len)
{
	struct conf_option *options, *o;

	if (!conf_is_name(name))
		return conf_fail(why, len, where, "\"%.*s\" is no name of an option (a-z, 0-9, '-'; at most %u)",
				 CONF_SHOWN, name, CONF_MAX_NAME);
	for (size_t i = 0; i < l->count; i++)
		if (!strcmp(l->options[i].name, name))
			return conf_fail(why, len, where, "layer %.*s has option %s twice; remove one", CONF_SHOWN,
					 l->plugin, name);
	if (l->count == CONF_MAX_OPTIONS)
		return conf_fail(why, len, where, "layer %.*s has more than %u options", CONF_SHOWN, l->plugin,
				 CONF_MAX_OPTIONS);
	options = grow(l->options, l->count, sizeof(*options));
	if (!options)
		return conf_no_memory(why, len);
	l->options = options;
	o = &options[l->count++];
	o->name = strdup(name);
	o->where = strdup(where);
	if (!o->name || !o->where)
		return conf_no_memory(why, len);
	*out = o;
	return 0;
}

int conf_layer_init(struct conf_layer *l, const char *where, const char *plugin, char *why, size_t len)
{
	memset(l, 0, sizeof(*l));
	if (!conf_is_name(plugin) && !strchr(plugin, '/'))
		return conf_fail(why, len, where,
				 "\"%.*s\" is no name of a layer (a-z, 0-9, '-'; at most %u; or a plugin's path with a '/')",
				 CONF_SHOWN, plugin, CONF_MAX_NAME);
	l->plugin = strdup(plugin);
	l->where = strdup(where);
	if (!l->plugin || !l->where)
		return conf_no_memory(why, len);
	return 0;
}

int conf_push(struct conf *c, const struct conf_layer *l, char *why, size_t len)
{
	struct conf_layer *layers;

	if (c->nlayers == VMMD_MAX_LAYERS)
		return conf_fail(why, len, l->where, "more than %d layers", VMMD_MAX_LAYERS);
	layers = grow(c->layers, c->nlayers, sizeof(*layers));
	if (!layers)
		return conf_no_memory(why, len);
	c->layers = layers;
	layers[c->nlayers++] = *l;
	return 0;
}

/* Copy up to an unescaped one of `stops`; `*s` is left there. NULL: no memory. */
static char *unescape(const char **s, const char *stops)
{
	char *copy = malloc(strlen(*s) + 1), *d = copy;

	if (!copy)
		return NULL;
	while (**s && !strchr(stops, **s)) {
		if (**s == '\\' && (*s)[1] && strchr(",+=\\", (*s)[1]))
			++*s;
		*d++ = *(*s)++;
	}
	*d = '\0';
	return copy;
}

int conf_split(struct conf_option *o, const char **s, const char *stops)
{
	char both[8];
	int rc;

	snprintf(both, sizeof(both), "+%s", stops);
	for (;; ++*s) {
		char *item = unescape(s, both);

		rc = item ? conf_option_add(o, item, strlen(item)) : -ENOMEM;
		free(item);
		if (rc || **s != '+')
			return rc;
		o->is_list = true;
	}
}

/* "key=value+value", "key=value" or "key"; a bare key has no items. `*s` is left at ',' or the end. */
static int spec_option(struct conf_layer *l, const char *where, const char **s, char *why, size_t len)
{
	struct conf_option *o = NULL;
	char *name = unescape(s, ",=");
	int rc;

	if (!name)
		return conf_no_memory(why, len);
	if (!name[0])
		rc = conf_fail(why, len, where, "an option has no name; expected NAME[,key=value]... (\"\\,\" is a plain comma)");
	else
		rc = conf_layer_add(l, where, name, &o, why, len);
	free(name);
	if (rc || **s != '=')
		return rc;
	++*s;
	return conf_split(o, s, ",") ? conf_no_memory(why, len) : 0;
}

static int spec_layer(struct conf_layer *l, const char *where, const char *spec, char *why, size_t len)
{
	const char *s = spec;
	char *name = unescape(&s, ",");
	int rc;

	if (!name)
		return conf_no_memory(why, len);
	rc = conf_layer_init(l, where, name, why, len);
	free(name);
	while (!rc && *s) {
		s++;
		rc = spec_option(l, where, &s, why, len);
	}
	return rc;
}

int conf_layer(struct conf *c, const char *spec, char *why, size_t len)
{
	struct conf_layer l = { .plugin = NULL };
	size_t size = strlen(spec);
	char where[128];
	int rc;

	snprintf(where, sizeof(where), "-l %.*s%s: ", size > 100 ? 100 : (int)size, spec, size > 100 ? "..." : "");
	if (size > CONF_MAX_TEXT)
		return conf_fail(why, len, where, "the text is longer than %u bytes", CONF_MAX_TEXT);
	rc = spec_layer(&l, where, spec, why, len);
	if (!rc)
		rc = conf_push(c, &l, why, len);
	if (rc)
		conf_layer_fini(&l);
	return rc;
}
