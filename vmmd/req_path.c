// SPDX-License-Identifier: GPL-2.0-or-later
/* req_path.c - copies of paths in the place of a call's arguments. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmmd/layer.h"
#include "vmmd/req_path.h"

/* Between the two halves of the canonical addresses, with 57 bits as with 48. */
#define PATH_BASE 0x8000000000000000u
#define PATH_STEP 8192u /* at least PATH_MAX: no two copies touch */

struct req_path {
	struct req_path *next;
	uint64_t addr;
	bool confines; /* it was made by a layer that is not advisory */
	size_t size; /* with the NUL */
	char text[];
};

static const struct req_path *find(const struct vmmd_req *req, uint64_t addr)
{
	if (addr < PATH_BASE)
		return NULL;
	for (const struct req_path *p = req->paths; p; p = p->next)
		if (addr >= p->addr && addr - p->addr < p->size)
			return p;
	return NULL;
}

/* The program's numbers are in [ENGINE]; what a layer may have made of them, in [NOW]. */
static bool among_arguments(const struct vmmd_req *req, uint64_t addr)
{
	for (int i = 0; i < 6; i++)
		if (req->calls[REQ_CALL_NOW].args[i] - addr < PATH_STEP ||
		    req->calls[REQ_CALL_ENGINE].args[i] - addr < PATH_STEP)
			return true;
	return false;
}

int req_path_add(struct vmmd_req *req, const char *path, uint64_t *addr)
{
	size_t size = strnlen(path, PATH_MAX) + 1;
	struct req_path *p;

	if (size > PATH_MAX)
		return -ENAMETOOLONG;
	p = malloc(sizeof(*p) + size);
	if (!p)
		return -ENOMEM;
	memcpy(p->text, path, size);
	p->size = size;
	p->confines = req->asked && !req->asked->advisory;
	p->addr = req->paths ? req->path_last + PATH_STEP : PATH_BASE;
	while (among_arguments(req, p->addr))
		p->addr += PATH_STEP;
	p->next = req->paths;
	req->paths = p;
	req->path_last = p->addr;
	*addr = p->addr;
	return 0;
}

const char *req_path_text(const struct vmmd_req *req, uint64_t addr)
{
	const struct req_path *p = find(req, addr);

	return p && p->addr == addr ? p->text : NULL;
}

ssize_t req_path_read(const struct vmmd_req *req, uint64_t addr, void *buf, size_t len)
{
	const struct req_path *p = find(req, addr);
	size_t rest;

	if (!p)
		return -ENOENT;
	rest = p->size - (size_t)(addr - p->addr);
	if (len > rest)
		len = rest;
	memcpy(buf, p->text + (addr - p->addr), len);
	return (ssize_t)len;
}

bool req_path_used(const struct vmmd_req *req)
{
	if (req->paths)
		for (int i = 0; i < 6; i++)
			if (req_path_text(req, req->calls[REQ_CALL_NOW].args[i]))
				return true;
	return false;
}

bool req_path_confines(const struct vmmd_req *req)
{
	for (const struct req_path *p = req->paths; p; p = p->next)
		if (p->confines)
			return true;
	return false;
}

void req_path_drop_fd(struct vmmd_req *req)
{
	if (req->fd >= 0)
		close(req->fd);
	req->fd = -1;
}

void req_path_free(struct vmmd_req *req)
{
	req_path_drop_fd(req);
	while (req->paths) {
		struct req_path *p = req->paths;

		req->paths = p->next;
		free(p);
	}
}
