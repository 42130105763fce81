/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * below.h - the directories below which paths concern somebody: a layer, by
 * only_below() of the SDK, or a whole stack.
 *
 * Starts zeroed; owned by whom it is part of. Event thread.
 */
#ifndef VMMD_BELOW_H
#define VMMD_BELOW_H

#include <stdbool.h>
#include <stddef.h>

struct below {
	char **dir; /* each once */
	size_t n;
	bool root; /* "/" is one of them */
};

/* 0; -EINVAL if it is not absolute or cleaning would change it, -ENAMETOOLONG, -ENOMEM. */
int below_add(struct below *, const char *dir);
/* Does it leave any path out? Nothing said is everything meant. */
bool below_is_narrow(const struct below *);
void below_fini(struct below *);

#endif
