/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confine.c - paths that a hostile program cannot change after they were judged.
 *
 * A path is copied once and judged by its name, then followed by vmmd: judged is
 * what it leads to, and what goes on is that place's own absolute name, in which
 * no symbolic link, no "..", no working directory and no descriptor of the
 * program is left to change. Between this and the call that vmmd runs no other
 * task of the session can exchange a directory, because every call that changes
 * names is asked for here and run by vmmd in its turn, or refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmmd/plugins/deny/deny.h"

/* Newer than some C libraries. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

/* Does a path of the call mean the file a symbolic link at its end leads to? */
enum confine_follow {
	CONFINE_NO,    /* never: the name itself */
	CONFINE_YES,   /* always */
	CONFINE_UNLESS, /* unless there is AT_SYMLINK_NOFOLLOW among the flags */
	CONFINE_OPEN,  /* unless O_NOFOLLOW, or O_CREAT with O_EXCL, is */
	CONFINE_LINK,  /* the first path if AT_SYMLINK_FOLLOW is */
};

/* The calls that vmmd can run in a task's place. */
static const struct confine_call {
	int nr;
	enum confine_follow follow;
} confine_calls[] = {
	{SYS_open, CONFINE_OPEN},	{SYS_openat, CONFINE_OPEN},
	{SYS_creat, CONFINE_YES},	{SYS_stat, CONFINE_YES},
	{SYS_lstat, CONFINE_NO},	{SYS_newfstatat, CONFINE_UNLESS},
	{SYS_statx, CONFINE_UNLESS},	{SYS_statfs, CONFINE_YES},
	{SYS_access, CONFINE_YES},	{SYS_faccessat, CONFINE_YES},
	{SYS_faccessat2, CONFINE_UNLESS}, {SYS_readlink, CONFINE_NO},
	{SYS_readlinkat, CONFINE_NO},	{SYS_mkdir, CONFINE_NO},
	{SYS_mkdirat, CONFINE_NO},	{SYS_mknod, CONFINE_NO},
	{SYS_mknodat, CONFINE_NO},	{SYS_rmdir, CONFINE_NO},
	{SYS_unlink, CONFINE_NO},	{SYS_unlinkat, CONFINE_NO},
	{SYS_symlink, CONFINE_NO},	{SYS_symlinkat, CONFINE_NO},
	{SYS_link, CONFINE_NO},		{SYS_linkat, CONFINE_LINK},
	{SYS_rename, CONFINE_NO},	{SYS_renameat, CONFINE_NO},
	{SYS_renameat2, CONFINE_NO},	{SYS_truncate, CONFINE_YES},
	{SYS_chmod, CONFINE_YES},	{SYS_fchmodat, CONFINE_YES},
	{SYS_fchmodat2, CONFINE_UNLESS}, {SYS_chown, CONFINE_YES},
	{SYS_lchown, CONFINE_NO},	{SYS_fchownat, CONFINE_UNLESS},
	{SYS_utime, CONFINE_YES},	{SYS_utimes, CONFINE_YES},
	{SYS_futimesat, CONFINE_YES},	{SYS_utimensat, CONFINE_UNLESS},
	{SYS_getxattr, CONFINE_YES},	{SYS_lgetxattr, CONFINE_NO},
	{SYS_setxattr, CONFINE_YES},	{SYS_lsetxattr, CONFINE_NO},
	{SYS_listxattr, CONFINE_YES},	{SYS_llistxattr, CONFINE_NO},
	{SYS_removexattr, CONFINE_YES}, {SYS_lremovexattr, CONFINE_NO},
};

/* Those that change the task itself; nothing is read or written by them. */
static const int confine_outside[] = {SYS_execve, SYS_execveat, SYS_chdir};

/* Those that give files other names, or name files without a path. */
static const int confine_refused[] = {
	SYS_chroot, SYS_pivot_root, SYS_mount, SYS_umount2, SYS_setns, SYS_open_by_handle_at,
	SYS_open_tree, SYS_move_mount, SYS_fsmount, SYS_mount_setattr, SYS_open_tree_attr,
};

static const struct confine_call *confine_find(int64_t nr)
{
	for (size_t i = 0; i < sizeof(confine_calls) / sizeof(confine_calls[0]); i++)
		if (confine_calls[i].nr == nr)
			return &confine_calls[i];
	return NULL;
}

static bool confine_has(const int *list, size_t n, int nr)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == nr)
			return true;
	return false;
}

#define CONFINE_HAS(list, nr) confine_has(list, sizeof(list) / sizeof((list)[0]), nr)

/* -------------------------------------------------------------------- open */

/* How much of a pattern is text. */
static size_t confine_literal(const char *pattern)
{
	return strcspn(pattern, "*?[\\");
}

/* The name of the part of `name` that exists; false if there is none. */
static bool confine_real(char *name, char *real)
{
	char *last;

	while (!realpath(name, real)) {
		last = strrchr(name, '/');
		if (errno != ENOENT || !last || last == name)
			return false;
		*last = '\0';
	}
	return true;
}

/* A name with a symbolic link in it is no file's own name, so it would match nothing. */
static int confine_check(const struct deny *self, struct vmmd_layer *layer, const char *pattern)
{
	char name[PATH_MAX], real[PATH_MAX];
	size_t n = confine_literal(pattern);

	if (n >= sizeof(name))
		return 0;
	memcpy(name, pattern, n);
	name[n] = '\0';
	if (pattern[n]) {
		char *last = strrchr(name, '/');

		if (!last)
			return 0;
		last[last == name] = '\0';
	}
	if (!confine_real(name, real) || !strcmp(name, real))
		return 0;
	self->host->log(layer, VMMD_LOG_ERROR, "path: with confine give the real name: %s is %s", name, real);
	return -EINVAL;
}

static int confine_want(const struct vmmd_host *host, struct vmmd_layer *layer, int nr, int err)
{
	if (confine_find(nr))
		return host->want(layer, nr, VMMD_WANT_ENTRY | VMMD_WANT_MEMORY | VMMD_WANT_PATHS);
	if (CONFINE_HAS(confine_refused, nr))
		return host->refuse(layer, nr, err);
	/* As if the kernel did not have it: programs know how to go on without. */
	if (path_find(host->syscall(nr), VMMD_ARG_PATH) >= 0 && !CONFINE_HAS(confine_outside, nr))
		return host->refuse(layer, nr, ENOSYS);
	return 0;
}

int confine_open(const struct deny *self, struct vmmd_layer *layer)
{
	int r = 0;

	if (self->set || self->families) {
		self->host->log(layer, VMMD_LOG_ERROR,
				"confine with path is for all calls: give syscalls and family in a layer of their own");
		return -EINVAL;
	}
	for (size_t i = 0; i < self->paths->count && !r; i++)
		r = confine_check(self, layer, self->paths->list[i]);
	for (int nr = 0; nr < DENY_NR_MAX && !r; nr++)
		r = confine_want(self->host, layer, nr, self->err);
	return r;
}

/* -------------------------------------------------------------- one path */

/* A path of a call on its way. */
struct confine_path {
	const struct vmmd_call *call;
	unsigned i;		/* the argument */
	char root[PATH_MAX];	/* of the task, "" if it is vmmd's */
	char text[PATH_MAX];	/* the copy */
	char name[PATH_TEXT];	/* of the file: absolute, seen from vmmd's root */
};

static bool confine_match(const struct deny *self, const char *name)
{
	static const char gone[] = " (deleted)";
	size_t n = strlen(name), m = sizeof(gone) - 1;
	char was[PATH_TEXT];

	if (path_match(self->paths, name))
		return true;
	if (n < m || strcmp(name + n - m, gone) != 0)
		return false;
	memcpy(was, name, n - m);
	was[n - m] = '\0';
	return path_match(self->paths, was);
}

/* For at_open() and set_path(): the name as the task would say it. */
static const char *confine_inner(const struct confine_path *p)
{
	if (!path_under(p->name, p->root))
		return NULL;
	return p->name[strlen(p->root)] ? p->name + strlen(p->root) : "/";
}

/* The name and the kind of what `fd` is; closes it. 0, or 1 if the name does not lead there: removed, a pipe. */
static int confine_name(int fd, char *out, struct stat *st)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX);
	if (fstat(fd, st) < 0)
		n = -1;
	close(fd);
	if (n < 0)
		return -EIO;
	if (n == PATH_MAX)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return out[0] != '/' || !st->st_nlink;
}

static int confine_look(struct deny *self, struct vmmd_req *req, int dirfd, const char *path, uint64_t flags)
{
	return self->host->at_open(req, dirfd, path, flags | O_PATH | O_CLOEXEC, 0);
}

/* From the text to the name of the directory it ends in, and its end: before that no link is left. */
static int confine_directory(struct deny *self, struct vmmd_req *req, struct confine_path *p)
{
	const struct vmmd_syscall *sc = self->host->syscall(p->call->nr);
	char dir[PATH_MAX];
	struct stat st;
	size_t n = strlen(p->text), len;
	int fd, r;

	while (n && p->text[n - 1] == '/')
		n--;
	while (n && p->text[n - 1] != '/')
		n--;
	memcpy(dir, p->text, n);
	strcpy(dir + n, n ? "" : p->text[0] == '/' ? "/" : ".");
	fd = confine_look(self, req, path_dirfd(sc, p->call, p->i), dir, O_DIRECTORY);
	if (fd < 0)
		return fd;
	r = confine_name(fd, p->name, &st);
	if (r)
		return r < 0 ? r : -ENOENT;
	len = strcmp(p->name, "/") ? strlen(p->name) : 0;
	if (len + 1 + strlen(p->text + n) >= PATH_MAX + strlen(p->root))
		return -ENAMETOOLONG;
	p->name[len] = '/';
	strcpy(p->name + len + 1, p->text + n + strspn(p->text + n, "/"));
	return confine_inner(p) ? 0 : -self->err;
}

/* /proc/N/fd/N: the only link of the kernel's making that means an open file and nothing else. */
static bool confine_is_fd(const char *name)
{
	const char *last = strrchr(name, '/');

	return !strncmp(name, "/proc/", 6) && last - name > 3 && !strncmp(last - 3, "/fd", 3) && last[1] &&
	       !last[1 + strspn(last + 1, "0123456789")];
}

/* Through a link that leads nowhere a file would be made that nobody has judged. */
static int confine_made(struct deny *self, struct vmmd_req *req, const struct confine_path *p)
{
	int fd = confine_look(self, req, AT_FDCWD, confine_inner(p), O_NOFOLLOW);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	close(fd);
	return -self->err;
}

/* From a name to that of the file a link there leads to. A file without a name keeps that of its descriptor. */
static int confine_target(struct deny *self, struct vmmd_req *req, struct confine_path *p, bool creates)
{
	const char *slash = p->name[strlen(p->name) - 1] == '/' ? "/" : "";
	char name[PATH_MAX];
	struct stat st;
	int fd = confine_look(self, req, AT_FDCWD, confine_inner(p), 0);
	int r;

	if (fd == -ENOENT && creates)
		return confine_made(self, req, p);
	if (fd < 0)
		return fd;
	r = confine_name(fd, name, &st);
	if (r < 0)
		return r;
	if (confine_match(self, name))
		return -self->err;
	if (r)
		return confine_is_fd(p->name) ? 0 : -self->err;
	snprintf(p->name, sizeof(p->name), "%s%s", name, strcmp(name, "/") ? slash : "");
	return confine_inner(p) ? 0 : -self->err;
}

/* A call that follows no link at the end follows one before a closing '/', or fails: judged, but left as it is. */
static int confine_slash(struct deny *self, struct vmmd_req *req, const struct confine_path *p)
{
	char name[PATH_MAX];
	struct stat st;
	int fd, r;

	if (p->name[strlen(p->name) - 1] != '/')
		return 0;
	fd = confine_look(self, req, AT_FDCWD, confine_inner(p), 0);
	if (fd < 0)
		return fd == -EOPNOTSUPP ? fd : 0;
	r = confine_name(fd, name, &st);
	if (r < 0)
		return r;
	return r || confine_match(self, name) ? -self->err : 0;
}

static bool confine_follows(const struct vmmd_syscall *sc, const struct vmmd_call *call, unsigned i)
{
	int flags = path_find(sc, VMMD_ARG_ATFLAGS), open = path_find(sc, VMMD_ARG_OPENFLAGS);
	const struct confine_call *c = confine_find(call->nr);

	switch (c ? c->follow : CONFINE_YES) {
	case CONFINE_NO:
		return false;
	case CONFINE_UNLESS:
		return flags < 0 || !(call->args[flags] & AT_SYMLINK_NOFOLLOW);
	case CONFINE_OPEN:
		return open < 0 || (!(call->args[open] & O_NOFOLLOW) &&
				    (call->args[open] & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL));
	case CONFINE_LINK:
		return i == 1 && flags >= 0 && (call->args[flags] & AT_SYMLINK_FOLLOW);
	default:
		return true;
	}
}

static bool confine_creates(const struct vmmd_syscall *sc, const struct vmmd_call *call)
{
	int open = path_find(sc, VMMD_ARG_OPENFLAGS);

	return call->nr == SYS_creat || (open >= 0 && (call->args[open] & O_CREAT));
}

/* Does the call move what this path names to another name? */
static bool confine_moves(const struct vmmd_call *call, unsigned i)
{
	switch (call->nr) {
	case SYS_rename:
		return i == 0;
	case SYS_renameat:
		return i == 1;
	case SYS_renameat2:
		return i == 1 || (call->args[4] & RENAME_EXCHANGE);
	default:
		return false;
	}
}

/* Could the pattern match a name below the directory? */
static bool confine_below(const char *pattern, const char *dir)
{
	size_t len = confine_literal(pattern), n = strlen(dir);

	if (len > n)
		return !strncmp(pattern, dir, n) && pattern[n] == '/';
	return pattern[len] && !strncmp(pattern, dir, len);
}

/* Below a directory that is moved files would get names that match no more. */
static int confine_moved(struct deny *self, struct vmmd_req *req, const struct confine_path *p, const char *clean)
{
	int fd = confine_look(self, req, AT_FDCWD, confine_inner(p), O_NOFOLLOW);
	char name[PATH_MAX];
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	r = confine_name(fd, name, &st);
	if (r < 0)
		return r;
	for (size_t i = 0; i < self->paths->count && S_ISDIR(st.st_mode); i++)
		if (confine_below(self->paths->list[i], clean))
			return -self->err;
	return 0;
}

/* A null pointer is the descriptor itself for some calls, and an address like any other for the rest. */
static int confine_null(const struct vmmd_syscall *sc, const struct vmmd_call *call)
{
	if (call->nr == SYS_utimensat || call->nr == SYS_futimesat || path_means_directory(sc, call))
		return 0;
	return -EFAULT;
}

static int confine_path(struct deny *self, struct vmmd_req *req, struct confine_path *p)
{
	const struct vmmd_host *host = self->host;
	const struct vmmd_syscall *sc = host->syscall(p->call->nr);
	char clean[PATH_TEXT];
	ssize_t n;
	int r;

	if (!p->call->args[p->i])
		return confine_null(sc, p->call);
	n = host->read_str(req, p->call->args[p->i], p->text, sizeof(p->text));
	if (n < 0)
		return (int)n;
	r = path_text(&self->roots, host, req, p->call, p->i, p->text, clean);
	if (r < 0)
		return r;
	if (r > 0 && confine_match(self, clean))
		return -self->err;
	if (!n) /* what is open already, or an error */
		return host->set_path(req, p->i, "");
	r = confine_directory(self, req, p);
	if (!r)
		r = path_clean(p->name, clean, sizeof(clean));
	if (!r && confine_match(self, clean))
		r = -self->err;
	if (!r && confine_moves(p->call, p->i))
		r = confine_moved(self, req, p, clean);
	if (!r && confine_follows(sc, p->call, p->i))
		r = confine_target(self, req, p, confine_creates(sc, p->call));
	else if (!r)
		r = confine_slash(self, req, p);
	return r ? r : host->set_path(req, p->i, confine_inner(p));
}

int confine_entry(struct deny *self, struct vmmd_req *req)
{
	const struct vmmd_call call = *self->host->call(req); /* as it was: set_path() shows through */
	const struct vmmd_syscall *sc = self->host->syscall(call.nr);
	struct confine_path p = {.call = &call};
	int r = path_roots_get(&self->roots, self->host, req, p.root, sizeof(p.root));

	for (unsigned i = 0; sc && i < 6 && !r; i++) {
		if (sc->kind[i] != VMMD_ARG_PATH)
			continue;
		p.i = i;
		r = confine_path(self, req, &p);
	}
	return r == -EOPNOTSUPP ? -self->err : r; /* vmmd cannot tell what it leads to */
}
