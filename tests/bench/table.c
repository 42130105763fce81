/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c - print what was measured, for people and for programs.
 */
#include "tests/bench/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

void table_add(struct table *t, const struct table_row *row)
{
	if (t->count < TABLE_ROWS)
		t->row[t->count++] = *row;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double quantile(double *values, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t i = (size_t)at;

	qsort(values, n, sizeof(*values), by_value);
	if (i + 1 >= n)
		return values[n - 1];
	return values[i] + (values[i + 1] - values[i]) * (at - (double)i);
}

static bool over(const struct table_row *r)
{
	return !r->why[0] && !isnan(r->budget) && !(r->value <= r->budget);
}

unsigned table_over(const struct table *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += over(&t->row[i]);
	return n;
}

static void print_time(double ns)
{
	if (isnan(ns))
		printf("%11s", "");
	else if (ns < 1000)
		printf("%8.1f ns", ns);
	else
		printf("%8.2f µs", ns / 1000);
}

static void print_value(enum table_unit unit, double v)
{
	switch (unit) {
	case UNIT_RATIO:
		printf("%6.2f ×", v);
		break;
	case UNIT_NS:
		printf("%5.0f ns", v);
		break;
	case UNIT_CALLS:
		printf("%6.1f  ", v);
		break;
	case UNIT_BYTES:
		printf("%6.0f B", v);
		break;
	}
}

static void print_row(const struct table_row *r, bool colour)
{
	printf("%-40s", r->what);
	if (r->why[0]) {
		printf("  %s\n", r->why);
		return;
	}
	print_time(r->base);
	print_time(r->ours);
	print_value(r->unit, r->value);
	if (!isnan(r->budget)) {
		printf(" ≤");
		print_value(r->unit, r->budget);
		printf("  %s%s%s", !colour ? "" : over(r) ? "\033[31m" : "\033[32m",
		       over(r) ? "OVER" : "ok", colour ? "\033[0m" : "");
	}
	printf("\n");
}

void table_host(char *text, size_t len)
{
	struct utsname uts;
	double load = 0;

	uname(&uts);
	getloadavg(&load, 1);
	snprintf(text, len, "Linux %s %s, %ld CPUs, load %.1f", uts.release, uts.machine,
		 sysconf(_SC_NPROCESSORS_ONLN), load);
}

void table_print(const struct table *t)
{
	bool colour = isatty(1) && !getenv("NO_COLOR");

	printf("%-40s%11s%11s%8s%10s\n", "", "without", "vmmd", "", "budget");
	for (size_t i = 0; i < t->count; i++)
		print_row(&t->row[i], colour);
}

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

json_t *table_json(const struct table *t)
{
	static const char *const units[] = { "ratio", "ns", "calls", "bytes" };
	json_t *rows = json_array();

	for (size_t i = 0; i < t->count; i++) {
		const struct table_row *r = &t->row[i];
		json_t *o = json_pack("{s:s, s:s, s:s}", "key", r->key, "what", r->what, "unit",
				      units[r->unit]);

		if (r->why[0])
			json_object_set_new(o, "not_measured", json_string(r->why));
		json_object_set_new(o, "without_ns", number(r->base));
		json_object_set_new(o, "vmmd_ns", number(r->ours));
		json_object_set_new(o, "value", number(r->value));
		json_object_set_new(o, "low", number(r->low));
		json_object_set_new(o, "high", number(r->high));
		json_object_set_new(o, "budget", number(r->budget));
		if (!isnan(r->budget) && !r->why[0])
			json_object_set_new(o, "within", json_boolean(!over(r)));
		json_array_append_new(rows, o);
	}
	return rows;
}
