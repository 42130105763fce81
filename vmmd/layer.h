/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layer.h - one use of a plugin in one stack.
 *
 * Made by stack.c, filled by the plugin's open() through host.c, freed with
 * the stack. Plugins know it as the opaque `struct vmmd_layer`.
 */
#ifndef VMMD_LAYER_H
#define VMMD_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "vmmd/below.h"
#include "vmmd/conf.h"
#include "vmmd/req.h"
#include "vmmd/sysent.h"

struct session;

#define LAYER_MAGIC 0x6c617921u
#define LAYER_COUNTERS 16

struct layer_counter {
	char name[32];
	uint64_t value;
};

/* What vmmd counts for every layer. */
struct layer_stats {
	uint64_t asked[REQ_EVENTS_];
	uint64_t replied;
	uint64_t suspended; /* ever */
	uint64_t waiting;   /* now */
	uint64_t rewritten;
	uint64_t reissued;
	uint64_t dropped;
	uint64_t cancelled;
	uint64_t failed; /* bad verdicts and timeouts */
};

struct vmmd_layer {
	uint32_t magic;
	int index; /* 0: innermost */
	struct session *session;
	struct plugin *plugin;
	const struct vmmd_plugin *ops; /* plugin's table */
	void *self;
	char *label; /* what its log lines begin with */
	struct conf_values values;
	bool opening; /* open() runs: selection is allowed */
	bool live;    /* attached to a running session */
	uint8_t want[SYSENT_MAX];
	uint8_t want_other;
	uint16_t refuse[SYSENT_MAX]; /* errno, without asking it; 0: no */
	bool advisory; /* may be got round: see plugin.h, Confinement */
	struct below below; /* of calls with paths only those below these concern it; not of a live one */
	uint32_t events;
	struct layer_stats stats;
	struct layer_counter counters[LAYER_COUNTERS];
	struct vmmd_timer *timers;
	struct vmmd_watch *watches;
	struct vmmd_out *outs;
	int live_fd; /* live trace: where out_open() leads, else -1 */
};

static inline uint32_t layer_wants(const struct vmmd_layer *l, int64_t nr)
{
	return nr >= 0 && nr < SYSENT_MAX ? l->want[nr] : l->want_other;
}

/* What it wants of every such call; the rest it has to ask for: VMMD_WANT_RARELY. */
static inline uint32_t layer_always(const struct vmmd_layer *l, int64_t nr)
{
	uint32_t wants = layer_wants(l, nr);

	if (wants & VMMD_WANT_RARELY)
		wants &= ~(VMMD_WANT_RARELY | VMMD_WANT_EXIT | VMMD_WANT_RESULT | VMMD_WANT_REISSUE);
	return wants;
}

static inline uint16_t layer_refuses(const struct vmmd_layer *l, int64_t nr)
{
	return nr >= 0 && nr < SYSENT_MAX ? l->refuse[nr] : 0;
}

#endif
