// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * listen.c - the socket of the parent, and the directory it is in.
 *
 * Paths are those of proto/paths.h. Nothing that belongs to somebody else is
 * used, and nothing that somebody still listens on is removed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "proto/paths.h"
#include "vmmd/listen.h"

int listen_check_dir(const char *path, mode_t mode, char *why, size_t whylen)
{
	struct stat st;

	if (mkdir(path, mode) && errno != EEXIST) {
		snprintf(why, whylen, "cannot make %s: %s", path, strerror(errno));
		return -errno;
	}
	if (lstat(path, &st)) {
		snprintf(why, whylen, "%s: %s", path, strerror(errno));
		return -errno;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022)) {
		snprintf(why, whylen, "%s is not a directory that is ours and writable to nobody else", path);
		return -EPERM;
	}
	return 0;
}

int listen_user_dir(char *path, size_t len, char *why, size_t whylen)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	int n;

	if (xdg && xdg[0] == '/' && stat(xdg, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid())
		n = snprintf(path, len, "%s/" VMMD_USER_SUBDIR, xdg);
	else if (geteuid() == 0)
		n = snprintf(path, len, "%s", VMMD_SYSTEM_DIR);
	else
		n = snprintf(path, len, VMMD_TMP_DIR, (unsigned int)geteuid());
	if (n < 0 || (size_t)n >= len) {
		snprintf(why, whylen, "XDG_RUNTIME_DIR is too long");
		return -ENAMETOOLONG;
	}
	/* Users must get through root's directory to the system service. */
	return listen_check_dir(path, strcmp(path, VMMD_SYSTEM_DIR) ? 0700 : 0755, why, whylen);
}

/* Remove a socket that nobody listens on any more. -EADDRINUSE: somebody does; -EEXIST: it is no socket. */
static int remove_stale(const struct sockaddr_un *sa)
{
	int fd, ret = 0;
	struct stat st;

	if (lstat(sa->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno == EAGAIN)
		ret = -EADDRINUSE;
	else if (errno == ECONNREFUSED && unlink(sa->sun_path))
		ret = -errno;
	close(fd);
	return ret;
}

int listen_start(struct listener *l, const char *path, mode_t mode)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct stat st = {0};
	mode_t mask;
	int fd, ret;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	ret = remove_stale(&sa);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177); /* nobody gets in before the mode is right */
	ret = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	umask(mask);
	if (!ret && (listen(fd, 128) || chmod(path, mode) || lstat(path, &st)))
		ret = -errno;
	if (ret) {
		close(fd);
		return ret;
	}
	l->fd = fd;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	strcpy(l->path, path);
	return 0;
}

void listen_stop(struct listener *l)
{
	struct stat st;

	if (l->fd < 0)
		return;
	close(l->fd);
	l->fd = -1;
	if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
}
