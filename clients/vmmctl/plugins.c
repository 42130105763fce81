// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plugins.c - vmmctl plugins and check: what can be configured, and whether it is right.
 */
#include <stdlib.h>
#include <string.h>
#include "clients/vmmctl/cmd.h"
#include "clients/vmmctl/table.h"

/* ------------------------------------------------------------------- plugins */

static const char plugins_help[] =
	"Usage: vmmctl plugins [--json] [NAME]\n"
	"List the plugins that layers can be made of, or the options of one.\n"
	"\n"
	"      --json    as JSON\n"
	"      --help    show this text\n";

static const struct table_column plugin_columns[] = {
	{"name", "NAME", false, false},
	{"version", "VERSION", false, false},
	{"summary", "SUMMARY", false, true},
	{NULL, NULL, false, false},
};

static const struct table_column option_columns[] = {
	{"name", "OPTION", false, false},    {"type", "TYPE", false, false},
	{"default", "DEFAULT", false, false}, {"choices", "CHOICES", false, false},
	{"help", "WHAT IT DOES", false, true}, {NULL, NULL, false, false},
};

static const json_t *find(const json_t *plugins, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)plugins, i, row) {
		const char *have = json_string_value(json_object_get(row, "name"));

		if (have && !strcmp(have, name))
			return row;
	}
	return NULL;
}

/* Plugins that could not be loaded have only "name" and "error". */
static void list(const json_t *plugins)
{
	json_t *good = json_array(), *row;
	size_t i;

	json_array_foreach((json_t *)plugins, i, row)
		if (!json_object_get(row, "error"))
			json_array_append(good, row);
	table_print(stdout, good, plugin_columns);
	json_decref(good);
	fflush(stdout);
	json_array_foreach((json_t *)plugins, i, row)
		if (json_is_string(json_object_get(row, "error")))
			cmd_fail("%s", json_string_value(json_object_get(row, "error")));
}

static void describe(const json_t *plugin)
{
	static const char *const keys[] = {"name", "version", "summary", "file"};
	const json_t *options = json_object_get(plugin, "options");
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char *text = table_text(json_object_get(plugin, keys[i]));

		printf("%-8s ", keys[i]);
		cmd_print(stdout, text ? text : "");
		putchar('\n');
		free(text);
	}
	putchar('\n');
	if (json_array_size(options))
		table_print(stdout, options, option_columns);
	else
		puts("It takes no options.");
}

int cmd_plugins(const struct ctl *ctl, int argc, char **argv)
{
	bool json = false;
	int ret = cmd_options(argc, argv, plugins_help, 0, 1, &json, NULL);
	const char *name = optind < argc ? argv[optind] : NULL;
	const json_t *plugins, *one = NULL;
	json_t *reply;
	struct vmmctl *c;

	if (ret >= 0)
		return ret;
	if (cmd_open_any(ctl, &c))
		return CMD_FAILED;
	ret = vmmctl_call(c, "plugins", NULL, &reply);
	if (ret)
		cmd_fail("%s", vmmctl_error(c));
	vmmctl_close(c);
	if (ret)
		return CMD_FAILED;
	plugins = json_object_get(reply, "plugins");
	if (name)
		one = find(plugins, name);
	if (name && !one)
		ret = cmd_fail("no plugin '%s'", name);
	else if (one && json_object_get(one, "error"))
		ret = cmd_fail("%s", json_string_value(json_object_get(one, "error")));
	else if (json)
		ret = cmd_print_json(json_incref((json_t *)(one ? one : plugins)));
	else if (one)
		describe(one);
	else
		list(plugins);
	json_decref(reply);
	return fflush(stdout) ? CMD_FAILED : ret;
}

/* --------------------------------------------------------------------- check */

static const char check_help[] =
	"Usage: vmmctl check [-l LAYER[,KEY=VALUE…]]… [-e ENGINE] [--json] [FILE]\n"
	"Check a configuration as `vmmctl run` would read it, without running anything:\n"
	"syntax, plugins, their options, and whether an engine can do what they need.\n"
	"\n"
	"  -l, --layer LAYER      a further, outermost layer\n"
	"  -e, --engine ENGINE    instead of what the file says\n"
	"      --json             the result as JSON\n"
	"      --help             show this text\n";

static int check_print(json_t *reply, const struct cmd_config *a)
{
	char *engine = table_text(json_object_get(reply, "engine"));
	char *layers = table_text(json_object_get(reply, "layers"));

	printf("%s: ok, engine ", a->file ? a->file : "command line");
	cmd_print(stdout, engine ? engine : "");
	fputs(", layers (innermost first): ", stdout);
	cmd_print(stdout, layers && *layers ? layers : "none");
	putchar('\n');
	free(engine);
	free(layers);
	json_decref(reply);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

int cmd_check(const struct ctl *ctl, int argc, char **argv)
{
	struct cmd_config a = {0};
	int ret;
	json_t *reply = cmd_ask_config(ctl, argc, argv, check_help, &a, &ret);

	if (!reply)
		return ret;
	return a.json ? cmd_print_json(reply) : check_print(reply, &a);
}
