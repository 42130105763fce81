// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmod_take.c - going on with an engine whose process has died.
 *
 * Somebody has kept its descriptor, so its tasks are as they were: those that
 * were stopped still are, and make their requests again. Each task is announced
 * before any request is looked at. Until its announcement has been answered,
 * which a layer may put off, a request of it waits (`later`); that task is
 * stopped in it, and others go on.
 *
 * Who shares memory with whom is not known any more: each task has scratch
 * areas of its own from then on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "vmmd/engine/kmod_impl.h"
#include "vmmd/log.h"

#define ROOM 64 /* for tasks that are born while we look */

/* A descriptor that came from somebody who may be anybody: is it the device? */
static int check_device(int fd)
{
	struct stat given, device;

	if (fstat(fd, &given) < 0 || stat(VMMD_KMOD_DEVICE, &device) < 0)
		return -errno;
	return S_ISCHR(given.st_mode) && given.st_rdev == device.st_rdev ? 0 : -ENOTTY;
}

/* What it is like, without a look at its tasks. */
int km_take_shape(struct km_engine *e, struct vmmd_kmod_create *shape)
{
	struct vmmd_kmod_take_over over = {.room = 0};
	int rc = check_device(e->fd);

	if (rc == 0 && ioctl(e->fd, VMMD_IOC_TAKE_OVER, &over) < 0)
		rc = -errno;
	shape->map_size = over.map_size;
	shape->ring_entries = over.ring_entries;
	shape->slots_offset = over.slots_offset;
	return rc;
}

static void take(struct km_engine *e, const struct vmmd_kmod_task *from)
{
	struct engine_task *t = (uint32_t)from->id < e->nslots ? km_task_new(e, from->id, mm_new()) : NULL;

	if (!t) {
		struct vmmd_kmod_kill k = {.id = from->id};

		log_error("kmod: out of memory for task %u: it is killed", from->tid);
		ioctl(e->fd, VMMD_IOC_KILL, &k);
		return;
	}
	t->tid = (pid_t)from->tid;
	t->tgid = (pid_t)from->tgid;
	t->taken = true;
	t->next = e->taken;
	e->taken = t;
}

/* The first in the list is the first to be announced: the oldest slots are. */
int km_take_tasks(struct km_engine *e)
{
	struct vmmd_kmod_take_over over = {.count = 0};
	struct vmmd_kmod_task *tasks = NULL;
	int rc = 0;

	e->again = calloc(e->nslots, sizeof(*e->again)); /* a task has one request */
	if (!e->again)
		return -ENOMEM;
	do {
		free(tasks);
		over.room = over.count + ROOM;
		tasks = calloc(over.room, sizeof(*tasks));
		over.tasks = (uint64_t)(uintptr_t)tasks;
		if (!tasks)
			rc = -ENOMEM;
		else if (ioctl(e->fd, VMMD_IOC_TAKE_OVER, &over) < 0)
			rc = -errno;
	} while (rc == 0 && over.count > over.room);
	for (uint32_t i = over.count; rc == 0 && i > 0; i--)
		take(e, &tasks[i - 1]);
	free(tasks);
	return rc;
}

bool km_announce_taken(struct km_engine *e, struct engine_event *ev)
{
	struct engine_task *t = e->taken;

	if (!t)
		return false;
	e->taken = t->next;
	ev->type = ENGINE_NEW;
	ev->task = t;
	return true;
}

bool km_put_off(struct engine_task *t, uint64_t token)
{
	if (t->taken)
		t->later = token;
	return t->taken;
}

void km_taken_goes_on(struct engine_task *t)
{
	struct km_engine *e = t->e;

	t->taken = false;
	if (!t->later)
		return;
	e->again[e->nagain++] = t->later;
	t->later = 0;
}
