/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * who.c - find engines and tools, make their command lines, try each.
 */
#include "tests/bench/who.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A call that no program here makes. */
#define NEVER "vhangup"
#define PATHS "null,syscalls=@path"
#define TRY_MS 10000

/* ---------------------------------------------------------------- engines */

static void take_engine(struct who_list *l, const json_t *e)
{
	const char *name = json_string_value(json_object_get(e, "name"));
	const char *why = json_string_value(json_object_get(e, "why"));
	struct engine_info *info = &l->engine[l->engines];
	const json_t *feature;
	size_t i;

	if (!name || l->engines == ENGINES_MAX)
		return;
	snprintf(info->name, sizeof(info->name), "%s", name);
	info->why[0] = '\0';
	if (!json_is_true(json_object_get(e, "usable")))
		snprintf(info->why, sizeof(info->why), "not usable here: %s", why ? why : "");
	json_array_foreach(json_object_get(e, "features"), i, feature)
		if (json_is_string(feature) && !strcmp(json_string_value(feature), "exit"))
			info->exit = true;
	l->engines++;
}

int who_engines(struct who_list *l, const char *vmmctl)
{
	char cmd[PATH_MAX + 32];
	json_t *all, *e;
	size_t i;
	FILE *f;

	memset(l, 0, sizeof(*l));
	snprintf(cmd, sizeof(cmd), "'%s' status --json", vmmctl);
	f = popen(cmd, "re");
	if (!f)
		return -errno;
	all = json_loadf(f, 0, NULL);
	/* One entry for each daemon; all of this build, so the first will do. */
	json_array_foreach(json_object_get(json_array_get(all, 0), "engines"), i, e)
		take_engine(l, e);
	json_decref(all);
	return pclose(f) || !l->engines ? -EPROTO : 0;
}

/* ------------------------------------------------------------------- list */

static void add_word(struct who *w, const char *word)
{
	if (w->words < WHO_WORDS - 1)
		w->prefix[w->words++] = strdup(word);
}

static struct who *add(struct who_list *l, enum who_kind kind, const char *key, const char *what)
{
	struct who *w;

	if (l->count == WHO_MAX)
		abort(); /* WHO_MAX is too small for what this file adds */
	w = &l->who[l->count++];
	memset(w, 0, sizeof(*w));
	w->kind = kind;
	w->engine = -1;
	snprintf(w->key, sizeof(w->key), "%s", key);
	snprintf(w->what, sizeof(w->what), "%s", what);
	return w;
}

static void add_own(struct who_list *l, enum who_kind kind, const char *dir, const char *program,
		    const char *what, const char *const *args)
{
	struct who *w = add(l, kind, program, what);
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, program);
	add_word(w, path);
	for (; args && *args; args++)
		add_word(w, *args);
}

static void add_vmmd(struct who_list *l, int engine, const char *vmmctl, const char *elsewhere,
		     char stack)
{
	static const char *const what[] = { "no interest", "null on paths", "null on all",
					    "remap elsewhere", "5 null on paths" };
	const struct engine_info *e = &l->engine[engine];
	char key[48], text[64], remap[PATH_MAX + 64];
	const char *layer = PATHS;
	struct who *w;

	snprintf(key, sizeof(key), "%s:%c", e->name, stack);
	snprintf(text, sizeof(text), "%s (%c) %s", e->name, stack, what[stack - 'a']);
	snprintf(remap, sizeof(remap), "remap,map=/vmmd-bench-elsewhere=%s", elsewhere);
	w = add(l, WHO_VMMD, key, text);
	w->engine = engine;
	w->stack = stack;
	snprintf(w->why, sizeof(w->why), "%s", e->why);
	if (stack == 'a')
		layer = "null,syscalls=" NEVER;
	else if (stack == 'c')
		layer = "null";
	else if (stack == 'd')
		layer = remap;
	add_word(w, vmmctl);
	add_word(w, "run");
	add_word(w, "--private");
	add_word(w, "-e");
	add_word(w, e->name);
	for (int i = 0; i < (stack == 'e' ? 5 : 1); i++) {
		add_word(w, "-l");
		add_word(w, layer);
	}
	add_word(w, "--");
}

static bool installed(const char *tool)
{
	char path[PATH_MAX], dirs[4096], *save = NULL;
	const char *env = getenv("PATH");

	snprintf(dirs, sizeof(dirs), "%s", env ? env : "/usr/bin:/bin");
	for (char *d = strtok_r(dirs, ":", &save); d; d = strtok_r(NULL, ":", &save)) {
		snprintf(path, sizeof(path), "%s/%s", d, tool);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static void add_peers(struct who_list *l)
{
	static const struct {
		const char *key, *what, *word[10];
	} peers[] = {
		{ "strace", "strace -f", { "strace", "-f", "-o", "/dev/null" } },
		{ "strace_bpf", "strace -f --seccomp-bpf, paths",
		  { "strace", "-f", "--seccomp-bpf", "-e", "trace=%file", "-o", "/dev/null" } },
		{ "proot", "proot", { "proot" } },
		{ "bwrap", "bwrap", { "bwrap", "--dev-bind", "/", "/" } },
		{ "fakeroot", "fakeroot", { "fakeroot" } },
		{ "umvu", "umvu", { "umvu" } },
	};

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct who *w = add(l, WHO_PEER, peers[i].key, peers[i].what);

		for (int k = 0; k < 10 && peers[i].word[k]; k++)
			add_word(w, peers[i].word[k]);
		if (!installed(w->prefix[0]))
			snprintf(w->why, sizeof(w->why), "not installed");
	}
}

/* -------------------------------------------------------------------- try */

/* What it says first, if it says something before it ends or the time is over. */
static bool first_line(int fd, char *line, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, TRY_MS) <= 0)
		return false;
	n = read(fd, line, len - 1);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* Run true(1) under it; what it says first when it fails is the reason. */
static void try_out(struct who *w)
{
	char *argv[WHO_WORDS + 2], line[sizeof(w->why)] = "";
	int out[2], status = -1;
	bool ended;
	pid_t pid;

	memcpy(argv, w->prefix, sizeof(w->prefix));
	argv[w->words] = (char *)"/bin/true";
	argv[w->words + 1] = NULL;
	if (pipe2(out, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	ended = pid > 0 && first_line(out[0], line, sizeof(line));
	if (pid > 0 && !ended)
		kill(pid, SIGKILL);
	if (pid > 0)
		waitpid(pid, &status, 0);
	close(out[0]);
	if (!ended)
		snprintf(w->why, sizeof(w->why), "true(1) does not end under it");
	else if (status)
		snprintf(w->why, sizeof(w->why), "%s", line[0] ? line : "does not work here");
}

int who_all(struct who_list *l, const char *dir, const char *vmmctl, const char *elsewhere)
{
	static const char *const floor[] = { "--read", "@path", "--", NULL };
	int r = who_engines(l, vmmctl);

	if (r)
		return r;
	add(l, WHO_NATIVE, "native", "natively");
	add_own(l, WHO_FILTER, dir, "empty_filter", "empty seccomp filter", NULL);
	add_own(l, WHO_BARE, dir, "bare_ptrace", "bare ptrace loop, paths", floor);
	add_own(l, WHO_BARE, dir, "bare_notify", "bare notification loop, paths", floor);
	for (size_t e = 0; e < l->engines; e++)
		for (char stack = 'a'; stack <= 'e'; stack++)
			add_vmmd(l, (int)e, vmmctl, elsewhere, stack);
	add_peers(l);
	for (size_t i = 1; i < l->count; i++)
		if (!l->who[i].why[0])
			try_out(&l->who[i]);
	/* An engine under which nothing runs is not one to measure. */
	for (size_t i = 1; i < l->count; i++)
		if (l->who[i].stack == 'a')
			memcpy(l->engine[l->who[i].engine].why, l->who[i].why,
			       sizeof(l->engine[0].why));
	return 0;
}

void who_free(struct who_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		for (int k = 0; k < l->who[i].words; k++)
			free(l->who[i].prefix[k]);
	l->count = 0;
}
