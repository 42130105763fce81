// SPDX-License-Identifier: GPL-2.0-or-later
/* engine.c - which engines there are, and which one a stack gets. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "vmmd/engine/engine.h"
#include "vmmd/engine/kmod.h"
#include "vmmd/engine/ptrace.h"
#include "vmmd/engine/seccomp.h"
#include "vmmd/sysent.h"

const struct engine_ops *const engine_all[] = {&engine_kmod, &engine_seccomp, &engine_hybrid, &engine_ptrace, NULL};

const char *const engine_how_names[] = {"native", "errno", "notify", "trace"};

const char *const engine_feature_names[ENGINE_F_COUNT_] = {
	"entry",  "exit",     "rewrite",    "result", "reissue", "signals",   "lifecycle",
	"attach", "reselect", "install-fd", "errno",  "paths",	 "safe-args", "release",
	"install-fd at any stop", "hand-over",
};

static const struct engine_ops *find(const char *name)
{
	for (const struct engine_ops *const *e = engine_all; *e; e++)
		if (strcmp((*e)->name, name) == 0)
			return *e;
	return NULL;
}

static void list_names(char *buf, size_t len)
{
	size_t used = (size_t)snprintf(buf, len, "auto");

	for (const struct engine_ops *const *e = engine_all; *e && used < len; e++)
		used += (size_t)snprintf(buf + used, len - used, ", %s", (*e)->name);
}

uint32_t engine_wanted(const struct engine_select *s, int64_t nr)
{
	return nr >= 0 && nr < ENGINE_NR_MAX ? s->want[nr] : s->want_other;
}

/* Layers look at the first two for more than their path; the third may have another root. */
bool engine_tells_paths(int64_t nr)
{
	const struct vmmd_syscall *sc = sysent(nr);
	int paths = 0;

	if (!sc || nr == SYS_chroot || nr == SYS_pivot_root || nr == SYS_openat2)
		return false;
	for (int i = 0; i < sc->nargs; i++) {
		paths += sc->kind[i] == VMMD_ARG_PATH;
		if (sc->kind[i] == VMMD_ARG_SOCKADDR)
			return false;
	}
	return paths == 1 || paths == 2;
}

bool engine_is_exec(int64_t nr)
{
	return nr == SYS_execve || nr == SYS_execveat;
}

bool engine_uses(const struct engine_ops *ops, const struct engine_select *s, enum engine_how how)
{
	if (ops->how(s->want_other) == how)
		return true;
	for (int nr = 0; nr < ENGINE_NR_MAX; nr++)
		if (!s->refuse[nr] && ops->how(s->want[nr]) == how)
			return true;
	return false;
}

/* Which feature is missing, as a mask of one; 0: none. */
static uint32_t missing(const struct engine_ops *ops, const struct engine_need *need)
{
	uint32_t all = need->all & ~ops->features;

	if (all)
		return all & -all;
	return need->any && !(need->any & ops->features) ? need->any & -need->any : 0;
}

/* Does `ops` serve? If not, why: it cannot work here, or lacks something. */
static bool serves(const struct engine_ops *ops, const struct engine_need *need, char *why, size_t len)
{
	uint32_t lack = missing(ops, need);
	char clause[160] = "";

	if (lack) {
		snprintf(why, len, "engine %s has no \"%s\"", ops->name, engine_feature_names[__builtin_ctz(lack)]);
		return false;
	}
	if (ops->probe(clause, sizeof(clause)) < 0) {
		snprintf(why, len, "engine %s cannot work here: %s", ops->name, clause);
		return false;
	}
	return true;
}

/* An engine that can notify is no use where every call that stops is traced. */
static bool is_apt(const struct engine_ops *ops, const struct engine_need *need)
{
	return ops != &engine_hybrid || !need->select || engine_uses(ops, need->select, ENGINE_HOW_NOTIFY);
}

/* If none serves, why is best said of one that would if it could work here. */
static const struct engine_ops *choose_any(const struct engine_need *need, char *why, size_t len)
{
	bool said = false;

	for (const struct engine_ops *const *e = engine_all; *e; e++) {
		char clause[256];

		if (!is_apt(*e, need))
			continue;
		if (serves(*e, need, clause, sizeof(clause)))
			return *e;
		if (said)
			continue;
		said = !missing(*e, need);
		snprintf(why, len, "%s%s", said ? "of the engines that have what this stack needs, " : "", clause);
	}
	return NULL;
}

const struct engine_ops *engine_choose(const char *name, const struct engine_need *need, char *why, size_t len)
{
	const struct engine_ops *ops;

	if (strcmp(name, "auto") == 0)
		return choose_any(need, why, len);
	ops = find(name);
	if (!ops) {
		char names[128];

		list_names(names, sizeof(names));
		snprintf(why, len, "there is no engine \"%.40s\"; there are: %s", name, names);
		return NULL;
	}
	return serves(ops, need, why, len) ? ops : NULL;
}
