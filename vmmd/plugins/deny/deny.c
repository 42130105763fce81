/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deny.c - the layer that refuses system calls.
 *
 * All calls of a set, or those that name a path or a socket family. What
 * cannot be read is refused with the error the kernel would give: a call runs
 * only after its arguments have been looked at.
 *
 * A rule about numbers confines: calls that it refuses always are refused by
 * vmmd, the others by what is in their registers. A rule about memory is advisory,
 * unless confine.c sees to it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <vmmd/plugin.h>

#include "vmmd/plugins/common/errname.h"
#include "vmmd/plugins/deny/deny.h"

#define DENY_MESSAGES 1024 /* UIO_MAXIOV: the kernel looks at no more in one sendmmsg(2) */
#define DENY_FAMILIES 64   /* AF_MAX is below */

/* ----------------------------------------------------------------- options */

static const struct {
	const char *name;
	int family;
} deny_family_names[] = {
	{"unix", AF_UNIX},	   {"local", AF_UNIX},	   {"inet", AF_INET},
	{"inet6", AF_INET6},	   {"ax25", AF_AX25},	   {"ipx", AF_IPX},
	{"appletalk", AF_APPLETALK}, {"x25", AF_X25},	   {"netlink", AF_NETLINK},
	{"packet", AF_PACKET},	   {"key", AF_KEY},	   {"can", AF_CAN},
	{"tipc", AF_TIPC},	   {"bluetooth", AF_BLUETOOTH}, {"alg", AF_ALG},
	{"nfc", AF_NFC},	   {"vsock", AF_VSOCK},	   {"kcm", AF_KCM},
	{"qipcrtr", AF_QIPCRTR},   {"rds", AF_RDS},	   {"xdp", AF_XDP},
};

/* The number of a family, or -1. */
static int deny_family(const char *text)
{
	for (size_t i = 0; i < sizeof(deny_family_names) / sizeof(deny_family_names[0]); i++)
		if (!strcmp(deny_family_names[i].name, text))
			return deny_family_names[i].family;
	if (text[0] >= '0' && text[0] <= '9') {
		char *end;
		unsigned long n = strtoul(text, &end, 10);

		if (!*end && n < DENY_FAMILIES)
			return (int)n;
	}
	return -1;
}

static int deny_check_family(const char *text, char *why, size_t len)
{
	if (deny_family(text) >= 0)
		return 0;
	snprintf(why, len, "no socket family has this name or number (unix, inet, inet6, netlink, packet, ...)");
	return -1;
}

static const struct vmmd_option deny_options[] = {
	{.name = "syscalls", .type = VMMD_OPT_SYSCALLS,
	 .help = "the system calls to refuse (with path or family: those of them that name one)"},
	{.name = "errno", .type = VMMD_OPT_STRING, .def = "EPERM", .check = errname_check,
	 .help = "the error the program gets, by name or number"},
	{.name = "path", .type = VMMD_OPT_LIST, .check = path_check_glob,
	 .help = "refuse only calls with a path that matches one of these patterns"},
	{.name = "family", .type = VMMD_OPT_LIST, .check = deny_check_family,
	 .help = "refuse only calls with a socket family of this list"},
	{.name = "confine", .type = VMMD_OPT_BOOL, .def = "false",
	 .help = "with path: so that a hostile program cannot get round it"},
	{.name = NULL},
};

/* ------------------------------------------------------------------ choice */

static bool deny_takes_path(const struct vmmd_syscall *sc, int64_t nr)
{
	return path_find(sc, VMMD_ARG_PATH) >= 0 || path_find(sc, VMMD_ARG_SOCKADDR) >= 0 ||
	       nr == SYS_sendmsg || nr == SYS_sendmmsg;
}

static bool deny_takes_family(const struct vmmd_syscall *sc, int64_t nr)
{
	return path_find(sc, VMMD_ARG_SOCKDOMAIN) >= 0 || path_find(sc, VMMD_ARG_SOCKADDR) >= 0 ||
	       nr == SYS_sendmsg || nr == SYS_sendmmsg;
}

static bool deny_selected(const struct deny *self, int64_t nr)
{
	return !self->set || self->host->set_has(self->set, nr);
}

/* Every call of the set, whatever its arguments: vmmd does it. Numbers without a call must be asked for. */
static int deny_refuse(const struct deny *self, struct vmmd_layer *layer)
{
	int r = self->host->refuse_set(layer, self->set, self->err);

	if (!r && self->host->set_has(self->set, -1))
		r = self->host->want_set(layer, self->set, VMMD_WANT_ENTRY);
	return r;
}

/* Memory has been looked at: what follows from it holds only for programs that play fair. */
static int deny_advise(const struct deny *self, struct vmmd_layer *layer)
{
	if (!self->confine)
		return self->host->advisory(layer);
	self->host->log(layer, VMMD_LOG_ERROR,
			"family: with confine only syscalls=socket+socketpair: an address can be changed after the look");
	return -EINVAL;
}

/* Ask for the calls that the rules can refuse, and only for those. */
static int deny_want(struct deny *self, struct vmmd_layer *layer)
{
	const struct vmmd_host *host = self->host;
	bool memory = false;
	unsigned found = 0;
	int r;

	for (int nr = 0; nr < DENY_NR_MAX; nr++) {
		const struct vmmd_syscall *sc = host->syscall(nr);

		if (!sc || !deny_selected(self, nr) ||
		    !((self->paths && deny_takes_path(sc, nr)) ||
		      (self->families && deny_takes_family(sc, nr))))
			continue;
		r = host->want(layer, nr, VMMD_WANT_ENTRY);
		if (r)
			return r;
		memory = memory || self->paths || path_find(sc, VMMD_ARG_SOCKDOMAIN) < 0;
		found++;
	}
	if (!found) {
		host->log(layer, VMMD_LOG_ERROR,
			  "nothing to refuse: no call in syscalls takes a path or a socket family");
		return -EINVAL;
	}
	r = memory ? deny_advise(self, layer) : 0;
	if (!r && self->paths)
		r = path_roots_want(host, layer);
	return !r && self->paths ? path_only_below(host, layer, self->paths) : r;
}

static int deny_declare(struct deny *self, struct vmmd_layer *layer)
{
	if (self->paths && self->confine)
		return confine_open(self, layer);
	return self->paths || self->families ? deny_want(self, layer) : deny_refuse(self, layer);
}

static int deny_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self_)
{
	const struct vmmd_value *set = host->option(layer, "syscalls");
	const struct vmmd_value *paths = host->option(layer, "path");
	const struct vmmd_value *family = host->option(layer, "family");
	struct deny *self;
	int r = -ENOMEM;

	if (!set->given && !paths->given && !family->given) {
		host->log(layer, VMMD_LOG_ERROR, "nothing to refuse: give syscalls, path or family");
		return -EINVAL;
	}
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->host = host;
	self->set = set->given ? set->set : NULL;
	self->paths = paths->given ? paths : NULL;
	for (size_t i = 0; family->given && i < family->count; i++)
		self->families |= UINT64_C(1) << deny_family(family->list[i]);
	self->confine = host->option(layer, "confine")->num;
	self->err = errname_parse(host->option(layer, "errno")->text);
	self->refused = host->counter(layer, "refused");
	if (self->refused)
		r = deny_declare(self, layer);
	if (r)
		free(self);
	else
		*self_ = self;
	return r;
}

/* ------------------------------------------------------------------- rules */

/*
 * Each rule returns 0 (go on), or the negative error to refuse the call with:
 * the layer's own for a match, another for what cannot be read.
 */

static int deny_address(struct deny *self, struct vmmd_req *req, int64_t nr, uint64_t addr,
			uint64_t len)
{
	char path[PATH_TEXT];
	uint16_t family;
	ssize_t n;
	int r;

	if (!addr || (int)len < (int)sizeof(family))
		return 0;
	if (self->families) {
		n = self->host->read(req, addr, &family, sizeof(family));
		if (n != sizeof(family))
			return -EFAULT;
		/* Sockets of the internet take AF_UNSPEC for AF_INET; connect(2) dissolves. */
		if (family == AF_UNSPEC && nr != SYS_connect)
			family = AF_INET;
		if (family < DENY_FAMILIES && self->families >> family & 1)
			return -self->err;
	}
	if (!self->paths)
		return 0;
	r = path_arg_unix(&self->roots, self->host, req, addr, len, path);
	if (r > 0)
		r = path_match(self->paths, path) ? -self->err : 0;
	return r;
}

/* sendmsg(2) and sendmmsg(2): the addresses inside the message headers. */
static int deny_messages(struct deny *self, struct vmmd_req *req, const struct vmmd_call *call)
{
	bool many = call->nr == SYS_sendmmsg;
	size_t step = many ? sizeof(struct mmsghdr) : sizeof(struct msghdr);
	size_t count = many ? (unsigned)call->args[2] : 1;
	struct msghdr msg;
	int r = 0;

	if (count > DENY_MESSAGES)
		count = DENY_MESSAGES;
	for (size_t i = 0; i < count && !r; i++) {
		ssize_t n = self->host->read(req, call->args[1] + i * step, &msg, sizeof(msg));

		if (n != sizeof(msg))
			return -EFAULT;
		r = deny_address(self, req, call->nr, (uint64_t)(uintptr_t)msg.msg_name,
				 msg.msg_namelen);
	}
	return r;
}

static int deny_argument(struct deny *self, struct vmmd_req *req, const struct vmmd_call *call,
			 const struct vmmd_syscall *sc, unsigned i)
{
	char path[PATH_TEXT];
	unsigned domain;
	int r;

	switch (sc->kind[i]) {
	case VMMD_ARG_PATH:
		if (!self->paths)
			return 0;
		r = path_arg(&self->roots, self->host, req, call, i, path);
		if (r > 0)
			r = path_match(self->paths, path) ? -self->err : 0;
		return r;
	case VMMD_ARG_SOCKDOMAIN:
		domain = (unsigned)call->args[i];
		return domain < DENY_FAMILIES && self->families >> domain & 1 ? -self->err : 0;
	case VMMD_ARG_SOCKADDR:
		return i < 5 ? deny_address(self, req, call->nr, call->args[i], call->args[i + 1]) : 0;
	default:
		return 0;
	}
}

static enum vmmd_verdict deny_entry(void *self_, struct vmmd_req *req)
{
	struct deny *self = self_;
	const struct vmmd_call *call = self->host->call(req);
	const struct vmmd_syscall *sc;
	int r = 0;

	path_roots_note(&self->roots, call->nr);
	if (!deny_selected(self, call->nr))
		return VMMD_PASS;
	if (!self->paths && !self->families) {
		r = -self->err;
	} else if (self->paths && self->confine) {
		r = confine_entry(self, req);
	} else if (call->nr == SYS_sendmsg || call->nr == SYS_sendmmsg) {
		r = deny_messages(self, req, call);
	} else {
		sc = self->host->syscall(call->nr);
		for (unsigned i = 0; sc && i < 6 && !r; i++)
			r = deny_argument(self, req, call, sc, i);
	}
	if (!r)
		return VMMD_PASS;
	++*self->refused;
	return self->host->reply(req, r);
}

static void deny_close(void *self)
{
	free(self);
}

static const struct vmmd_plugin deny_plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(struct vmmd_plugin),
	.name = "deny",
	.version = VMMD_VERSION,
	.summary = "refuse system calls, by name, path or socket family",
	.options = deny_options,
	.open = deny_open,
	.close = deny_close,
	.entry = deny_entry,
};

__attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin(void)
{
	return &deny_plugin;
}
