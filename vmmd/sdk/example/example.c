/* SPDX-License-Identifier: MIT */
/*
 * example.c - a layer that lets system calls wait.
 *
 * Each call of the set is suspended and goes on after `delay`. Shows options,
 * selection, SUSPEND, a timer, resume(), cancel() and a counter.
 */
#include <errno.h>
#include <stdlib.h>
#include <vmmd/plugin.h>

struct example {
	const struct vmmd_host *host;
	struct vmmd_layer *layer;
	int64_t delay;
	struct waiting *waiting;
	uint64_t *delayed;
};

/* One suspended call. */
struct waiting {
	struct example *owner;
	struct vmmd_req *req; /* only compared */
	uint64_t ticket;
	struct vmmd_timer *timer;
	struct waiting *next;
};

static const struct vmmd_option options[] = {
	{.name = "syscalls", .type = VMMD_OPT_SYSCALLS, .def = "getppid", .help = "the calls to delay"},
	{.name = "delay", .type = VMMD_OPT_DURATION, .def = "10ms", .help = "how long each call waits"},
	{.name = NULL},
};

static int example_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
{
	struct example *ex = calloc(1, sizeof(*ex));
	int r = -ENOMEM;

	if (!ex)
		return r;
	ex->host = host;
	ex->layer = layer;
	ex->delay = host->option(layer, "delay")->num;
	ex->delayed = host->counter(layer, "delayed");
	if (ex->delayed)
		r = host->want_set(layer, host->option(layer, "syscalls")->set, VMMD_WANT_ENTRY);
	if (r)
		free(ex);
	else
		*self = ex;
	return r;
}

static void example_close(void *self)
{
	free(self);
}

static void example_unlink(struct waiting *w)
{
	struct waiting **p = &w->owner->waiting;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
}

static void example_time_is_over(void *arg)
{
	struct waiting *w = arg;
	struct example *ex = w->owner;
	uint64_t ticket = w->ticket;

	example_unlink(w);
	free(w); /* its timer ran once: vmmd has freed that */
	ex->host->resume(ex->layer, ticket, VMMD_PASS, 0);
}

static enum vmmd_verdict example_entry(void *self, struct vmmd_req *req)
{
	struct example *ex = self;
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return VMMD_PASS;
	w->owner = ex;
	w->req = req;
	w->ticket = ex->host->ticket(req);
	w->timer = ex->host->timer_start(ex->layer, ex->delay, false, example_time_is_over, w);
	if (!w->timer) {
		free(w);
		return VMMD_PASS;
	}
	w->next = ex->waiting;
	ex->waiting = w;
	++*ex->delayed;
	return VMMD_SUSPEND;
}

/* The task was killed while it waited. */
static void example_cancel(void *self, struct vmmd_req *req)
{
	struct example *ex = self;

	for (struct waiting *w = ex->waiting; w; w = w->next) {
		if (w->req != req)
			continue;
		ex->host->timer_stop(w->timer);
		example_unlink(w);
		free(w);
		return;
	}
}

static const struct vmmd_plugin example_plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(struct vmmd_plugin),
	.name = "example",
	.version = "1",
	.summary = "let system calls wait",
	.options = options,
	.open = example_open,
	.close = example_close,
	.entry = example_entry,
	.cancel = example_cancel,
};

__attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin(void)
{
	return &example_plugin;
}
