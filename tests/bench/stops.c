/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stops.c - what a stop costs under one engine, beside a loop written by hand.
 *
 * Every comparison runs its sides in turn, round by round, and compares within
 * a round; so a machine that gets slower or faster meanwhile changes no ratio.
 * A side that cannot be measured leaves a row that says why.
 */
#include "tests/bench/bench.h"
#include "tests/bench/side.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define WANTED SYS_getppid /* the call that stops */
#define UNWANTED SYS_getuid
#define ARGS 96
#define STRACE_MS 200 /* under strace, so for some thousand calls */

enum how { NATIVE, EMPTY_FILTER, BARE, BARE_EXIT, LAYERS, LAYERS_EXIT, PATH_LAYER };

/* One kind of subject; `layers` only with LAYERS*. */
struct kind {
	enum how how;
	unsigned layers;
};

/* One running subject of a kind, or why there is none. */
struct runner_side {
	struct side side;
	char why[sizeof(((struct table_row *)0)->why)];
};

/* One side, one system call, and what was measured: a column of samples. */
struct cell {
	struct runner_side *on;
	long nr;
	long calls;
	double ns[ROUNDS_MAX];
};

/* ------------------------------------------------------------------ sides */

/* The loop that has the mechanism which this engine uses for such a stop. */
static const char *bare_loop(const struct engine_info *e, bool at_exit)
{
	return strcmp(e->name, "ptrace") && !at_exit ? "bare_notify" : "bare_ptrace";
}

static int add_words(char **argv, int n, const char *const *words)
{
	while (*words)
		argv[n++] = (char *)*words++;
	return n;
}

static int prefix_vmmd(const struct bench *b, const struct engine_info *e, struct kind kind,
		       const char *layer, char **argv)
{
	const char *const run[] = { b->vmmctl, "run", "--private", "-e", e->name, NULL };
	const char *const one[] = { "-l", layer, NULL };
	int n = add_words(argv, 0, run);

	for (unsigned i = 0; i < kind.layers; i++)
		n = add_words(argv, n, one);
	argv[n++] = (char *)"--";
	return n;
}

/* Why this engine cannot have a layer that reads paths, if it was tried and cannot. */
static void refusal(const struct bench *b, const struct engine_info *e, struct runner_side *s)
{
	for (size_t i = 0; i < b->who.count; i++) {
		const struct who *w = &b->who.who[i];

		if (w->stack == 'd' && &b->who.engine[w->engine] == e)
			snprintf(s->why, sizeof(s->why), "%.*s", (int)sizeof(s->why) - 1, w->why);
	}
}

static void start(const struct bench *b, const struct engine_info *e, struct runner_side *s,
		  struct kind kind)
{
	char subject[PATH_MAX + 16], own[PATH_MAX + 16], layer[PATH_MAX + 64];
	char *argv[ARGS] = { NULL };
	bool at_exit = kind.how == BARE_EXIT || kind.how == LAYERS_EXIT;
	int n = 0, r;

	memset(s, 0, sizeof(*s));
	if (*b->stop) {
		snprintf(s->why, sizeof(s->why), "interrupted");
		return;
	}
	if (at_exit && !e->exit)
		snprintf(s->why, sizeof(s->why), "this engine has no exit stops");
	if (kind.how == PATH_LAYER)
		refusal(b, e, s);
	if (s->why[0])
		return;
	snprintf(subject, sizeof(subject), "%s/subject", b->dir);
	snprintf(own, sizeof(own), "%s/%s", b->dir,
		 kind.how == EMPTY_FILTER ? "empty_filter" : bare_loop(e, at_exit));
	if (kind.how == PATH_LAYER)
		snprintf(layer, sizeof(layer), "remap,map=/vmmd-bench-elsewhere=%s", b->place.dir);
	else
		snprintf(layer, sizeof(layer), "null,syscalls=getppid%s", at_exit ? ",exit=true" : "");
	if (kind.how >= LAYERS)
		n = prefix_vmmd(b, e, kind, layer, argv);
	else if (kind.how == EMPTY_FILTER)
		argv[n++] = own;
	else if (kind.how != NATIVE)
		n = add_words(argv, 0,
			      at_exit ? (const char *const[]){ own, "--exit", "getppid", "--", NULL } :
					(const char *const[]){ own, "getppid", "--", NULL });
	argv[n++] = subject;
	r = side_start(&s->side, argv);
	if (!r && kind.how != NATIVE && kind.how != EMPTY_FILTER)
		r = side_find_watcher(&s->side, b->vmmctl);
	if (r)
		snprintf(s->why, sizeof(s->why), "it did not start: %s", strerror(-r));
}

static void failed(struct runner_side *s, const char *what, int r)
{
	if (!s->why[0])
		snprintf(s->why, sizeof(s->why), "%s: %s", what, strerror(-r));
}

static void pin(struct runner_side *s, int cpu)
{
	int r = s->why[0] ? 0 : side_pin(&s->side, cpu);

	if (r)
		failed(s, "cannot bind it to a CPU", r);
}

/* One more sample for every cell in each round; the order turns from round to round. */
static void rounds_of(const struct bench *b, struct cell *cells, size_t n)
{
	for (unsigned round = 0; round < b->rounds; round++)
		for (size_t i = 0; i < n && !*b->stop; i++) {
			struct cell *c = &cells[(i + round) % n];
			int r = c->on->why[0] ? 0 :
						side_run(&c->on->side, c->nr, c->calls, &c->ns[round]);

			if (r)
				failed(c->on, "the subject stopped answering", r);
		}
}

/* ------------------------------------------------------------------- rows */

static struct table_row row_new(const struct engine_info *e, const char *key, const char *what,
				enum table_unit unit, double budget)
{
	struct table_row row = { .base = NAN, .ours = NAN, .unit = unit, .value = NAN,
				 .low = NAN, .high = NAN, .budget = budget };

	snprintf(row.key, sizeof(row.key), "%s.%s", e->name, key);
	snprintf(row.what, sizeof(row.what), "%s: %s", e->name, what);
	return row;
}

static double median(const struct bench *b, const struct cell *c)
{
	double v[ROUNDS_MAX];

	memcpy(v, c->ns, sizeof(v));
	return quantile(v, b->rounds, 0.5);
}

/* value, low, high from one value a round */
static void row_values(const struct bench *b, struct table_row *row, double *v)
{
	row->value = quantile(v, b->rounds, 0.5);
	row->low = quantile(v, b->rounds, 0.1);
	row->high = quantile(v, b->rounds, 0.9);
}

/* The ratio of two cells, round by round. */
static void add_ratio(struct bench *b, struct table_row row, const struct cell *base,
		      const struct cell *ours)
{
	const char *why = base->on->why[0] ? base->on->why : ours->on->why;
	double v[ROUNDS_MAX];

	snprintf(row.why, sizeof(row.why), "%s", why);
	if (!why[0]) {
		for (unsigned r = 0; r < b->rounds; r++)
			v[r] = ours->ns[r] / base->ns[r];
		row.base = median(b, base);
		row.ours = median(b, ours);
		row_values(b, &row, v);
	}
	table_add(&b->table, &row);
}

/* What one more layer adds: each round's least-squares slope over `layers`. */
static void add_slope(struct bench *b, const struct engine_info *e, const struct cell *cells,
		      const unsigned *layers, size_t n)
{
	struct table_row row = row_new(e, "layer", "each further null layer", UNIT_NS, 50);
	double v[ROUNDS_MAX], mean = 0;

	for (size_t i = 0; i < n; i++) {
		mean += layers[i] / (double)n;
		if (cells[i].on->why[0])
			snprintf(row.why, sizeof(row.why), "%s", cells[i].on->why);
	}
	for (unsigned r = 0; r < b->rounds; r++) {
		double xy = 0, xx = 0;

		for (size_t i = 0; i < n; i++) {
			xy += (layers[i] - mean) * cells[i].ns[r];
			xx += (layers[i] - mean) * (layers[i] - mean);
		}
		v[r] = xy / xx;
	}
	row_values(b, &row, v);
	table_add(&b->table, &row);
}

/* ----------------------------------------------------------- measurements */

/* System calls of the worker while its subject does `what`. */
static void measure_calls(struct bench *b, const struct engine_info *e, struct runner_side *s,
			  const char *what, const char *key, const char *text)
{
	struct table_row row = row_new(e, key, text, UNIT_CALLS, 4);
	double few = 0, many = 0;
	long less = 0, more = 0;
	int r = s->why[0] ? -ESRCH : side_tracer_calls(&s->side, what, STRACE_MS, &few, &less);

	/* On a busy machine a longer time may be too short for more calls. */
	for (int i = 0; !r && more <= less && i < 5; i++)
		r = side_tracer_calls(&s->side, what, 4 * STRACE_MS, &many, &more);
	if (s->why[0])
		snprintf(row.why, sizeof(row.why), "%s", s->why);
	else if (r || more <= less)
		snprintf(row.why, sizeof(row.why), "strace of the worker: %s",
			 r ? strerror(-r) : "no more calls in more time");
	else /* the difference drops what attaching counts; now and then a timer makes one more */
		row.value = round((many - few) / (double)(more - less) * 10) / 10;
	table_add(&b->table, &row);
}

static void add_stop_rows(struct bench *b, const struct engine_info *e, const struct cell *stop,
			  const struct cell *quiet, const struct cell *loose)
{
	static const unsigned layers[] = { 1, 2, 5, 10, 30 };

	add_ratio(b, row_new(e, "stop", "a stop, null layer", UNIT_RATIO, 1.15), &stop[0], &stop[1]);
	add_ratio(b, row_new(e, "stop_any_cpu", "  left to the scheduler", UNIT_RATIO, NAN), &loose[0],
		  &loose[1]);
	add_ratio(b, row_new(e, "entry_exit", "entry and exit", UNIT_RATIO, 1.15), &stop[6], &stop[7]);
	add_ratio(b, row_new(e, "unwanted", "a call no layer wants", UNIT_RATIO, 1.10), &quiet[1],
		  &quiet[2]);
	add_ratio(b, row_new(e, "unwanted_native", "  against no filter at all", UNIT_RATIO, NAN),
		  &quiet[0], &quiet[2]);
	add_slope(b, e, stop + 1, layers, 5);
}

/* One subject of each kind; stops, calls that do not stop, layers. */
void stops_measure(struct bench *b, const struct engine_info *e)
{
	static const struct kind kinds[] = { { BARE, 0 },	 { LAYERS, 1 },	  { LAYERS, 2 },
					     { LAYERS, 5 },	 { LAYERS, 10 },  { LAYERS, 30 },
					     { BARE_EXIT, 0 },	 { LAYERS_EXIT, 1 }, { NATIVE, 0 },
					     { EMPTY_FILTER, 0 }, { PATH_LAYER, 1 } };
	enum { N = sizeof(kinds) / sizeof(kinds[0]) };
	struct runner_side side[N];
	struct cell stop[8], quiet[3], loose[2];

	for (size_t i = 0; i < N; i++) {
		start(b, e, &side[i], kinds[i]);
		pin(&side[i], b->cpu);
	}
	for (size_t i = 0; i < 8; i++)
		stop[i] = (struct cell){ .on = &side[i], .nr = WANTED, .calls = b->stop_calls };
	quiet[0] = (struct cell){ .on = &side[8], .nr = UNWANTED, .calls = b->native_calls };
	quiet[1] = (struct cell){ .on = &side[9], .nr = UNWANTED, .calls = b->native_calls };
	quiet[2] = (struct cell){ .on = &side[1], .nr = UNWANTED, .calls = b->native_calls };
	rounds_of(b, stop, 8);
	rounds_of(b, quiet, 3);
	for (size_t i = 0; i < 2; i++) {
		loose[i] = (struct cell){ .on = &side[i], .nr = WANTED, .calls = b->stop_calls / 4 };
		pin(&side[i], -1);
	}
	rounds_of(b, loose, 2);
	add_stop_rows(b, e, stop, quiet, loose);
	measure_calls(b, e, &side[1], "getppid", "calls", "the worker's calls a stop");
	measure_calls(b, e, &side[10], "stat6", "calls_path", "  with one path read (remap)");
	for (size_t i = 0; i < N; i++)
		side_stop(&side[i].side);
}

/* A crowd of `tasks` in all, half of them processes. */
static void crowd(struct runner_side *s, unsigned tasks)
{
	unsigned idle = tasks - 1;
	int r = idle && !s->why[0] ?
			side_do(&s->side, "crowd %u %u", idle - idle / 2, idle / 2) : 0;

	if (r)
		failed(s, "cannot make a crowd", r);
}

static double memory(struct runner_side *s)
{
	double bytes = 0;
	int r = s->why[0] ? 0 : side_tracer_memory(&s->side, &bytes);

	if (r)
		failed(s, "memory of the worker", r);
	return bytes;
}

static void add_memory(struct bench *b, const struct engine_info *e, struct runner_side *s,
		       double before)
{
	struct table_row row = row_new(e, "memory", "the worker's memory a task", UNIT_BYTES, 2048);

	row.value = (memory(s) - before) / (double)(b->tasks - 1);
	snprintf(row.why, sizeof(row.why), "%s", s->why);
	table_add(&b->table, &row);
}

/* The same stop while other tasks of the session sleep. */
void tasks_measure(struct bench *b, const struct engine_info *e)
{
	const unsigned tasks[] = { 1, b->tasks / 100, b->tasks / 10, b->tasks };
	static const char *const key[] = { "tasks_1", "tasks_100th", "tasks_10th", "tasks" };
	char what[40];
	struct runner_side side[4];
	struct cell cell[4];
	double before = 0;

	for (size_t i = 0; i < 4; i++) {
		start(b, e, &side[i], (struct kind){ LAYERS, 1 });
		cell[i] = (struct cell){ .on = &side[i], .nr = WANTED, .calls = b->stop_calls };
		if (i == 3)
			before = memory(&side[i]);
		crowd(&side[i], tasks[i]);
		pin(&side[i], b->cpu);
	}
	rounds_of(b, cell, 4);
	for (size_t i = 1; i < 4; i++) {
		snprintf(what, sizeof(what), "a stop, 1 to %u tasks", tasks[i]);
		add_ratio(b, row_new(e, key[i], what, UNIT_RATIO, 1.2), &cell[0], &cell[i]);
	}
	add_memory(b, e, &side[3], before);
	for (size_t i = 0; i < 4; i++)
		side_stop(&side[i].side);
}
