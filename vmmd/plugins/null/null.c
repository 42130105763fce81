/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * null.c - the layer that changes nothing.
 *
 * It asks for a set of system calls and passes every one: what is left is the
 * cost of a stop and of a layer, and on demand of reading a path. `self` is the
 * host table if it reads paths, else NULL: there is no other state.
 */
#include <limits.h>
#include <vmmd/plugin.h>

#include "vmmd/plugins/common/path.h"

static const struct vmmd_option null_options[] = {
	{.name = "syscalls", .type = VMMD_OPT_SYSCALLS, .def = "@all", .help = "the system calls to stop for"},
	{.name = "exit", .type = VMMD_OPT_BOOL, .def = "false", .help = "stop at their exit as well"},
	{.name = "paths", .type = VMMD_OPT_BOOL, .def = "false",
	 .help = "read the first path of each call"},
	{.name = "events", .type = VMMD_OPT_BOOL, .def = "false",
	 .help = "stop for signals, new tasks, exec and task exit as well"},
	{.name = NULL},
};

static int null_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
{
	uint32_t flags = VMMD_WANT_ENTRY;
	int r = host->advisory(layer);

	if (r)
		return r;
	*self = host->option(layer, "paths")->num ? (void *)(uintptr_t)host : NULL;
	if (host->option(layer, "exit")->num)
		flags |= VMMD_WANT_EXIT;
	r = host->want_set(layer, host->option(layer, "syscalls")->set, flags);
	if (!r && host->option(layer, "events")->num)
		r = host->want_events(layer, VMMD_EVENT_SIGNAL | VMMD_EVENT_EXEC |
						     VMMD_EVENT_TASK_NEW | VMMD_EVENT_TASK_EXIT);
	return r;
}

static enum vmmd_verdict null_entry(void *self, struct vmmd_req *req)
{
	const struct vmmd_host *host = self;
	const struct vmmd_call *call;
	char path[PATH_MAX];
	int i;

	if (!host)
		return VMMD_PASS;
	call = host->call(req);
	i = path_find(host->syscall(call->nr), VMMD_ARG_PATH);
	if (i >= 0)
		host->read_str(req, call->args[i], path, sizeof(path));
	return VMMD_PASS;
}

static enum vmmd_verdict null_pass(void *self, struct vmmd_req *req)
{
	(void)self;
	(void)req;
	return VMMD_PASS;
}

static void null_task_exit(void *self, struct vmmd_req *req)
{
	(void)self;
	(void)req;
}

static const struct vmmd_plugin null_plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(struct vmmd_plugin),
	.name = "null",
	.version = VMMD_VERSION,
	.summary = "stop for system calls and pass them unchanged",
	.options = null_options,
	.open = null_open,
	.entry = null_entry,
	.exit = null_pass,
	.signal = null_pass,
	.exec = null_pass,
	.task_new = null_pass,
	.task_exit = null_task_exit,
};

__attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin(void)
{
	return &null_plugin;
}
