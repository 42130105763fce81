// SPDX-License-Identifier: GPL-2.0-or-later
/* plugins_list.c - all plugins that can be found, with their options, as JSON. */
#include "vmmd/plugin_loader.h"
#include "vmmd/plugins_list.h"

static const char *const type_names[] = {"bool", "int", "string", "choice", "duration", "list", "syscalls"};

static json_t *option(const struct vmmd_option *o)
{
	json_t *j = json_pack("{s:s, s:s, s:s?, s:s}", "name", o->name, "type", type_names[o->type], "default", o->def,
			      "help", o->help);

	if (j && o->choices) {
		json_t *a = json_array();

		for (const char *const *c = o->choices; *c; c++)
			json_array_append_new(a, json_string(*c));
		json_object_set_new(j, "choices", a);
	}
	return j;
}

static json_t *describe(const struct plugin *p)
{
	const struct vmmd_plugin *t = plugin_table(p);
	json_t *options = json_array();

	for (const struct vmmd_option *o = t->options; o && o->name; o++)
		json_array_append_new(options, option(o));
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", t->name, "version", t->version, "summary", t->summary,
			 "file", plugin_path(p), "options", options);
}

static void add(void *arg, const char *name)
{
	struct plugin *p;
	char why[512];

	if (plugin_get(&p, name, "", why, sizeof(why)) < 0) {
		json_array_append_new(arg, json_pack("{s:s, s:s}", "name", name, "error", why));
		return;
	}
	json_array_append_new(arg, describe(p));
	plugin_put(p);
}

json_t *plugins_list(void)
{
	json_t *all = json_array();

	plugin_each(add, all);
	return all;
}
