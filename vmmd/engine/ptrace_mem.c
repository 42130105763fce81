// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace_mem.c - memory of tasks, and calls run on their behalf.
 *
 * Scratch memory is one anonymous mapping of ENGINE_SCRATCH bytes per task,
 * made by the task itself when it is first needed: its stack is no place for
 * it, since a goroutine or a small thread has no room there. Areas belong to
 * an address space; one whose task has gone serves the next task there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmd/engine/ptrace_arch.h"
#include "vmmd/engine/ptrace_impl.h"

/* -------------------------------------------------------------------- memory */

/* A task that is not dumpable, or a kernel without process_vm_readv(2). */
static ssize_t by_file(const struct engine_task *t, uint64_t addr, void *rbuf, const void *wbuf, size_t len)
{
	char path[48];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)t->tid);
	fd = open(path, (wbuf ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = wbuf ? pwrite(fd, wbuf, len, (off_t)addr) : pread(fd, rbuf, len, (off_t)addr);
	if (n < 0)
		n = errno == EIO ? -EFAULT : -errno;
	close(fd);
	return n;
}

ssize_t pt_read(struct engine_task *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};
	ssize_t n;

	if (!len)
		return 0;
	n = process_vm_readv(t->tid, &local, 1, &remote, 1, 0);
	if (n < 0)
		n = errno == EPERM || errno == ENOSYS ? by_file(t, addr, buf, NULL, len) : -errno;
	/* Killed meanwhile, its number may be another's. */
	if (t->notify_id && !notify_valid(&t->e->notify, t->notify_id))
		return -EFAULT;
	return n;
}

ssize_t pt_write(struct engine_task *t, uint64_t addr, const void *buf, size_t len)
{
	struct iovec local = {(void *)(uintptr_t)buf, len}, remote = {(void *)(uintptr_t)addr, len};
	ssize_t n;

	if (!len)
		return 0;
	if (t->notify_id && !notify_valid(&t->e->notify, t->notify_id))
		return -EFAULT;
	n = process_vm_writev(t->tid, &local, 1, &remote, 1, 0);
	if (n >= 0)
		return n;
	return errno == EPERM || errno == ENOSYS ? by_file(t, addr, NULL, buf, len) : -errno;
}

/* ------------------------------------------------------- calls on its behalf */

/*
 * Wait for this task's next system call stop. Other stops on the way are those
 * of a task on its way into a call; see PT_REISSUE. A task that dies instead
 * is stashed for pt_wait().
 */
static int wait_call_stop(struct engine_task *t)
{
	struct pt_engine *e = t->e;

	for (;;) {
		int status;
		pid_t r = wait4(t->tid, &status, __WALL, NULL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		/* Killed, by an execve(2) of another thread too: in the leader's case that has its number now. */
		if (!WIFSTOPPED(status) || status >> 16 == PTRACE_EVENT_EXIT || status >> 16 == PTRACE_EVENT_EXEC) {
			t->dying = true;
			if (e->stashed < 2 * PT_STASH)
				e->stash[e->stashed++] = (struct pt_stash){t->tid, status};
			return -ESRCH;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 0;
		if (status >> 16 == PTRACE_EVENT_STOP)
			t->interrupt = true;
		else if (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP)
			t->stop_pending = true;
		if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL) < 0)
			return -errno;
	}
}

static int to_call_stop(struct engine_task *t)
{
	if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL) < 0)
		return -errno;
	return wait_call_stop(t);
}

/* Send it to a call instruction again, up to the entry of `call`. */
static int enter_again(struct engine_task *t, const struct vmmd_call *call)
{
	int rc = pt_rewind(t, call);

	if (rc == 0)
		rc = to_call_stop(t);
	if (rc == 0)
		pt_rewound(t);
	return rc;
}

/* From the entry of the program's call: run `call` in its place, then enter the program's again. */
static int call_at_entry(struct engine_task *t, const struct vmmd_call *call, int64_t *result)
{
	struct user_regs_struct saved;
	struct vmmd_call again;
	int rc;

	rc = pt_need_regs(t);
	if (rc < 0)
		return rc;
	if (!pt_can_rewind(t))
		return -EINVAL;
	saved = t->regs;
	arch_get_call(&saved, &again);
	arch_set_nr(&t->regs, call->nr);
	arch_set_args(&t->regs, call->args);
	rc = pt_set_regs(t);
	if (rc == 0)
		rc = to_call_stop(t);
	if (rc == 0)
		rc = pt_get_regs(t);
	if (rc < 0)
		return rc;
	*result = arch_result(&t->regs);
	t->regs = saved;
	rc = enter_again(t, &again);
	t->have_regs = false;
	if (rc == 0)
		rc = pt_need_regs(t);
	return rc;
}

/* From the exit of the program's call: make another, and stand at the same exit again. */
static int call_at_exit(struct engine_task *t, const struct vmmd_call *call, int64_t *result)
{
	struct user_regs_struct saved = t->regs;
	int rc = enter_again(t, call);

	if (rc == 0)
		rc = to_call_stop(t);
	if (rc == 0)
		rc = pt_get_regs(t);
	if (rc < 0)
		return rc;
	*result = arch_result(&t->regs);
	t->regs = saved;
	/* The kernel restarts a call only on its way to a signal or a trap. */
	if (arch_restarts(&saved))
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	return pt_set_regs(t);
}

int pt_scratch(struct engine *base, struct engine_task *t, uint64_t *addr)
{
	static const struct vmmd_call map = {
		.nr = SYS_mmap,
		.args = {0, ENGINE_SCRATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 (uint64_t)-1, 0},
	};
	int64_t result = -EINVAL;
	int rc = -EINVAL;

	(void)base;
	if (!t->scratch)
		t->scratch = mm_take(t->mm);
	if (t->scratch) {
		*addr = t->scratch;
		return 0;
	}
	if (t->state == PT_ENTRY)
		rc = call_at_entry(t, &map, &result);
	else if (t->state == PT_EXIT)
		rc = call_at_exit(t, &map, &result);
	if (rc < 0)
		return rc;
	if (result < 0)
		return (int)result;
	t->scratch = (uint64_t)result;
	*addr = t->scratch;
	return 0;
}
