/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h - what vmmd offers to layers: the implementation of struct vmmd_host. */
#ifndef VMMD_HOST_H
#define VMMD_HOST_H

#include <jansson.h>

#include "vmmd/layer.h"

extern const struct vmmd_host host_table;

/* Stop all timers and watches of a layer; its callbacks end here. */
void host_layer_quiet(struct vmmd_layer *);
/* Free what the layer got from the host. */
void host_layer_fini(struct vmmd_layer *);

/* Rows of a command's answer. */
struct vmmd_reply {
	json_t *rows; /* array of objects */
};

#endif
