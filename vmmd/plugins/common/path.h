/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * path.h - paths as layers need them: cleaned, absolute, matched.
 *
 * Linked into every layer of this tree. Cleaning is lexical: "a/../b" is "b"
 * whatever "a" is, and symbolic links are not followed. So these paths decide
 * by name; they are not the file the kernel will find.
 */
#ifndef VMMD_PLUGINS_PATH_H
#define VMMD_PLUGINS_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <vmmd/plugin.h>

/* Room for a directory, '/', and a path below it. */
#define PATH_TEXT (2 * PATH_MAX + 2)

/*
 * Walk one component from the cleaned directory out[0..*n), where "" is the
 * root: append it, go up for "..", stay for "." and "". `out` is not
 * terminated. 0 or -ENAMETOOLONG.
 */
int path_step(char *out, size_t *n, size_t cap, const char *name, size_t len);

/* Clean an absolute path. 0, -EINVAL if it is not absolute, -ENAMETOOLONG. */
int path_clean(const char *path, char *out, size_t cap);

/* Is the cleaned `path` the directory `dir` or below it, by whole components? */
bool path_under(const char *path, const char *dir);

/* For struct vmmd_option: a pattern that can match a cleaned absolute path. */
int path_check_glob(const char *text, char *why, size_t len);

/* Does one of the patterns match? '*' and '?' match '/', too. */
bool path_match(const struct vmmd_value *globs, const char *path);

/* Where all paths are that a pattern can match: the directory before its first wildcard, or the path. */
void path_glob_dir(const char *glob, char out[static PATH_MAX]);

/* In open(): the layer has nothing to say on other paths than those that the patterns can match. */
int path_only_below(const struct vmmd_host *, struct vmmd_layer *, const struct vmmd_value *globs);

/* Printable ASCII of hostile text: other bytes, '"' and '\' become \xNN. Cut at `cap`. */
void path_quote(const char *text, char *out, size_t cap);

/* ---------------------------------------------------------- paths of a call */

/*
 * Whether tasks have vmmd's root directory. Looking costs a system call, so it
 * is looked at once, and again only after a task has done something that can
 * change it. Belongs to a layer; starts zeroed.
 */
struct path_roots {
	bool looked;
	bool may_differ;
};

/* In open(): ask for the calls that change the root directory. */
int path_roots_want(const struct vmmd_host *, struct vmmd_layer *);
/* At every entry, before path_arg() and the like. */
void path_roots_note(struct path_roots *, int64_t nr);
/* The task's root directory in `out`, "" if it is vmmd's. 0 or -errno. */
int path_roots_get(struct path_roots *, const struct vmmd_host *, struct vmmd_req *, char *out,
		   size_t cap);

/* Does the call take a path, or a socket address? Its first such argument, or -1. */
int path_find(const struct vmmd_syscall *, enum vmmd_arg_kind);
/* The directory descriptor that goes with path argument `i`. */
int path_dirfd(const struct vmmd_syscall *, const struct vmmd_call *, unsigned i);
/* AT_EMPTY_PATH: an empty path is the directory itself. */
bool path_means_directory(const struct vmmd_syscall *, const struct vmmd_call *);
/*
 * The directory a relative path starts from, as host->cwd() and host->fd_path()
 * name it. 0, -EBADF, -ENOTDIR, or another -errno.
 */
int path_base(const struct vmmd_host *, struct vmmd_req *, int dirfd, char *out, size_t cap);
/* RESOLVE_* of an openat2(2) call, 0 for all others; or -errno. */
int64_t path_resolve_flags(const struct vmmd_host *, struct vmmd_req *, const struct vmmd_call *);
/* The path of an AF_UNIX address: 1 and the text, 0 if it has none, -errno. */
int path_sockaddr(const struct vmmd_host *, struct vmmd_req *, uint64_t addr, uint64_t len,
		  char out[static 109]);

/*
 * The path of argument `i`, or of the socket address at `addr`, made absolute
 * and cleaned, seen from vmmd's root; `out` has PATH_TEXT bytes. Returns 1;
 * 0 if the call names no file by it (a null pointer, an empty path that stands
 * for nothing); -errno if it cannot be read: then the kernel fails as well, and
 * a layer that must not be fooled aborts the call with that error.
 */
int path_arg(struct path_roots *, const struct vmmd_host *, struct vmmd_req *,
	     const struct vmmd_call *, unsigned i, char *out);
/* The same for what has been read of the argument already. */
int path_text(struct path_roots *, const struct vmmd_host *, struct vmmd_req *,
	      const struct vmmd_call *, unsigned i, const char *text, char *out);
int path_arg_unix(struct path_roots *, const struct vmmd_host *, struct vmmd_req *, uint64_t addr,
		  uint64_t len, char *out);

#endif
