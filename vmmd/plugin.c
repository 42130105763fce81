// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plugin.c - finding, checking and loading plugins; the only user of dlopen.
 *
 * A plugin is code that runs with the session's rights, so what others could
 * have written is not loaded. The file is checked by descriptor, and its
 * directory too, so that nobody else can put another file under its name before
 * dlopen() maps it. The name is the resolved one: dlopen() knows objects by name.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmmd/plugin_loader.h"

#define NAME_LEN_MAX 31
#define OPTIONS_MAX 64

struct plugin {
	void *handle;
	struct vmmd_plugin table; /* whole, whatever the plugin's own size is */
	char *path;
};

const struct vmmd_plugin *plugin_table(const struct plugin *p)
{
	return &p->table;
}

const char *plugin_path(const struct plugin *p)
{
	return p->path;
}

/* ------------------------------------------------------------------ checking */

static bool good_name(const char *s, size_t max)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= max && s[n] == '\0';
}

static int check_option(const struct vmmd_option *o, const struct vmmd_option *first, char *why, size_t len)
{
	if (!good_name(o->name, NAME_LEN_MAX)) {
		snprintf(why, len, "option name \"%.40s\" is not 1..%d of a-z, 0-9, '-'", o->name, NAME_LEN_MAX);
		return -EINVAL;
	}
	if ((unsigned)o->type > VMMD_OPT_SYSCALLS) {
		snprintf(why, len, "option %s: type is %d; known are 0..%d", o->name, (int)o->type, VMMD_OPT_SYSCALLS);
		return -EINVAL;
	}
	if (!o->help) {
		snprintf(why, len, "option %s: help is NULL", o->name);
		return -EINVAL;
	}
	if (o->type == VMMD_OPT_CHOICE && (!o->choices || !o->choices[0])) {
		snprintf(why, len, "option %s: choices is empty", o->name);
		return -EINVAL;
	}
	for (const struct vmmd_option *p = first; p != o; p++) {
		if (strcmp(p->name, o->name) == 0) {
			snprintf(why, len, "option %s is there twice", o->name);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_options(const struct vmmd_option *first, char *why, size_t len)
{
	size_t n = 0;

	for (const struct vmmd_option *o = first; o && o->name; o++) {
		int rc = check_option(o, first, why, len);

		if (rc < 0)
			return rc;
		if (++n > OPTIONS_MAX) {
			snprintf(why, len, "options has no end, or more than %d entries", OPTIONS_MAX);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_abi(const struct vmmd_plugin *t, char *why, size_t len)
{
	/* The first fields of the table are the same in every version. */
	size_t least = offsetof(struct vmmd_plugin, close) + sizeof(t->close);

	if (t->magic != VMMD_PLUGIN_MAGIC)
		snprintf(why, len, "magic is 0x%08x, vmmd's is 0x%08x", t->magic, VMMD_PLUGIN_MAGIC);
	else if (t->abi_major != VMMD_ABI_MAJOR)
		snprintf(why, len, "abi_major is %u, vmmd's is %d; build it with this vmmd's header", t->abi_major,
			 VMMD_ABI_MAJOR);
	else if (t->abi_minor > VMMD_ABI_MINOR)
		snprintf(why, len, "abi_minor is %u, vmmd's is %d; it needs a newer vmmd", t->abi_minor, VMMD_ABI_MINOR);
	else if (t->size < least)
		snprintf(why, len, "size is %u, vmmd expects at least %zu", t->size, least);
	else
		return 0;
	return -EINVAL;
}

int plugin_check(const struct vmmd_plugin *t, char *why, size_t len)
{
	int rc = check_abi(t, why, len);

	if (rc < 0)
		return rc;
	if (t->flags != 0)
		snprintf(why, len, "flags is 0x%x, vmmd knows none", t->flags);
	else if (!t->name)
		snprintf(why, len, "name is NULL");
	else if (!good_name(t->name, NAME_LEN_MAX))
		snprintf(why, len, "name \"%.40s\" is not 1..%d of a-z, 0-9, '-'", t->name, NAME_LEN_MAX);
	else if (!t->version)
		snprintf(why, len, "version is NULL");
	else if (!t->summary)
		snprintf(why, len, "summary is NULL");
	else if (!t->open)
		snprintf(why, len, "open is NULL");
	else
		return check_options(t->options, why, len);
	return -EINVAL;
}

static int check_mode(const struct stat *st, const char *what, char *why, size_t len)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

	if ((st->st_mode & (S_IWGRP | S_IWOTH)) && !sticky)
		snprintf(why, len, "%s is writable by its group or everybody (mode %04o); chmod go-w", what,
			 (unsigned)(st->st_mode & 07777));
	else if (st->st_uid != 0 && st->st_uid != geteuid()) /* the owner may rename in a sticky one too */
		snprintf(why, len, "%s belongs to user %u; it must be root's or yours", what, (unsigned)st->st_uid);
	else
		return 0;
	return -EACCES;
}

/* The file that is open as `fd`, and the directory it was found in. `real` is its resolved name. */
static int check_file(int fd, const char *path, char real[PATH_MAX], char *why, size_t len)
{
	char dir[PATH_MAX];
	struct stat st;
	char *slash;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, len, "is not a regular file");
		return -EINVAL;
	}
	if (check_mode(&st, "the file", why, len) < 0)
		return -EACCES;
	if (!realpath(path, real)) {
		snprintf(why, len, "%s", strerror(errno));
		return -errno;
	}
	strcpy(dir, real);
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	if (stat(dir, &st) < 0)
		return -errno;
	return check_mode(&st, "its directory", why, len);
}

/* ------------------------------------------------------------------- loading */

static int load_table(struct plugin *p, char *why, size_t len)
{
	const struct vmmd_plugin *(*entry)(void);
	const struct vmmd_plugin *t;
	int rc;

	*(void **)&entry = dlsym(p->handle, "vmmd_plugin");
	if (!entry) {
		snprintf(why, len, "exports no vmmd_plugin()");
		return -EINVAL;
	}
	t = entry();
	if (!t) {
		snprintf(why, len, "vmmd_plugin() returns NULL");
		return -EINVAL;
	}
	rc = check_abi(t, why, len);
	if (rc < 0)
		return rc;
	memcpy(&p->table, t, t->size < sizeof(p->table) ? t->size : sizeof(p->table));
	return plugin_check(&p->table, why, len);
}

/*
 * Is the file as long as its program headers say? dlopen() maps by them without
 * looking, and to touch what is behind the end of a cut-off file is SIGBUS. What
 * is no ELF file of this machine is left to dlopen() to refuse.
 */
static int check_whole(int fd, char *why, size_t len)
{
	struct stat st;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_phentsize != sizeof(ph))
		return 0;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) != sizeof(ph))
			goto cut;
		if (ph.p_type == PT_LOAD &&
		    (ph.p_filesz > (uint64_t)st.st_size || ph.p_offset > (uint64_t)st.st_size - ph.p_filesz))
			goto cut;
	}
	return 0;
cut:
	snprintf(why, len, "is cut off: its ELF headers describe more than its %lld bytes", (long long)st.st_size);
	return -ENOEXEC;
}


static int load(struct plugin *p, int fd, const char *path, char *why, size_t len)
{
	char real[PATH_MAX];
	int rc;

	rc = check_file(fd, path, real, why, len);
	if (rc == 0)
		rc = check_whole(fd, why, len);
	if (rc < 0)
		return rc;
	p->handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
	if (!p->handle) {
		const char *e = dlerror();
		/* Our caller names the file. */
		const char *tail = e ? strstr(e, ": ") : NULL;

		snprintf(why, len, "cannot be loaded: %s", tail ? tail + 2 : e ? e : "unknown error");
		return -ENOEXEC;
	}
	return load_table(p, why, len);
}

static int open_path(const char *path, const char *where, struct plugin **out, char *why, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct plugin *p = calloc(1, sizeof(*p));
	char clause[320] = "";
	int rc = !p ? -ENOMEM : fd < 0 ? -errno : load(p, fd, path, clause, sizeof(clause));

	if (fd >= 0)
		close(fd);
	if (rc == 0) {
		p->path = strdup(path);
		rc = p->path ? 0 : -ENOMEM;
	}
	if (rc == 0) {
		*out = p;
		return 0;
	}
	snprintf(why, len, "%splugin %s: %s", where, path, clause[0] ? clause : strerror(-rc));
	plugin_put(p);
	return rc;
}

void plugin_put(struct plugin *p)
{
	if (!p)
		return;
	if (p->handle)
		dlclose(p->handle);
	free(p->path);
	free(p);
}

/* ------------------------------------------------------------------- finding */

#define DIRS_MAX 16
#define BESIDE "/lib/vmmd/plugins" /* of the directory that bin/ is in */

struct dirs {
	char *name[DIRS_MAX];
	int n;
};

static void add_dir(struct dirs *d, const char *name, size_t n)
{
	if (n && d->n < DIRS_MAX) {
		d->name[d->n] = strndup(name, n);
		if (d->name[d->n])
			d->n++;
	}
}

/* $VMMD_PLUGIN_PATH, then beside the program (build tree and installation), then where it was installed to. */
static void find_dirs(struct dirs *d)
{
	const char *path = secure_getenv("VMMD_PLUGIN_PATH");
	char exe[PATH_MAX];
	ssize_t n;

	while (path && *path) {
		size_t len = strcspn(path, ":");

		add_dir(d, path, len);
		path += len + (path[len] == ':');
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		char *slash;

		exe[n] = '\0';
		for (int up = 0; up < 2; up++) { /* bin/vmmd */
			slash = strrchr(exe, '/');
			if (slash)
				*slash = '\0';
		}
		if (strlen(exe) + sizeof(BESIDE) <= sizeof(exe)) {
			strcat(exe, BESIDE);
			add_dir(d, exe, strlen(exe));
		}
	}
	add_dir(d, VMMD_PLUGINDIR, strlen(VMMD_PLUGINDIR));
}

static void free_dirs(struct dirs *d)
{
	for (int i = 0; i < d->n; i++)
		free(d->name[i]);
}

int plugin_get(struct plugin **out, const char *name, const char *where, char *why, size_t len)
{
	struct dirs d = {.n = 0};
	char path[PATH_MAX];
	int rc = -ENOENT;

	if (strchr(name, '/'))
		return open_path(name, where, out, why, len);
	if (!good_name(name, NAME_LEN_MAX)) {
		snprintf(why, len, "%sno layer can be called \"%.40s\" (1..%d of a-z, 0-9, '-', or a path with '/')", where,
			 name, NAME_LEN_MAX);
		return -EINVAL;
	}
	find_dirs(&d);
	for (int i = 0; i < d.n; i++) {
		snprintf(path, sizeof(path), "%s/%s.so", d.name[i], name);
		if (access(path, F_OK) == 0) {
			rc = open_path(path, where, out, why, len);
			free_dirs(&d);
			return rc;
		}
	}
	snprintf(why, len, "%sthere is no layer \"%s\"; `vmmctl plugins` lists them", where, name);
	free_dirs(&d);
	return rc;
}

static int is_plugin(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 3 && strcmp(e->d_name + n - 3, ".so") == 0;
}

struct names {
	char (*name)[NAME_LEN_MAX + 1];
	size_t n;
};

static int add_name(struct names *all, const char *name)
{
	void *p;

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->name[i], name) == 0)
			return 0;
	p = reallocarray(all->name, all->n + 1, sizeof(all->name[0]));
	if (!p)
		return -ENOMEM;
	all->name = p;
	strcpy(all->name[all->n++], name);
	return 0;
}

static int add_names(struct names *all, const char *dir)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_plugin, alphasort);
	int rc = 0;

	for (int i = 0; i < n; i++) {
		list[i]->d_name[strlen(list[i]->d_name) - 3] = '\0';
		if (rc == 0 && good_name(list[i]->d_name, NAME_LEN_MAX))
			rc = add_name(all, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int plugin_each(void (*fn)(void *arg, const char *name), void *arg)
{
	struct dirs d = {.n = 0};
	struct names all = {.n = 0};
	int rc = 0;

	find_dirs(&d);
	for (int i = 0; i < d.n && rc == 0; i++)
		rc = add_names(&all, d.name[i]);
	free_dirs(&d);
	if (all.n)
		qsort(all.name, all.n, sizeof(all.name[0]), by_name);
	for (size_t i = 0; i < all.n && rc == 0; i++)
		fn(arg, all.name[i]);
	free(all.name);
	return rc;
}
