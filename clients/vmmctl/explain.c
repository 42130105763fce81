// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * explain.c - vmmctl explain: how each call is stopped, and which layer forced it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "clients/vmmctl/cmd.h"
#include "clients/vmmctl/table.h"

#define INDENT 4

static const char explain_help[] =
	"Usage: vmmctl explain [-l LAYER[,KEY=VALUE…]]… [-e ENGINE] [--json] [FILE]\n"
	"Say which engine a configuration gets and why no cheaper one, how each system\n"
	"call is stopped, and which layer forced that. Nothing is run.\n"
	"\n"
	"  -l, --layer LAYER      a further, outermost layer\n"
	"  -e, --engine ENGINE    instead of what the file says\n"
	"      --json             as JSON, with one object for each call\n"
	"      --help             show this text\n"
	"\n"
	"  native   it does not stop\n"
	"  errno    the kernel refuses it; it does not stop\n"
	"  notify   a seccomp notification: only its entry can be seen\n"
	"  trace    a ptrace stop: it can be changed, and its exit seen\n"
	"  … below  … if one of its paths is there, else native\n";

/* From the dearest to the cheapest. */
static const char *const mechanisms[] = {"trace", "notify", "errno", "native"};

static const struct table_column layer_columns[] = {
	{"layer", "LAYER", false, false},
	{"confines", "CONFINES", false, false},
	{"told", "IS TOLD OF", false, false},
	{NULL, NULL, false, false},
};

static const char *string(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void print(const json_t *o, const char *before, const char *key, const char *after)
{
	fputs(before, stdout);
	cmd_print(stdout, string(o, key));
	fputs(after, stdout);
}

/* ------------------------------------------------------------------- the calls */

static void print_wants(const json_t *wants)
{
	const char *layer, *sep = " (";
	json_t *what;

	json_object_foreach((json_t *)wants, layer, what) {
		char *text = table_text(what);

		printf("%s%s: ", sep, layer);
		cmd_print(stdout, text ? text : "");
		free(text);
		sep = "; ";
	}
	if (json_object_size(wants))
		putchar(')');
}

static void print_below(const json_t *below)
{
	json_t *dir;
	size_t i;

	json_array_foreach((json_t *)below, i, dir) {
		fputs(i ? " " : " below ", stdout);
		cmd_print(stdout, json_string_value(dir));
	}
}

/* "trace below /x, forced by a[1] (a[1]: entry exit; b[0]: entry)" */
static void print_answer(const json_t *a)
{
	const json_t *then = json_object_get(a, "then"), *but = json_object_get(a, "but");

	print(a, "", "mechanism", "");
	if (json_object_get(a, "errno"))
		print(a, " ", "errno", "");
	print_below(json_object_get(a, "below"));
	if (json_object_get(a, "layer"))
		print(a, ", forced by ", "layer", "");
	else if (json_object_get(a, "why") && !but)
		print(a, ", by the engine: ", "why", "");
	print_wants(json_object_get(a, "wants"));
	if (then) {
		print(then, ", then errno ", "errno", "");
		print(then, " by ", "layer", "");
	}
	if (but) {
		print(but, ", but errno ", "errno", "");
		print(but, " with ", "with", "");
		print(a, ": ", "why", "");
	}
	putchar('\n');
}

/* Names, wrapped for a terminal only. */
static void print_calls(const json_t *calls, int width)
{
	int column = 0;
	json_t *call;
	size_t i;

	json_array_foreach((json_t *)calls, i, call) {
		const char *name = json_integer_value(json_object_get(call, "nr")) < 0 ? "and all other numbers" :
											 string(call, "call");
		int len = (int)strlen(name);

		if (!i || (width && column + 1 + len > width)) {
			printf("%s%*s", i ? "\n" : "", INDENT, "");
			column = INDENT;
		} else {
			putchar(' ');
			column++;
		}
		cmd_print(stdout, name);
		column += len;
	}
	putchar('\n');
}

static int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 2 * INDENT ? size.ws_col : 80;
}

/* The groups of one mechanism that a layer has forced, or those that are the engine's own. */
static void print_some(const json_t *groups, const char *mechanism, bool forced, int width)
{
	json_t *group;
	size_t i;

	json_array_foreach((json_t *)groups, i, group) {
		const json_t *answer = json_object_get(group, "answer");

		if (strcmp(string(answer, "mechanism"), mechanism) != 0 || !json_object_get(answer, "layer") == forced)
			continue;
		print_answer(answer);
		print_calls(json_object_get(group, "calls"), width);
	}
}

static void print_groups(const json_t *groups)
{
	int width = terminal_width();
	size_t n = sizeof(mechanisms) / sizeof(mechanisms[0]), i;

	for (i = 0; i < 2 * n; i++)
		print_some(groups, mechanisms[i % n], i < n, width);
	puts("native: everything else");
}

/* ---------------------------------------------------------------- everything */

static void print_layers(const json_t *layers)
{
	json_t *rows = json_deep_copy(layers), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *told = json_object_get(row, "events");

		if (json_is_true(json_object_get(row, "inherits")))
			json_array_append_new(told, json_string("children"));
		if (json_array_size(told))
			json_object_set(row, "told", told);
		else
			json_object_set_new(row, "told", json_string("nothing"));
	}
	table_print(stdout, rows, layer_columns);
	json_decref(rows);
}

static int explain_print(json_t *reply)
{
	json_t *row;
	size_t i;

	print(reply, "engine ", "engine", "\n");
	json_array_foreach(json_object_get(reply, "cheaper"), i, row) {
		print(row, "not ", "engine", "");
		print(row, ": ", "why", "\n");
	}
	if (json_is_true(json_object_get(reply, "every_call")))
		puts("on-failure: release leaves no filter: every call of every task stops");
	printf("system calls of other ABIs: %s\n",
	       strcmp(string(reply, "foreign_abi"), "native") ? "errno ENOSYS" : "native");
	putchar('\n');
	if (json_array_size(json_object_get(reply, "layers"))) {
		print_layers(json_object_get(reply, "layers"));
		putchar('\n');
	}
	print_groups(json_object_get(reply, "groups"));
	json_decref(reply);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

/* The groups as "calls", one object for each. Takes `reply`. */
static json_t *one_by_one(json_t *reply)
{
	json_t *all = json_array(), *group, *call;
	size_t i, k;

	json_array_foreach(json_object_get(reply, "groups"), i, group) {
		json_array_foreach(json_object_get(group, "calls"), k, call) {
			json_object_update(call, json_object_get(group, "answer"));
			json_array_append(all, call);
		}
	}
	json_object_del(reply, "groups");
	json_object_set_new(reply, "calls", all);
	return reply;
}

int cmd_explain(const struct ctl *ctl, int argc, char **argv)
{
	struct cmd_config a = {0};
	int ret;
	json_t *reply = cmd_ask_config(ctl, argc, argv, explain_help, &a, &ret);

	if (!reply)
		return ret;
	return a.json ? cmd_print_json(one_by_one(reply)) : explain_print(reply);
}
