/* SPDX-License-Identifier: GPL-2.0-or-later */
/* own.h - what an engine does about system calls for itself, and all in all. Constant data, any thread. */
#ifndef VMMD_ENGINE_OWN_H
#define VMMD_ENGINE_OWN_H

#include "vmmd/engine/engine.h"

/* A row of bypass.tbl or own.tbl. */
struct engine_own {
	int64_t nr;
	const char *engine; /* NULL: of all … */
	int tasks;	    /* … for tasks of what kind: see bypass.tbl */
	int error;	    /* refuses it; 0: stops it */
	const char *flag;   /* only with this in an argument; NULL: always */
	const char *why;
};

/* What the engine does for itself about a call, or NULL. `performs`: see engine_config. */
const struct engine_own *engine_own(const struct engine_ops *, bool performs, int64_t nr);
/* How it handles the call for a selection: what its filter does, whatever the arguments. */
enum engine_how engine_handles(const struct engine_ops *, const struct engine_select *, bool performs, int64_t nr);

#endif
