/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.h - the ordered layers of a session, and the only caller of their
 * event callbacks.
 *
 * Owned by the session; used in the event thread. Which layers a call or an
 * event concerns is a bit mask computed when the stack changes, so layers that
 * do not want a call cost nothing.
 */
#ifndef VMMD_STACK_H
#define VMMD_STACK_H

#include <stdint.h>
#include <vmmd/plugin.h>

#include "vmmd/layer.h"

/* Room for live traces above the configured layers. */
#define STACK_LIVE 2

struct stack {
	struct session *session;
	struct vmmd_layer *layers[VMMD_MAX_LAYERS]; /* [0] innermost */
	int n;
	int configured; /* how many came from the configuration */
	uint32_t entry[SYSENT_MAX + 1]; /* layers to ask at entry; the last is for all other numbers */
	uint32_t event[REQ_EVENTS_];	/* layers to ask about an event */
	struct below below; /* what the configured layers have said, but for those that mean every path */
	bool broken_passes;		/* broken-layer: pass */
	bool safe_args;			/* the engine's: memory cannot change after the decision */
};

/* Where a walk ended. */
enum stack_end {
	STACK_THROUGH, /* all layers passed: down to the kernel, or up to the program */
	STACK_TURNED,  /* down: a layer replied. up: a layer reissues calls[NEXT] */
	STACK_WAIT,    /* a layer suspended the request */
};

/* Build and open the layers of `conf`. 0 or -errno with a line in `why`. */
int stack_open(struct stack *, struct session *, const struct conf *, char *why, size_t len);
/* Close all layers, outermost first. No request is in a layer any more. */
void stack_close(struct stack *);

/* A further outermost layer for a running session. */
int stack_push(struct stack *, struct vmmd_layer **, const struct conf_layer *, int live_fd, char *why, size_t len);
/* Take it out again; its requests must be cancelled. */
void stack_pop(struct stack *, struct vmmd_layer *);

/* Go on with the walk of a request from req->layer. */
enum stack_end stack_down(struct stack *, struct vmmd_req *);
enum stack_end stack_up(struct stack *, struct vmmd_req *);
/* Begin a walk. */
void stack_begin_down(const struct stack *, struct vmmd_req *);
void stack_begin_up(struct vmmd_req *);
/* The request's task is gone: tell the layer that holds it. */
void stack_cancel(struct vmmd_req *);

/* The outermost layer that always refuses a call, or -1; layers inside of it never see it. */
int stack_refuser(const struct stack *, int64_t nr);
/* All that some layer wants that can be asked; `who`: only that layer, or NULL. */
uint32_t stack_wants(const struct stack *, const struct vmmd_layer *who, int64_t nr);
/* What of it is wanted of every such call, for the engine's selection. */
uint32_t stack_always(const struct stack *, const struct vmmd_layer *who, int64_t nr);
uint32_t stack_events(const struct stack *, const struct vmmd_layer *who);
/* Have all layers that want this call of paths said which of them concern them? */
bool stack_is_narrow(const struct stack *, int64_t nr);

/* Give a command to each layer, outermost first. 0 if one took it; else what the last said that knows it, or -ENOENT. */
int stack_command(struct stack *, const char *name, const char *text, struct vmmd_reply *);

#endif
