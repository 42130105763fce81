/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.c - what vmmd costs, measured beside what it is compared with.
 *
 *   bench [--quick] [--json] [--strict] [--part=stops|calls|work] VMMCTL
 *
 * Three parts: stops beside bare loops, for each engine; everyday calls; real
 * work. Each runs its sides in turn, round by round, and compares within a
 * round. The rows and their meaning: README.md here. The programs that it
 * starts are looked for beside this one. Status 1: something that ought to
 * have been measured was not, or with --strict a row is over its budget.
 */
#include "tests/bench/bench.h"
#include "tests/bench/timed.h"

#include <errno.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUICK_S 105	/* no round of work begins that would end later */
#define FULL_S 1200
#define QUICK_SIZE 2	/* of the work, of WORK_FULL */

struct options {
	bool json, strict;
	const char *part; /* NULL: all */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

/* End at once, but clean up: no call is restarted, and every loop looks. */
static void catch_signals(struct bench *b)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	b->stop = &stop;
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

static int parse(struct bench *b, struct options *o, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--quick"))
			b->quick = true;
		else if (!strcmp(argv[i], "--json"))
			o->json = true;
		else if (!strcmp(argv[i], "--strict"))
			o->strict = true;
		else if (!strncmp(argv[i], "--part=", 7))
			o->part = argv[i] + 7;
		else
			return -EINVAL;
	}
	if (o->part && strcmp(o->part, "stops") && strcmp(o->part, "calls") && strcmp(o->part, "work"))
		return -EINVAL;
	if (i + 1 != argc || !realpath("/proc/self/exe", b->dir))
		return -EINVAL;
	dirname(b->dir);
	b->vmmctl = argv[i];
	return 0;
}

static void set_sizes(struct bench *b)
{
	b->rounds = b->quick ? 7 : 25;
	b->stop_calls = b->quick ? 1000 : 4000;
	b->native_calls = b->quick ? 100000 : 200000;
	b->tasks = b->quick ? 1000 : 10000;
	b->call_ms = b->quick ? 4 : 20;
	b->call_s = b->quick ? 12 : 180;
	b->deadline = timed_now() + (b->quick ? QUICK_S : FULL_S) * 1e9;
	b->work_rounds = 5;
	b->cpu = choose_cpu();
}

static int prepare(struct bench *b)
{
	char elsewhere[PATH_MAX + 16];
	int r = work_open(&b->place, b->dir, b->quick ? QUICK_SIZE : WORK_FULL);

	if (r)
		return r;
	b->cgroup = b->place.runner.cg.dir[0];
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", b->place.dir);
	r = who_all(&b->who, b->dir, b->vmmctl, elsewhere);
	if (!r)
		r = matrix_init(&b->calls, "calls", "everyday calls", &b->who);
	if (!r)
		r = matrix_init(&b->work, "work", "real work", &b->who);
	return r;
}

static int measure(struct bench *b, const struct options *o)
{
	int r = 0;

	b->table.rounds = b->rounds;
	for (size_t i = 0; i < b->who.engines && !stop; i++) {
		const struct engine_info *e = &b->who.engine[i];

		if (o->part && strcmp(o->part, "stops"))
			continue;
		if (e->why[0]) {
			fprintf(stderr, "bench: engine %s: %s\n", e->name, e->why);
			continue;
		}
		stops_measure(b, e);
		tasks_measure(b, e);
	}
	if (!o->part || !strcmp(o->part, "calls"))
		r = calls_measure(b);
	if (!r && (!o->part || !strcmp(o->part, "work"))) {
		r = real_measure(b);
		real_budgets(b);
	}
	if (stop)
		r = -EINTR;
	return r;
}

static void print(const struct bench *b, const struct options *o)
{
	char host[256];

	table_host(host, sizeof(host));
	if (o->json) {
		json_t *all = json_pack("{s:s, s:b, s:s, s:i, s:o, s:o, s:o}", "host", host, "quick",
					b->quick, "cpu_time", b->cgroup ? "cgroup" : "rusage",
					"rounds", (int)b->table.rounds, "rows", table_json(&b->table),
					"calls", matrix_json(&b->calls), "work", matrix_json(&b->work));

		json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(5));
		printf("\n");
		json_decref(all);
		return;
	}
	printf("%s; medians of %u rounds; processor time: %s\n\n", host, b->table.rounds,
	       b->cgroup ? "cgroups" :
			   "resource usage of children and the worker's; no cgroup may be made here");
	table_print(&b->table);
	if (b->calls.rounds)
		matrix_print(&b->calls);
	if (b->work.rounds)
		matrix_print(&b->work);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct options o = { .part = NULL };
	unsigned errors;
	int r;

	if (parse(&b, &o, argc, argv)) {
		fprintf(stderr, "usage: bench [--quick] [--json] [--strict] "
				"[--part=stops|calls|work] VMMCTL\n");
		return 2;
	}
	set_sizes(&b);
	catch_signals(&b);
	r = prepare(&b);
	if (!r)
		r = measure(&b, &o);
	if (r)
		fprintf(stderr, "bench: %s\n", strerror(-r));
	else
		print(&b, &o);
	errors = matrix_errors(&b.calls) + matrix_errors(&b.work);
	work_close(&b.place);
	matrix_fini(&b.calls);
	matrix_fini(&b.work);
	who_free(&b.who);
	return r || errors || (o.strict && table_over(&b.table)) ? 1 : 0;
}
