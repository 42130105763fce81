/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * path.c - paths as layers need them: cleaned, absolute, matched.
 *
 * No state of its own. Everything read from a task is read once and bounded.
 */
#include "vmmd/plugins/common/path.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

int path_step(char *out, size_t *n, size_t cap, const char *name, size_t len)
{
	if (len == 0 || (len == 1 && name[0] == '.'))
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		while (*n && out[*n - 1] != '/')
			--*n;
		if (*n)
			--*n;
		return 0;
	}
	if (*n + 1 + len >= cap)
		return -ENAMETOOLONG;
	out[(*n)++] = '/';
	memcpy(out + *n, name, len);
	*n += len;
	return 0;
}

/* Walk all of `path` from out[0..n) and terminate. */
static int path_walk(const char *path, char *out, size_t n, size_t cap)
{
	size_t len;

	for (; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (path_step(out, &n, cap, path, len))
			return -ENAMETOOLONG;
	}
	if (!n)
		out[n++] = '/';
	if (n >= cap)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return 0;
}

int path_clean(const char *path, char *out, size_t cap)
{
	if (path[0] != '/')
		return -EINVAL;
	return path_walk(path, out, 0, cap);
}

bool path_under(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n && dir[n - 1] == '/')
		n--;
	return !strncmp(path, dir, n) && (path[n] == '\0' || path[n] == '/');
}

int path_check_glob(const char *text, char *why, size_t len)
{
	size_t n = strlen(text);

	if (text[0] != '/' && text[0] != '*')
		snprintf(why, len, "a path pattern begins with '/' or '*'");
	else if (strstr(text, "//") || strstr(text, "/./") || strstr(text, "/../"))
		snprintf(why, len, "never matches: paths are cleaned of '//', '/./' and '/../' first");
	else if (n > 1 && (text[n - 1] == '/' || !strcmp(text + n - 2, "/.") ||
			   (n > 2 && !strcmp(text + n - 3, "/.."))))
		snprintf(why, len, "never matches: a cleaned path does not end in '/', '/.' or '/..'");
	else
		return 0;
	return -1;
}

bool path_match(const struct vmmd_value *globs, const char *path)
{
	for (size_t i = 0; i < globs->count; i++)
		if (!fnmatch(globs->list[i], path, 0))
			return true;
	return false;
}

void path_glob_dir(const char *glob, char out[static PATH_MAX])
{
	size_t n = strcspn(glob, "*?[\\");

	if (glob[n]) /* what comes before it in its component is but a beginning */
		while (n && glob[--n] != '/')
			;
	if (!n || n >= PATH_MAX) {
		strcpy(out, "/");
		return;
	}
	memcpy(out, glob, n);
	out[n] = '\0';
}

int path_only_below(const struct vmmd_host *host, struct vmmd_layer *layer, const struct vmmd_value *globs)
{
	char dir[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < globs->count && !r; i++) {
		path_glob_dir(globs->list[i], dir);
		r = host->only_below(layer, dir);
	}
	return r;
}

void path_quote(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	for (; *text && n + 5 <= cap; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			n += (size_t)snprintf(out + n, cap - n, "\\x%02x", c);
		else
			out[n++] = (char)c;
	}
	out[n] = '\0';
}

/* ------------------------------------------------------------------- roots */

int path_roots_want(const struct vmmd_host *host, struct vmmd_layer *layer)
{
	static const int movers[] = {SYS_chroot, SYS_pivot_root, SYS_setns};
	int r = 0;

	for (size_t i = 0; i < sizeof(movers) / sizeof(movers[0]) && !r; i++)
		r = host->want(layer, movers[i], VMMD_WANT_ENTRY);
	return r;
}

void path_roots_note(struct path_roots *roots, int64_t nr)
{
	if (nr == SYS_chroot || nr == SYS_pivot_root || nr == SYS_setns)
		roots->may_differ = true;
}

int path_roots_get(struct path_roots *roots, const struct vmmd_host *host, struct vmmd_req *req,
		   char *out, size_t cap)
{
	ssize_t n;

	out[0] = '\0';
	if (roots->looked && !roots->may_differ)
		return 0;
	n = host->root(req, out, cap);
	if (n < 0)
		return (int)n;
	roots->looked = true;
	if (!strcmp(out, "/"))
		out[0] = '\0';
	else
		roots->may_differ = true;
	return 0;
}

/* --------------------------------------------------------- paths of a call */

int path_find(const struct vmmd_syscall *sc, enum vmmd_arg_kind kind)
{
	for (int i = 0; sc && i < 6; i++)
		if (sc->kind[i] == kind)
			return i;
	return -1;
}

int path_dirfd(const struct vmmd_syscall *sc, const struct vmmd_call *call, unsigned i)
{
	return i && sc->kind[i - 1] == VMMD_ARG_DIRFD ? (int)call->args[i - 1] : AT_FDCWD;
}

int path_base(const struct vmmd_host *host, struct vmmd_req *req, int dirfd, char *out, size_t cap)
{
	ssize_t n = dirfd == AT_FDCWD ? host->cwd(req, out, cap) : host->fd_path(req, dirfd, out, cap);

	if (n == -ENOENT && dirfd != AT_FDCWD)
		return -EBADF;
	if (n < 0)
		return (int)n;
	return out[0] == '/' ? 0 : -ENOTDIR; /* "pipe:[1]", "(unreachable)/x" */
}

int64_t path_resolve_flags(const struct vmmd_host *host, struct vmmd_req *req,
			   const struct vmmd_call *call)
{
	struct open_how how;
	ssize_t n;

	if (call->nr != SYS_openat2)
		return 0;
	n = host->read(req, call->args[2], &how, sizeof(how));
	if (n < 0)
		return n;
	if (n < (ssize_t)sizeof(how))
		return -EFAULT;
	return (int64_t)(how.resolve & INT64_MAX);
}

int path_sockaddr(const struct vmmd_host *host, struct vmmd_req *req, uint64_t addr, uint64_t len,
		  char out[static 109])
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un un;
	int size = (int)len; /* the kernel takes an int */
	ssize_t n;

	if (!addr || size <= (int)head || size > (int)sizeof(un))
		return 0;
	n = host->read(req, addr, &un, (size_t)size);
	if (n < 0)
		return (int)n;
	if (n < size)
		return -EFAULT;
	if (un.sun_family != AF_UNIX || !un.sun_path[0])
		return 0;
	memcpy(out, un.sun_path, (size_t)n - head);
	out[(size_t)n - head] = '\0';
	return 1;
}

/*
 * `text` from `base`, seen from vmmd's root. `root` is where ".." and a leading
 * '/' end: the task's root, or with RESOLVE_IN_ROOT the directory itself.
 */
static int path_join(const char *root, const char *base, const char *text, char *out)
{
	size_t start = strlen(root);
	char inner[PATH_TEXT];
	size_t n = 0;
	int r;

	if (start == 1)
		start = 0; /* "/" */
	if (text[0] != '/') {
		if (path_under(base, root))
			base += start;
		else
			start = 0; /* a directory outside of the root: no bound to its ".." */
		n = strlen(base);
		if (n >= sizeof(inner))
			return -ENAMETOOLONG;
		memcpy(inner, base, n + 1);
		if (n == 1)
			n = 0;
	}
	r = path_walk(text, inner, n, sizeof(inner));
	if (r)
		return r;
	if (start + strlen(inner) >= PATH_TEXT)
		return -ENAMETOOLONG;
	memcpy(out, root, start);
	strcpy(out + start, inner);
	if (start && !strcmp(inner, "/"))
		out[start] = '\0';
	return 1;
}

static int path_absolute(struct path_roots *roots, const struct vmmd_host *host,
			 struct vmmd_req *req, int dirfd, bool in_dir, const char *text, char *out)
{
	char root[PATH_MAX], base[PATH_MAX] = "/";
	int r;

	if (text[0] != '/' || in_dir) {
		r = path_base(host, req, dirfd, base, sizeof(base));
		if (r == -ENOTDIR && !text[0])
			return 0; /* a pipe or socket itself: no name */
		if (r)
			return r;
	}
	if (in_dir)
		return path_join(base, base, text, out);
	r = path_roots_get(roots, host, req, root, sizeof(root));
	if (r)
		return r;
	return path_join(root, base, text, out);
}

bool path_means_directory(const struct vmmd_syscall *sc, const struct vmmd_call *call)
{
	int i = path_find(sc, VMMD_ARG_ATFLAGS);

	return i >= 0 && (call->args[i] & AT_EMPTY_PATH);
}

int path_text(struct path_roots *roots, const struct vmmd_host *host, struct vmmd_req *req,
	      const struct vmmd_call *call, unsigned i, const char *text, char *out)
{
	const struct vmmd_syscall *sc = host->syscall(call->nr);
	int dirfd = path_dirfd(sc, call, i);
	int64_t resolve;

	if (!text[0] && dirfd == AT_FDCWD && !path_means_directory(sc, call))
		return 0;
	resolve = path_resolve_flags(host, req, call);
	if (resolve < 0)
		return (int)resolve;
	return path_absolute(roots, host, req, dirfd, resolve & RESOLVE_IN_ROOT, text, out);
}

int path_arg(struct path_roots *roots, const struct vmmd_host *host, struct vmmd_req *req,
	     const struct vmmd_call *call, unsigned i, char *out)
{
	char text[PATH_MAX];
	ssize_t n = host->read_str(req, call->args[i], text, sizeof(text));

	if (n == -EFAULT && !call->args[i])
		n = 0, text[0] = '\0'; /* futimens(3) and others: the descriptor itself */
	if (n < 0)
		return (int)n;
	return path_text(roots, host, req, call, i, text, out);
}

int path_arg_unix(struct path_roots *roots, const struct vmmd_host *host, struct vmmd_req *req,
		  uint64_t addr, uint64_t len, char *out)
{
	char text[109];
	int r = path_sockaddr(host, req, addr, len, text);

	if (r <= 0)
		return r;
	return path_absolute(roots, host, req, AT_FDCWD, false, text, out);
}
