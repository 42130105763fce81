/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain.h - which engine a stack gets, how it stops each call, and because of whom, as JSON. Event thread. */
#ifndef VMMD_EXPLAIN_H
#define VMMD_EXPLAIN_H

#include <jansson.h>

#include "vmmd/session.h"

/* For a session that has no engine yet. A new reference; NULL with a line in `why`: no engine serves. */
json_t *explain(struct session *, char *why, size_t len);

#endif
