/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.c - numbers in words: flags, commands, signals.
 *
 * Constant tables made from flags.tbl, and how each kind of argument uses them.
 */
#include "names.h"

#include "decode.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct name {
	const char *name; /* NULL closes a table */
	uint64_t value;
};

#define TABLE(table) static const struct name table[] = {
#define N(name) { #name, (uint64_t)(name) },
#define V(name, value) { #name, (uint64_t)(value) },
#define END { NULL, 0 } };
#include "flags.tbl"
#undef TABLE
#undef N
#undef V
#undef END

static const char *find(const struct name *table, uint64_t value)
{
	for (; table->name != NULL; table++)
		if (table->value == value)
			return table->name;
	return NULL;
}

/* One of a table, or the number itself. */
static void put_one(struct text *t, const struct name *table, uint64_t value, bool hex)
{
	const char *name = find(table, value);

	if (name != NULL)
		text_puts(t, name);
	else
		text_printf(t, hex ? "%#" PRIx64 : "%" PRId64, value);
}

/* Bits of a table joined by '|', after what the line `started` with; bits without a name in hex. */
static void put_bits(struct text *t, const struct name *table, uint64_t value, bool started)
{
	const char *bar = started ? "|" : "";

	for (; table->name != NULL; table++) {
		if (table->value == 0 || (value & table->value) != table->value)
			continue;
		text_printf(t, "%s%s", bar, table->name);
		value &= ~table->value;
		bar = "|";
	}
	if (value != 0)
		text_printf(t, "%s%#" PRIx64, bar, value);
	else if (bar[0] == '\0')
		text_puts(t, "0");
}

/*
 * The access mode is part of the flags where a file is opened. Other calls
 * (pipe2, dup3, timerfd_create …) take only a few of the bits.
 */
static bool has_access_mode(const struct vmmd_syscall *sc, unsigned i)
{
	if (sc->ret != VMMD_ARG_FD || i == 0)
		return false;
	switch (sc->kind[i - 1]) {
	case VMMD_ARG_PATH:
	case VMMD_ARG_STR:
	case VMMD_ARG_PTR: /* open_by_handle_at */
	case VMMD_ARG_HEX: /* fanotify_init */
		return true;
	default:
		return false;
	}
}

static void put_open_flags(struct text *t, uint32_t flags, bool access_mode)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };

	if (access_mode || (flags & O_ACCMODE) != 0) {
		text_puts(t, modes[flags & O_ACCMODE]);
		flags &= ~(uint32_t)O_ACCMODE;
		if (flags != 0)
			put_bits(t, open_bits, flags, true);
		return;
	}
	put_bits(t, open_bits, flags, false);
}

/* One bit has three meanings. */
static void put_at_flags(struct text *t, uint32_t flags, int64_t nr)
{
	const char *name = nr == SYS_unlinkat	       ? "AT_REMOVEDIR"
			   : nr == SYS_faccessat2      ? "AT_EACCESS"
			   : nr == SYS_name_to_handle_at ? "AT_HANDLE_FID"
							 : NULL;
	bool started = name != NULL && (flags & 0x200) != 0;

	if (started) {
		text_puts(t, name);
		flags &= ~0x200u;
	}
	if (!started || flags != 0)
		put_bits(t, at_bits, flags, started);
}

static void put_map_flags(struct text *t, uint32_t flags)
{
	put_one(t, map_types, flags & 0xf, true);
	if ((flags & ~0xfu) != 0)
		put_bits(t, map_bits, flags & ~0xfu, true);
}

/* Only clone(2) has a signal in the low byte; for the others there is a namespace. */
static void put_clone_flags(struct text *t, uint64_t flags, int64_t nr)
{
	uint64_t low = flags & 0xff;
	char buf[32];

	if (flags != low)
		put_bits(t, clone_bits, flags & ~UINT64_C(0xff), false);
	if (low == 0 && flags != 0)
		return;
	text_puts(t, flags != low ? "|" : "");
	if (nr == SYS_clone && low != 0)
		text_puts(t, decode_signal_name((int)low, buf, sizeof(buf)));
	else if (low == 0x80)
		text_puts(t, "CLONE_NEWTIME");
	else
		text_printf(t, low ? "%#x" : "%u", (unsigned)low);
}

static void put_socket_type(struct text *t, uint32_t type)
{
	uint32_t bits = type & (SOCK_CLOEXEC | SOCK_NONBLOCK);

	type &= ~bits;
	/* accept4 has the bits alone. */
	if (type != 0 || bits == 0)
		put_one(t, socket_types, type, false);
	if (bits != 0)
		put_bits(t, socket_bits, bits, type != 0);
}

static void put_futex_op(struct text *t, uint32_t op)
{
	uint32_t command = op & FUTEX_CMD_MASK;

	put_one(t, futex_names, command, false);
	if (op & FUTEX_PRIVATE_FLAG)
		text_puts(t, "_PRIVATE");
	if (op & FUTEX_CLOCK_REALTIME)
		text_puts(t, "|FUTEX_CLOCK_REALTIME");
}

static void put_access(struct text *t, uint32_t mode)
{
	if (mode == 0)
		text_puts(t, "F_OK");
	else
		put_bits(t, access_bits, mode, false);
}

/* The third argument of fcntl(2) is what the second says. */
static void put_fcntl_arg(struct text *t, uint32_t command, uint64_t value)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_SETOWN:
	case F_SETPIPE_SZ:
		text_printf(t, "%d", (int)value);
		break;
	case F_SETFD:
		text_puts(t, (uint32_t)value == FD_CLOEXEC ? "FD_CLOEXEC" : "");
		if ((uint32_t)value != FD_CLOEXEC)
			text_printf(t, "%d", (int)value);
		break;
	case F_SETFL:
		put_open_flags(t, (uint32_t)value, true);
		break;
	default:
		text_printf(t, "%#" PRIx64, value);
	}
}

static void put_signal(struct text *t, int signo)
{
	char buf[32];

	text_puts(t, signo == 0 ? "0" : decode_signal_name(signo, buf, sizeof(buf)));
}

/* Kinds that are a number of their own, without a table. False: it is another kind. */
static bool put_plain(struct text *t, unsigned kind, uint64_t value)
{
	switch (kind) {
	case VMMD_ARG_DIRFD:
		if ((int)value == AT_FDCWD) {
			text_puts(t, "AT_FDCWD");
			break;
		}
		/* fallthrough */
	case VMMD_ARG_INT:
	case VMMD_ARG_FD:
	case VMMD_ARG_PID:
		text_printf(t, "%d", (int)value);
		break;
	case VMMD_ARG_UINT:
		/* No size or offset has the top bit: this one was negative. */
		text_printf(t, "%" PRId64, (int64_t)value);
		break;
	case VMMD_ARG_HEX:
		text_printf(t, "%#" PRIx64, value);
		break;
	case VMMD_ARG_OCT:
		text_printf(t, "0%03o", (unsigned)value);
		break;
	default:
		return false;
	}
	return true;
}

/* Kinds with a table that takes nothing but the number. */
static bool put_named(struct text *t, unsigned kind, uint64_t value)
{
	uint32_t low = (uint32_t)value;

	switch (kind) {
	case VMMD_ARG_SIGNAL: put_signal(t, (int)low); break;
	case VMMD_ARG_PROT: put_bits(t, prot_bits, low, false); break;
	case VMMD_ARG_MAPFLAGS: put_map_flags(t, low); break;
	case VMMD_ARG_SOCKDOMAIN: names_socket_domain(t, low); break;
	case VMMD_ARG_SOCKTYPE: put_socket_type(t, low); break;
	case VMMD_ARG_WHENCE: put_one(t, seek_names, low, false); break;
	case VMMD_ARG_ACCMODE: put_access(t, low); break;
	case VMMD_ARG_FCNTL: put_one(t, fcntl_names, low, true); break;
	case VMMD_ARG_FUTEXOP: put_futex_op(t, low); break;
	case VMMD_ARG_WAITOPTS: put_bits(t, wait_bits, low, false); break;
	case VMMD_ARG_MSGFLAGS: put_bits(t, msg_bits, low, false); break;
	case VMMD_ARG_SIGHOW: put_one(t, sighow_names, low, false); break;
	case VMMD_ARG_PRCTL: put_one(t, prctl_names, low, false); break;
	case VMMD_ARG_RLIMIT: put_one(t, rlimit_names, low, false); break;
	/* Negative clocks belong to processes and descriptors, clock_getcpuclockid(3). */
	case VMMD_ARG_CLOCK: put_one(t, clock_names, (uint64_t)(int)low, false); break;
	case VMMD_ARG_IOCTL: put_one(t, ioctl_names, low, true); break;
	case VMMD_ARG_MADVISE: put_one(t, madvise_names, low, false); break;
	case VMMD_ARG_ARCHPRCTL: put_one(t, archprctl_names, low, true); break;
	default: return false;
	}
	return true;
}

static void put_pointer(struct text *t, uint64_t value)
{
	if (value == 0)
		text_puts(t, "NULL");
	else
		text_printf(t, "%#" PRIx64, value);
}

void names_arg(struct text *t, const struct vmmd_syscall *sc, const struct vmmd_call *call,
	       unsigned i)
{
	uint64_t value = call->args[i];
	unsigned kind = sc->kind[i];

	if (i > 0 && sc->kind[i - 1] == VMMD_ARG_FCNTL)
		put_fcntl_arg(t, (uint32_t)call->args[i - 1], value);
	else if (kind == VMMD_ARG_OPENFLAGS)
		put_open_flags(t, (uint32_t)value, has_access_mode(sc, i));
	else if (kind == VMMD_ARG_ATFLAGS)
		put_at_flags(t, (uint32_t)value, call->nr);
	else if (kind == VMMD_ARG_CLONEFLAGS)
		put_clone_flags(t, value, call->nr);
	else if (!put_plain(t, kind, value) && !put_named(t, kind, value))
		put_pointer(t, value);
}

void names_result(struct text *t, unsigned kind, int64_t result)
{
	switch (kind) {
	case VMMD_ARG_PTR:
	case VMMD_ARG_HEX:
		text_printf(t, "%#" PRIx64, (uint64_t)result);
		break;
	case VMMD_ARG_OCT:
		text_printf(t, "0%03" PRIo64, (uint64_t)result);
		break;
	default:
		text_printf(t, "%" PRId64, result);
	}
}

void names_socket_domain(struct text *t, unsigned domain)
{
	put_one(t, socket_domains, domain, false);
}

void names_wait_status(struct text *t, int status)
{
	char buf[32];

	if (WIFEXITED(status))
		text_printf(t, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(status));
	else if (WIFSTOPPED(status))
		text_printf(t, "[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]",
			    decode_signal_name(WSTOPSIG(status), buf, sizeof(buf)));
	else if (WIFSIGNALED(status))
		text_printf(t, "[{WIFSIGNALED(s) && WTERMSIG(s) == %s%s}]",
			    decode_signal_name(WTERMSIG(status), buf, sizeof(buf)),
			    WCOREDUMP(status) ? " && WCOREDUMP(s)" : "");
	else if (WIFCONTINUED(status))
		text_puts(t, "[{WIFCONTINUED(s)}]");
	else
		text_printf(t, "[%#x]", (unsigned)status);
}

/* ------------------------------------------------------------------ signals */

const char *decode_signal_name(int signo, char *buf, size_t len)
{
	const char *abbreviation = sigabbrev_np(signo);

	if (abbreviation != NULL)
		snprintf(buf, len, "SIG%s", abbreviation);
	else if (signo == 32)
		snprintf(buf, len, "SIGRTMIN"); /* the kernel's, not the C library's */
	else if (signo > 32 && signo <= 64)
		snprintf(buf, len, "SIGRT_%d", signo - 32);
	else
		snprintf(buf, len, "%d", signo);
	return buf;
}

const char *decode_si_code(const siginfo_t *info)
{
	static const struct {
		int signo;
		const struct name *codes;
	} tables[] = {
		{ SIGSEGV, segv_codes }, { SIGBUS, bus_codes },	  { SIGFPE, fpe_codes },
		{ SIGILL, ill_codes },	 { SIGTRAP, trap_codes }, { SIGCHLD, chld_codes },
		{ SIGPOLL, poll_codes }, { SIGSYS, sys_codes },
	};
	const char *name = find(si_codes, (uint64_t)info->si_code);

	for (size_t i = 0; name == NULL && i < sizeof(tables) / sizeof(tables[0]); i++)
		if (tables[i].signo == info->si_signo)
			name = find(tables[i].codes, (uint64_t)info->si_code);
	return name;
}

/* The fields that the kernel fills in for a signal of its own. */
static void put_kernel_fields(const siginfo_t *info, struct text *t)
{
	switch (info->si_signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
		text_puts(t, ", si_addr=");
		put_pointer(t, (uint64_t)(uintptr_t)info->si_addr);
		break;
	case SIGCHLD:
		text_printf(t, ", si_pid=%d, si_uid=%u, si_status=", info->si_pid, info->si_uid);
		if (info->si_code == CLD_EXITED)
			text_printf(t, "%d", info->si_status);
		else
			put_signal(t, info->si_status);
		break;
	case SIGPOLL:
		text_printf(t, ", si_fd=%d, si_band=%#lx", info->si_fd, info->si_band);
		break;
	case SIGSYS:
		text_printf(t, ", si_call_addr=%#" PRIx64 ", si_syscall=%d",
			    (uint64_t)(uintptr_t)info->si_call_addr, info->si_syscall);
		break;
	default:
		break;
	}
}

void decode_siginfo(const siginfo_t *info, struct text *t)
{
	const char *code = decode_si_code(info);

	if (code != NULL)
		text_printf(t, "{si_code=%s", code);
	else
		text_printf(t, "{si_code=%d", info->si_code);
	if (info->si_code == SI_TIMER)
		text_printf(t, ", si_timerid=%d, si_overrun=%d", info->si_timerid, info->si_overrun);
	else if (info->si_code <= 0)
		text_printf(t, ", si_pid=%d, si_uid=%u", info->si_pid, info->si_uid);
	else if (info->si_code != SI_KERNEL)
		put_kernel_fields(info, t);
	if (info->si_code == SI_QUEUE || info->si_code == SI_TIMER || info->si_code == SI_MESGQ)
		text_printf(t, ", si_value=%#" PRIx64, (uint64_t)(uintptr_t)info->si_ptr);
	text_puts(t, "}");
}
