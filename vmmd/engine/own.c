// SPDX-License-Identifier: GPL-2.0-or-later
/* own.c - what an engine does about system calls for itself, and all in all. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "vmmd/engine/filter.h"
#include "vmmd/engine/own.h"

enum { ANY, TRACED, PERFORMED };

static const struct engine_own rows[] = {
#define BYPASS(call, arg, mask, error, tasks, why) \
	{SYS_##call, NULL, tasks, error, sizeof(#mask) == sizeof("0") ? NULL : #mask, why},
#include "vmmd/engine/bypass.tbl"
#undef BYPASS
#define OWN(engine, call, why) {SYS_##call, #engine, ANY, 0, NULL, why},
#include "vmmd/engine/own.tbl"
#undef OWN
};

static bool traces(const struct engine_ops *ops)
{
	return ops->how(VMMD_WANT_EXIT) == ENGINE_HOW_TRACE;
}

static bool applies(const struct engine_own *own, const struct engine_ops *ops, bool performs)
{
	if (own->engine)
		return strcmp(own->engine, ops->name) == 0;
	return own->tasks == ANY || (own->tasks == TRACED ? traces(ops) : performs);
}

const struct engine_own *engine_own(const struct engine_ops *ops, bool performs, int64_t nr)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct engine_own *own = &rows[i];

		if (own->nr == nr && applies(own, ops, performs))
			return own;
	}
	return NULL;
}

enum engine_how engine_handles(const struct engine_ops *ops, const struct engine_select *select, bool performs, int64_t nr)
{
	const struct engine_own *own = engine_own(ops, performs, nr);
	/* An engine that traces has a listener only if there is something to notify. */
	bool listens = !traces(ops) || engine_uses(ops, select, ENGINE_HOW_NOTIFY);
	const int mine[] = {own && !own->error && listens ? (int)nr : -1, -1};
	const struct filter_plan plan = {.select = select, .how = ops->how, .traced = traces(ops), .notify = mine};

	if (own && own->error && !own->flag)
		return ENGINE_HOW_ERRNO;
	return filter_how(&plan, nr);
}
