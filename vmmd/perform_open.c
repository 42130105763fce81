// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perform_open.c - open(2) and its kin for a task.
 *
 * Found first (O_PATH), opened then by what was found, with all flags but those
 * that have had their effect: O_CREAT, O_EXCL, O_NOFOLLOW. The last is the only
 * trace: F_GETFL of the program does not show it.
 *
 * Regular files and directories only, and the memory devices (null, zero, full,
 * random, urandom), whose open does nothing. Opening a FIFO waits for its other
 * end, a terminal for its carrier and may become the controlling one, a device
 * does what its driver likes. A regular file can carry a lease: O_NONBLOCK makes
 * its open fail instead of wait, and is taken off again before anybody sees it.
 *
 * A file that is not there is made with O_EXCL, so it is new or not ours to
 * judge: what is in the way then is looked at again.
 */
#include "vmmd/perform_impl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* How often a file may come and go between two looks. */
#define ROUNDS 4
#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)
#define AS_OPENED (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME)

static bool writes(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

/* Hand the descriptor over. */
static int64_t done(struct perform *p, int fd, uint64_t flags)
{
	p->result->fd = fd;
	p->result->cloexec = flags & O_CLOEXEC;
	return 0;
}

static bool memory_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == 1 &&
	       (minor(st->st_rdev) == 3 || minor(st->st_rdev) == 5 || (minor(st->st_rdev) >= 7 && minor(st->st_rdev) <= 9));
}

/*
 * Files of which the kernel asks later who has opened them: of proc nothing is
 * written, and with other capabilities or ids nothing read; cgroups are moved by
 * the credentials of the open file.
 */
static bool asks_opener(struct perform *p, const struct at *a, uint64_t flags)
{
	if (a->fs == FS_PROC)
		return writes(flags) || p->less || cred_userns(p) < 0;
	return a->fs == FS_CGROUP && writes(flags);
}

/*
 * In a sticky directory the kernel may refuse O_CREAT for a file that is there
 * and another's (fs.protected_regular). That is decided by the directory in which
 * the file was found; a link may have led elsewhere.
 */
static bool maybe_protected(struct perform *p, struct at *a)
{
	uid_t owner = a->st.st_uid;
	struct stat st;
	int file = a->fd, dir;
	bool maybe;

	if (cred_is_fsuid(p, owner))
		return false;
	dir = at_parent(p, a);
	a->fd = file;
	maybe = dir < 0 || fstatat(dir, a->last, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode) ||
		fstat(dir, &st) < 0;
	return maybe || ((st.st_mode & S_ISVTX) && (st.st_mode & (S_IWOTH | S_IWGRP)) && st.st_uid != owner);
}

/* Open what was found. */
static int64_t reopen(struct perform *p, struct at *a, uint64_t flags)
{
	uint64_t how = (flags & ~(uint64_t)(O_CREAT | O_EXCL | O_NOFOLLOW)) | O_CLOEXEC | O_NOCTTY;
	mode_t type = a->st.st_mode & S_IFMT;
	bool lease = type == S_IFREG && !(flags & O_NONBLOCK);
	char path[VIA_LEN];
	long fd;

	if ((flags & O_DIRECTORY) && type != S_IFDIR)
		return -ENOTDIR;
	if (type == S_IFLNK)
		return -ELOOP;
	if (type == S_IFDIR && (flags & O_CREAT))
		return -EISDIR;
	if (type != S_IFREG && type != S_IFDIR && !memory_device(&a->st))
		return PERFORM_CANNOT;
	if (asks_opener(p, a, flags) || (type == S_IFREG && (flags & O_CREAT) && maybe_protected(p, a)))
		return PERFORM_CANNOT;
	if (lease)
		how |= O_NONBLOCK;
	fd = syscall(SYS_openat, AT_FDCWD, perform_via(path, a->fd), how, 0);
	if (fd < 0)
		return lease && errno == EAGAIN ? PERFORM_CANNOT : -errno;
	if (lease)
		fcntl((int)fd, F_SETFL, flags & AS_OPENED);
	return done(p, (int)fd, flags);
}

/* Make the file. -EEXIST also if a symbolic link is in the way. */
static int64_t create(struct perform *p, struct at *a, uint64_t flags, uint64_t mode)
{
	struct open_how how = {
		.flags = flags | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
		.mode = mode,
		.resolve = a->resolve,
	};
	int dir = at_parent(p, a);
	int64_t rc;
	long fd;

	if (dir < 0)
		return dir;
	rc = cred_umask(p);
	if (rc < 0)
		return rc;
	fd = syscall(SYS_openat2, dir, a->last, &how, sizeof(how));
	rc = fd < 0 ? -errno : 0;
	return rc < 0 ? rc : done(p, (int)fd, flags);
}

static int64_t unnamed(struct perform *p, struct at *a, uint64_t flags, uint64_t mode)
{
	char path[VIA_LEN];
	int64_t rc = at_find(p, a, flags & O_NOFOLLOW);
	long fd;

	if (rc < 0)
		return rc;
	if (S_ISLNK(a->st.st_mode) || !S_ISDIR(a->st.st_mode))
		return -ENOTDIR;
	rc = cred_umask(p);
	if (rc < 0)
		return rc;
	fd = syscall(SYS_openat, AT_FDCWD, perform_via(path, a->fd), (flags & ~(uint64_t)O_NOFOLLOW) | O_CLOEXEC, mode);
	return fd < 0 ? -errno : done(p, (int)fd, flags);
}

/* O_PATH: what was found is what was wanted, but for how F_GETFL shows it. */
static int64_t only_path(struct perform *p, struct at *a, uint64_t flags)
{
	int64_t fd = at_find(p, a, flags & O_NOFOLLOW);
	char path[VIA_LEN];

	if (fd < 0)
		return fd;
	if ((flags & O_DIRECTORY) && !S_ISDIR(a->st.st_mode))
		return -ENOTDIR;
	if (S_ISLNK(a->st.st_mode))
		fd = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(perform_via(path, (int)fd), O_PATH | O_CLOEXEC | (flags & O_DIRECTORY));
	return fd < 0 ? PERFORM_CANNOT : done(p, (int)fd, flags);
}

/* To make a file "name/" is EISDIR, whatever is there, if its directory may be searched. */
static int64_t refuse_slash(struct perform *p, struct at *a)
{
	int dir = at_parent(p, a), fd;

	if (dir < 0)
		return dir;
	fd = openat(dir, ".", O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return -EISDIR;
}

static bool ends_in_slash(const struct at *a)
{
	size_t len = strlen(a->path), name = len;

	while (name && a->path[name - 1] == '/')
		name--;
	/* "/", "./" and "../" are walked as others. */
	return name && name < len && !(a->path[name - 1] == '.' && (name == 1 || a->path[name - 2] == '/')) &&
	       !(name >= 2 && !strncmp(a->path + name - 2, "..", 2) && (name == 2 || a->path[name - 3] == '/'));
}

static int64_t open_checked(struct perform *p, uint64_t flags, uint64_t mode)
{
	struct at *a = &p->at[0];

	if (!a->path_ok)
		return a->base;
	if (flags & O_PATH)
		return only_path(p, a, flags);
	if (flags & TMPFILE)
		return unnamed(p, a, flags, mode);
	if ((flags & O_CREAT) && ends_in_slash(a))
		return refuse_slash(p, a);
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return create(p, a, flags, mode);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t rc = at_find(p, a, flags & O_NOFOLLOW);

		if (rc >= 0)
			return reopen(p, a, flags);
		if (rc != -ENOENT || !(flags & O_CREAT))
			return rc;
		rc = create(p, a, flags, mode);
		if (rc != -EEXIST)
			return rc;
		/* Somebody was faster, or it is a link to nowhere, through which we do not make files. */
	}
	return PERFORM_CANNOT;
}

/* The kernel's own opinion of flags, mode and resolve: it comes before that of the path. */
static int64_t check_how(const struct open_how *how)
{
	long fd = syscall(SYS_openat2, AT_FDCWD, "", how, sizeof(*how));

	if (fd >= 0)
		close((int)fd);
	return fd >= 0 || errno == ENOSYS ? PERFORM_CANNOT : errno == ENOENT ? 0 : -errno;
}

static int64_t open_legacy(struct perform *p, uint64_t flags, uint64_t mode)
{
	struct open_how how;
	int64_t rc;

	/* What open(2) ignores; openat2(2) would not. */
	how.flags = (uint32_t)flags & (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
				       O_SYNC | O_ASYNC | O_DIRECT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |
				       O_CLOEXEC | O_PATH | TMPFILE);
	if (how.flags & O_PATH)
		how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	how.mode = how.flags & (O_CREAT | TMPFILE) ? mode & 07777 : 0;
	how.resolve = 0;
	if ((how.flags & TMPFILE) || (how.flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
		rc = check_how(&how);
		if (rc < 0)
			return rc;
	}
	/* Whether the bit stays depends on capabilities over the group. */
	if ((how.mode & S_ISGID) && cred_userns(p) < 0)
		return PERFORM_CANNOT;
	return open_checked(p, how.flags, how.mode);
}

int64_t op_open(struct perform *p)
{
	return open_legacy(p, perform_arg(p, 0), perform_arg(p, 1));
}

int64_t op_creat(struct perform *p)
{
	return open_legacy(p, O_CREAT | O_WRONLY | O_TRUNC, perform_arg(p, 0));
}

int64_t op_openat2(struct perform *p)
{
	unsigned char raw[4096] = {0};
	struct open_how how;
	uint64_t size = perform_arg(p, 1);
	int64_t rc;

	if (size < 24)
		return -EINVAL;
	if (size > sizeof(raw))
		return -E2BIG;
	rc = perform_take(p, perform_arg(p, 0), raw, size);
	if (rc < 0)
		return rc;
	for (size_t i = sizeof(how); i < size; i++)
		if (raw[i])
			return -E2BIG;
	memcpy(&how, raw, sizeof(how));
	rc = check_how(&how);
	if (rc < 0)
		return rc;
	if (((how.mode & S_ISGID) && cred_userns(p) < 0) || (how.resolve & RESOLVE_CACHED))
		return PERFORM_CANNOT;
	p->at[0].resolve = how.resolve;
	if ((how.resolve & RESOLVE_IN_ROOT) && p->at[0].path_ok && at_base(p, &p->at[0]) < 0)
		return PERFORM_CANNOT; /* it starts at dirfd even where it is absolute */
	return open_checked(p, how.flags, how.mode);
}
