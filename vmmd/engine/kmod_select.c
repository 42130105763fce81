// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmod_select.c - the selection as the module wants it: a filter, a bit for each
 * call that never gets there, which argument is to be delivered, and the table of
 * paths for calls that the filter stops.
 *
 * No task of the module has vmmd for its tracer, and the module follows children
 * whatever their flags are: the rows of bypass.tbl for traced tasks do not apply.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
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

#define NO_DIR 255

static void add_path_calls(struct km_selection *to, int nr)
{
	const struct vmmd_syscall *sc = sysent(nr);

	for (uint8_t i = 0; i < sc->nargs; i++)
		if (sc->kind[i] == VMMD_ARG_PATH)
			to->path_calls[to->npath_calls++] = (struct vmmd_kmod_path_call){
				.nr = (uint16_t)nr,
				.path_arg = i,
				.dir_arg = i && sc->kind[i - 1] == VMMD_ARG_DIRFD ? (uint8_t)(i - 1) : NO_DIR,
			};
}

static struct vmmd_kmod_path row_of(const char *path, uint16_t action)
{
	return (struct vmmd_kmod_path){
		.path = (uint64_t)(uintptr_t)path,
		.len = (uint32_t)strlen(path),
		.action = action,
	};
}

/* Everything is native but what is below these. More of them than a table has room for: none, all stop. */
static int add_paths(struct km_selection *to, const struct engine_select *select)
{
	for (int nr = 0; nr < ENGINE_NR_MAX && select->nbelow < VMMD_KMOD_PATHS; nr++)
		if (select->by_path[nr])
			add_path_calls(to, nr);
	if (!to->npath_calls)
		return 0;
	to->paths = calloc(select->nbelow + 1, sizeof(*to->paths));
	if (!to->paths)
		return -ENOMEM;
	to->paths[to->npaths++] = row_of("/", VMMD_KMOD_PATH_NATIVE);
	for (size_t i = 0; i < select->nbelow; i++)
		to->paths[to->npaths++] = row_of(select->below[i], VMMD_KMOD_PATH_STOP);
	return 0;
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
	rc = add_paths(to, select);
	if (rc < 0)
		km_selection_free(to);
	return rc;
}

void km_selection_free(struct km_selection *s)
{
	free(s->paths);
	s->paths = NULL;
	filter_free(&s->filter);
}
