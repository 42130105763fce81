// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perform_attr.c - calls that change what a file is rather than where: mode,
 * owner, times, length, extended attributes.
 */
#include "vmmd/perform_impl.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

/* Find the file and say by which path it is reached, whatever it is. */
static int64_t reach(struct perform *p, char *path)
{
	int fd = at_find(p, &p->at[0], perform_nofollow(p));

	if (fd < 0)
		return fd;
	perform_via(path, fd);
	/* Of proc, a task may change what is its own; we would be asked for a right to trace it. */
	return p->at[0].fs == FS_PROC ? PERFORM_CANNOT : 0;
}

int64_t op_chmod(struct perform *p)
{
	char path[VIA_LEN];
	int64_t rc;

	if (p->atflags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	rc = reach(p, path);
	if (rc < 0)
		return rc;
	if (p->call->nr == NR_fchmodat2) /* ENOSYS where the kernel does not have it */
		return perform_sysret(syscall(NR_fchmodat2, AT_FDCWD, path, (mode_t)perform_arg(p, 0), 0));
	return perform_sysret(syscall(SYS_fchmodat, AT_FDCWD, path, (mode_t)perform_arg(p, 0)));
}

int64_t op_chown(struct perform *p)
{
	char path[VIA_LEN];
	int64_t rc;

	if (p->atflags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	rc = reach(p, path);
	return rc < 0 ? rc : perform_sysret(syscall(SYS_fchownat, AT_FDCWD, path, (uid_t)perform_arg(p, 0), (gid_t)perform_arg(p, 1), 0));
}

/* May the file get that long? The limit counts for the caller, which is killed by a signal. */
static bool within_limits(const struct perform *p, uint64_t length)
{
	struct rlimit theirs, ours;

	if (prlimit(p->task->tid, RLIMIT_FSIZE, NULL, &theirs) < 0 || getrlimit(RLIMIT_FSIZE, &ours) < 0)
		return false;
	return length <= theirs.rlim_cur && length <= ours.rlim_cur;
}

/*
 * By an open file, because truncate(2) would wait for a lease. Who watches the
 * file by inotify(7) sees it opened and closed beside the change.
 */
int64_t op_truncate(struct perform *p)
{
	int64_t length = (int64_t)perform_arg(p, 0), rc;
	char path[VIA_LEN];
	int fd;

	if (length < 0)
		return -EINVAL;
	if (!within_limits(p, (uint64_t)length))
		return PERFORM_CANNOT;
	rc = reach(p, path);
	if (rc < 0)
		return rc;
	if (!S_ISREG(p->at[0].st.st_mode))
		return S_ISDIR(p->at[0].st.st_mode) ? -EISDIR : -EINVAL;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == EAGAIN ? PERFORM_CANNOT : -errno;
	rc = perform_sysret(ftruncate(fd, length));
	close(fd);
	return rc;
}

/* ---------------------------------------------------------------------- times */

static int64_t set_times(struct perform *p, const struct timespec *ts)
{
	char path[VIA_LEN];
	int64_t rc = reach(p, path);

	return rc < 0 ? rc : perform_sysret(syscall(SYS_utimensat, AT_FDCWD, path, ts, 0));
}

int64_t op_utime(struct perform *p)
{
	struct timespec ts[2] = {{0}};
	struct utimbuf times;

	if (!perform_arg(p, 0))
		return set_times(p, NULL);
	if (perform_take(p, perform_arg(p, 0), &times, sizeof(times)) < 0)
		return -EFAULT;
	ts[0].tv_sec = times.actime;
	ts[1].tv_sec = times.modtime;
	return set_times(p, ts);
}

int64_t op_utimes(struct perform *p)
{
	struct timespec ts[2];
	struct timeval tv[2];

	if (!perform_arg(p, 0)) /* futimesat(2) with no path at all is futimes(3): there is a path here */
		return set_times(p, NULL);
	if (perform_take(p, perform_arg(p, 0), tv, sizeof(tv)) < 0)
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		ts[i] = (struct timespec){tv[i].tv_sec, tv[i].tv_usec * 1000};
	}
	return set_times(p, ts);
}

int64_t op_utimens(struct perform *p)
{
	struct timespec ts[2];

	if (perform_arg(p, 0)) {
		if (perform_take(p, perform_arg(p, 0), ts, sizeof(ts)) < 0)
			return -EFAULT;
		if (ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
			return 0; /* the kernel does not look at the path */
	}
	if (p->atflags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return set_times(p, perform_arg(p, 0) ? ts : NULL);
}

/* -------------------------------------------------------- extended attributes */

/*
 * trusted.* exists for who has CAP_SYS_ADMIN, which root's worker does not keep:
 * without it the names are not refused but absent.
 */
static int take_name(struct perform *p, char *name)
{
	int rc = perform_take_str(p, perform_arg(p, 0), name, XATTR_NAME_MAX + 1);

	if (rc == -ENAMETOOLONG || (rc == 0 && !name[0]))
		return -ERANGE;
	if (rc == 0 && p->less && strncmp(name, "trusted.", 8) == 0)
		return PERFORM_CANNOT;
	return rc;
}

int64_t op_setxattr(struct perform *p)
{
	char name[XATTR_NAME_MAX + 1], path[VIA_LEN];
	uint64_t size = perform_arg(p, 2);
	int flags = (int)perform_arg(p, 3);
	void *value;
	int64_t rc;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	rc = take_name(p, name);
	if (rc < 0)
		return rc;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	value = malloc(size ? size : 1);
	if (!value)
		return PERFORM_CANNOT;
	rc = perform_take(p, perform_arg(p, 1), value, size);
	if (rc == 0)
		rc = reach(p, path);
	if (rc == 0)
		rc = perform_sysret(setxattr(path, name, value, size, flags));
	free(value);
	return rc;
}

/* Get a value, or with no name the list of names, into a buffer of the task's of `size`. */
static int64_t get(struct perform *p, const char *name, uint64_t addr, uint64_t size)
{
	size_t max = name ? XATTR_SIZE_MAX : XATTR_LIST_MAX, cap = size < max ? size : max;
	char path[VIA_LEN], *buf;
	int64_t rc = reach(p, path);

	if (rc < 0)
		return rc;
	buf = malloc(cap ? cap : 1);
	if (!buf)
		return PERFORM_CANNOT;
	rc = perform_sysret(name ? getxattr(path, name, buf, cap) : listxattr(path, buf, cap));
	if (rc > 0 && cap && perform_give(p, addr, buf, (size_t)rc) < 0)
		rc = -EFAULT;
	free(buf);
	return rc;
}

int64_t op_getxattr(struct perform *p)
{
	char name[XATTR_NAME_MAX + 1];
	int64_t rc = take_name(p, name);

	return rc < 0 ? rc : get(p, name, perform_arg(p, 1), perform_arg(p, 2));
}

int64_t op_listxattr(struct perform *p)
{
	return p->less ? PERFORM_CANNOT : get(p, NULL, perform_arg(p, 0), perform_arg(p, 1));
}

int64_t op_removexattr(struct perform *p)
{
	char name[XATTR_NAME_MAX + 1], path[VIA_LEN];
	int64_t rc = take_name(p, name);

	if (rc == 0)
		rc = reach(p, path);
	return rc < 0 ? rc : perform_sysret(removexattr(path, name));
}
