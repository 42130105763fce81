// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmod_select.c - the selection as the module wants it: a filter, a bit for each
 * call that never gets there, and which argument is to be delivered.
 *
 * No task of the module has vmmd for its tracer, and the module follows children
 * whatever their flags are: the rows of bypass.tbl for traced tasks do not apply.
 */
#include <seccomp.h>
#include <string.h>

#include "vmmd/engine/kmod_impl.h"
#include "vmmd/engine/own.h"
#include "vmmd/sysent.h"

enum engine_how km_how(uint32_t want)
{
	return want ? ENGINE_HOW_TRACE : ENGINE_HOW_ALLOW;
}

int km_path_arg(int64_t nr)
{
	const struct vmmd_syscall *call = sysent(nr);

	for (int i = 0; call && i < call->nargs; i++)
		if (call->kind[i] == VMMD_ARG_PATH)
			return i;
	return -1;
}

int km_selection_build(struct km_selection *to, const struct engine_select *select, enum engine_foreign foreign,
		       bool performs)
{
	const struct filter_plan plan = {
		.select = select,
		.how = km_how,
		.foreign = foreign,
		.trace = SCMP_ACT_TRACE(0),
		.performs = performs,
	};
	int rc;

	memset(to, 0, sizeof(*to));
	rc = filter_build(&to->filter, &plan);
	if (rc < 0)
		return rc;
	for (int nr = 0; nr < ENGINE_NR_MAX; nr++) {
		int path = km_path_arg(nr);

		/* Where there is a row of bypass.tbl, whether it applies or not, arguments may matter. */
		if (filter_how(&plan, nr) == ENGINE_HOW_ALLOW && !own_bypass(true, true, nr))
			to->native[nr / 64] |= 1ull << (nr % 64);
		if (path >= 0)
			to->inlines[nr] = (uint8_t)(VMMD_KMOD_INLINE_STRING | path);
	}
	return 0;
}

void km_selection_free(struct km_selection *s)
{
	filter_free(&s->filter);
}
