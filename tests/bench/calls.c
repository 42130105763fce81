/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calls.c - what everyday calls cost under everybody.
 *
 * One subject runs under each for the whole time, in a cgroup of its own where
 * that is allowed, and sleeps when it is not asked. Nothing is bound to a CPU.
 */
#include "tests/bench/bench.h"
#include "tests/bench/side.h"
#include "tests/bench/timed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int start(const struct bench *b, const struct who *w, struct side *s)
{
	char subject[PATH_MAX + 16], *argv[WHO_WORDS + 2] = { NULL };
	int r;

	snprintf(subject, sizeof(subject), "%s/subject", b->dir);
	memcpy(argv, w->prefix, sizeof(w->prefix));
	argv[w->words] = subject;
	r = side_start_counted(s, argv);
	/* Without a cgroup the watcher's time is asked for by itself. */
	if (!r && !s->cg.dir[0] && (w->kind == WHO_BARE || w->kind == WHO_VMMD))
		r = side_find_watcher(s, b->vmmctl);
	return r;
}

static void measure_cell(struct bench *b, struct side *s, size_t row, size_t c)
{
	struct matrix *m = &b->calls;
	struct side_timed t;
	int r;

	if (m->who->who[row].why[0] || m->error[row][c][0])
		return;
	r = s->to ? side_time(s, m->column_key[c], b->call_ms, &t) : -EPIPE;
	if (*b->stop)
		return;
	if (r) {
		matrix_error(m, row, c, r == -EPROTO ? "the result is not the native one" : strerror(-r));
		if (r != -EPROTO)
			side_stop(s);
		return;
	}
	m->s[m->rounds][row][c] = (struct sample){ t.wall, t.cpu };
}

int calls_measure(struct bench *b)
{
	struct matrix *m = &b->calls;
	static struct side side[WHO_MAX];
	double begun = timed_now();
	int r;

	for (; timed_names[m->columns]; m->columns++)
		m->column_key[m->columns] = timed_names[m->columns];
	for (size_t i = 0; i < b->who.count; i++) {
		r = b->who.who[i].why[0] || *b->stop ? 0 : start(b, &b->who.who[i], &side[i]);
		if (r) {
			fprintf(stderr, "bench: %s: %s\n", b->who.who[i].what, strerror(-r));
			side_stop(&side[i]);
		}
	}
	while (!*b->stop && m->rounds < b->rounds &&
	       (!m->rounds || timed_now() - begun < b->call_s * 1e9)) {
		for (size_t c = 0; c < m->columns; c++)
			for (size_t i = 0; i < b->who.count && !*b->stop; i++) {
				size_t row = (i + m->rounds) % b->who.count;

				measure_cell(b, &side[row], row, c);
			}
		m->rounds++;
	}
	for (size_t i = 0; i < b->who.count; i++)
		side_stop(&side[i]);
	return 0;
}
