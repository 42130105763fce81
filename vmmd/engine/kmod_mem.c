// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmod_mem.c - memory of tasks that are stopped.
 *
 * The path of a call has come with its request, so reading it again is a copy
 * of that copy. Scratch memory is a mapping that the stopped task makes; areas
 * belong to an address space, and one whose task has gone serves the next there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmmd/engine/kmod_impl.h"

static ssize_t mem(const struct engine_task *t, uint64_t addr, uint64_t buf, size_t len, uint32_t flags)
{
	struct vmmd_kmod_mem m = {.id = t->id, .addr = addr, .buf = buf, .len = len, .flags = flags};
	int n;

	if (!len)
		return 0;
	n = ioctl(t->e->fd, VMMD_IOC_MEM, &m);
	return n < 0 ? -errno : n;
}

/* A string that came whole is all there is to read, however long the caller's buffer. */
static size_t from_slot(const struct engine_task *t, uint64_t addr, void *buf, size_t len)
{
	uint64_t at = addr - t->inline_addr;
	const struct vmmd_kmod_slot *s = km_slot(t);
	size_t n;

	if (addr < t->inline_addr || at >= t->inline_len)
		return 0;
	n = t->inline_len - (size_t)at;
	if (len > n && (s->flags & VMMD_KMOD_S_CUT))
		return 0;
	n = len < n ? len : n;
	memcpy(buf, s->data + at, n);
	return n;
}

ssize_t km_read(struct engine_task *t, uint64_t addr, void *buf, size_t len)
{
	size_t n = t->inline_len ? from_slot(t, addr, buf, len) : 0;

	return n ? (ssize_t)n : mem(t, addr, (uint64_t)(uintptr_t)buf, len, 0);
}

ssize_t km_write(struct engine_task *t, uint64_t addr, const void *buf, size_t len)
{
	t->inline_len = 0; /* the copy may be older than what is there now */
	return mem(t, addr, (uint64_t)(uintptr_t)buf, len, VMMD_KMOD_MEM_WRITE);
}

int km_scratch(struct engine *base, struct engine_task *t, uint64_t *addr)
{
	struct vmmd_kmod_map m = {.id = t->id, .len = ENGINE_SCRATCH};

	(void)base;
	if (!t->scratch)
		t->scratch = mm_take(t->mm);
	if (!t->scratch) {
		if (ioctl(t->e->fd, VMMD_IOC_MAP, &m) < 0)
			return -errno;
		t->scratch = m.addr;
	}
	*addr = t->scratch;
	return 0;
}
