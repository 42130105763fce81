// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench.c - what the kernel module costs, beside other ways and beside the
 * budgets. Runs in the test machine, in the host's file system.
 *
 *   bench MODULE.ko VMMCTL time|count
 *
 *   time    an emulated CPU's: only ratios mean anything
 *   count   the machine has one CPU, and counts its instructions, a nanosecond for each
 *
 * Everything that is compared runs in turn, round by round; the fastest tenth of
 * the calls in the fastest tenth of the rounds count, for the host may be busy. The
 * two CPUs of "time" take turns in one thread of it (bench_run): a pause gives the
 * turn away, so that waiting actively costs what is done and not what it waits for.
 * To wake the other CPU up costs less so than it does where there are two, which is
 * in favour of who sleeps.
 *
 * What is measured is a program that times its calls (bench_subject.c): natively,
 * under daemons written by hand (bench_bare.c, tests/bench/bare_*.c), and under vmmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/side.h"
#include "tests/bench/table.h"

#define WANTED "getppid" /* the call that stops */
#define UNWANTED "getuid"
#define PLACE "/run/vmmd-bench" /* a file system in memory */
#define ROUNDS_MAX 64
#define IDLE_TASKS 100
#define STRACE_MS 300
#define EACH_CALLS 200 /* of a round */

enum who {
	NATIVE,
	FILTER,
	KMOD,
	KMOD_SPIN,
	KMOD_EXIT,
	NOTIFY,
	NOTIFY_SYNC,
	PTRACE,
	NULL_KMOD, /* from here on under vmmd */
	PATH_KMOD,
	PATH_SECCOMP,
	WHO_N
};

struct bench {
	char dir[PATH_MAX]; /* of this program */
	const char *module, *vmmctl;
	unsigned rounds;
	struct side side[WHO_N];
	char why[WHO_N][96]; /* not there, because */
	struct table table;
};

/* One side, what it does, and how long that took in each round. */
struct cell {
	enum who who;
	const char *what;
	bool cold; /* just after another process had the CPU */
	double ns[ROUNDS_MAX];
};

/* ------------------------------------------------------------------- the module */

static int module_load(const struct bench *b)
{
	int fd = open(b->module, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 || syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

/* Tasks that were let go, and killed ones, hold it for a moment. */
static int module_unload(void)
{
	int r = -EAGAIN;

	for (int i = 0; r && i < 1000; i++) {
		r = syscall(SYS_delete_module, "vmmd", O_NONBLOCK) ? -errno : 0;
		if (r)
			usleep(10000);
	}
	return r;
}

/* ------------------------------------------------------------------------ sides */

/* Can it: a wake-up of the notification's other side on this CPU? Since Linux 6.6. */
static bool has_sync(void)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog prog = { 1, all };
	int status, fd;
	pid_t p = fork();

	if (!p) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
		_exit(fd < 0 || ioctl(fd, SECCOMP_IOW(4, __u64), 1ul));
	}
	return p > 0 && waitpid(p, &status, 0) == p && status == 0;
}

static void start(struct bench *b, enum who who)
{
	static const char *const words[WHO_N][8] = {
		[NATIVE] = { NULL },
		[FILTER] = { "empty_filter" },
		[KMOD] = { "bare_kmod", "getppid", "--" },
		[KMOD_SPIN] = { "bare_kmod", "--spin", "getppid", "--" },
		[KMOD_EXIT] = { "bare_kmod", "--exit", "getppid", "--" },
		[NOTIFY] = { "bare_notify", "--sync=off", "getppid", "--" },
		[NOTIFY_SYNC] = { "bare_notify", "--sync=on", "getppid", "--" },
		[PTRACE] = { "bare_ptrace", "getppid", "--" },
		[NULL_KMOD] = { "kmod", "null,syscalls=getppid" },
		[PATH_KMOD] = { "kmod", "null,syscalls=openat,paths=true" },
		[PATH_SECCOMP] = { "seccomp", "null,syscalls=openat,paths=true" },
	};
	const char *const *w = words[who];
	char program[PATH_MAX + 32], subject[PATH_MAX + 32], *argv[16] = { NULL };
	int n = 0, r;

	snprintf(subject, sizeof(subject), "%s/each_subject", b->dir);
	snprintf(program, sizeof(program), "%s/%s%s", b->dir, who >= KMOD && who <= KMOD_EXIT ? "" : "../bench/",
		 w[0] ? w[0] : "");
	if (who >= NULL_KMOD) {
		char *const vmmd[] = { (char *)b->vmmctl, "run", "--private", "-e", (char *)w[0], "-l", (char *)w[1], "--" };

		memcpy(argv, vmmd, sizeof(vmmd));
		n = sizeof(vmmd) / sizeof(*vmmd);
	} else if (w[0]) {
		argv[n++] = program;
		for (w++; *w; w++)
			argv[n++] = (char *)*w;
	}
	argv[n] = subject;
	r = side_start(&b->side[who], argv);
	if (!r && who >= KMOD)
		r = side_find_watcher(&b->side[who], b->vmmctl);
	if (r)
		snprintf(b->why[who], sizeof(b->why[who]), "it did not start: %s", strerror(-r));
}

/* The subject on the first CPU and who watches it on that one, -1: both wherever they like. */
static void place(struct bench *b, enum who who, int cpu)
{
	int r = b->why[who][0] ? 0 : side_pin(&b->side[who], cpu);

	if (!r && !b->why[who][0] && cpu > 0)
		r = side_do(&b->side[who], "pin 0");
	if (r)
		snprintf(b->why[who], sizeof(b->why[who]), "cannot bind it to a CPU: %s", strerror(-r));
}

static int ask(struct side *s, const struct cell *c, bool stops, double *ns)
{
	char line[64];
	/* What does not stop takes less than looking at the clock: many at a time. */
	int r = c->cold ? fprintf(s->to, "cold %s 100\n", c->what) :
			  fprintf(s->to, "each %s %d %d\n", c->what, stops ? 100 : 20, stops ? 1 : 1000);

	if (r < 0 || fflush(s->to) || !fgets(line, sizeof(line), s->from))
		return -EPIPE;
	return sscanf(line, "%lf", ns) == 1 ? 0 : -EPROTO;
}

static void measure(struct bench *b, struct cell *c, unsigned round)
{
	bool stops = c->what[0] == 'o' || (c->who >= KMOD && strcmp(c->what, WANTED) == 0);
	int r = b->why[c->who][0] ? 0 : ask(&b->side[c->who], c, stops, &c->ns[round]);

	if (r)
		snprintf(b->why[c->who], sizeof(b->why[c->who]), "the subject stopped answering: %s", strerror(-r));
}

/* The order turns from round to round. */
static void measure_all(struct bench *b, struct cell *cells, size_t n)
{
	for (unsigned round = 0; round < b->rounds; round++)
		for (size_t i = 0; i < n; i++)
			measure(b, &cells[(i + round) % n], round);
}

/* ------------------------------------------------------------------------- rows */

static struct table_row row_new(const char *key, const char *what, enum table_unit unit, double budget)
{
	struct table_row row = { .base = NAN, .ours = NAN, .unit = unit, .value = NAN, .low = NAN, .high = NAN,
				 .budget = budget };

	snprintf(row.key, sizeof(row.key), "%s", key);
	snprintf(row.what, sizeof(row.what), "%s", what);
	return row;
}

static double fastest(const struct bench *b, const struct cell *c)
{
	double v[ROUNDS_MAX];

	memcpy(v, c->ns, sizeof(v));
	return quantile(v, b->rounds, 0.1);
}

/* The ratio of what `less` leaves of both; NULL: nothing is taken off. */
static void add_ratio(struct bench *b, const char *key, const char *what, double budget, const struct cell *base,
		      const struct cell *ours, const struct cell *less)
{
	struct table_row row = row_new(key, what, UNIT_RATIO, budget);
	const char *why = b->why[base->who][0] ? b->why[base->who] : b->why[ours->who];

	snprintf(row.why, sizeof(row.why), "%s", why);
	if (!why[0]) {
		row.base = fastest(b, base) - (less ? fastest(b, less) : 0);
		row.ours = fastest(b, ours) - (less ? fastest(b, less) : 0);
		row.value = row.ours / row.base;
	}
	table_add(&b->table, &row);
}

/* --------------------------------------------------------------------- the parts */

static const enum who opens[] = { NATIVE, PATH_SECCOMP, PATH_KMOD };

static void cells_of(struct cell *cells, const enum who *who, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++)
		cells[i] = (struct cell){ .who = who[i], .what = what };
}

/* A task that nobody traces: without the module, and with it and other tasks traced. */
static void untraced(struct bench *b)
{
	struct cell without = { .who = NATIVE, .what = WANTED }, with = without;
	bool loaded = false;

	start(b, NATIVE);
	place(b, NATIVE, 0);
	for (unsigned i = 0; i < 2 * b->rounds; i++) {
		bool want = (i + 1) / 2 % 2; /* without, with, with, without … */
		int r = 0;

		if (want && !loaded) {
			r = module_load(b);
			start(b, KMOD);
			if (!r && !b->why[KMOD][0])
				r = side_do(&b->side[KMOD], "crowd %d", IDLE_TASKS);
		} else if (!want && loaded) {
			side_stop(&b->side[KMOD]);
			r = module_unload();
		}
		if (r)
			snprintf(b->why[NATIVE], sizeof(b->why[NATIVE]), "the module: %s", strerror(-r));
		loaded = want;
		measure(b, want ? &with : &without, i / 2);
	}
	if (loaded) {
		side_stop(&b->side[KMOD]);
		module_unload();
	}
	if (b->why[KMOD][0])
		snprintf(b->why[NATIVE], sizeof(b->why[NATIVE]), "%s", b->why[KMOD]);
	add_ratio(b, "untraced", "untraced, module and 100 traced tasks", 1.05, &without, &with, NULL);
}

/*
 * An emulated CPU forgets all translations at each change of the address space, so
 * by time it is little more than the two changes that is compared: what these
 * budgets are about is counted.
 */
static void one_cpu(struct bench *b, bool count)
{
	static const char *const names[] = { [KMOD] = "module: a stop", [KMOD_EXIT] = "module: entry and exit",
					     [NOTIFY] = "seccomp notification",
					     [NOTIFY_SYNC] = "seccomp notification, sync",
					     [PTRACE] = "ptrace, a stop at entry", [NULL_KMOD] = "vmmd, null layer: a stop" };
	static const char *const keys[] = { [KMOD] = "module", [KMOD_EXIT] = "module_exit", [NOTIFY] = "notify",
					    [NOTIFY_SYNC] = "notify_sync", [PTRACE] = "ptrace", [NULL_KMOD] = "null" };
	struct cell quiet[] = { { .who = NATIVE, .what = UNWANTED }, { .who = FILTER, .what = UNWANTED },
				{ .who = KMOD, .what = UNWANTED }, { .who = NULL_KMOD, .what = UNWANTED } };
	static const enum who stops[] = { NATIVE, KMOD, KMOD_EXIT, NOTIFY, NOTIFY_SYNC, PTRACE, NULL_KMOD };
	struct cell stop[7], open[3];

	cells_of(stop, stops, 7, WANTED);
	cells_of(open, opens, 3, "open");
	open[0].cold = true; /* as it is when a daemon has just had this CPU */
	for (enum who w = NATIVE; w < WHO_N; w++)
		place(b, w, 0);
	measure_all(b, quiet, 4);
	measure_all(b, stop, 7);
	measure_all(b, open, 3);
	add_ratio(b, "unwanted", "unwanted, with an empty filter's", 1.10, &quiet[1], &quiet[3], NULL);
	add_ratio(b, "unwanted_native", "  with nobody's", NAN, &quiet[0], &quiet[3], NULL);
	for (size_t i = 1; i < 7; i++)
		add_ratio(b, keys[stop[i].who], names[stop[i].who], NAN, &stop[0], &stop[i], NULL);
	add_ratio(b, "null_bare", "vmmd's stop, with one by hand", count ? 1.15 : NAN, &stop[1], &stop[6], NULL);
	add_ratio(b, "open", "open with its path, with seccomp's", count ? 0.70 : NAN, &open[1], &open[2], &open[0]);
}

static void two_cpus(struct bench *b)
{
	static const enum who stops[] = { NATIVE, KMOD, KMOD_SPIN, NOTIFY, PTRACE };
	struct cell stop[5], open[3];

	cells_of(stop, stops, 5, WANTED);
	cells_of(open, opens, 3, "open");
	for (size_t i = 0; i < 5; i++)
		place(b, stops[i], stops[i] != NATIVE);
	place(b, PATH_SECCOMP, 1);
	place(b, PATH_KMOD, 1);
	measure_all(b, stop, 5);
	measure_all(b, open, 3);
	add_ratio(b, "2.module", "module, asleep", NAN, &stop[0], &stop[1], NULL);
	add_ratio(b, "2.module_spin", "module, both sides spin", NAN, &stop[0], &stop[2], NULL);
	add_ratio(b, "2.notify", "seccomp notification", NAN, &stop[0], &stop[3], NULL);
	add_ratio(b, "2.ptrace", "ptrace, a stop at entry", NAN, &stop[0], &stop[4], NULL);
	add_ratio(b, "2.open", "open with its path, with seccomp's", 0.15, &open[1], &open[2], &open[0]);
	place(b, PATH_SECCOMP, -1);
	place(b, PATH_KMOD, -1);
	measure_all(b, open, 3);
	add_ratio(b, "any.open", "  left to the scheduler", NAN, &open[1], &open[2], &open[0]);
}

/* System calls of the worker: the difference of two runs, so that attaching does not count. */
static void worker_calls(struct bench *b, enum who who, const char *what, const char *key, const char *text)
{
	struct table_row row = row_new(key, text, UNIT_CALLS, 1);
	double few = 0, many = 0;
	long less = 0, more = 0;
	int r = b->why[who][0] ? -ESRCH : side_tracer_calls(&b->side[who], what, STRACE_MS, &few, &less);

	/* On a busy host a longer time may be too short for more calls. */
	for (int i = 0; !r && more <= less && i < 5; i++)
		r = side_tracer_calls(&b->side[who], what, 4 * STRACE_MS, &many, &more);
	if (r || more <= less)
		snprintf(row.why, sizeof(row.why), "strace of the worker: %s", r ? strerror(-r) : "no more calls in more time");
	else
		row.value = round((many - few) / (double)(more - less) * 10) / 10;
	table_add(&b->table, &row);
}

static void calls(struct bench *b)
{
	place(b, NULL_KMOD, 0);
	place(b, PATH_KMOD, 0);
	worker_calls(b, NULL_KMOD, WANTED, "calls", "the worker's calls a stop");
	worker_calls(b, PATH_KMOD, "open", "calls_path", "  with its path");
}

/* ---------------------------------------------------------------------------- all */

static int prepare(void)
{
	if (mkdir(PLACE, 0755) && errno != EEXIST)
		return -errno;
	return setenv("W", PLACE, 1);
}

/* Budgets as tests. */
static void judge(const struct bench *b)
{
	for (size_t i = 0; i < b->table.count; i++) {
		const struct table_row *r = &b->table.row[i];

		if (isnan(r->budget))
			continue;
		if (r->why[0])
			printf("not ok bench/%s: %s\n", r->key, r->why);
		else if (r->value <= r->budget)
			printf("ok bench/%s\n", r->key);
		else
			printf("not ok bench/%s: %.2f, at most %.2f\n", r->key, r->value, r->budget);
	}
}

int main(int argc, char **argv)
{
	static struct bench b;
	char host[160];
	bool count;
	int r;

	if (argc != 4 || !realpath("/proc/self/exe", b.dir))
		return 2;
	dirname(b.dir);
	b.module = argv[1];
	b.vmmctl = argv[2];
	count = strcmp(argv[3], "count") == 0;
	b.rounds = count ? 3 : 20;
	r = prepare();
	if (!r && !access("/sys/module/vmmd", F_OK))
		r = module_unload();
	if (!r)
		untraced(&b);
	if (!r)
		r = module_load(&b);
	if (r) {
		printf("not ok bench/begins: %s\n", strerror(-r));
		return 1;
	}
	b.why[KMOD][0] = '\0';
	for (enum who w = FILTER; w < WHO_N; w++)
		start(&b, w);
	if (!has_sync())
		snprintf(b.why[NOTIFY_SYNC], sizeof(b.why[NOTIFY_SYNC]), "not on this kernel");
	one_cpu(&b, count);
	calls(&b);
	if (!count)
		two_cpus(&b);
	for (enum who w = NATIVE; w < WHO_N; w++)
		side_stop(&b.side[w]);
	table_host(host, sizeof(host));
	printf("bench begin\n%s; %s\n", host, count ? "instructions" : "an emulated CPU's time");
	table_print(&b.table);
	printf("bench end\n");
	judge(&b);
	return 0;
}
