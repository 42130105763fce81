// SPDX-License-Identifier: GPL-2.0-or-later
/* engine.c - which engines there are, and which one a stack gets. */
#include <stdio.h>
#include <string.h>

#include "vmmd/engine/engine.h"
#include "vmmd/engine/ptrace.h"

const struct engine_ops *const engine_all[] = {&engine_ptrace, NULL};

const char *const engine_feature_names[ENGINE_F_COUNT_] = {
	"entry",  "exit",     "rewrite",    "result", "reissue", "signals",   "lifecycle",
	"attach", "reselect", "install-fd", "errno",  "paths",	 "safe-args", "release",
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

/* Why `ops` does not serve: it cannot work here, or lacks something. Empty: it does. */
static bool serves(const struct engine_ops *ops, uint32_t features, char *why, size_t len)
{
	uint32_t missing = features & ~ops->features;
	char clause[160] = "";

	if (missing) {
		snprintf(why, len, "engine %s has no \"%s\"", ops->name, engine_feature_names[__builtin_ctz(missing)]);
		return false;
	}
	if (ops->probe(clause, sizeof(clause)) < 0) {
		snprintf(why, len, "engine %s cannot work here: %s", ops->name, clause);
		return false;
	}
	return true;
}

const struct engine_ops *engine_choose(const char *name, uint32_t features, char *why, size_t len)
{
	const struct engine_ops *ops;

	if (strcmp(name, "auto") == 0) {
		for (const struct engine_ops *const *e = engine_all; *e; e++)
			if (serves(*e, features, why, len))
				return *e;
		return NULL;
	}
	ops = find(name);
	if (!ops) {
		char names[128];

		list_names(names, sizeof(names));
		snprintf(why, len, "there is no engine \"%.40s\"; there are: %s", name, names);
		return NULL;
	}
	return serves(ops, features, why, len) ? ops : NULL;
}
