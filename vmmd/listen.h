/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listen.h - the socket of the parent, and the directory it is in.
 */
#ifndef VMMD_LISTEN_H
#define VMMD_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

struct listener {
	int fd; /* or -1 */
	dev_t dev; /* what was bound, so that another's socket is never removed */
	ino_t ino;
	char path[108];
};

/*
 * Listen on `path`. A socket there that nobody listens on is replaced; -EADDRINUSE:
 * somebody does; -EEXIST: something else is there. 0 or another -errno.
 */
int listen_start(struct listener *, const char *path, mode_t mode);
/* Close it and remove the path if it is still ours. */
void listen_stop(struct listener *);

/*
 * The directory of this user's sockets (see proto/paths.h), made if it is not
 * there. 0, or -errno with a clause in `why`.
 */
int listen_user_dir(char *path, size_t len, char *why, size_t whylen);
/* Make or check a directory that must be ours and writable to nobody else. */
int listen_check_dir(const char *path, mode_t mode, char *why, size_t whylen);

#endif
