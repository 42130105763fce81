// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace_eintr.c - hiding that a tracer has stopped a task in a system call.
 *
 * Ignored signals, the engine's own interrupts and group stops make some calls
 * return EINTR only because there is a tracer. These are started again.
 */
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>

#include "vmmd/engine/procfs.h"
#include "vmmd/engine/ptrace_arch.h"
#include "vmmd/engine/ptrace_impl.h"

/* Calls that fail with EINTR when a stop interrupts them although no signal came: signal(7). */
static bool eintr_call(int64_t nr)
{
	switch (nr) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_rt_sigtimedwait:
	case SYS_io_getevents:
	/* Sockets with SO_RCVTIMEO or SO_SNDTIMEO. */
	case SYS_accept:
	case SYS_accept4:
	case SYS_connect:
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
		return true;
	default:
		return false;
	}
}

static bool signal_pending(const struct engine_task *t)
{
	siginfo_t info;
	struct __ptrace_peeksiginfo_args own = {.nr = 1}, group = {.nr = 1, .flags = PTRACE_PEEKSIGINFO_SHARED};

	return ptrace(PTRACE_PEEKSIGINFO, t->tid, &own, &info) > 0 ||
	       ptrace(PTRACE_PEEKSIGINFO, t->tid, &group, &info) > 0;
}

/* Which timeout a socket has is not known. */
#define SOCKET_TIMEOUT_MS 1000

/* How long such a call may take, in ms; -1: for ever. */
static int64_t eintr_timeout(struct engine_task *t)
{
	const struct user_regs_struct *r = &t->regs;
	uint64_t addr = 0;
	struct timespec ts;

	switch (arch_nr(r)) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return (int32_t)r->r10;
	case SYS_epoll_pwait2:
	case SYS_semtimedop:
		addr = r->r10;
		break;
	case SYS_rt_sigtimedwait:
		addr = r->rdx;
		break;
	case SYS_io_getevents:
		addr = r->r8;
		break;
	case SYS_semop:
		return -1;
	default:
		return SOCKET_TIMEOUT_MS;
	}
	if (!addr || pt_read(t, addr, &ts, sizeof(ts)) != sizeof(ts))
		return -1;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * The call was interrupted by something that a program without a tracer would
 * not have noticed: start it again. Its timeout starts again too, so not more
 * than once in that time; a second time it sees the EINTR that it must expect.
 */
void pt_start_again(struct engine_task *t)
{
	int64_t now = pt_now_ms(), limit = eintr_timeout(t);

	if (signal_pending(t) || !pt_can_rewind(t))
		return;
	if (limit >= 0 && t->again_ms && now - t->again_ms < limit)
		return;
	t->again_ms = now;
	arch_rewind(&t->regs, arch_nr(&t->regs));
	arch_set_nr(&t->regs, -1);
	pt_set_regs(t);
}

bool pt_was_interrupted(struct engine_task *t)
{
	return t->phase == PT_USER && pt_get_regs(t) == 0 && arch_result(&t->regs) == -EINTR &&
	       eintr_call(arch_nr(&t->regs));
}

/* Does the program ignore this signal, by choice or by default? proc(5), status. */
static bool ignored(const struct engine_task *t, int sig)
{
	const uint64_t by_default = 1ull << (SIGCHLD - 1) | 1ull << (SIGCONT - 1) | 1ull << (SIGURG - 1) |
				    1ull << (SIGWINCH - 1);
	struct procfs_status st;

	if (procfs_status(t->tid, &st) < 0)
		return false;
	return (st.ignored | (by_default & ~st.caught)) >> (sig - 1) & 1;
}

void pt_hide_signal(struct engine_task *t, int sig)
{
	if (t->stopped && sig == SIGCONT)
		t->stopped = false;
	else if (pt_was_interrupted(t) && (!sig || ignored(t, sig)))
		pt_start_again(t);
}
