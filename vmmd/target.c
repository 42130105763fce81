// SPDX-License-Identifier: GPL-2.0-or-later
/* target.c - which process a session may take over. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmmd/target.h"

#define RING "anon_inode:[io_uring]"

pid_t target_client(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? -1 : peer.pid;
}

/* What stands behind "KEY:" in its "status", as `form` says; or false. */
static bool status_of(pid_t pid, const char *form, void *value)
{
	char path[48], line[128];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, form, value) == 1;
	if (f)
		fclose(f);
	return found;
}

static pid_t parent_of(pid_t pid)
{
	pid_t parent;

	return status_of(pid, "PPid: %d", &parent) ? parent : -1;
}

bool target_runs(pid_t pid)
{
	char state;

	return status_of(pid, "State: %c", &state) && state != 'Z' && state != 'X';
}

bool target_is_clients(int sock, pid_t pid)
{
	pid_t client = target_client(sock);

	return client > 0 && (pid == client || parent_of(pid) == client);
}

/* A ring runs system calls that no engine sees, and goes on with those that it has been given. */
static bool has_ring(pid_t pid)
{
	const struct dirent *d;
	char path[48], what[32];
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && !found && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, what, sizeof(what));

		found = n == sizeof(RING) - 1 && !memcmp(what, RING, sizeof(RING) - 1);
	}
	if (dir)
		closedir(dir);
	return found;
}

int target_check(int sock, pid_t pid, char *why, size_t len)
{
	const char *whose = NULL;

	if (pid <= 0) {
		snprintf(why, len, "\"pid\" wants the number of the process to attach");
		return -EINVAL;
	}
	if (pid == 1)
		whose = "the first of all";
	else if (pid == getpid() || pid == getppid())
		whose = "the daemon of this session";
	else if (pid == target_client(sock))
		whose = "the client of this session";
	if (!whose && has_ring(pid)) {
		snprintf(why, len, "process %d cannot be attached: it has an io_uring, whose system calls nobody can see", (int)pid);
		return -EBUSY;
	}
	if (!whose)
		return 0;
	snprintf(why, len, "process %d cannot be attached: it is %s", (int)pid, whose);
	return -EINVAL;
}

bool target_is(pid_t pid, long long start)
{
	char path[48], text[1024];
	const char *p;
	long long is = 0;
	size_t n;
	FILE *f;

	if (start < 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	/* Field 2 is a name in parentheses, with whatever it likes in it. */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, "%lld", &is) == 1 && is == start;
}
