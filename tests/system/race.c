// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * race.c - the layer `race`, for race.sh: refuses to open what ends in 'b'.
 *
 * How it goes about it is an option, because not every way holds against a
 * program that changes the path after the layer has looked. Each way is for
 * open(2) and openat(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vmmd/plugin.h>

enum { ADVISORY, PATH, CALL, OPEN, CARELESS, SILENT };

static const char *const ways[] = {"advisory", "path", "call", "open", "careless", "silent", NULL};

static const struct vmmd_option options[] = {
	{.name = "way",
	 .type = VMMD_OPT_CHOICE,
	 .choices = ways,
	 .def = "path",
	 .help = "what is done with a path that was looked at"},
	{.name = NULL},
};

struct race {
	const struct vmmd_host *host;
	int64_t way;
};

/* One layer at a time in a process is enough for a test. */
static struct race race;

static int race_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
{
	static const uint32_t wants[] = {
		[ADVISORY] = VMMD_WANT_ENTRY,
		[PATH] = VMMD_WANT_PATHS | VMMD_WANT_MEMORY,
		[CALL] = VMMD_WANT_PATHS | VMMD_WANT_MEMORY,
		[OPEN] = VMMD_WANT_PATHS | VMMD_WANT_MEMORY,
		[CARELESS] = VMMD_WANT_MEMORY,
		[SILENT] = VMMD_WANT_ENTRY,
	};
	int rc = 0;

	race.host = host;
	race.way = host->option(layer, "way")->num;
	*self = &race;
	if (race.way == ADVISORY)
		rc = host->advisory(layer);
	if (!rc)
		rc = host->want(layer, host->syscall_nr("open"), wants[race.way]);
	return rc ? rc : host->want(layer, host->syscall_nr("openat"), wants[race.way]);
}

static enum vmmd_verdict give_open(struct vmmd_req *req, unsigned index, const char *path)
{
	const struct vmmd_host *host = race.host;
	const struct vmmd_call *call = host->call(req);
	enum vmmd_verdict v;
	int dirfd = index ? (int)call->args[0] : AT_FDCWD;
	int fd = host->at_open(req, dirfd, path, call->args[index + 1], (uint32_t)call->args[index + 2]);

	if (fd < 0)
		return host->reply(req, fd);
	v = host->reply_fd(req, fd, (int)call->args[index + 1] & O_CLOEXEC);
	close(fd);
	return v == VMMD_REPLY ? v : host->reply(req, -EACCES);
}

static enum vmmd_verdict race_entry(void *self, struct vmmd_req *req)
{
	const struct vmmd_host *host = race.host;
	const struct vmmd_call *call = host->call(req);
	unsigned index = call->nr == host->syscall_nr("openat");
	const char *paths[2] = {NULL, NULL};
	enum vmmd_verdict v;
	char path[PATH_MAX];
	ssize_t n = host->read_str(req, call->args[index], path, sizeof(path));

	(void)self;
	if (n < 0)
		return host->reply(req, n);
	if (n > 0 && path[n - 1] == 'b')
		return host->reply(req, -EACCES);
	switch (race.way) {
	case PATH:
		return host->set_path(req, index, path) < 0 ? host->reply(req, -EACCES) : VMMD_PASS;
	case CALL:
		paths[0] = path;
		v = host->at_call(req, call, paths);
		return v == VMMD_REPLY ? v : host->reply(req, -EACCES);
	case OPEN:
		return give_open(req, index, path);
	default:
		return VMMD_PASS;
	}
}

static const struct vmmd_plugin plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(plugin),
	.name = "race",
	.version = "1",
	.summary = "refuses to open what ends in 'b', for tests",
	.options = options,
	.open = race_open,
	.entry = race_entry,
};

const struct vmmd_plugin *vmmd_plugin(void)
{
	return &plugin;
}
