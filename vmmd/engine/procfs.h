/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * procfs.h - what proc(5) tells about a task, for the engines.
 *
 * Slow (some 10 µs) and for rare moments only. Nothing here is cached.
 */
#ifndef VMMD_ENGINE_PROCFS_H
#define VMMD_ENGINE_PROCFS_H

#include <stdint.h>
#include <sys/types.h>

struct procfs_status {
	pid_t tgid;
	pid_t ppid;
	uint64_t ignored; /* signals, bit N - 1 */
	uint64_t caught;
};

/* /proc/TID/status. 0 or -errno; then `tgid` is `tid`, `ppid` 0, all signals caught. */
int procfs_status(pid_t tid, struct procfs_status *);
/*
 * The children of all threads of a process, at most `max`. Returns their number,
 * or -errno; a kernel without CONFIG_PROC_CHILDREN tells none.
 */
int procfs_children(pid_t tgid, pid_t *pids, int max);

#endif
