/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remap.c - the layer that shows one directory in the place of another.
 *
 * The program's names below FROM mean the kernel's names below TO. Two views
 * of a directory, then: the program's and the kernel's. A path of the program
 * is walked by name from the program's view of where it starts; each time the
 * walk crosses the edge of a mapped directory, the kernel's name of that point
 * is the new head of the path, and what follows is left as it was written, so
 * that symbolic links and a closing '/' keep their meaning. A path that
 * crosses no edge is passed untouched.
 *
 * Directories are kept without a closing '/': "" is the root. The table is
 * constant after open(); the datum of a task is the buffer of a readlink(2)
 * that is being repeated, owned here and freed by remap_free_data().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <vmmd/plugin.h>

#include "vmmd/plugins/common/path.h"

#define REMAP_NR_MAX 512 /* above all known numbers */

struct remap_map {
	char *from, *to; /* cleaned, "" for the root */
	size_t from_len, to_len;
};

struct remap {
	const struct vmmd_host *host;
	struct remap_map *by_from; /* longest first: the first match is the most specific */
	struct remap_map *by_to;   /* the same entries by TO; does not own the texts */
	size_t count;
	struct path_roots roots;
	uint64_t *remapped, *reversed;
};

/* A readlink(2) that is being repeated with a larger buffer. */
struct remap_saved {
	uint64_t buf, size;
};

/* ----------------------------------------------------------------- options */

/* Clean both sides of "FROM=TO"; 0, or -1 after writing `why`. */
static int remap_split(const char *text, char *from, char *to, char *why, size_t len)
{
	const char *mid = strchr(text, '=');
	char raw[PATH_MAX];

	if (!mid || text[0] != '/' || mid[1] != '/') {
		snprintf(why, len, "a map is FROM=TO, two absolute paths");
		return -1;
	}
	if ((size_t)(mid - text) >= sizeof(raw) || strlen(mid) > PATH_MAX) {
		snprintf(why, len, "a path is longer than %d bytes", PATH_MAX - 1);
		return -1;
	}
	memcpy(raw, text, (size_t)(mid - text));
	raw[mid - text] = '\0';
	path_clean(raw, from, PATH_MAX);
	path_clean(mid + 1, to, PATH_MAX);
	return 0;
}

static int remap_check(const char *text, char *why, size_t len)
{
	char from[PATH_MAX], to[PATH_MAX];

	return remap_split(text, from, to, why, len);
}

static const struct vmmd_option remap_options[] = {
	{.name = "map", .type = VMMD_OPT_LIST, .check = remap_check,
	 .help = "FROM=TO: what the program calls FROM is TO; the longest FROM counts"},
	{.name = NULL},
};

/* -------------------------------------------------------------------- maps */

static bool remap_below(const char *path, size_t n, const char *dir, size_t len)
{
	return n >= len && !memcmp(path, dir, len) && (n == len || path[len] == '/');
}

/* The map that a path of the program falls under, or NULL. */
static const struct remap_map *remap_find(const struct remap *self, const char *path, size_t n)
{
	for (size_t i = 0; i < self->count; i++)
		if (remap_below(path, n, self->by_from[i].from, self->by_from[i].from_len))
			return &self->by_from[i];
	return NULL;
}

/* From the program's name to the kernel's. Returns the length, -ENAMETOOLONG. */
static ssize_t remap_forward(const struct remap_map *map, const char *path, size_t n, char *out,
			     size_t cap)
{
	size_t head = map ? map->to_len : 0;
	size_t skip = map ? map->from_len : 0;

	if (head + n - skip >= cap)
		return -ENAMETOOLONG;
	if (head)
		memcpy(out, map->to, head);
	memcpy(out + head, path + skip, n - skip);
	out[head + n - skip] = '\0';
	return (ssize_t)(head + n - skip);
}

/*
 * From the kernel's name to the program's: the FROM whose TO covers it, if
 * that name really leads back; otherwise the name itself. 0, -ENAMETOOLONG.
 */
static int remap_view(const struct remap *self, const char *path, char *out, size_t cap)
{
	size_t n = strlen(path);
	char back[PATH_TEXT];

	for (size_t i = 0; i < self->count; i++) {
		const struct remap_map *m = &self->by_to[i];
		size_t len;

		if (!remap_below(path, n, m->to, m->to_len) || m->from_len + n - m->to_len >= cap)
			continue;
		memcpy(out, m->from, m->from_len);
		strcpy(out + m->from_len, path + m->to_len);
		len = m->from_len + n - m->to_len;
		if (remap_forward(remap_find(self, out, len), out, len, back, sizeof(back)) >= 0 &&
		    !strcmp(back, path))
			return 0;
	}
	if (n >= cap)
		return -ENAMETOOLONG;
	memcpy(out, path, n + 1);
	return 0;
}

/* --------------------------------------------------------------- one path */

/* head + '/' + rest, where rest may bring its own '/' or be empty. */
static int remap_join(const char *head, const char *rest, char *out)
{
	int n;

	if (*rest == '/' || !*rest)
		n = snprintf(out, PATH_MAX, "%s%s", head, *rest || *head ? rest : "/");
	else
		n = snprintf(out, PATH_MAX, "%s/%s", head, rest);
	return n < PATH_MAX ? 1 : -ENAMETOOLONG;
}

/*
 * Walk `text` from the directory the kernel calls `base` and the program calls
 * `dir`. Returns 1 with the path to pass in out[PATH_MAX], 0 to pass `text` as
 * it is, -ENAMETOOLONG if the new path is too long.
 */
static int remap_walk(const struct remap *self, const char *base, const char *dir, const char *text,
		      char *out)
{
	char seen[PATH_TEXT], head[PATH_TEXT];
	size_t n = strlen(dir), len;
	const struct remap_map *map = remap_find(self, dir, n), *now;
	const char *rest = text;
	bool crossed;
	int r;

	memcpy(seen, dir, n);
	if (remap_forward(map, seen, n, head, sizeof(head)) < 0)
		return -ENAMETOOLONG;
	/* The process may be where its own view has no name for, e.g. it started there. */
	crossed = strcmp(head, base) != 0;
	for (const char *p = text; *p; p += len) {
		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (path_step(seen, &n, sizeof(seen), p, len))
			return -ENAMETOOLONG;
		now = remap_find(self, seen, n);
		if (now == map)
			continue;
		map = now;
		crossed = true;
		rest = p + len;
		if (remap_forward(map, seen, n, head, sizeof(head)) < 0)
			return -ENAMETOOLONG;
	}
	if (!crossed)
		return 0;
	r = remap_join(head, rest, out);
	return r < 0 || strcmp(out, text) ? r : 0;
}

/*
 * The same for a path of a task. 0 also when where it starts cannot be told. `base` has
 * PATH_MAX bytes for the directory where a relative path starts: "" if that was not
 * looked at. Only the kernel knows its name, each time anew: others may have renamed it.
 */
static int remap_path(const struct remap *self, struct vmmd_req *req, int dirfd, const char *text,
		      char *base, char *out)
{
	char dir[PATH_TEXT];
	const char *start;

	base[0] = '\0';
	if (!text[0])
		return 0; /* AT_EMPTY_PATH, or ENOENT */
	if (text[0] == '/')
		return remap_walk(self, "", "", text, out);
	if (path_base(self->host, req, dirfd, base, PATH_MAX)) {
		base[0] = '\0';
		return 0;
	}
	start = strcmp(base, "/") ? base : "";
	if (remap_view(self, start, dir, sizeof(dir)))
		return 0;
	return remap_walk(self, start, dir, text, out);
}

/* ------------------------------------------------------------------- entry */

static bool remap_is_readlink(const struct vmmd_call *call)
{
	return call->nr == SYS_readlink || call->nr == SYS_readlinkat;
}

/*
 * Links below /proc are made by the kernel, of the kernel's names: what they say is
 * looked at. All others hold what somebody wrote there, and are returned as they are.
 */
static int remap_follow(struct remap *self, struct vmmd_req *req, int dirfd, char *base, const char *text)
{
	static const char proc[] = "/proc/";
	char path[PATH_TEXT], clean[PATH_TEXT];

	if (text[0] != '/' && !base[0] && path_base(self->host, req, dirfd, base, PATH_MAX))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", text[0] == '/' ? "" : base, text);
	if (path_clean(path, clean, sizeof(clean)) || strncmp(clean, proc, sizeof(proc) - 1))
		return 0;
	return self->host->follow(req);
}

static int remap_arg_path(struct remap *self, struct vmmd_req *req, const struct vmmd_syscall *sc,
			  const struct vmmd_call *call, unsigned i)
{
	char text[PATH_MAX], base[PATH_MAX], out[PATH_MAX];
	int dirfd = path_dirfd(sc, call, i), r, rc = 0;

	/* What cannot be read is the kernel's to refuse. */
	if (!call->args[i] || self->host->read_str(req, call->args[i], text, sizeof(text)) < 0)
		return 0;
	r = remap_path(self, req, dirfd, text, base, out);
	if (r < 0)
		return r;
	if (remap_is_readlink(call))
		rc = remap_follow(self, req, dirfd, base, r ? out : text);
	if (!r || rc)
		return rc;
	++*self->remapped;
	return self->host->set_path(req, i, out);
}

static int remap_arg_sockaddr(struct remap *self, struct vmmd_req *req, const struct vmmd_call *call,
			      unsigned i)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char text[109], base[PATH_MAX], out[PATH_MAX];
	uint64_t addr;
	size_t n, len;
	int r;

	if (path_sockaddr(self->host, req, call->args[i], call->args[i + 1], text) <= 0)
		return 0;
	r = remap_path(self, req, AT_FDCWD, text, base, out);
	if (r <= 0)
		return r;
	n = strlen(out);
	if (n > sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, out, n);
	/* A path that fills sun_path has no NUL: unix(7). */
	len = offsetof(struct sockaddr_un, sun_path) + n + (n < sizeof(un.sun_path));
	r = self->host->scratch(req, len, &addr);
	if (r)
		return r;
	if (self->host->write(req, addr, &un, len) != (ssize_t)len)
		return -EFAULT;
	++*self->remapped;
	r = self->host->set_arg(req, i, addr);
	return r ? r : self->host->set_arg(req, i + 1, len);
}

static enum vmmd_verdict remap_entry(void *self_, struct vmmd_req *req)
{
	struct remap *self = self_;
	const struct vmmd_call call = *self->host->call(req); /* as it was: set_arg() shows through */
	const struct vmmd_syscall *sc = self->host->syscall(call.nr);
	char root[PATH_MAX];
	int r = 0;

	path_roots_note(&self->roots, call.nr);
	/* In another root directory the names of the table mean other files. */
	if (!sc || path_roots_get(&self->roots, self->host, req, root, sizeof(root)) || root[0])
		return VMMD_PASS;
	/* openat2(2) with a directory as its root or bound: there is no way out to TO. */
	if (path_resolve_flags(self->host, req, &call) & (RESOLVE_IN_ROOT | RESOLVE_BENEATH))
		return VMMD_PASS;
	for (unsigned i = 0; i < 6 && !r; i++) {
		if (sc->kind[i] == VMMD_ARG_PATH)
			r = remap_arg_path(self, req, sc, &call, i);
		else if (i < 5 && sc->kind[i] == VMMD_ARG_SOCKADDR)
			r = remap_arg_sockaddr(self, req, &call, i);
	}
	/* With half of its arguments rewritten the call must not run. */
	return r ? self->host->reply(req, r) : VMMD_PASS;
}

/* -------------------------------------------------------------------- exit */

/* The program's name of an absolute path of the kernel; false if it is the same. */
static bool remap_reverse(const struct remap *self, const char *path, char *out, size_t cap)
{
	if (path[0] != '/')
		return false; /* "(unreachable)/x", "pipe:[1]", a relative link */
	if (remap_view(self, strcmp(path, "/") ? path : "", out, cap))
		return false;
	if (!out[0])
		strcpy(out, "/");
	return strcmp(path, out) != 0;
}

static void remap_getcwd(struct remap *self, struct vmmd_req *req, const struct vmmd_call *call)
{
	int64_t result = self->host->result(req);
	char path[PATH_MAX], out[PATH_TEXT];
	size_t len;

	/* The program's name may fit where the kernel's did not. */
	if (result == -ERANGE) {
		if (self->host->cwd(req, path, sizeof(path)) < 0)
			return;
	} else if (result <= 0 || result > (int64_t)sizeof(path) ||
		   self->host->read_str(req, call->args[0], path, (size_t)result) < 0) {
		return;
	}
	if (!remap_reverse(self, path, out, sizeof(out)))
		return;
	++*self->reversed;
	len = strlen(out) + 1;
	if (len > call->args[1])
		self->host->set_result(req, -ERANGE);
	else if (self->host->write(req, call->args[0], out, len) != (ssize_t)len)
		self->host->set_result(req, -EFAULT);
	else
		self->host->set_result(req, (int64_t)len);
}

/* Could a link text, of which the first n bytes are known, lie under some TO? */
static bool remap_link_concerned(const struct remap *self, const char *text, size_t n)
{
	for (size_t i = 0; i < self->count; i++) {
		const struct remap_map *m = &self->by_to[i];

		if (!strncmp(text, m->to, n < m->to_len ? n : m->to_len))
			return true;
	}
	return false;
}

/* Repeat a readlink(2) that filled its buffer, with room for all of the link. */
static enum vmmd_verdict remap_readlink_again(struct remap *self, struct vmmd_req *req,
					      const struct vmmd_call *call, unsigned i)
{
	struct vmmd_call again = *call;
	struct remap_saved *saved;

	if (self->host->scratch(req, PATH_MAX, &again.args[i]))
		return VMMD_PASS;
	saved = malloc(sizeof(*saved));
	if (!saved)
		return VMMD_PASS;
	saved->buf = call->args[i];
	saved->size = call->args[i + 1];
	again.args[i + 1] = PATH_MAX;
	self->host->set_task_data(req, saved);
	return self->host->reissue(req, &again);
}

/* Give the program text[0..n) or the program's name of it, cut as readlink(2) does. */
static void remap_readlink_done(struct remap *self, struct vmmd_req *req, const char *text,
				const struct remap_saved *to)
{
	size_t size = (size_t)(int)to->size, len;
	char out[PATH_TEXT];

	if (remap_reverse(self, text, out, sizeof(out))) {
		++*self->reversed;
		text = out;
	}
	len = strlen(text);
	if (len > size)
		len = size;
	if (self->host->write(req, to->buf, text, len) != (ssize_t)len)
		self->host->set_result(req, -EFAULT);
	else
		self->host->set_result(req, (int64_t)len);
}

/* The exit of one that remap_follow() asked for. */
static enum vmmd_verdict remap_readlink(struct remap *self, struct vmmd_req *req,
					const struct vmmd_call *call, unsigned i)
{
	struct remap_saved *saved = self->host->task_data(req);
	struct remap_saved to = saved ? *saved : (struct remap_saved){call->args[i], call->args[i + 1]};
	int64_t n = self->host->result(req);
	char text[PATH_MAX];
	bool known;

	if (saved) {
		self->host->set_task_data(req, NULL);
		free(saved);
	}
	known = n > 0 && n < (int64_t)sizeof(text) &&
		self->host->read(req, call->args[i], text, (size_t)n) == n;
	if (!known) {
		/* The first try has filled the program's buffer. */
		if (saved && n > 0)
			self->host->set_result(req, (int)to.size);
		return VMMD_PASS;
	}
	text[n] = '\0';
	if (!saved) {
		if (!remap_link_concerned(self, text, (size_t)n))
			return VMMD_PASS;
		if (n == (int)to.size)
			return remap_readlink_again(self, req, call, i);
	}
	remap_readlink_done(self, req, text, &to);
	return VMMD_PASS;
}

static enum vmmd_verdict remap_exit(void *self_, struct vmmd_req *req)
{
	struct remap *self = self_;
	const struct vmmd_call call = *self->host->call(req);
	char root[PATH_MAX];

	if (path_roots_get(&self->roots, self->host, req, root, sizeof(root)) || root[0])
		return VMMD_PASS;
	if (call.nr == SYS_getcwd)
		remap_getcwd(self, req, &call);
	else if (call.nr == SYS_readlink)
		return remap_readlink(self, req, &call, 1);
	else if (call.nr == SYS_readlinkat)
		return remap_readlink(self, req, &call, 2);
	return VMMD_PASS;
}

static void remap_free_data(void *self, void *data)
{
	(void)self;
	free(data);
}

/* -------------------------------------------------------------- open, close */

static int remap_longer_from(const void *a_, const void *b_)
{
	const struct remap_map *a = a_, *b = b_;

	return (a->from_len < b->from_len) - (a->from_len > b->from_len);
}

/* Of several FROM with one TO the shortest is the program's name of it. */
static int remap_longer_to(const void *a_, const void *b_)
{
	const struct remap_map *a = a_, *b = b_;

	if (a->to_len != b->to_len)
		return a->to_len < b->to_len ? 1 : -1;
	if (a->from_len != b->from_len)
		return a->from_len > b->from_len ? 1 : -1;
	return strcmp(a->from, b->from);
}

static void remap_close(void *self_)
{
	struct remap *self = self_;

	for (size_t i = 0; i < self->count; i++) {
		free(self->by_from[i].from);
		free(self->by_from[i].to);
	}
	free(self->by_from);
	free(self->by_to);
	free(self);
}

static int remap_add(struct remap *self, struct vmmd_layer *layer, const char *text)
{
	char from[PATH_MAX], to[PATH_MAX], why[80];
	struct remap_map *m = &self->by_from[self->count];

	if (remap_split(text, from, to, why, sizeof(why)))
		return -EINVAL;
	for (size_t i = 0; i < self->count; i++)
		if (!strcmp(self->by_from[i].from, strcmp(from, "/") ? from : "")) {
			self->host->log(layer, VMMD_LOG_ERROR, "map: %s is mapped twice", from);
			return -EINVAL;
		}
	m->from = strdup(strcmp(from, "/") ? from : "");
	m->to = strdup(strcmp(to, "/") ? to : "");
	self->count++;
	if (!m->from || !m->to)
		return -ENOMEM;
	m->from_len = strlen(m->from);
	m->to_len = strlen(m->to);
	return 0;
}

static int remap_table(struct remap *self, struct vmmd_layer *layer, const struct vmmd_value *map)
{
	int r = 0;

	self->by_from = calloc(map->count, sizeof(*self->by_from));
	self->by_to = calloc(map->count, sizeof(*self->by_to));
	if (!self->by_from || !self->by_to)
		return -ENOMEM;
	for (size_t i = 0; i < map->count && !r; i++)
		r = remap_add(self, layer, map->list[i]);
	if (r)
		return r;
	memcpy(self->by_to, self->by_from, self->count * sizeof(*self->by_to));
	qsort(self->by_from, self->count, sizeof(*self->by_from), remap_longer_from);
	qsort(self->by_to, self->count, sizeof(*self->by_to), remap_longer_to);
	return 0;
}

/*
 * A path that neither starts nor passes below a FROM or a TO crosses no edge: where
 * it starts has one name in both views, and that of each step falls under no map. A
 * link of which the text is looked at is below /proc.
 */
static int remap_only_below(const struct remap *self, const struct vmmd_host *host, struct vmmd_layer *layer)
{
	int r = host->only_below(layer, "/proc");

	for (size_t i = 0; i < self->count && !r; i++) {
		r = host->only_below(layer, self->by_from[i].from_len ? self->by_from[i].from : "/");
		if (!r)
			r = host->only_below(layer, self->by_from[i].to_len ? self->by_from[i].to : "/");
	}
	return r;
}

/*
 * What is not asked for does not cost: a call that only has its paths replaced can
 * be answered from outside. An address is no path, and a result has an exit.
 */
static int remap_want(const struct vmmd_host *host, struct vmmd_layer *layer)
{
	int r = host->advisory(layer);

	if (!r)
		r = path_roots_want(host, layer);
	for (int nr = 0; nr < REMAP_NR_MAX && !r; nr++) {
		const struct vmmd_syscall *sc = host->syscall(nr);
		uint32_t flags = 0;

		if (path_find(sc, VMMD_ARG_PATH) >= 0)
			flags |= VMMD_WANT_ENTRY | VMMD_WANT_PATHS;
		if (path_find(sc, VMMD_ARG_SOCKADDR) >= 0)
			flags |= VMMD_WANT_ENTRY | VMMD_WANT_REWRITE;
		if (nr == SYS_getcwd)
			flags |= VMMD_WANT_RESULT;
		if (nr == SYS_readlink || nr == SYS_readlinkat)
			flags |= VMMD_WANT_RESULT | VMMD_WANT_REISSUE | VMMD_WANT_RARELY;
		if (flags)
			r = host->want(layer, nr, flags);
	}
	return r;
}

static int remap_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self_)
{
	const struct vmmd_value *map = host->option(layer, "map");
	struct remap *self;
	int r;

	if (!map->given || !map->count) {
		host->log(layer, VMMD_LOG_ERROR, "nothing to map: give map=FROM=TO");
		return -EINVAL;
	}
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->host = host;
	self->remapped = host->counter(layer, "remapped");
	self->reversed = host->counter(layer, "reversed");
	r = self->remapped && self->reversed ? remap_table(self, layer, map) : -ENOMEM;
	if (!r)
		r = remap_want(host, layer);
	if (!r)
		r = remap_only_below(self, host, layer);
	if (r)
		remap_close(self);
	else
		*self_ = self;
	return r;
}

static const struct vmmd_plugin remap_plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(struct vmmd_plugin),
	.name = "remap",
	.version = VMMD_VERSION,
	.summary = "show one directory in the place of another",
	.options = remap_options,
	.open = remap_open,
	.close = remap_close,
	.entry = remap_entry,
	.exit = remap_exit,
	.task_free = remap_free_data,
};

__attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin(void)
{
	return &remap_plugin;
}
