/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h - what a session tells about itself, as JSON. Event thread. */
#ifndef VMMD_REPORT_H
#define VMMD_REPORT_H

#include <jansson.h>

#include "vmmd/session.h"

/* Layers with their counters, events, latency, and numbers of tasks. A new reference. */
json_t *report_session(const struct session *);
/* The same with a list of all tasks. */
json_t *report_tasks(const struct session *);
/* "innermost … outermost", for a listing; malloc()ed. */
char *report_layers(const struct session *);

#endif
