/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugins_list.h - all plugins that can be found, with their options, as JSON. */
#ifndef VMMD_PLUGINS_LIST_H
#define VMMD_PLUGINS_LIST_H

#include <jansson.h>

/* A new array; one that cannot be loaded has "error" instead of the rest. */
json_t *plugins_list(void);

#endif
