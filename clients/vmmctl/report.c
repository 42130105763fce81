// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - the counters of a session for people, on one screen.
 */
#include <stdlib.h>
#include <string.h>
#include "clients/vmmctl/cmd.h"
#include "clients/vmmctl/table.h"

#define BAR 40

static const struct table_column layer_columns[] = {
	{"layer", "LAYER", true, false},	{"name", "NAME", false, false},
	{"asked.entry", "ENTRY", true, false},	{"asked.exit", "EXIT", true, false},
	{"asked.signal", "SIGNAL", true, false}, {"asked.exec", "EXEC", true, false},
	{"asked.task_new", "NEW", true, false}, {"asked.task_exit", "END", true, false},
	{"rewritten", "REWRITTEN", true, false}, {"replied", "REPLIED", true, false},
	{"reissued", "REISSUED", true, false},	{"suspended", "SUSPENDED", true, false},
	{"waiting", "WAITING", true, false},	{"failed", "FAILED", true, false},
	{NULL, NULL, false, false},
};

static const struct table_column task_columns[] = {
	{"tid", "TID", true, false},	 {"tgid", "PROCESS", true, false}, {"parent", "PARENT", true, false},
	{"state", "STATE", false, false}, {"call", "CALL", false, false},  {"layer", "AT LAYER", false, false},
	{NULL, NULL, false, false},
};

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void print_text(FILE *f, const json_t *o, const char *key)
{
	char *text = table_text(json_object_get(o, key));

	cmd_print(f, text ? text : "");
	free(text);
}

/* 512 -> "512 ns", 2097152 -> "2.1 ms" */
static const char *duration(json_int_t ns, char buf[32])
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double v = (double)ns;
	int u = 0;

	while (v >= 1000 && u < 3) {
		v /= 1000;
		u++;
	}
	snprintf(buf, 32, "%.*f %s", v < 10 && u ? 1 : 0, v, units[u]);
	return buf;
}

static void print_latency(FILE *f, const json_t *buckets)
{
	json_int_t max = 1;
	json_t *b;
	size_t i;

	json_array_foreach((json_t *)buckets, i, b)
		if (number(b, "count") > max)
			max = number(b, "count");
	fputs("\nTime of one event in the daemon, time suspended not counted:\n", f);
	json_array_foreach((json_t *)buckets, i, b) {
		json_int_t from = number(b, "from_ns"), n = number(b, "count");
		int len = n > 0 ? (int)((double)n * BAR / (double)max + 0.5) : 0;
		char lo[32], hi[32];

		fprintf(f, "  %7s to %-7s %10" JSON_INTEGER_FORMAT "  %.*s\n", duration(from, lo),
			duration(2 * from, hi), n, len, "########################################");
	}
}

/* What the layers count themselves, one line each. */
static void print_counters(FILE *f, const json_t *layers)
{
	json_t *layer;
	size_t i;

	json_array_foreach((json_t *)layers, i, layer) {
		if (json_object_size(json_object_get(layer, "counters")) == 0)
			continue;
		fputs("  ", f);
		print_text(f, layer, "name");
		fputs(" (layer ", f);
		print_text(f, layer, "layer");
		fputs("): ", f);
		print_text(f, layer, "counters");
		fputc('\n', f);
	}
}

void report_print(FILE *f, const json_t *r)
{
	const json_t *layers = json_object_get(r, "layers"), *tasks = json_object_get(r, "tasks");

	fputs("engine ", f);
	print_text(f, r, "engine");
	fputs(", on-failure ", f);
	print_text(f, r, "on_failure");
	fprintf(f, ", first process %" JSON_INTEGER_FORMAT "%s\n", number(r, "first"),
		json_is_true(json_object_get(r, "first_gone")) ? " (ended)" : "");
	fprintf(f,
		"tasks: %" JSON_INTEGER_FORMAT " now, %" JSON_INTEGER_FORMAT " at most, %" JSON_INTEGER_FORMAT
		" ever; %" JSON_INTEGER_FORMAT " suspended; %" JSON_INTEGER_FORMAT " bytes each in the daemon\n",
		number(r, "tasks_now"), number(r, "tasks_max"), number(r, "tasks_ever"), number(r, "suspended"),
		number(r, "task_bytes"));
	fprintf(f, "stops: %" JSON_INTEGER_FORMAT "; events: ", number(r, "stops"));
	print_text(f, r, "events");
	fputs("\n\nLayers, innermost first:\n", f);
	if (json_array_size(layers))
		table_print(f, layers, layer_columns);
	else
		fputs("  none\n", f);
	print_counters(f, layers);
	if (json_array_size(json_object_get(r, "latency")))
		print_latency(f, json_object_get(r, "latency"));
	if (json_array_size(tasks)) {
		fputc('\n', f);
		table_print(f, tasks, task_columns);
	}
}
