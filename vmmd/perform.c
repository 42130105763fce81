// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perform.c - a path call in a task's place, from begin to end.
 *
 * What it costs, in system calls beside copying the path: opening a regular
 * file by an absolute path, or by a relative one that stays below where it
 * starts, takes six: open the task's root (directory), find the file without
 * touching it, look what it is, open it, take O_NONBLOCK off again, close the
 * two helpers at once (one more if their numbers are no neighbours). One more
 * where the file system has no block device, and one where the daemon was
 * started by root; root's own worker also reads two status files. A look at a
 * file takes six, two of them for the user namespace; an error one more than
 * its call, to see that no link was in the way.
 *
 * Resource limits. RLIMIT_NOFILE is checked when the descriptor is installed in
 * the task; by then a file may have been created or truncated, which a native
 * open() with a full table would not have done. RLIMIT_FSIZE counts for
 * truncate() only, which asks for it. RLIMIT_MEMLOCK, NPROC and the like are
 * not charged by calls on paths. A limit of our own (EMFILE) is never an answer.
 *
 * The order of errors is that of the kernel where one mistake is made at a time.
 */
#include "vmmd/perform_impl.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmmd/sysent.h"

struct row {
	int64_t (*op)(struct perform *);
	unsigned flags;
};

#define PERFORM(name, op_name, row_flags) [NR_##name] = {op_##op_name, row_flags},
static const struct row rows[SYSENT_MAX] = {
#include "vmmd/perform.tbl"
};
#undef PERFORM

bool perform_can(int64_t nr)
{
	return nr >= 0 && nr < SYSENT_MAX && rows[nr].op;
}

/* ------------------------------------------------------------------- tools */

int64_t perform_sysret(long ret)
{
	return ret < 0 ? -errno : ret;
}

int perform_keep(struct perform *p, int fd)
{
	if (fd < 0)
		return fd;
	if (p->nkept == sizeof(p->kept) / sizeof(p->kept[0])) {
		close(fd);
		return PERFORM_CANNOT;
	}
	p->kept[p->nkept++] = fd;
	return fd;
}

/* Neighbours go together; a range holds nothing but ours, whatever other threads open. */
static void close_kept(struct perform *p)
{
	for (unsigned i = 0, n; i < p->nkept; i += n) {
		for (n = 1; i + n < p->nkept && p->kept[i + n] == p->kept[i] + (int)n;)
			n++;
		if (n > 1 && syscall(SYS_close_range, p->kept[i], p->kept[i + n - 1], 0) == 0)
			continue;
		for (unsigned k = 0; k < n; k++)
			close(p->kept[i + k]);
	}
}

uint64_t perform_arg(const struct perform *p, unsigned i)
{
	return p->rest + i < 6 ? p->call->args[p->rest + i] : 0;
}

bool perform_nofollow(const struct perform *p)
{
	return (p->flags & NOFOLLOW) || (p->atflags & AT_SYMLINK_NOFOLLOW);
}

/* The memory is not there, or it is not for us to see. */
static int no_memory(ssize_t n)
{
	return n >= 0 || n == -EFAULT ? -EFAULT : PERFORM_CANNOT;
}

int64_t perform_give(struct perform *p, uint64_t addr, const void *buf, size_t len)
{
	ssize_t n;

	cred_end(p);
	if (len == 0)
		return 0;
	n = p->task->write(p->task->arg, addr, buf, len);
	return n == (ssize_t)len ? 0 : no_memory(n);
}

int perform_take(struct perform *p, uint64_t addr, void *buf, size_t len)
{
	ssize_t n;

	if (len == 0)
		return 0;
	n = p->task->read(p->task->arg, addr, buf, len);
	return n == (ssize_t)len ? 0 : no_memory(n);
}

#define PAGE 4096u

/* Most strings end in the page they begin in: read to its end first, then page by page. */
int perform_take_str(struct perform *p, uint64_t addr, char *buf, size_t cap)
{
	size_t done = 0;

	while (done < cap) {
		size_t chunk = PAGE - ((addr + done) & (PAGE - 1));
		ssize_t n;

		if (chunk > cap - done)
			chunk = cap - done;
		n = p->task->read(p->task->arg, addr + done, buf + done, chunk);
		if (n <= 0)
			return no_memory(n);
		if (memchr(buf + done, '\0', (size_t)n))
			return 0;
		if ((size_t)n < chunk)
			return -EFAULT;
		done += (size_t)n;
	}
	return -ENAMETOOLONG;
}

const char *perform_via(char *buf, int fd)
{
	snprintf(buf, VIA_LEN, "/proc/self/fd/%d", fd);
	return buf;
}

/* --------------------------------------------------------------- the call */

/* Its error is the call's, or PERFORM_CANNOT. */
static int copy_path(struct perform *p, struct at *a, uint64_t addr, const char *given)
{
	int rc = 0;

	if (given && strlen(given) >= sizeof(a->path))
		return -ENAMETOOLONG;
	if (given)
		strcpy(a->path, given);
	else
		rc = perform_take_str(p, addr, a->path, sizeof(a->path));
	if (rc < 0) /* newer kernels take NULL for "" where that may be */
		return addr == 0 && (p->atflags & AT_EMPTY_PATH) ? PERFORM_CANNOT : rc;
	if (a->path[0])
		return 0;
	a->empty = true;
	if (!(p->atflags & AT_EMPTY_PATH))
		return -ENOENT;
	/* Only looking at an open file is the same through another descriptor of it. */
	return p->call->nr == NR_newfstatat || p->call->nr == NR_statx ? 0 : PERFORM_CANNOT;
}

static int copy_paths(struct perform *p, const char *const paths[2])
{
	const struct vmmd_syscall *s = sysent(p->call->nr);

	for (unsigned k = 0; k < s->nargs; k++) {
		if (s->kind[k] == VMMD_ARG_PATH)
			p->rest = k + 1;
		else if (s->kind[k] == VMMD_ARG_ATFLAGS)
			p->atflags = (int)p->call->args[k];
	}
	for (unsigned k = 0; k < s->nargs; k++) {
		struct at *a = &p->at[p->paths];
		int rc;

		if (s->kind[k] != VMMD_ARG_PATH)
			continue;
		a->dirfd = k && s->kind[k - 1] == VMMD_ARG_DIRFD ? (int)p->call->args[k - 1] : AT_FDCWD;
		a->base = a->fd = -1;
		a->resolve = 0;
		a->empty = a->path_ok = false;
		rc = copy_path(p, a, p->call->args[k], paths[p->paths]);
		if (rc == PERFORM_CANNOT)
			return rc;
		if (rc < 0) /* for later: what is wrong with other arguments comes before it */
			a->base = rc;
		else
			a->path_ok = true;
		p->paths++;
	}
	return 0;
}

/*
 * Might the task have been answered otherwise? It can have capabilities that we
 * lack: in a user namespace of its own, or root's, of which we keep a few.
 */
static bool doubtful(struct perform *p, int64_t value)
{
	switch (value) {
	case -EPERM:
	case -EACCES:
		return p->less || cred_userns(p) < 0;
	case -ENOSPC: /* CAP_SYS_RESOURCE */
	case -EDQUOT:
		return p->less;
	case -EMFILE:
	case -ENFILE:
	case -EINTR:
		return true;
	default:
		return false;
	}
}

static int64_t run(struct perform *p, const char *const paths[2])
{
	int64_t rc = copy_paths(p, paths);

	/* All of the task's own places first: we may see them, and who we will be perhaps not. */
	for (unsigned i = 0; rc == 0 && i < p->paths; i++)
		if (p->at[i].path_ok)
			rc = at_base(p, &p->at[i]);
	if (rc == 0)
		rc = cred_begin(p);
	if (rc == 0 && (p->flags & USERNS))
		rc = cred_userns(p);
	if (rc == 0 && !p->task->held(p->task->arg)) /* what has been looked up may not have been its own */
		rc = PERFORM_CANNOT;
	if (rc == 0)
		rc = rows[p->call->nr].op(p);
	if (rc != PERFORM_CANNOT && doubtful(p, rc))
		rc = PERFORM_CANNOT;
	return rc;
}

int perform(const struct perform_task *task, const struct vmmd_call *call, const char *const paths[2],
	    struct perform_result *result)
{
	struct perform p;
	int64_t rc;

	*result = (struct perform_result){.fd = -1};
	if (!perform_can(call->nr))
		return -EOPNOTSUPP;
	memset(&p, 0, offsetof(struct perform, PERFORM_UNSET)); /* the big ones are filled before they are read */
	p.task = task;
	p.call = call;
	p.result = result;
	p.flags = rows[call->nr].flags;
	p.root = -1;
	rc = run(&p, paths);
	cred_end(&p);
	close_kept(&p);
	if (rc == PERFORM_CANNOT) {
		if (result->fd >= 0)
			close(result->fd);
		result->fd = -1;
		return -EOPNOTSUPP;
	}
	result->value = rc;
	return 0;
}
