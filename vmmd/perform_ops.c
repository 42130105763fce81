// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perform_ops.c - calls that look at a file, and calls that make, rename or
 * remove a name, for a task.
 */
#include "vmmd/perform_impl.h"

#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ------------------------------------------------------------------- looking */

int64_t op_stat(struct perform *p)
{
	struct at *a = &p->at[0];
	int fd;

	if (p->atflags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return p->atflags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE) ?
			       -EINVAL :
			       PERFORM_CANNOT;
	fd = at_find(p, a, perform_nofollow(p));
	return fd < 0 ? fd : perform_give(p, perform_arg(p, 0), &a->st, sizeof(a->st));
}

int64_t op_statx(struct perform *p)
{
	struct at *a = &p->at[0];
	struct statx x;
	int64_t rc;
	int fd;

	if (p->atflags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	fd = at_find(p, a, perform_nofollow(p));
	if (fd < 0)
		return fd;
	rc = perform_sysret(syscall(SYS_statx, fd, "", AT_EMPTY_PATH | (p->atflags & AT_STATX_SYNC_TYPE),
			    (unsigned)perform_arg(p, 1), &x));
	return rc < 0 ? rc : perform_give(p, perform_arg(p, 2), &x, sizeof(x));
}

int64_t op_statfs(struct perform *p)
{
	struct statfs sf;
	int fd = at_find(p, &p->at[0], false);

	if (fd < 0)
		return fd;
	if (syscall(SYS_fstatfs, fd, &sf) < 0)
		return -errno;
	return perform_give(p, perform_arg(p, 0), &sf, sizeof(sf));
}

/* Of the real ids we have made ours (perform_cred.c); a user's worker has the task's anyway. */
int64_t op_access(struct perform *p)
{
	int mode = (int)perform_arg(p, 0), flags = p->atflags & AT_EACCESS;
	char path[VIA_LEN];
	int fd;

	if ((mode & ~7) || (p->atflags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	fd = at_find(p, &p->at[0], perform_nofollow(p));
	if (fd < 0)
		return fd;
	if (p->root_worker)
		flags |= AT_EACCESS;
	if (flags || p->call->nr == NR_faccessat2)
		return perform_sysret(syscall(SYS_faccessat2, AT_FDCWD, perform_via(path, fd), mode, flags));
	return perform_sysret(syscall(SYS_faccessat, AT_FDCWD, perform_via(path, fd), mode));
}

/* The text of a magic link is a path below the reader's root: the same only if that is. */
int64_t op_readlink(struct perform *p)
{
	struct at *a = &p->at[0];
	int64_t rc, size = (int)perform_arg(p, 1);
	char text[PATH_MAX];
	int fd;

	if (size <= 0)
		return -EINVAL;
	fd = at_find(p, a, true);
	if (fd < 0)
		return fd;
	if (!S_ISLNK(a->st.st_mode))
		return -EINVAL;
	if (a->fs == FS_PROC && at_same_root(p) != 1)
		return PERFORM_CANNOT;
	if (size > (int64_t)sizeof(text))
		size = sizeof(text);
	rc = perform_sysret(syscall(SYS_readlinkat, fd, "", text, (int)size));
	if (rc < 0)
		return a->fs == FS_PROC ? PERFORM_CANNOT : rc;
	return perform_give(p, perform_arg(p, 0), text, (size_t)rc) < 0 ? -EFAULT : rc;
}

/* ------------------------------------------------------- making and removing */

int64_t op_mkdir(struct perform *p)
{
	int dir = at_parent(p, &p->at[0]), rc;

	if (dir < 0)
		return dir;
	rc = cred_umask(p);
	return rc < 0 ? rc : perform_sysret(syscall(SYS_mkdirat, dir, p->at[0].last, (mode_t)perform_arg(p, 0)));
}

/* Devices are not made from outside: the right to is not kept. */
int64_t op_mknod(struct perform *p)
{
	mode_t mode = (mode_t)perform_arg(p, 0);
	int dir, rc;

	if (S_ISCHR(mode) || S_ISBLK(mode))
		return PERFORM_CANNOT;
	dir = at_parent(p, &p->at[0]);
	if (dir < 0)
		return dir;
	rc = cred_umask(p);
	return rc < 0 ? rc : perform_sysret(syscall(SYS_mknodat, dir, p->at[0].last, mode, 0));
}

static int64_t remove_name(struct perform *p, int flags)
{
	int dir = at_parent(p, &p->at[0]);

	return dir < 0 ? dir : perform_sysret(syscall(SYS_unlinkat, dir, p->at[0].last, flags));
}

int64_t op_rmdir(struct perform *p)
{
	return remove_name(p, AT_REMOVEDIR);
}

int64_t op_unlink(struct perform *p)
{
	if (p->atflags & ~AT_REMOVEDIR)
		return -EINVAL;
	return remove_name(p, p->atflags);
}

int64_t op_rename(struct perform *p)
{
	unsigned flags = p->call->nr == NR_renameat2 ? (unsigned)perform_arg(p, 0) : 0;
	int from = at_parent(p, &p->at[0]), to;

	if (from < 0)
		return from;
	to = at_parent(p, &p->at[1]);
	if (to < 0)
		return to;
	return perform_sysret(syscall(SYS_renameat2, from, p->at[0].last, to, p->at[1].last, flags));
}

/* The old name is found first, as for other calls; the link is made to what was found. */
int64_t op_link(struct perform *p)
{
	char path[VIA_LEN];
	int file, dir;

	if (p->atflags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	file = at_find(p, &p->at[0], !(p->atflags & AT_SYMLINK_FOLLOW));
	if (file < 0)
		return file;
	if (p->at[0].fs == FS_PROC)
		return PERFORM_CANNOT;
	dir = at_parent(p, &p->at[1]);
	if (dir < 0)
		return dir;
	return perform_sysret(syscall(SYS_linkat, AT_FDCWD, perform_via(path, file), dir, p->at[1].last, AT_SYMLINK_FOLLOW));
}

/* The first argument is a text: kept as it is, never walked. */
int64_t op_symlink(struct perform *p)
{
	char text[PATH_MAX];
	int rc = perform_take_str(p, p->call->args[0], text, sizeof(text)), dir;

	if (rc < 0)
		return rc;
	if (!text[0])
		return -ENOENT;
	dir = at_parent(p, &p->at[0]);
	return dir < 0 ? dir : perform_sysret(syscall(SYS_symlinkat, text, dir, p->at[0].last));
}
