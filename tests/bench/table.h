/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - the result of a benchmark run: rows beside their budgets.
 *
 * A row compares a base with what vmmd takes; `value` is what the budget
 * limits. NAN stands for "there is none". Texts are part of it.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum table_unit { UNIT_RATIO, UNIT_NS, UNIT_CALLS, UNIT_BYTES };

struct table_row {
	char key[64];  /* its name in JSON */
	char what[64]; /* … and in the table */
	double base;	  /* ns per call without vmmd */
	double ours;	  /* … and with it */
	enum table_unit unit;
	double value;
	double low, high; /* first and last decile of the rounds; NAN: measured once */
	double budget;	  /* NAN: the row is there for comparison only */
	char why[160];	  /* not measured, because; empty: it is */
};

#define TABLE_ROWS 128

struct table {
	struct table_row row[TABLE_ROWS];
	size_t count;
	unsigned rounds;
};

void table_add(struct table *, const struct table_row *);
void table_print(const struct table *);
json_t *table_json(const struct table *);
/* A line about this machine. */
void table_host(char *text, size_t len);
/* The number of rows over their budget. */
unsigned table_over(const struct table *);

/* The q-quantile (0..1) of n values, which it sorts. */
double quantile(double *values, size_t n, double q);

#endif
