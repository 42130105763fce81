/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * action.h - what the core has done with a task, as text, until a scenario looks at it.
 */
#ifndef TESTS_ACTION_H
#define TESTS_ACTION_H

#include "vmmd/engine/engine.h"

struct action {
	struct action *next;
	char text[256];
};

void action_add(struct action **list, const char *text);
/* The oldest, out of the list. */
void action_take(struct action **list, char *buf, size_t len);
void action_free(struct action **list);

/* An action at this event, whose call was `was` and whose signal `signo`: "run open(0x1) exit" … */
void action_text(const struct engine_action *, enum engine_event_type at, const struct vmmd_call *was, int signo, char *buf,
		 size_t len);
/* "open(0x1000, 0, 0x1a4)"; "1000()" for a number without a call. */
void action_call_text(const struct vmmd_call *, char *buf, size_t len);

#endif
