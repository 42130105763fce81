// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * worker_exec.c - how a worker begins: in the process that the parent has forked,
 * or in a fresh image of this program, which finds what it is given at fixed
 * numbers and its request in a file without a name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmmd/control.h"
#include "vmmd/log.h"
#include "vmmd/worker.h"

enum { FD_CONTROL = WORKER_FD, FD_CLIENT, FD_ERR, FD_ENGINE, FD_REQUEST };

/* The request in a file of its own: an argument may be as long as it is, but others could read it. */
static int request_file(const char *request)
{
	size_t len = strlen(request), done = 0;
	int fd = memfd_create("vmmd-request", 0);

	if (fd >= 0 && fd != FD_REQUEST) {
		int want = dup2(fd, FD_REQUEST);

		close(fd);
		fd = want;
	}
	while (fd >= 0 && done < len) {
		ssize_t n = write(fd, request + done, len - done);

		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return fd;
}

static _Noreturn void worker_exec(const struct worker_start *start)
{
	const char *path = getenv("VMMD_PLUGIN_PATH");
	char name[] = "vmmd", option[] = "--worker", uid[16], gid[16], *plugins = NULL;
	char *argv[] = {name, option, uid, gid, NULL};
	char *envp[] = {NULL, NULL};

	if (path && asprintf(&plugins, "VMMD_PLUGIN_PATH=%s", path) >= 0)
		envp[0] = plugins;
	snprintf(uid, sizeof(uid), "%u", (unsigned)start->uid);
	snprintf(gid, sizeof(gid), "%u", (unsigned)start->gid);
	if (request_file(start->request) < 0)
		_exit(1);
	for (int fd = FD_CONTROL; fd <= FD_ENGINE; fd++)
		fcntl(fd, F_SETFD, 0);
	execve("/proc/self/exe", argv, envp);
	_exit(1);
}

void worker_begin(struct worker_start *start)
{
	if (start->uid != geteuid())
		worker_exec(start);
	worker_main(start);
}

static char *read_request(void)
{
	off_t len = lseek(FD_REQUEST, 0, SEEK_END);
	char *text = len > 0 && len <= CONTROL_LINE_MAX ? malloc((size_t)len + 1) : NULL;

	if (!text)
		return NULL;
	if (pread(FD_REQUEST, text, (size_t)len, 0) != len) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	close(FD_REQUEST);
	return text;
}

void worker_resume(const char *uid, const char *gid)
{
	struct worker_start start = {.control = FD_CONTROL, .client = FD_CLIENT, .client_err = -1, .engine = -1};
	int type;
	socklen_t len = sizeof(type);

	start.uid = (uid_t)strtoul(uid, NULL, 10);
	start.gid = (gid_t)strtoul(gid, NULL, 10);
	if (getsockopt(FD_CONTROL, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET)
		start.request = read_request();
	if (!start.request) {
		log_error("--worker is not for you: vmmd starts its workers so");
		_exit(2);
	}
	if (fcntl(FD_ERR, F_GETFD) >= 0)
		start.client_err = FD_ERR;
	if (fcntl(FD_ENGINE, F_GETFD) >= 0)
		start.engine = FD_ENGINE;
	for (int fd = FD_CONTROL; fd <= FD_ENGINE; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	worker_main(&start);
}
