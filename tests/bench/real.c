/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * real.c - real work under everybody, its output compared with the native one.
 */
#include "tests/bench/bench.h"
#include "tests/bench/timed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two trees in one session keep two CPUs busy: on one CPU they would take twice as long. */
#define TREES_BUDGET 1.25
#define WORK_BUDGET 2.0
#define PEER_BUDGET 0.5

static void measure_cell(struct bench *b, size_t row, size_t c, const uint64_t *native)
{
	struct matrix *m = &b->work;
	const struct who *w = &m->who->who[row];
	uint64_t sum = 0;
	struct run run;
	int r;

	if (w->why[0] || m->error[row][c][0] || m->error[0][c][0])
		return;
	r = work_run(&b->place, &work_all[c], (const char *const *)w->prefix, &run, &sum);
	if (*b->stop)
		return;
	if (r)
		matrix_error(m, row, c, r == -EPROTO ? "it failed" : strerror(-r));
	else if (sum != *native)
		matrix_error(m, row, c, "the output is not the native one");
	else
		m->s[m->rounds][row][c] = (struct sample){ run.wall, run.cpu };
}

/* What the output must be; and the caches are warm. */
static void measure_native(struct bench *b, uint64_t *native)
{
	struct run run;

	for (size_t c = 0; c < b->work.columns && !*b->stop; c++) {
		int r = work_run(&b->place, &work_all[c], NULL, &run, &native[c]);

		if (r)
			matrix_error(&b->work, 0, c, r == -EPROTO ? "it failed" : strerror(-r));
	}
}

int real_measure(struct bench *b)
{
	struct matrix *m = &b->work;
	uint64_t native[MATRIX_COLUMNS];
	double begun, took = 0;

	for (; work_all[m->columns].key; m->columns++)
		m->column_key[m->columns] = work_all[m->columns].key;
	measure_native(b, native);
	while (!*b->stop && m->rounds < b->work_rounds &&
	       (!m->rounds || timed_now() + took < b->deadline)) {
		begun = timed_now();
		for (size_t c = 0; c < m->columns; c++)
			for (size_t i = 0; i < b->who.count && !*b->stop; i++)
				measure_cell(b, (i + m->rounds) % b->who.count, c, &native[c]);
		took = timed_now() - begun;
		m->rounds++;
	}
	return 0;
}

static void add(struct bench *b, const struct who *w, const char *key, const char *what, double value,
		double budget)
{
	struct table_row row = { .base = NAN, .ours = NAN, .unit = UNIT_RATIO, .value = value,
				 .low = NAN, .high = NAN, .budget = budget };
	const char *engine = b->who.engine[w->engine].name;

	snprintf(row.key, sizeof(row.key), "%s.work.%s", engine, key);
	snprintf(row.what, sizeof(row.what), "%s: %s", engine, what);
	if (isnan(value))
		snprintf(row.why, sizeof(row.why), "cannot be compared");
	table_add(&b->table, &row);
}

static void add_work(struct bench *b, size_t row, size_t peer)
{
	static const char *const walls[] = { "find", "status", "make", "trees" };
	const struct matrix *m = &b->work;
	const struct who *w = &m->who->who[row];
	char key[48], what[64];

	for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++) {
		int c = matrix_column(m, walls[i]);
		bool trees = !strcmp(walls[i], "trees");

		snprintf(what, sizeof(what), "%s, wall × native", walls[i]);
		add(b, w, walls[i], what,
		    matrix_has(m, row, (size_t)c) ? matrix_ratio(m, MATRIX_WALL, row, (size_t)c) : NAN,
		    trees ? TREES_BUDGET : WORK_BUDGET);
	}
	for (size_t c = 0; c < m->columns && peer < m->who->count; c++) {
		bool both = matrix_has(m, row, c) && matrix_has(m, peer, c);

		if (work_all[c].placement)
			continue;
		snprintf(key, sizeof(key), "%s_peer", m->column_key[c]);
		snprintf(what, sizeof(what), "%s, CPU over %s's", m->column_key[c],
			 m->who->who[peer].key);
		add(b, w, key, what, both ? matrix_overhead(m, MATRIX_CPU, row, peer, c) : NAN,
		    PEER_BUDGET);
	}
}

void real_budgets(struct bench *b)
{
	size_t peer = 0;

	while (peer < b->who.count && (strcmp(b->who.who[peer].key, "proot") || b->who.who[peer].why[0]))
		peer++;
	for (size_t row = 0; row < b->who.count; row++)
		if (b->who.who[row].stack == 'b' && !b->who.who[row].why[0])
			add_work(b, row, peer);
}
