/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.c - what vmmd costs, measured beside what it is compared with.
 *
 *   bench [--quick] [--json] [--strict] VMMCTL
 *
 * Every comparison runs its sides in turn, round by round, in this one run,
 * and compares within a round; so a machine that gets slower or faster
 * meanwhile changes no ratio. The rows and their meaning: README.md here.
 * The programs `subject` and `bare_ptrace` are looked for beside this one.
 */
#include "tests/bench/side.h"
#include "tests/bench/table.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WANTED SYS_getppid /* the call that stops */
#define UNWANTED SYS_getuid
#define MAX_ROUNDS 64
#define MAX_SIDES 12
#define ARGS 96

enum how { NATIVE, EMPTY_FILTER, BARE, BARE_EXIT, LAYERS, LAYERS_EXIT };

/* One kind of subject; `layers` only with LAYERS*. */
struct kind {
	enum how how;
	unsigned layers;
};

struct bench {
	char dir[PATH_MAX]; /* of this program */
	const char *vmmctl;
	unsigned rounds;
	long stop_calls;   /* calls of a round that stop */
	long native_calls; /* … and that do not */
	unsigned tasks;	   /* the largest crowd */
	int cpu;
	struct table table;
};

/* One side, one system call, and what was measured: a column of samples. */
struct cell {
	struct side *side;
	long nr;
	long calls;
	double ns[MAX_ROUNDS];
};

static _Noreturn void fail(const char *what, int err)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(-err));
	exit(1);
}

/* ------------------------------------------------------------------ sides */

static void start(const struct bench *b, struct side *s, struct kind kind)
{
	char subject[PATH_MAX + 16], bare[PATH_MAX + 16], nr[16], layer[64];
	char *argv[ARGS] = { NULL };
	int n = 0, r;

	snprintf(subject, sizeof(subject), "%s/subject", b->dir);
	snprintf(bare, sizeof(bare), "%s/bare_ptrace", b->dir);
	snprintf(nr, sizeof(nr), "%d", WANTED);
	snprintf(layer, sizeof(layer), "null,syscalls=getppid%s",
		 kind.how == LAYERS_EXIT ? ",exit=true" : "");
	if (kind.how == BARE || kind.how == BARE_EXIT) {
		argv[n++] = bare;
		argv[n++] = (char *)(kind.how == BARE ? "entry" : "exit");
		argv[n++] = nr;
		argv[n++] = (char *)"--";
	} else if (kind.how == LAYERS || kind.how == LAYERS_EXIT) {
		argv[n++] = (char *)b->vmmctl;
		argv[n++] = (char *)"run";
		argv[n++] = (char *)"--private";
		for (unsigned i = 0; i < kind.layers; i++) {
			argv[n++] = (char *)"-l";
			argv[n++] = layer;
		}
		argv[n++] = (char *)"--";
	}
	argv[n++] = subject;
	if (kind.how == EMPTY_FILTER)
		argv[n++] = (char *)"--empty-filter";
	r = side_start(s, argv);
	if (r)
		fail(argv[0], r);
	if (!s->tracer && kind.how != NATIVE && kind.how != EMPTY_FILTER)
		fail("the subject is not traced", -ESRCH);
}

static void pin(struct side *s, int cpu)
{
	int r = side_pin(s, cpu);

	if (r)
		fail("pin to a CPU", r);
}

/* One more sample for every cell; the order turns from round to round. */
static void round_of(struct cell *cells, size_t n, unsigned round)
{
	for (size_t i = 0; i < n; i++) {
		struct cell *c = &cells[(i + round) % n];
		int r = side_run(c->side, c->nr, c->calls, &c->ns[round]);

		if (r)
			fail("a subject stopped answering", r);
	}
}

static void rounds_of(const struct bench *b, struct cell *cells, size_t n)
{
	for (unsigned r = 0; r < b->rounds; r++)
		round_of(cells, n, r);
}

/* ------------------------------------------------------------------- rows */

static double median(const struct bench *b, const struct cell *c)
{
	double v[MAX_ROUNDS];

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
static void add_ratio(struct bench *b, const char *key, const char *what,
		      const struct cell *base, const struct cell *ours, double budget)
{
	struct table_row row = { .key = key, .what = what, .unit = UNIT_RATIO, .budget = budget };
	double v[MAX_ROUNDS];

	for (unsigned r = 0; r < b->rounds; r++)
		v[r] = ours->ns[r] / base->ns[r];
	row.base = median(b, base);
	row.ours = median(b, ours);
	row_values(b, &row, v);
	table_add(&b->table, &row);
}

/* What one more layer adds: each round's least-squares slope over `layers`. */
static void add_slope(struct bench *b, const struct cell *cells, const unsigned *layers, size_t n)
{
	struct table_row row = { .key = "layer",
				 .what = "each further null layer",
				 .base = NAN,
				 .ours = NAN,
				 .unit = UNIT_NS,
				 .budget = 50 };
	double v[MAX_ROUNDS], mean = 0;

	for (size_t i = 0; i < n; i++)
		mean += layers[i] / (double)n;
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

static void add_once(struct bench *b, const char *key, const char *what, enum table_unit unit,
		     double value, double budget)
{
	struct table_row row = { .key = key, .what = what, .base = NAN, .ours = NAN, .unit = unit,
				 .value = value, .low = NAN, .high = NAN, .budget = budget };

	table_add(&b->table, &row);
}

/* ----------------------------------------------------------- measurements */

/* System calls of the worker while its subject makes one that stops. */
static void measure_calls(struct bench *b, struct side *s)
{
	double few, many;
	long calls = b->stop_calls / 4;
	int r = side_tracer_calls(s, WANTED, calls, &few);

	if (!r)
		r = side_tracer_calls(s, WANTED, 2 * calls, &many);
	if (r) {
		fprintf(stderr, "bench: strace of the worker: %s; row left out\n", strerror(-r));
		return;
	}
	/* The difference drops what attaching and detaching count. */
	add_once(b, "calls", "the worker's system calls a stop", UNIT_CALLS,
		 (many - few) / side_stops(calls), 4);
}

/* One subject of each kind; stops, calls that do not stop, layers. */
static void measure_stops(struct bench *b)
{
	static const struct kind kinds[] = { { BARE, 0 },	 { LAYERS, 1 },	  { LAYERS, 2 },
					     { LAYERS, 5 },	 { LAYERS, 10 },  { LAYERS, 30 },
					     { BARE_EXIT, 0 },	 { LAYERS_EXIT, 1 }, { NATIVE, 0 },
					     { EMPTY_FILTER, 0 } };
	static const unsigned layers[] = { 1, 2, 5, 10, 30 };
	enum { N = sizeof(kinds) / sizeof(kinds[0]) };
	struct side side[N];
	struct cell stop[8], quiet[3], loose[2];

	for (size_t i = 0; i < N; i++) {
		start(b, &side[i], kinds[i]);
		pin(&side[i], b->cpu);
	}
	for (size_t i = 0; i < 8; i++)
		stop[i] = (struct cell){ .side = &side[i], .nr = WANTED, .calls = b->stop_calls };
	quiet[0] = (struct cell){ .side = &side[8], .nr = UNWANTED, .calls = b->native_calls };
	quiet[1] = (struct cell){ .side = &side[9], .nr = UNWANTED, .calls = b->native_calls };
	quiet[2] = (struct cell){ .side = &side[1], .nr = UNWANTED, .calls = b->native_calls };
	rounds_of(b, stop, 8);
	rounds_of(b, quiet, 3);
	for (size_t i = 0; i < 2; i++) {
		loose[i] = (struct cell){ .side = &side[i], .nr = WANTED, .calls = b->stop_calls / 4 };
		pin(&side[i], -1);
	}
	rounds_of(b, loose, 2);

	add_ratio(b, "stop", "a stop, null layer", &stop[0], &stop[1], 1.15);
	add_ratio(b, "stop_any_cpu", "  left to the scheduler", &loose[0], &loose[1], NAN);
	add_ratio(b, "entry_exit", "entry and exit", &stop[6], &stop[7], 1.15);
	add_ratio(b, "unwanted", "a call no layer wants", &quiet[1], &quiet[2], 1.10);
	add_ratio(b, "unwanted_native", "  against no filter at all", &quiet[0], &quiet[2], NAN);
	add_slope(b, stop + 1, layers, 5);
	measure_calls(b, &side[1]);
	for (size_t i = 0; i < N; i++)
		side_stop(&side[i]);
}

/* A crowd of `tasks` in all, half of them processes. */
static void crowd(struct side *s, unsigned tasks)
{
	unsigned idle = tasks - 1;
	int r = idle ? side_do(s, "crowd %u %u", idle - idle / 2, idle / 2) : 0;

	if (r)
		fail("make a crowd", r);
}

static void add_memory(struct bench *b, const struct side *s, double before)
{
	double after;
	int r = side_tracer_memory(s, &after);

	if (r)
		fail("memory of the worker", r);
	add_once(b, "memory", "the worker's memory a task", UNIT_BYTES,
		 (after - before) / (double)(b->tasks - 1), 2048);
}

/* The same stop while other tasks of the session sleep. */
static void measure_tasks(struct bench *b)
{
	const unsigned tasks[] = { 1, b->tasks / 100, b->tasks / 10, b->tasks };
	static const char *const key[] = { "tasks_1", "tasks_100th", "tasks_10th", "tasks" };
	static char what[4][40];
	struct side side[4];
	struct cell cell[4];
	double before = 0;

	for (size_t i = 0; i < 4; i++) {
		start(b, &side[i], (struct kind){ LAYERS, 1 });
		cell[i] = (struct cell){ .side = &side[i], .nr = WANTED, .calls = b->stop_calls };
		if (i == 3 && side_tracer_memory(&side[i], &before))
			fail("memory of the worker", -ESRCH);
		crowd(&side[i], tasks[i]);
		pin(&side[i], b->cpu);
	}
	rounds_of(b, cell, 4);
	for (size_t i = 1; i < 4; i++) {
		snprintf(what[i], sizeof(what[i]), "a stop, 1 to %u tasks", tasks[i]);
		add_ratio(b, key[i], what[i], &cell[0], &cell[i], 1.2);
	}
	add_memory(b, &side[3], before);
	for (size_t i = 0; i < 4; i++)
		side_stop(&side[i]);
}

/* The last CPU we may use: the first is where interrupts tend to go. */
static int choose_cpu(void)
{
	cpu_set_t set;
	int last = 0;

	if (!sched_getaffinity(0, sizeof(set), &set))
		for (int i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &set))
				last = i;
	return last;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench [--quick] [--json] [--strict] VMMCTL\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct bench b = { .rounds = 25, .stop_calls = 4000, .native_calls = 200000,
			   .tasks = 10000, .cpu = choose_cpu() };
	bool json = false, strict = false;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--quick")) {
			b.rounds = 9;
			b.stop_calls = 2000;
			b.tasks = 1000;
		} else if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--strict"))
			strict = true;
		else
			return usage();
	}
	if (i + 1 != argc || !realpath("/proc/self/exe", b.dir))
		return usage();
	dirname(b.dir);
	b.vmmctl = argv[i];
	b.table.rounds = b.rounds;
	signal(SIGPIPE, SIG_IGN);
	measure_stops(&b);
	measure_tasks(&b);
	if (json)
		table_json(&b.table);
	else
		table_print(&b.table);
	return strict && table_over(&b.table) ? 1 : 0;
}
