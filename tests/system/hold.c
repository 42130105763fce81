// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hold.c - the layer `hold`, for held.sh: keeps thousands of requests.
 *
 * getpgid(2) of a number from HELD on waits. getsid(2) of COUNT is answered with
 * how many do; getsid(2) of RELEASE answers them all in random order, every second
 * one with EXDEV.
 */
#include <errno.h>
#include <stdlib.h>
#include <vmmd/plugin.h>

#define HELD 1000000
#define COUNT -77
#define RELEASE -78

#define MAX 20000

struct kept {
	struct vmmd_req *req;
	uint64_t ticket;
};

struct hold {
	const struct vmmd_host *host;
	struct vmmd_layer *layer;
	int count;
	struct kept kept[MAX];
};

static int hold_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
{
	struct hold *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return -ENOMEM;
	h->host = host;
	h->layer = layer;
	*self = h;
	rc = host->want(layer, host->syscall_nr("getpgid"), VMMD_WANT_ENTRY);
	return rc ? rc : host->want(layer, host->syscall_nr("getsid"), VMMD_WANT_ENTRY);
}

static void hold_close(void *self)
{
	free(self);
}

static struct kept take(struct hold *h, int i)
{
	struct kept k = h->kept[i];

	h->kept[i] = h->kept[--h->count];
	return k;
}

static void release_all(struct hold *h)
{
	while (h->count > 0) {
		struct kept k = take(h, (int)(random() % h->count));

		h->host->resume(h->layer, k.ticket, h->count % 2 ? VMMD_PASS : VMMD_REPLY, -EXDEV);
	}
}

static enum vmmd_verdict hold_entry(void *self, struct vmmd_req *req)
{
	struct hold *h = self;
	const struct vmmd_call *call = h->host->call(req);
	int arg = (int)call->args[0];

	if (call->nr == h->host->syscall_nr("getsid")) {
		if (arg == RELEASE)
			release_all(h);
		return arg == COUNT || arg == RELEASE ? h->host->reply(req, h->count) : VMMD_PASS;
	}
	if (arg < HELD || h->count == MAX)
		return VMMD_PASS;
	h->kept[h->count++] = (struct kept){req, h->host->ticket(req)};
	return VMMD_SUSPEND;
}

static void hold_cancel(void *self, struct vmmd_req *req)
{
	struct hold *h = self;

	for (int i = 0; i < h->count; i++)
		if (h->kept[i].req == req) {
			take(h, i);
			return;
		}
}

static const struct vmmd_plugin plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(plugin),
	.name = "hold",
	.version = "1",
	.summary = "keeps thousands of requests, for tests",
	.open = hold_open,
	.close = hold_close,
	.entry = hold_entry,
	.cancel = hold_cancel,
};

const struct vmmd_plugin *vmmd_plugin(void)
{
	return &plugin;
}
