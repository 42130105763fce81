/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * choose.h - which engine a stack gets, what is selected of it, and what becomes
 * of each system call then. Event thread only.
 */
#ifndef VMMD_CHOOSE_H
#define VMMD_CHOOSE_H

#include "vmmd/session.h"
#include "vmmd/sysent.h"

struct engine_ops;
struct engine_select;
struct stack;

/* The engine for the session's stack and configuration; NULL with a line in `why`. */
const struct engine_ops *choose_engine(struct session *, char *why, size_t len);
/* Its name. */
const char *choose_name(struct session *, char *why, size_t len);
/* Does a layer, or the configuration, want what the engine has not? 0, or -ENOTSUP with a line in `why`. */
int choose_refuse(struct session *, const struct engine_ops *, char *why, size_t len);
/* What on-failure says, as in a session file. */
const char *choose_policy(const struct conf *);
/* What is to be stopped for the stack. */
void choose_select(const struct stack *, struct engine_select *);
/* Will calls be run in the tasks' place (perform.h)? */
bool choose_performs(const struct stack *, const struct engine_ops *);
/* Does the layer hand data on to children? Then the engine must tell of them. */
bool choose_inherits(const struct vmmd_layer *);

/* What becomes of one system call. */
struct choose_call {
	const char *how; /* "native", "errno", "notify" or "trace", see enum engine_how */
	bool by_path;	 /* … and only for paths below those of the stack, see only_below() */
	int layer;	 /* the outermost that alone has it so, or -1: the engine for itself, or nobody */
	int refuser;	 /* the layer that refuses it in any case, after those outside of it, or -1 */
	int error;	 /* with this errno; `how` is "errno" and there is no such layer: the engine */
	uint32_t wants[VMMD_MAX_LAYERS]; /* of each layer, VMMD_WANT_*; also REWRITE if PATHS is to be had only so */
	const char *flag; /* with this flag in its arguments the engine refuses it … */
	int flag_error;	  /* … so; NULL: there is none */
	const char *why;  /* the reason of the engine, or NULL */
};
/* What becomes of each call of the stack on an engine, the last for all other numbers. */
void choose_calls(const struct stack *, const struct engine_ops *, struct choose_call[SYSENT_MAX + 1]);
/*
 * The same on the engine that choose_engine() takes. The name of that engine, or NULL with a line in `why`.
 */
const char *choose_explain(struct session *, struct choose_call[SYSENT_MAX + 1], char *why, size_t len);
/* The i-th engine, cheapest first, and what keeps the session from using it. NULL: there are no more. */
const char *choose_obstacle(struct session *, size_t i, char *why, size_t len);

#endif
