// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host_at.c - the part of the host table that runs calls in a task's place.
 *
 * Thin, as host.c: perform.c does the work. How a copied path reaches the
 * kernel is decided at the bottom of the stack (host_at_kernel()), when all
 * layers have had their say: at a stop that can rewrite the call it is written
 * into the task, which is cheaper; elsewhere, and if it confines, the call is
 * performed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmmd/engine/engine.h"
#include "vmmd/host.h"
#include "vmmd/perform.h"
#include "vmmd/req_path.h"
#include "vmmd/session.h"

static bool at_entry(const struct vmmd_req *req)
{
	return req->calls && req->event == REQ_ENTRY;
}

int host_set_path(struct vmmd_req *req, unsigned index, const char *path)
{
	uint64_t addr;
	int rc;

	if (!at_entry(req) || !host_is_text(&req->calls[REQ_CALL_NOW], index))
		return -EINVAL;
	if (!(req->want & (VMMD_WANT_PATHS | VMMD_WANT_REWRITE)))
		return -EACCES;
	rc = req_path_add(req, path, &addr);
	if (rc < 0)
		return rc;
	req->calls[REQ_CALL_NOW].args[index] = addr;
	req->asked->stats.rewritten++;
	return 0;
}

/* ---------------------------------------------------------------- performing */

static ssize_t read_task(void *arg, uint64_t addr, void *buf, size_t len)
{
	return host_read_raw(arg, addr, buf, len);
}

static ssize_t write_task(void *arg, uint64_t addr, const void *buf, size_t len)
{
	return host_write(arg, addr, buf, len);
}

static bool held_task(void *arg)
{
	const struct vmmd_req *req = arg;
	struct engine *e = req->task->session->engine;

	return !e->ops->held || e->ops->held(e, req->task->engine_task);
}

/*
 * The session was set up for it: see engine_config.performs. A process that was attached
 * may have had other rights than its user's, and one's own filters must be asked by the kernel.
 */
static bool may_perform(const struct vmmd_req *req)
{
	const struct session *s = req->task->session;

	return s->engine->ops->install_fd && !s->attaches && !req->filtered;
}

static bool can_install(const struct vmmd_req *req)
{
	const struct engine_ops *ops = req->task->session->engine->ops;

	return may_perform(req) && (req->fixed || (!req->at_exit && (ops->features & ENGINE_F_INSTALL_ANY)));
}

/* The kernel installs no O_PATH descriptor in another process: SECCOMP_IOCTL_NOTIF_ADDFD says EBADF. */
static bool is_path_fd(int fd)
{
	return fcntl(fd, F_GETFL) & O_PATH;
}

/* 0, or -EOPNOTSUPP: nothing has happened. */
static int run(struct vmmd_req *req, const struct vmmd_call *call, const char *const paths[2],
	       struct perform_result *result)
{
	static const char *const none[2];
	const struct perform_task task = {
		.tid = req->task->info.tid,
		.tgid = req->task->info.tgid,
		.read = read_task,
		.write = write_task,
		.held = held_task,
		.arg = req,
	};

	if (!req->task->engine_task || !may_perform(req))
		return -EOPNOTSUPP;
	return perform(&task, call, paths ? paths : none, result);
}

/* Run it, and note its result in the request. 0 or -EOPNOTSUPP. */
static int perform_now(struct vmmd_req *req, const struct vmmd_call *call, const char *const paths[2])
{
	const struct vmmd_syscall *s = sysent(call->nr);
	struct perform_result result;
	int rc;

	/* A descriptor could not be handed over: do not even open it. */
	if (s && s->ret == VMMD_ARG_FD && !can_install(req))
		return -EOPNOTSUPP;
	rc = run(req, call, paths, &result);
	if (rc < 0)
		return rc;
	if (result.fd >= 0 && is_path_fd(result.fd)) {
		close(result.fd);
		return -EOPNOTSUPP;
	}
	req_path_drop_fd(req);
	req->result = result.value;
	req->fd = result.fd;
	req->fd_cloexec = result.cloexec;
	return 0;
}

enum vmmd_verdict host_at_call(struct vmmd_req *req, const struct vmmd_call *call, const char *const paths[2])
{
	if (!at_entry(req) || !(req->want & HOST_AT_WANTS) || perform_now(req, call, paths) < 0)
		return VMMD_SUSPEND;
	req->has_result = true;
	return VMMD_REPLY;
}

int host_at_open(struct vmmd_req *req, int dirfd, const char *path, uint64_t flags, uint32_t mode)
{
	const struct vmmd_call call = {
		.nr = SYS_openat,
		.args = {(uint64_t)(int64_t)dirfd, 0, flags, mode},
	};
	const char *const paths[2] = {path, NULL};
	struct perform_result result;
	int rc;

	if (!at_entry(req))
		return -EINVAL;
	if (!(req->want & HOST_AT_WANTS))
		return -EACCES;
	rc = run(req, &call, paths, &result);
	if (rc < 0)
		return rc;
	return result.fd >= 0 ? result.fd : (int)result.value;
}

enum vmmd_verdict host_reply_fd(struct vmmd_req *req, int fd, int flags)
{
	int own;

	if (!at_entry(req) || !can_install(req) || is_path_fd(fd))
		return VMMD_SUSPEND;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	req_path_drop_fd(req);
	req->result = own < 0 ? -errno : 0;
	req->fd = own;
	req->fd_cloexec = flags & O_CLOEXEC;
	req->has_result = true;
	return VMMD_REPLY;
}

/* -------------------------------------------------- at the bottom of the stack */

/*
 * Write every copy into the task and point the call there. Other threads can write
 * there too, so what confines must not come this way.
 */
static int place(struct vmmd_req *req)
{
	struct vmmd_call *now = &req->calls[REQ_CALL_NOW];

	if (req_path_confines(req))
		return -EACCES;

	for (int i = 0; i < 6; i++) {
		const char *text = req_path_text(req, now->args[i]);
		uint64_t addr;
		size_t size;
		int rc;

		if (!text)
			continue;
		size = strlen(text) + 1;
		rc = host_scratch(req, size, &addr);
		if (rc < 0)
			return rc;
		if (host_write(req, addr, text, size) != (ssize_t)size)
			return -EFAULT;
		now->args[i] = addr;
	}
	return 0;
}

int host_at_kernel(struct vmmd_req *req)
{
	bool confines = req_path_confines(req);
	int rc;

	if (!req->fixed && !(confines && can_install(req)))
		return place(req);
	/* The paths are read through the copies' addresses. */
	rc = perform_now(req, &req->calls[REQ_CALL_NOW], NULL);
	if (rc == -EOPNOTSUPP && confines) /* nor may it be placed */
		rc = -EACCES;
	return rc < 0 ? rc : 1;
}
