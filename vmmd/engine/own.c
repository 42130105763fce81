// SPDX-License-Identifier: GPL-2.0-or-later
/* own.c - what engines do about system calls for themselves. */
#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include "vmmd/engine/filter.h"
#include "vmmd/engine/own.h"

/* Which tasks a row of bypass.tbl is about. */
enum tasks { ANY, TRACED, PERFORMED };

static const struct bypass {
	struct engine_own own;
	enum tasks tasks;
} bypasses[] = {
#define BYPASS(call, arg, mask, error, tasks, why) \
	{{SYS_##call, arg, mask, sizeof(#mask) == sizeof("0") ? NULL : #mask, error, why}, tasks},
#include "vmmd/engine/bypass.tbl"
#undef BYPASS
};

static const struct stop {
	struct engine_own own;
	const char *engine;
} stops[] = {
#define OWN(engine, call, why) {{SYS_##call, 0, 0, NULL, 0, why}, #engine},
#include "vmmd/engine/own.tbl"
#undef OWN
};

const struct engine_own *own_bypass(bool traced, bool performs, int64_t nr)
{
	for (size_t i = 0; i < sizeof(bypasses) / sizeof(bypasses[0]); i++) {
		const struct bypass *b = &bypasses[i];

		if (b->own.nr == nr && (b->tasks == ANY || (b->tasks == TRACED ? traced : performs)))
			return &b->own;
	}
	return NULL;
}

const struct engine_own *own_stop(const char *engine, int64_t nr)
{
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		if (stops[i].own.nr == nr && strcmp(stops[i].engine, engine) == 0)
			return &stops[i].own;
	return NULL;
}

const struct engine_own *engine_own(const struct engine_ops *ops, bool performs, int64_t nr)
{
	const struct engine_own *own = own_bypass(ops->traces, performs, nr);

	return own ? own : own_stop(ops->name, nr);
}

enum engine_how engine_handles(const struct engine_ops *ops, const struct engine_select *select, bool performs, int64_t nr)
{
	const struct engine_own *own = own_bypass(ops->traces, performs, nr);
	/* An engine that traces has a listener only if there is something to notify. */
	bool listens = !ops->traces || engine_uses(ops, select, ENGINE_HOW_NOTIFY);
	const struct filter_plan plan = {
		.select = select,
		.how = ops->how,
		.traced = ops->traces,
		.notifies = listens ? ops->name : NULL,
	};

	return own && !own->flag ? ENGINE_HOW_ERRNO : filter_how(&plan, nr);
}
