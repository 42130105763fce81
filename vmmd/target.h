/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - which process a session may take over.
 *
 * A program that is run is its client, or the client's child: nobody else. One
 * that is attached is whom the user may trace, which the engine decides with the
 * rights of the worker. Those are never more than the user's: the worker is of
 * the client's user and groups, and has no capability unless that is root.
 */
#ifndef VMMD_TARGET_H
#define VMMD_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The process at the other end of a connection; -1: not known. */
pid_t target_client(int sock);
/* Is it the client itself, or the child that it made to become the program (--summary)? */
bool target_is_clients(int sock, pid_t pid);
/*
 * May it be attached at all? Not the first process, nor those that would wait for themselves, nor one
 * that has an io_uring. 0, or -errno and why.
 */
int target_check(int sock, pid_t pid, char *why, size_t len);
/*
 * Is it the one that started then? A number says little by itself: its process may have ended, and
 * another have it, since the user has looked. `start` is field 22 of /proc/PID/stat, or -1: any.
 */
bool target_is(pid_t pid, long long start);

/* Has it not ended? One that nobody has waited for has. */
bool target_runs(pid_t pid);

#endif
