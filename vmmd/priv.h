/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * priv.h - give rights away; each function once, in a worker, in this order.
 */
#ifndef VMMD_PRIV_H
#define VMMD_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Take over the supplementary groups that the other end of socket `peer` had
 * when it connected. The parent calls it in the new worker, so that nobody
 * gains a group by asking. 0 or -errno; without the right to set groups it is
 * an error only if they differ from ours.
 */
int priv_groups(int peer);

/*
 * Become `uid` and `gid` for good and drop all capabilities; a worker of root
 * keeps those to trace and kill root's tasks, and until priv_lock() those for
 * root's files and to act for other users. No new privileges from then on. 0 or -errno, after which
 * the worker must end.
 */
int priv_worker(uid_t uid, gid_t gid);

/*
 * Refuse (EPERM) what a worker never does: start programs, load modules,
 * mount, change namespaces, bpf, perf, reboot and the like, for all threads.
 * And let go of root's file access, for this thread and those to come, unless
 * the worker is to `perform` path calls for its tasks. For after the layers are
 * open. 0 or -errno.
 */
int priv_lock(bool perform);

#endif
