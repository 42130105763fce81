/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/*
 * paths.h - where daemon and clients meet.
 *
 * The system service listens on VMMD_SYSTEM_DIR/VMMD_SERVICE_NAME. A user's
 * directory is $XDG_RUNTIME_DIR/VMMD_USER_SUBDIR, or without a usable
 * XDG_RUNTIME_DIR (absolute, a directory, the user's own) VMMD_SYSTEM_DIR for
 * root and VMMD_TMP_DIR for others. It must belong to the user and be writable
 * to nobody else. It holds the user's service and the private instances, which
 * are named after their process id.
 */
#ifndef VMMD_PROTO_PATHS_H
#define VMMD_PROTO_PATHS_H

#define VMMD_SYSTEM_DIR "/run/vmmd"
#define VMMD_USER_SUBDIR "vmmd"
#define VMMD_TMP_DIR "/tmp/vmmd-%u" /* user id */
#define VMMD_SERVICE_NAME "vmmd.sock"
#define VMMD_PRIVATE_PREFIX "private-"
#define VMMD_PRIVATE_SUFFIX ".sock"
#define VMMD_SYSTEM_SOCKET VMMD_SYSTEM_DIR "/" VMMD_SERVICE_NAME

/* Where a root client looks for the directories of users. */
#define VMMD_XDG_PARENT "/run/user"
#define VMMD_TMP_PARENT "/tmp"
#define VMMD_TMP_PREFIX "vmmd-"

#define VMMD_PROTOCOL 1 /* "protocol" of the version operation; grows with incompatible changes */

#endif
