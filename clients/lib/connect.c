// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * connect.c - find daemons and connect to them.
 *
 * Paths are those of proto/paths.h. Only daemons of root and of this user are
 * spoken to; root may list those of all users, whose directories and sockets
 * are then hostile: nothing in them is followed, removed or waited for long.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "clients/lib/impl.h"
#include "proto/paths.h"

#define LIST_TIMEOUT 5 /* seconds that one daemon may take to answer in vmmctl_each() */

int vmmctl_high_fd(int fd)
{
	int high;

	if (fd < 0 || fd > 2)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (high < 0)
		high = -errno;
	close(fd);
	return high;
}

int vmmctl_open_fd(struct vmmctl **out, int fd)
{
	struct vmmctl *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->fd = fd;
	*out = c;
	return 0;
}

void vmmctl_close(struct vmmctl *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->in);
	free(c);
}

int vmmctl_fd(const struct vmmctl *c)
{
	return c->fd;
}

void vmmctl_timeout(struct vmmctl *c, unsigned int seconds)
{
	struct timeval tv = {.tv_sec = seconds};

	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

int vmmctl_open(struct vmmctl **out, const char *path, bool anyone)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval tv = {.tv_sec = LIST_TIMEOUT};
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd, ret;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd = fd < 0 ? -errno : vmmctl_high_fd(fd);
	if (fd < 0)
		return fd;
	/* A full backlog would block connect(2) as long as its owner likes. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len)) {
		ret = -errno;
		goto fail;
	}
	ret = -EPERM;
	if (peer.uid != 0 && peer.uid != geteuid() && !(anyone && geteuid() == 0))
		goto fail;
	tv.tv_sec = 0;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return vmmctl_open_fd(out, fd);
fail:
	close(fd);
	return ret;
}

/* Is it a directory of `uid` that only they can write to? */
static bool is_private_dir(const char *path, uid_t uid)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid && !(st.st_mode & 022);
}

/* The directory of this user's sockets; false: there is none to trust. */
static bool user_dir(char *path, size_t len)
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
	return n > 0 && (size_t)n < len && is_private_dir(path, geteuid());
}

int vmmctl_open_service(struct vmmctl **out)
{
	char dir[108], path[128];
	int ret;

	if (user_dir(dir, sizeof(dir))) {
		snprintf(path, sizeof(path), "%s/" VMMD_SERVICE_NAME, dir);
		if (vmmctl_open(out, path, false) == 0)
			return 0;
	}
	ret = vmmctl_open(out, VMMD_SYSTEM_SOCKET, false);
	return ret == -ECONNREFUSED ? -ENOENT : ret;
}

/* ------------------------------------------------------------------ listing */

struct each {
	int (*fn)(struct vmmctl *, const char *path, void *arg);
	void *arg;
	char **seen;
	size_t nseen;
	int ret;
};

static bool remember(struct each *e, const char *path)
{
	char **p;
	size_t i;

	for (i = 0; i < e->nseen; i++)
		if (!strcmp(e->seen[i], path))
			return false;
	p = reallocarray(e->seen, e->nseen + 1, sizeof(*p));
	if (!p)
		return false;
	e->seen = p;
	p[e->nseen] = strdup(path);
	if (!p[e->nseen])
		return false;
	e->nseen++;
	return true;
}

static int visit(struct each *e, const char *path)
{
	struct vmmctl *c = NULL;
	int ret;

	if (!remember(e, path))
		return 0;
	ret = vmmctl_open(&c, path, true);
	if (!c)
		return ret;
	vmmctl_timeout(c, LIST_TIMEOUT);
	e->ret = e->fn(c, path, e->arg);
	vmmctl_close(c);
	return 0;
}

static bool is_private_name(const char *name)
{
	size_t len = strlen(name), pre = strlen(VMMD_PRIVATE_PREFIX), suf = strlen(VMMD_PRIVATE_SUFFIX);

	return len > pre + suf && !strncmp(name, VMMD_PRIVATE_PREFIX, pre) &&
	       !strcmp(name + len - suf, VMMD_PRIVATE_SUFFIX);
}

/* Does nobody listen there for good? Between bind(2) and listen(2) of a daemon that starts, it refuses too. */
static bool is_stale(const char *path)
{
	struct vmmctl *c;
	int ret;

	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	ret = vmmctl_open(&c, path, true);
	if (ret == 0)
		vmmctl_close(c);
	return ret == -ECONNREFUSED;
}

/* The sockets of one directory, which belongs to one user. */
static void visit_dir(struct each *e, const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;
	struct stat st;
	bool ours;

	if (!d || fstat(fd, &st)) {
		if (d)
			closedir(d);
		else if (fd >= 0)
			close(fd);
		return;
	}
	ours = st.st_uid == geteuid() && !(st.st_mode & 022);
	while (e->ret == 0 && (ours || geteuid() == 0) && (ent = readdir(d))) {
		char path[512];
		int n;

		if (strcmp(ent->d_name, VMMD_SERVICE_NAME) && !is_private_name(ent->d_name))
			continue;
		if (fstatat(fd, ent->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISSOCK(st.st_mode))
			continue;
		n = snprintf(path, sizeof(path), "%s/%s", dir, ent->d_name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		if (visit(e, path) == -ECONNREFUSED && ours && is_private_name(ent->d_name) &&
		    is_stale(path))
			unlinkat(fd, ent->d_name, 0);
	}
	closedir(d);
}

/* Directories of other users: PARENT/PREFIX…SUB. */
static void visit_users(struct each *e, const char *parent, const char *prefix, const char *sub)
{
	DIR *d = opendir(parent);
	struct dirent *ent;

	if (!d)
		return;
	while (e->ret == 0 && (ent = readdir(d))) {
		char dir[512];
		int n;

		if (ent->d_name[0] == '.' || strncmp(ent->d_name, prefix, strlen(prefix)) != 0)
			continue;
		n = snprintf(dir, sizeof(dir), "%s/%s%s", parent, ent->d_name, sub);
		if (n > 0 && (size_t)n < sizeof(dir))
			visit_dir(e, dir);
	}
	closedir(d);
}

int vmmctl_each(int (*fn)(struct vmmctl *, const char *path, void *arg), void *arg)
{
	struct each e = {.fn = fn, .arg = arg};
	char dir[108];

	visit(&e, VMMD_SYSTEM_SOCKET);
	if (e.ret == 0 && user_dir(dir, sizeof(dir)))
		visit_dir(&e, dir);
	if (e.ret == 0 && geteuid() == 0) {
		visit_dir(&e, VMMD_SYSTEM_DIR);
		visit_users(&e, VMMD_XDG_PARENT, "", "/" VMMD_USER_SUBDIR);
		visit_users(&e, VMMD_TMP_PARENT, VMMD_TMP_PREFIX, "");
	}
	while (e.nseen)
		free(e.seen[--e.nseen]);
	free(e.seen);
	return e.ret;
}
