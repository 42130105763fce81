/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * matrix.h - samples of several measurements under everybody of a list, and how they print.
 *
 * Row 0 is native. What is printed is, for each, the median over the rounds of
 * the ratio to the native sample of the same round; for row 0 the median time.
 */
#ifndef BENCH_MATRIX_H
#define BENCH_MATRIX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/who.h"

#define MATRIX_COLUMNS 16
#define MATRIX_ROUNDS 64

struct sample {
	double wall, cpu; /* ns */
};

struct matrix {
	const char *key;   /* in JSON */
	const char *title; /* in the table */
	const struct who_list *who;
	size_t columns;
	const char *column_key[MATRIX_COLUMNS]; /* also the heads of the table: short */
	unsigned rounds;			/* so far */
	struct sample (*s)[WHO_MAX][MATRIX_COLUMNS];
	char error[WHO_MAX][MATRIX_COLUMNS][80]; /* not measured, because; empty: measured */
};

enum matrix_of { MATRIX_WALL, MATRIX_CPU };

int matrix_init(struct matrix *, const char *key, const char *title, const struct who_list *);
void matrix_fini(struct matrix *);
void matrix_error(struct matrix *, size_t row, size_t column, const char *why);
bool matrix_has(const struct matrix *, size_t row, size_t column);
/* Column by its key; -1: there is none. */
int matrix_column(const struct matrix *, const char *key);
/* Medians over the rounds: time; ratio to native. */
double matrix_time(const struct matrix *, enum matrix_of, size_t row, size_t column);
double matrix_ratio(const struct matrix *, enum matrix_of, size_t row, size_t column);
/* … and what `row` takes beyond native as a share of what `other` does; NAN: that is nothing. */
double matrix_overhead(const struct matrix *, enum matrix_of, size_t row, size_t other, size_t column);
/* Cells that ought to have been measured and were not. */
unsigned matrix_errors(const struct matrix *);
void matrix_print(const struct matrix *);
json_t *matrix_json(const struct matrix *);

#endif
