/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * placement.c - where should a supervisor run? Bare loops in every placement, alternating.
 *
 *   placement [--rounds=N] [--only=TEXT] [--work=KEY] VMMCTL
 *
 * The kinds of work: make -j2 of 20 small C files, git status, many processes
 * one after another, and two that compute and make a call seldom or often; each
 * under every placement of bare_ptrace and bare_notify, with all calls that
 * take a path, reading it, and under vmmd with each of its engines. A round
 * runs each once, in an order that turns; printed are the medians of the ratios
 * to the native run of the same round, of wall and of processor time.
 */
#include "tests/bench/run.h"
#include "tests/bench/table.h"
#include "tests/bench/who.h"
#include "tests/bench/work.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX 32
#define VARIANTS_MAX 40
#define WORDS_MAX 12
#define LINE_MAX_ 256

struct variant {
	char what[64];
	char line[LINE_MAX_]; /* the command line, words separated by blanks; empty: native */
	double wall[ROUNDS_MAX], cpu[ROUNDS_MAX];
	const char *error;
};

struct placement {
	char dir[PATH_MAX];
	const char *vmmctl;
	const char *only; /* variants with this in their name, and native */
	const char *work; /* only this kind; NULL: all */
	unsigned rounds;
	struct work_place place;
	struct variant variant[VARIANTS_MAX];
	size_t count;
};

static void __attribute__((format(printf, 3, 4)))
add(struct placement *p, const char *what, const char *fmt, ...)
{
	struct variant *v = &p->variant[p->count];
	va_list ap;

	if (p->count == VARIANTS_MAX || (p->count && p->only && !strstr(what, p->only)))
		return;
	snprintf(v->what, sizeof(v->what), "%s", what);
	va_start(ap, fmt);
	vsnprintf(v->line, sizeof(v->line), fmt, ap);
	va_end(ap);
	p->count++;
}

static void add_bare(struct placement *p)
{
	static const char *const options[][2] = {
		{ "bare_ptrace", "" },
		{ "bare_ptrace", "--place=0" },
		{ "bare_ptrace", "--place=follow" },
		{ "bare_ptrace", "--place=0 --tasks=0" },
		{ "bare_ptrace", "--tasks=spread" },
		{ "bare_ptrace", "--place=follow --tasks=spread" },
		{ "bare_notify", "--sync=off" },
		{ "bare_notify", "--sync=on" },
		{ "bare_notify", "--sync=in" },
		{ "bare_notify", "--sync=adaptive" },
		{ "bare_notify", "--sync=alone" },
		{ "bare_notify", "--sync=off --place=0" },
		{ "bare_notify", "--sync=on --place=0" },
		{ "bare_notify", "--sync=off --place=follow" },
		{ "bare_notify", "--sync=on --threads=2" },
		{ "bare_notify", "--sync=adaptive --threads=2" },
		{ "bare_notify", "--sync=off --threads=2 --place=0" },
		{ "bare_notify", "--sync=on --threads=2 --place=0" },
		{ "bare_notify", "--sync=in --threads=2 --place=0" },
		{ "bare_notify", "--sync=on --wait=poll" },
		{ "bare_notify", "--sync=in --wait=poll" },
		{ "bare_notify", "--sync=alone --wait=poll" },
		{ "bare_notify", "--sync=on --wait=epoll" },
		{ "bare_notify", "--sync=adaptive --wait=epoll" },
		{ "bare_notify", "--sync=off --wait=epoll" },
	};
	char what[64];

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(what, sizeof(what), "%s %s", options[i][0] + 5, options[i][1]);
		add(p, what, "%s/%s --read %s @path --", p->dir, options[i][0], options[i][1]);
	}
}

static int add_engines(struct placement *p)
{
	static struct who_list list;
	char what[64];
	int r = who_engines(&list, p->vmmctl);

	for (size_t i = 0; !r && i < list.engines; i++) {
		snprintf(what, sizeof(what), "vmmd %s", list.engine[i].name);
		if (!list.engine[i].why[0])
			add(p, what, "%s run --private -e %s -l null,syscalls=@path --", p->vmmctl,
			    list.engine[i].name);
	}
	return r;
}

static int run_variant(struct placement *p, const struct work *w, struct variant *v, unsigned round,
		       uint64_t *sum)
{
	const char *prefix[WORDS_MAX] = { NULL };
	char line[LINE_MAX_], *save = NULL;
	struct run run;
	int n = 0, r;

	memcpy(line, v->line, sizeof(line));
	for (char *word = strtok_r(line, " ", &save); word && n < WORDS_MAX - 1;
	     word = strtok_r(NULL, " ", &save))
		prefix[n++] = word;
	r = work_run(&p->place, w, prefix, &run, sum);
	v->wall[round] = run.wall;
	v->cpu[round] = run.cpu;
	return r;
}

static void measure(struct placement *p, const struct work *w)
{
	uint64_t native = 0, sum;

	for (size_t i = 0; i < p->count; i++)
		p->variant[i].error = NULL;
	/* The first run fills caches and says what the output must be. */
	if (run_variant(p, w, &p->variant[0], 0, &native))
		p->variant[0].error = "failed";
	for (unsigned r = 0; r < p->rounds; r++)
		for (size_t i = 0; i < p->count; i++) {
			struct variant *v = &p->variant[(i + r) % p->count];

			if (v->error)
				continue;
			if (run_variant(p, w, v, r, &sum))
				v->error = "failed";
			else if (sum != native)
				v->error = "output differs";
		}
}

static double ratio(const struct placement *p, const double *a, const double *b)
{
	double v[ROUNDS_MAX];

	for (unsigned r = 0; r < p->rounds; r++)
		v[r] = a[r] / b[r];
	return quantile(v, p->rounds, 0.5);
}

static int print(const struct placement *p, const struct work *w)
{
	const struct variant *native = &p->variant[0];
	double load = 0;
	int errors = 0;

	getloadavg(&load, 1);
	printf("%s; medians of %u rounds, load %.1f\n%-48s%9s%9s%9s%9s%9s\n", w->what, p->rounds,
	       load, "", "wall ms", "×", "CPU ms", "×", "CPUs");
	for (size_t i = 0; i < p->count; i++) {
		const struct variant *v = &p->variant[i];
		double wall[ROUNDS_MAX], cpu[ROUNDS_MAX];

		printf("%-48s", v->what);
		errors += v->error != NULL;
		if (v->error) {
			printf("%s\n", v->error);
			continue;
		}
		memcpy(wall, v->wall, sizeof(wall));
		memcpy(cpu, v->cpu, sizeof(cpu));
		printf("%9.0f%8.2f%9.0f%8.2f%9.2f\n", quantile(wall, p->rounds, 0.5) / 1e6,
		       ratio(p, v->wall, native->wall), quantile(cpu, p->rounds, 0.5) / 1e6,
		       ratio(p, v->cpu, native->cpu), ratio(p, v->cpu, v->wall));
	}
	printf("\n");
	fflush(stdout);
	return errors;
}

static int parse(struct placement *p, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++)
		if (sscanf(argv[i], "--rounds=%u", &p->rounds) == 1)
			continue;
		else if (!strncmp(argv[i], "--only=", 7))
			p->only = argv[i] + 7;
		else if (!strncmp(argv[i], "--work=", 7))
			p->work = argv[i] + 7;
		else
			return -EINVAL;
	if (p->rounds < 1 || p->rounds > ROUNDS_MAX || i + 1 != argc ||
	    !realpath("/proc/self/exe", p->dir))
		return -EINVAL;
	p->vmmctl = argv[i];
	dirname(p->dir);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const works[] = { "make", "status", "spawn", "trees", "often" };
	static struct placement p = { .rounds = 7 };
	int errors = 0, r;

	if (parse(&p, argc, argv)) {
		fprintf(stderr, "usage: placement [--rounds=N] [--only=TEXT] [--work=KEY] VMMCTL\n");
		return 2;
	}
	r = work_open(&p.place, p.dir, WORK_FULL);
	add(&p, "native", "%s", "");
	add_bare(&p);
	if (!r)
		r = add_engines(&p);
	for (size_t i = 0; !r && i < sizeof(works) / sizeof(works[0]); i++) {
		if (p.work && strcmp(p.work, works[i]))
			continue;
		measure(&p, work_find(works[i]));
		errors += print(&p, work_find(works[i]));
	}
	work_close(&p.place);
	if (r)
		fprintf(stderr, "placement: %s\n", strerror(-r));
	return r || errors ? 1 : 0;
}
