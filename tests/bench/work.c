/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * work.c - the real work of the benchmark.
 *
 * Each command prints the same whenever and under whatever it runs. $N says
 * how much of it is done, $HEADERS which files are read.
 */
#include "tests/bench/work.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES(cmd) "i=0; while [ $i -lt $N ]; do " cmd "; i=$((i + 1)); done"

const struct work work_all[] = {
	{ "find", "find and cat, headers", "find $HEADERS -type f -exec cat {} +", NULL, false },
	{ "status", "git status", "cd $W/repo; " TIMES("git status"), NULL, false },
	{ "log", "git log --stat", "cd $W/repo; " TIMES("git --no-pager log --stat"), NULL, false },
	{ "make", "make -j2, small C files", "make -s -B -j2 -C $W/cc FILES=$((2 * N))",
	  "cat $W/cc/*.o", false },
	{ "spawn", "processes", "N=$((30 * N)); " TIMES("/bin/true") "; echo $i", NULL, false },
	{ "python", "python3", "cd $W/repo; " TIMES("$PYTHON ../script.py"), NULL, false },
	{ "sqlite", "sqlite3, inserts",
	  "rm -f $W/db; { head -n $((2 + 30 * N)) $W/sqlite.sql; "
	  "echo 'SELECT count(*), sum(value) FROM t;'; } | sqlite3 $W/db",
	  "sqlite3 $W/db .dump", false },
	{ "trees", "two that compute, and call seldom",
	  "$LOAD 2 $((100 * N)) 300000 /usr/include", NULL, true },
	{ "often", "two that compute, and call often",
	  "$LOAD 2 $((1000 * N)) 20000 /usr/include", NULL, true },
	{ NULL, NULL, NULL, NULL, false }
};

const struct work *work_find(const char *key)
{
	for (const struct work *w = work_all; w->key; w++)
		if (!strcmp(w->key, key))
			return w;
	return NULL;
}

/* A script of the user in place of the interpreter would be measured with it. */
static const char *python(void)
{
	return access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3";
}

static int set_environment(const struct work_place *p, const char *load, unsigned size)
{
	char home[PATH_MAX + 8], n[16];
	const char *const vars[][2] = {
		{ "W", p->dir },
		{ "HOME", home },
		{ "LC_ALL", "C" },
		{ "N", n },
		{ "HEADERS", size < WORK_FULL ? "/usr/include/linux" : "/usr/include" },
		{ "LOAD", load },
		{ "PYTHON", python() },
		{ "PYTHONDONTWRITEBYTECODE", "1" },
		{ "GIT_CONFIG_NOSYSTEM", "1" },
		{ "GIT_OPTIONAL_LOCKS", "0" }, /* git status writes nothing */
	};

	snprintf(home, sizeof(home), "%s/home", p->dir);
	snprintf(n, sizeof(n), "%u", size);
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++)
		if (setenv(vars[i][0], vars[i][1], 1))
			return -errno;
	/* This runs below a make whose jobs are none of the work's. */
	return unsetenv("MAKEFLAGS") || unsetenv("MFLAGS") || unsetenv("MAKELEVEL") ? -errno : 0;
}

static int run_script(const char *script, const char *dir)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		setpgid(0, 0);
		execl(script, script, dir, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) != pid)
		kill(-pid, SIGTERM); /* somebody wants us to end */
	return status ? -EPROTO : 0;
}

int work_open(struct work_place *p, const char *dir, unsigned size)
{
	char script[PATH_MAX + 16], load[PATH_MAX + 16];
	const char *tmp = getenv("TMPDIR");
	int r;

	snprintf(script, sizeof(script), "%s/prepare.sh", dir);
	snprintf(load, sizeof(load), "%s/load", dir);
	r = snprintf(p->dir, sizeof(p->dir), "%s/vmmd-bench.XXXXXX", tmp ? tmp : "/tmp");
	if (r >= (int)sizeof(p->dir) || !mkdtemp(p->dir)) {
		p->dir[0] = '\0';
		return -errno;
	}
	if (snprintf(p->out, sizeof(p->out), "%s/out", p->dir) >= (int)sizeof(p->out))
		return -ENAMETOOLONG;
	r = set_environment(p, load, size);
	if (!r)
		r = run_script(script, p->dir);
	p->runner.out = p->out;
	return r ? r : runner_init(&p->runner);
}

void work_close(struct work_place *p)
{
	int r = p->dir[0] ? -1 : 0;

	runner_fini(&p->runner);
	/* What was interrupted may not have ended yet, and make a file meanwhile. */
	for (int i = 0; r && i < 5; i++) {
		r = system("rm -rf \"$W\" 2>/dev/null");
		if (r)
			usleep(200000);
	}
	if (r)
		fprintf(stderr, "bench: cannot remove %s\n", p->dir);
}

/* FNV-1a, a word at a time: fast, and nobody tries to deceive us. */
static void sum_file(FILE *f, uint64_t *sum)
{
	uint64_t word[1024];
	size_t n;

	while ((n = fread(word, 1, sizeof(word), f)) > 0) {
		memset((char *)word + n, 0, sizeof(word) - n);
		for (size_t i = 0; i < (n + 7) / 8; i++)
			*sum = (*sum ^ word[i]) * 0x100000001b3u;
		*sum = (*sum ^ n) * 0x100000001b3u;
	}
}

static int check(const struct work_place *p, const struct work *w, uint64_t *sum)
{
	FILE *f = fopen(p->out, "re");

	*sum = 0xcbf29ce484222325u;
	if (!f)
		return -errno;
	sum_file(f, sum);
	fclose(f);
	if (!w->check)
		return 0;
	f = popen(w->check, "re");
	if (!f)
		return -errno;
	sum_file(f, sum);
	return pclose(f) ? -EPROTO : 0;
}

int work_run(struct work_place *p, const struct work *w, const char *const *prefix, struct run *run,
	     uint64_t *sum)
{
	const char *argv[WORK_PREFIX_MAX + 4];
	int n = 0, r;

	for (; prefix && prefix[n] && n < WORK_PREFIX_MAX; n++)
		argv[n] = prefix[n];
	argv[n++] = "/bin/sh";
	argv[n++] = "-c";
	argv[n++] = w->cmd;
	argv[n] = NULL;
	r = runner_run(&p->runner, (char *const *)argv, run);
	if (r)
		return r;
	if (run->status)
		return -EPROTO;
	return check(p, w, sum);
}
