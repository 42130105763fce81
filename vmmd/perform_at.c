// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perform_at.c - the paths of a call: where they start, and what is there.
 *
 * A path is walked by the kernel, once, with O_PATH: that has no effect on the
 * file and needs no right to it. What the call does is then done to what was
 * found (through /proc/self/fd), or, where it makes, renames or removes a name,
 * to one name in the directory that was found. So nothing can change between
 * the look and the act.
 *
 * An absolute path is walked below the task's root (RESOLVE_IN_ROOT), whatever
 * root and mounts that is. A relative one is walked without leaving where it
 * starts (RESOLVE_BENEATH): then no root matters. One that leaves is walked
 * freely if the task's root is ours, else name by name.
 *
 * Links that depend on who follows them - /proc/self and all that lead through
 * it - must not lead to the worker's own files. The kernel's walk follows no
 * magic links (RESOLVE_NO_MAGICLINKS), so it can pass through proc(5) but leave
 * it only by ".."; where it ends inside, or in an error behind a symbolic link,
 * perform_walk() goes again, name by name, as the task would.
 */
#include "vmmd/perform_impl.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* How often a walk with ".." is begun again because something was renamed meanwhile. */
#define AGAIN 4

/* ------------------------------------------------------------ where it starts */

static int open_place(const struct perform *p, const char *what, int flags)
{
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)p->task->tid, what);
	fd = open(path, O_PATH | O_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

int at_root(struct perform *p)
{
	if (p->root < 0)
		p->root = perform_keep(p, open_place(p, "root", O_DIRECTORY));
	return p->root < 0 ? PERFORM_CANNOT : p->root;
}

/* The errno of a bad descriptor is kept for later: other errors come before it. */
int at_base(struct perform *p, struct at *a)
{
	char what[24];

	if (a->path[0] == '/' && !(a->resolve & RESOLVE_IN_ROOT)) {
		a->base = at_root(p);
	} else if (a->dirfd == AT_FDCWD) {
		a->base = perform_keep(p, open_place(p, "cwd", O_DIRECTORY));
		if (a->base < 0)
			a->base = PERFORM_CANNOT;
	} else if (a->dirfd < 0) {
		a->base = -EBADF;
	} else {
		snprintf(what, sizeof(what), "fd/%d", a->dirfd);
		a->base = perform_keep(p, open_place(p, what, a->empty ? 0 : O_DIRECTORY));
		if (a->base == -ENOENT)
			a->base = -EBADF;
		else if (a->base < 0 && a->base != -ENOTDIR)
			a->base = PERFORM_CANNOT;
	}
	return a->base == PERFORM_CANNOT ? PERFORM_CANNOT : 0;
}

/* ------------------------------------------------------------- what is there */

int at_look(int fd, struct stat *st, enum perform_fs *fs)
{
	struct statfs sf;

	*fs = FS_PLAIN;
	if (fstat(fd, st) < 0)
		return PERFORM_CANNOT;
	if (major(st->st_dev)) /* on a device: none of those */
		return 0;
	if (fstatfs(fd, &sf) < 0)
		return PERFORM_CANNOT;
	if (sf.f_type == PROC_SUPER_MAGIC)
		*fs = FS_PROC;
	else if (sf.f_type == AUTOFS_SUPER_MAGIC)
		*fs = FS_AUTO;
	else if (sf.f_type == CGROUP_SUPER_MAGIC || sf.f_type == CGROUP2_SUPER_MAGIC)
		*fs = FS_CGROUP;
	return 0;
}

/* A directory, as the kernel compares them. A mount belongs to one mount namespace only. */
int at_place(int fd, const char *path, struct place *place)
{
	struct statx x;
	unsigned want = STATX_INO | STATX_MNT_ID;

	if (statx(fd, path, *path ? 0 : AT_EMPTY_PATH, want, &x) < 0 || (x.stx_mask & want) != want)
		return PERFORM_CANNOT;
	*place = (struct place){x.stx_mnt_id, x.stx_ino, makedev(x.stx_dev_major, x.stx_dev_minor)};
	return 0;
}

/* 1, 0, or PERFORM_CANNOT. Our own root is never let go, so its mount's number is not another's. */
int at_same_root(struct perform *p)
{
	struct place ours, theirs;
	int fd = at_root(p);

	if (fd < 0 || at_place(fd, "", &theirs) < 0 || at_place(AT_FDCWD, "/", &ours) < 0)
		return PERFORM_CANNOT;
	return memcmp(&ours, &theirs, sizeof(ours)) == 0;
}

static int try(const struct at *a, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve | a->resolve};
	long fd;

	for (int i = 0; i < AGAIN; i++) {
		fd = syscall(SYS_openat2, a->base, a->path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN || (a->resolve & RESOLVE_CACHED))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

#define SCOPED (RESOLVE_BENEATH | RESOLVE_IN_ROOT)

static bool escaped(int rc)
{
	return rc == -EXDEV || rc == -EAGAIN;
}

/* The kernel's walk; *bounds is how it was held. */
static int kernel_walk(struct perform *p, const struct at *a, uint64_t flags, uint64_t *bounds)
{
	int rc, same;

	*bounds = RESOLVE_NO_MAGICLINKS;
	if (a->resolve & SCOPED) /* by the program's wish, where these links are EXDEV */
		*bounds = 0;
	else
		*bounds |= a->path[0] == '/' ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
	rc = try(a, flags, *bounds);
	if (!escaped(rc) || !(*bounds & RESOLVE_BENEATH))
		return rc;
	same = at_same_root(p);
	if (same != 1)
		return same < 0 ? same : rc;
	*bounds &= ~(uint64_t)RESOLVE_BENEATH;
	return try(a, flags, *bounds);
}

/* What a walk that the program itself has bounded ends in: perform_walk() knows no bounds. */
static int bounded_error(const struct at *a, uint64_t bounds, int rc)
{
	if (a->resolve & RESOLVE_CACHED)
		return PERFORM_CANNOT;
	if (a->resolve & SCOPED)
		return rc;
	if (rc == -ELOOP)
		return a->resolve & (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS) ? rc : PERFORM_CANNOT;
	if (rc == -EXDEV)
		return (a->resolve & RESOLVE_NO_XDEV) && !(bounds & RESOLVE_BENEATH) ? rc : PERFORM_CANNOT;
	return rc == -EAGAIN ? PERFORM_CANNOT : rc;
}

/* Is the error that of a walk that met no symbolic link, so that nothing depends on who walks? */
static bool plain_error(const struct at *a, uint64_t flags, uint64_t bounds, int rc)
{
	if (escaped(rc) || rc == -ELOOP)
		return false;
	return rc == -ENAMETOOLONG || try(a, flags, bounds | RESOLVE_NO_SYMLINKS) == rc;
}

static int find(struct perform *p, struct at *a, uint64_t flags)
{
	bool nofollow = flags & O_NOFOLLOW;
	uint64_t bounds;
	int fd;

	/* To save the first walk; others that lead there are seen behind it. */
	if (!a->resolve && strncmp(a->path, "/proc/", 6) == 0)
		return perform_keep(p, perform_walk(p, a, nofollow));
	fd = kernel_walk(p, a, flags, &bounds);
	if (fd == PERFORM_CANNOT || fd == -EMFILE || fd == -ENFILE || fd == -ENOSYS)
		return PERFORM_CANNOT;
	if (fd >= 0) {
		if (perform_keep(p, fd) < 0 || at_look(fd, &a->st, &a->fs) < 0 || a->fs == FS_AUTO)
			return PERFORM_CANNOT;
		if (a->fs != FS_PROC)
			return fd;
		return a->resolve ? PERFORM_CANNOT : perform_keep(p, perform_walk(p, a, nofollow));
	}
	if (a->resolve && (bounded_error(a, bounds, fd) == PERFORM_CANNOT || (a->resolve & SCOPED) ||
			   escaped(fd) || fd == -ELOOP))
		return bounded_error(a, bounds, fd);
	if (plain_error(a, flags, bounds, fd))
		return fd;
	return a->resolve ? PERFORM_CANNOT : perform_keep(p, perform_walk(p, a, nofollow));
}

/* Find the file: a->fd, a->st, a->fs. Its descriptor, or -errno, or PERFORM_CANNOT. */
int at_find(struct perform *p, struct at *a, bool nofollow)
{
	if (cred_assume(p) < 0)
		return PERFORM_CANNOT;
	if (a->base < 0)
		return a->base;
	if (a->empty) {
		a->fd = a->base;
		return at_look(a->fd, &a->st, &a->fs) < 0 ? PERFORM_CANNOT : a->fd;
	}
	a->fd = find(p, a, nofollow ? O_NOFOLLOW : 0);
	return a->fd;
}

/*
 * Find the directory of the path's last name: a->fd, a->st and a->fs (only if
 * the path names a directory), a->last. Slashes at the end stay with the name.
 * "/" itself has no directory: as a name it fails in every such call, with the
 * right error and whosever root it is.
 */
int at_parent(struct perform *p, struct at *a)
{
	char *path = a->path, *end = path + strlen(path), *last, saved;

	if (cred_assume(p) < 0)
		return PERFORM_CANNOT;
	if (a->base < 0)
		return a->base;
	while (end > path && end[-1] == '/')
		end--;
	last = end;
	while (last > path && last[-1] != '/')
		last--;
	if (end == path) {
		a->last = "/";
		return a->fd = a->base;
	}
	a->last = last;
	if (last == path)
		return a->fd = a->base;
	saved = *last;
	*last = '\0';
	a->fd = find(p, a, O_DIRECTORY);
	*last = saved;
	return a->fd;
}
