/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * matrix.c - samples in, medians and ratios out.
 */
#include "tests/bench/matrix.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/table.h"

int matrix_init(struct matrix *m, const char *key, const char *title, const struct who_list *who)
{
	memset(m, 0, sizeof(*m));
	m->key = key;
	m->title = title;
	m->who = who;
	m->s = calloc(MATRIX_ROUNDS, sizeof(*m->s));
	return m->s ? 0 : -ENOMEM;
}

void matrix_fini(struct matrix *m)
{
	free(m->s);
	m->s = NULL;
}

void matrix_error(struct matrix *m, size_t row, size_t column, const char *why)
{
	snprintf(m->error[row][column], sizeof(m->error[row][column]), "%s", why);
	fprintf(stderr, "bench: %s, %s: %s\n", m->who->who[row].what, m->column_key[column], why);
}

bool matrix_has(const struct matrix *m, size_t row, size_t column)
{
	return m->rounds && !m->who->who[row].why[0] && !m->error[row][column][0] &&
	       !m->error[0][column][0];
}

int matrix_column(const struct matrix *m, const char *key)
{
	for (size_t i = 0; i < m->columns; i++)
		if (!strcmp(m->column_key[i], key))
			return (int)i;
	return -1;
}

static double value(const struct sample *s, enum matrix_of of)
{
	return of == MATRIX_WALL ? s->wall : s->cpu;
}

double matrix_time(const struct matrix *m, enum matrix_of of, size_t row, size_t column)
{
	double v[MATRIX_ROUNDS];

	for (unsigned r = 0; r < m->rounds; r++)
		v[r] = value(&m->s[r][row][column], of);
	return m->rounds ? quantile(v, m->rounds, 0.5) : NAN;
}

double matrix_ratio(const struct matrix *m, enum matrix_of of, size_t row, size_t column)
{
	double v[MATRIX_ROUNDS];

	for (unsigned r = 0; r < m->rounds; r++)
		v[r] = value(&m->s[r][row][column], of) / value(&m->s[r][0][column], of);
	return m->rounds ? quantile(v, m->rounds, 0.5) : NAN;
}

double matrix_overhead(const struct matrix *m, enum matrix_of of, size_t row, size_t other,
		       size_t column)
{
	double mine[MATRIX_ROUNDS], theirs[MATRIX_ROUNDS], base;

	for (unsigned r = 0; r < m->rounds; r++) {
		double native = value(&m->s[r][0][column], of);

		mine[r] = value(&m->s[r][row][column], of) - native;
		theirs[r] = value(&m->s[r][other][column], of) - native;
	}
	base = m->rounds ? quantile(theirs, m->rounds, 0.5) : 0;
	return base > 0 ? quantile(mine, m->rounds, 0.5) / base : NAN;
}

unsigned matrix_errors(const struct matrix *m)
{
	unsigned n = 0;

	for (size_t row = 0; m->s && row < m->who->count; row++)
		for (size_t c = 0; c < m->columns; c++)
			n += m->error[row][c][0] != '\0';
	return n;
}

static void print_time(double ns)
{
	if (ns < 1e3)
		printf("%6.0f ns", ns);
	else if (ns < 1e6)
		printf("%6.1f µs", ns / 1e3);
	else
		printf("%6.1f ms", ns / 1e6);
}

static void print_rows(const struct matrix *m, enum matrix_of of)
{
	for (size_t row = 0; row < m->who->count; row++) {
		const struct who *w = &m->who->who[row];

		printf("%-32s", w->what);
		if (w->why[0])
			printf("  %s", w->why);
		for (size_t c = 0; c < m->columns && !w->why[0]; c++)
			if (!matrix_has(m, row, c))
				printf("%9s", "ERROR");
			else if (!row)
				print_time(matrix_time(m, of, row, c));
			else
				printf("%7.2f ×", matrix_ratio(m, of, row, c));
		printf("\n");
	}
}

void matrix_print(const struct matrix *m)
{
	static const char *const of[] = { "wall time", "processor time" };

	for (int i = MATRIX_WALL; i <= MATRIX_CPU; i++) {
		printf("\n%s, %s; medians of %u rounds\n\n%-32s", m->title, of[i], m->rounds, "");
		for (size_t c = 0; c < m->columns; c++)
			printf("%9s", m->column_key[c]);
		printf("\n");
		print_rows(m, (enum matrix_of)i);
	}
}

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *cell_json(const struct matrix *m, size_t row, size_t c)
{
	if (!matrix_has(m, row, c))
		return json_pack("{s:s}", "error",
				 m->error[row][c][0] ? m->error[row][c] : "not measured");
	return json_pack("{s:o, s:o, s:o, s:o}",
			 "wall_ns", number(matrix_time(m, MATRIX_WALL, row, c)),
			 "wall_ratio", number(matrix_ratio(m, MATRIX_WALL, row, c)),
			 "cpu_ns", number(matrix_time(m, MATRIX_CPU, row, c)),
			 "cpu_ratio", number(matrix_ratio(m, MATRIX_CPU, row, c)));
}

json_t *matrix_json(const struct matrix *m)
{
	json_t *rows = json_array();

	for (size_t row = 0; row < m->who->count; row++) {
		const struct who *w = &m->who->who[row];
		json_t *o = json_pack("{s:s, s:s}", "key", w->key, "what", w->what);

		if (w->why[0])
			json_object_set_new(o, "not_measured", json_string(w->why));
		for (size_t c = 0; c < m->columns && !w->why[0]; c++)
			json_object_set_new(o, m->column_key[c], cell_json(m, row, c));
		json_array_append_new(rows, o);
	}
	return json_pack("{s:i, s:o}", "rounds", (int)m->rounds, "rows", rows);
}
