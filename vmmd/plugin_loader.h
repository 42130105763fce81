/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_loader.h - finding, checking and loading plugins.
 *
 * A loaded plugin is shared by its layers and unloaded with the last one.
 */
#ifndef VMMD_PLUGIN_LOADER_H
#define VMMD_PLUGIN_LOADER_H

#include <stddef.h>
#include <vmmd/plugin.h>

struct plugin;

/*
 * Load the plugin called `name` (a name is looked for in the plugin
 * directories, anything with a '/' is a path). `where` begins the message.
 * 0 or -errno with a line in `why`.
 */
int plugin_get(struct plugin **, const char *name, const char *where, char *why, size_t len);
void plugin_put(struct plugin *);
/* A whole table: what the plugin's own ends before is zero. */
const struct vmmd_plugin *plugin_table(const struct plugin *);
const char *plugin_path(const struct plugin *);

/* Is `t` acceptable? 0 or -errno with a clause in `why` that names the field, ours and theirs. */
int plugin_check(const struct vmmd_plugin *t, char *why, size_t len);

/*
 * Call `fn` with each "NAME" for which a directory holds NAME.so, sorted, each
 * name once (the first directory wins).
 */
int plugin_each(void (*fn)(void *arg, const char *name), void *arg);

#endif
