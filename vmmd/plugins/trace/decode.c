/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.c - a system call and its result in words.
 *
 * Everything read from a task goes through the owner's `bytes`, bounded, and
 * is hostile. What cannot be read is shown as the address it should have been at.
 */
#include "decode.h"

#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* For numbers that no call has: the registers as they are. */
static const struct vmmd_syscall unknown_call = {
	.name = "syscall",
	.nargs = 6,
	.kind = { VMMD_ARG_HEX, VMMD_ARG_HEX, VMMD_ARG_HEX, VMMD_ARG_HEX, VMMD_ARG_HEX,
		  VMMD_ARG_HEX },
	.ret = VMMD_ARG_INT,
};

static const struct vmmd_syscall *lookup(const struct decode *d, int64_t nr)
{
	const struct vmmd_syscall *sc = d->host->syscall(nr);

	return sc != NULL ? sc : &unknown_call;
}

const char *decode_name(const struct decode *d, int64_t nr)
{
	return lookup(d, nr)->name;
}

/* ------------------------------------------------------- strings and buffers */

/* A string as the program has it; `cut`: there was more. */
static void put_string(const struct decode *d, struct text *t, const char *bytes, size_t len,
		       bool cut)
{
	text_puts(t, "\"");
	text_escaped(t, bytes, len, d->json ? TEXT_JSON : TEXT_C);
	if (d->json)
		text_puts(t, cut ? "...\"" : "\"");
	else
		text_puts(t, cut ? "\"..." : "\"");
}

/* Text that is ours, as a member of the arguments. */
static void put_words(const struct decode *d, struct text *t, const struct text *words)
{
	if (d->json)
		put_string(d, t, words->buf, words->len, false);
	else
		text_put(t, words->buf, words->len);
}

static void put_address(const struct decode *d, struct text *t, uint64_t addr)
{
	char buf[32];
	struct text words;

	text_init(&words, buf, sizeof(buf));
	if (addr == 0)
		text_puts(&words, "NULL");
	else
		text_printf(&words, "%#" PRIx64, addr);
	put_words(d, t, &words);
}

/* `path`: a NUL that the kernel has counted is not shown (getcwd). */
static void put_guest_bytes(const struct decode *d, struct vmmd_req *req, struct text *t,
			    uint64_t addr, uint64_t count, size_t most, bool path)
{
	size_t len = count < most ? (size_t)count : most;
	ssize_t n = 0;

	if (addr == 0 || req == NULL) {
		put_address(d, t, addr);
		return;
	}
	if (len > 0)
		n = d->host->read(req, addr, d->bytes, len);
	if (n < 0 || (n == 0 && len > 0)) {
		put_address(d, t, addr);
		return;
	}
	bool cut = count > (uint64_t)n;
	if (path && !cut && n > 0 && d->bytes[n - 1] == '\0')
		n--;
	put_string(d, t, d->bytes, (size_t)n, cut);
}

static void put_guest_string(const struct decode *d, struct vmmd_req *req, struct text *t,
			     uint64_t addr, size_t most)
{
	if (addr == 0) {
		put_address(d, t, addr);
		return;
	}
	ssize_t n = d->host->read_str(req, addr, d->bytes, most + 1);
	if (n >= 0)
		put_string(d, t, d->bytes, (size_t)n, false);
	else if (n == -ENAMETOOLONG)
		put_guest_bytes(d, req, t, addr, UINT64_MAX, most, false);
	else
		put_address(d, t, addr);
}

/* What the kernel has written, once it has. */
static void put_filled(const struct decode *d, const struct decode_end *end, struct text *t,
		       uint64_t addr, uint64_t size, bool path)
{
	uint64_t count = (uint64_t)end->result;

	if (!end->returned || end->result < 0 || size == 0) {
		put_address(d, t, addr);
		return;
	}
	/* More than fits has been counted but not written (MSG_TRUNC). */
	if (count > size)
		count = size;
	put_guest_bytes(d, end->req, t, addr, count, path ? DECODE_PATH_MAX : d->strings,
			path);
}

/* The elements of a vector before its NULL, at most `most`; `*more`: it goes on. -1: unreadable. */
static int read_vector(const struct decode *d, struct vmmd_req *req, uint64_t addr,
		       uint64_t *vector, int most, bool *more)
{
	ssize_t got = d->host->read(req, addr, vector, sizeof(*vector) * (size_t)most);
	int n = got < 0 ? 0 : (int)((size_t)got / sizeof(*vector));

	if (n == 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (vector[i] == 0) {
			*more = false;
			return i;
		}
	*more = true;
	return n;
}

static void put_vector(const struct decode *d, struct vmmd_req *req, struct text *t, uint64_t addr)
{
	uint64_t vector[DECODE_VECTOR_MAX + 1];
	bool more;
	int n = addr ? read_vector(d, req, addr, vector, DECODE_VECTOR_MAX + 1, &more) : -1;

	if (n < 0) {
		put_address(d, t, addr);
		return;
	}
	text_puts(t, "[");
	for (int i = 0; i < n && i < DECODE_VECTOR_MAX; i++) {
		text_puts(t, i == 0 ? "" : d->json ? "," : ", ");
		put_guest_string(d, req, t, vector[i], d->strings);
	}
	if (more)
		text_puts(t, d->json ? ",\"...\"" : ", ...");
	text_puts(t, "]");
}

/* Nobody wants to read the environment at each exec: its size is enough. */
static void put_environment(const struct decode *d, struct vmmd_req *req, struct text *t,
			    uint64_t addr)
{
	uint64_t vector[64];
	bool more = addr != 0;
	char buf[64];
	struct text words;
	int count = 0, n = 0;

	while (more && count < 4096 && n >= 0) {
		n = read_vector(d, req, addr + 8 * (uint64_t)count, vector, 64, &more);
		count += n > 0 ? n : 0;
	}
	if (addr == 0 || n < 0) {
		put_address(d, t, addr);
		return;
	}
	text_init(&words, buf, sizeof(buf));
	text_printf(&words, "%#" PRIx64 " /* %d var%s%s */", addr, count, count == 1 ? "" : "s",
		    more ? " and more" : "");
	put_words(d, t, &words);
}

/* --------------------------------------------------------- socket addresses */

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_nl nl;
};

static void put_unix_path(struct text *t, const struct sockaddr_un *un, size_t size)
{
	size_t room = size - offsetof(struct sockaddr_un, sun_path);
	const char *path = un->sun_path;
	bool abstract = room > 1 && path[0] == '\0';

	if (room == 0)
		return; /* unnamed */
	text_puts(t, abstract ? ", sun_path=@\"" : ", sun_path=\"");
	if (abstract)
		text_escaped(t, path + 1, room - 1, TEXT_C);
	else
		text_escaped(t, path, strnlen(path, room), TEXT_C);
	text_puts(t, "\"");
}

static void put_address_fields(struct text *t, const union address *a, size_t size)
{
	char buf[INET6_ADDRSTRLEN] = "";

	if (a->any.sa_family == AF_UNIX) {
		put_unix_path(t, &a->un, size);
	} else if (a->any.sa_family == AF_INET && size >= sizeof(a->in)) {
		inet_ntop(AF_INET, &a->in.sin_addr, buf, sizeof(buf));
		text_printf(t, ", sin_port=htons(%u), sin_addr=\"%s\"", ntohs(a->in.sin_port), buf);
	} else if (a->any.sa_family == AF_INET6 && size >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, buf, sizeof(buf));
		text_printf(t, ", sin6_port=htons(%u), sin6_addr=\"%s\"", ntohs(a->in6.sin6_port),
			    buf);
		if (size >= sizeof(a->in6) && a->in6.sin6_scope_id != 0)
			text_printf(t, ", sin6_scope_id=%u", a->in6.sin6_scope_id);
	} else if (a->any.sa_family == AF_NETLINK && size >= sizeof(a->nl)) {
		text_printf(t, ", nl_pid=%u, nl_groups=%#x", a->nl.nl_pid, a->nl.nl_groups);
	} else if (size > sizeof(sa_family_t)) {
		text_printf(t, ", /* %zu bytes */", size - sizeof(sa_family_t));
	}
}

static void put_sockaddr(const struct decode *d, struct vmmd_req *req, struct text *t,
			 uint64_t addr, uint32_t size)
{
	union address a;
	char buf[1024 + TEXT_RESERVE];
	struct text words;
	size_t len = size < sizeof(a) ? size : sizeof(a);

	memset(&a, 0, sizeof(a));
	if (addr == 0 || len < sizeof(sa_family_t) ||
	    d->host->read(req, addr, &a, len) != (ssize_t)len) {
		put_address(d, t, addr);
		return;
	}
	text_init(&words, buf, sizeof(buf));
	text_puts(&words, "{sa_family=");
	names_socket_domain(&words, a.any.sa_family);
	put_address_fields(&words, &a, len);
	text_puts(&words, "}");
	put_words(d, t, &words);
}

/* ---------------------------------------------------------------- arguments */

/* Calls whose later arguments count only with some values of the earlier ones. */
static unsigned futex_args(uint32_t op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_UNLOCK_PI:
	case FUTEX_TRYLOCK_PI:
		return 2;
	case FUTEX_WAKE:
	case FUTEX_FD:
		return 3;
	case FUTEX_WAIT:
	case FUTEX_LOCK_PI:
	case 13: /* FUTEX_LOCK_PI2 */
		return 4;
	case FUTEX_REQUEUE:
	case FUTEX_WAIT_REQUEUE_PI:
		return 5;
	default:
		return 6;
	}
}

static unsigned fcntl_args(uint32_t command)
{
	switch (command) {
	case F_GETFD:
	case F_GETFL:
	case F_GETOWN:
	case F_GETSIG:
	case F_GETLEASE:
	case F_GETPIPE_SZ:
	case F_GET_SEALS:
		return 2;
	default:
		return 3;
	}
}

static unsigned used_args(const struct vmmd_syscall *sc, const struct vmmd_call *call)
{
	if (call->nr == SYS_futex)
		return futex_args((uint32_t)call->args[1]);
	if (call->nr == SYS_fcntl)
		return fcntl_args((uint32_t)call->args[1]);
	if (call->nr == SYS_prctl && (uint32_t)call->args[0] == PR_SET_NAME)
		return 2;
	/* The mode is looked at only when a file may be made. */
	for (unsigned i = 1; i < sc->nargs; i++)
		if (sc->kind[i - 1] == VMMD_ARG_OPENFLAGS && sc->kind[i] == VMMD_ARG_OCT &&
		    (call->args[i - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) == 0)
			return i;
	return sc->nargs;
}

static bool is_filled(const struct vmmd_syscall *sc, const struct vmmd_call *call, unsigned i)
{
	return sc->kind[i] == VMMD_ARG_BUFOUT || sc->kind[i] == VMMD_ARG_OUTPATH ||
	       (call->nr == SYS_wait4 && i == 1);
}

static bool is_string(const struct vmmd_syscall *sc, const struct vmmd_call *call, unsigned i)
{
	return sc->kind[i] == VMMD_ARG_STR ||
	       (call->nr == SYS_prctl && i == 1 && (uint32_t)call->args[0] == PR_SET_NAME);
}

/* How many bytes a buffer has is said by the argument after it. */
static uint64_t size_of(const struct vmmd_syscall *sc, const struct vmmd_call *call, unsigned i)
{
	if (i + 1 >= sc->nargs)
		return 0;
	return sc->kind[i + 1] == VMMD_ARG_INT ? (uint32_t)call->args[i + 1] : call->args[i + 1];
}

static void put_number(const struct decode *d, struct text *t, const struct vmmd_syscall *sc,
		       const struct vmmd_call *call, unsigned i)
{
	char buf[1024];
	struct text words;

	text_init(&words, buf, sizeof(buf));
	names_arg(&words, sc, call, i);
	put_words(d, t, &words);
}

static void put_status(const struct decode *d, const struct decode_end *end, struct text *t,
		       uint64_t addr)
{
	int status;
	char buf[128];
	struct text words;

	if (addr == 0 || !end->returned || end->result <= 0 || end->req == NULL ||
	    d->host->read(end->req, addr, &status, sizeof(status)) != sizeof(status)) {
		put_address(d, t, addr);
		return;
	}
	text_init(&words, buf, sizeof(buf));
	names_wait_status(&words, status);
	put_words(d, t, &words);
}

static void put_filled_arg(const struct decode *d, const struct decode_end *end, struct text *t,
			   const struct vmmd_syscall *sc, const struct vmmd_call *call, unsigned i)
{
	if (call->nr == SYS_wait4)
		put_status(d, end, t, call->args[i]);
	else
		put_filled(d, end, t, call->args[i], size_of(sc, call, i),
			   sc->kind[i] == VMMD_ARG_OUTPATH);
}

/* An argument whose meaning is known at entry. */
static void put_arg(const struct decode *d, struct vmmd_req *req, struct text *t,
		    const struct vmmd_syscall *sc, const struct vmmd_call *call, unsigned i)
{
	uint64_t value = call->args[i];

	if (is_string(sc, call, i)) {
		put_guest_string(d, req, t, value, d->strings);
		return;
	}
	switch (sc->kind[i]) {
	case VMMD_ARG_PATH:
		put_guest_string(d, req, t, value, DECODE_PATH_MAX);
		break;
	case VMMD_ARG_BUFIN:
		put_guest_bytes(d, req, t, value, size_of(sc, call, i), d->strings, false);
		break;
	case VMMD_ARG_SOCKADDR:
		put_sockaddr(d, req, t, value, (uint32_t)size_of(sc, call, i));
		break;
	case VMMD_ARG_ARGV:
		if (i > 0 && sc->kind[i - 1] == VMMD_ARG_ARGV)
			put_environment(d, req, t, value);
		else
			put_vector(d, req, t, value);
		break;
	default:
		put_number(d, t, sc, call, i);
	}
}

static const char *separator(const struct decode *d)
{
	return d->json ? "," : ", ";
}

unsigned decode_split(const struct decode *d, const struct vmmd_call *call)
{
	const struct vmmd_syscall *sc = lookup(d, call->nr);
	unsigned n = used_args(sc, call);

	for (unsigned i = 0; i < n; i++)
		if (is_filled(sc, call, i))
			return i;
	return n;
}

unsigned decode_entry(const struct decode *d, struct vmmd_req *req, const struct vmmd_call *call,
		      struct text *t)
{
	const struct vmmd_syscall *sc = lookup(d, call->nr);
	unsigned split = decode_split(d, call), n = used_args(sc, call);

	if (sc == &unknown_call && !d->json)
		text_printf(t, "%" PRId64 ", ", call->nr);
	for (unsigned i = 0; i < split; i++) {
		put_arg(d, req, t, sc, call, i);
		if (i + 1 < n)
			text_puts(t, separator(d));
	}
	return split;
}

void decode_rest(const struct decode *d, const struct decode_end *end,
		 const struct vmmd_call *call, unsigned from, struct text *t)
{
	const struct vmmd_syscall *sc = lookup(d, call->nr);
	unsigned n = used_args(sc, call);

	for (unsigned i = from; i < n; i++) {
		/* Behind the first filled one there are numbers only: see proto/syscalls.tbl. */
		if (is_filled(sc, call, i))
			put_filled_arg(d, end, t, sc, call, i);
		else
			put_number(d, t, sc, call, i);
		if (i + 1 < n)
			text_puts(t, separator(d));
	}
}

/* ------------------------------------------------------------------ results */

const char *decode_errno_name(int64_t result)
{
	switch (result) {
	/* Never seen by the program: the kernel makes the call again, or EINTR of it. */
	case -512: return "ERESTARTSYS";
	case -513: return "ERESTARTNOINTR";
	case -514: return "ERESTARTNOHAND";
	case -516: return "ERESTART_RESTARTBLOCK";
	default: break;
	}
	return result >= -4095 && result < 0 ? strerrorname_np((int)-result) : NULL;
}

void decode_result(const struct decode *d, int64_t nr, int64_t result, struct text *t)
{
	const char *name = decode_errno_name(result);

	if (result >= 0 || result < -4095)
		names_result(t, lookup(d, nr)->ret, result);
	else if (name == NULL)
		text_printf(t, "-1 (errno %d)", (int)-result);
	else if (result <= -512 && result >= -516)
		text_printf(t, "? %s", name);
	else
		text_printf(t, "-1 %s (%s)", name, strerrordesc_np((int)-result));
}
