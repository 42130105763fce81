/* SPDX-License-Identifier: GPL-2.0-or-later */
/* own.h - what engines do about system calls for themselves: bypass.tbl and own.tbl. Constant data, any thread. */
#ifndef VMMD_ENGINE_OWN_H
#define VMMD_ENGINE_OWN_H

#include "vmmd/engine/engine.h"

/* A row of bypass.tbl or own.tbl. */
struct engine_own {
	int64_t nr;
	unsigned arg;
	uint64_t mask;	  /* refused if the argument has any bit of it; 0: always */
	const char *flag; /* the name of the mask; NULL: there is none */
	int error;	  /* refuses it; 0: stops it */
	const char *why;
};

/* The row of bypass.tbl that applies to the call, or NULL. `performs`: see engine_config. */
const struct engine_own *own_bypass(bool traced, bool performs, int64_t nr);
/* The row of own.tbl for an engine of that name, or NULL. */
const struct engine_own *own_stop(const char *engine, int64_t nr);
/* What the engine does for itself about a call, or NULL. */
const struct engine_own *engine_own(const struct engine_ops *, bool performs, int64_t nr);
/* How it handles the call for a selection: what its filter does, whatever the arguments. */
enum engine_how engine_handles(const struct engine_ops *, const struct engine_select *, bool performs, int64_t nr);

#endif
