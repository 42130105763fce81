/* SPDX-License-Identifier: GPL-2.0-or-later */
/* deny.h - what the files of the layer share: its state, and the rule `confine`. */
#ifndef VMMD_PLUGINS_DENY_H
#define VMMD_PLUGINS_DENY_H

#include <stdbool.h>
#include <stdint.h>
#include <vmmd/plugin.h>

#include "vmmd/plugins/common/path.h"

#define DENY_NR_MAX 512 /* above all known numbers */

/* `self` of a layer; but for roots and the counter it is constant after open(). */
struct deny {
	const struct vmmd_host *host;
	const struct vmmd_set *set;	/* NULL: not given */
	const struct vmmd_value *paths; /* NULL: not given */
	uint64_t families;		/* bit AF_x; 0: not given */
	bool confine;			/* paths: see confine.c */
	struct path_roots roots;
	uint64_t *refused;
	int err;
};

/* In open(): check the patterns, ask for the calls, refuse those that would get round them. */
int confine_open(const struct deny *, struct vmmd_layer *);
/* 0 when every path of the call has been judged and replaced, or what to refuse it with. */
int confine_entry(struct deny *, struct vmmd_req *);

#endif
