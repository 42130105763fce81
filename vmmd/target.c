// SPDX-License-Identifier: GPL-2.0-or-later
/* target.c - which process a session may take over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmmd/target.h"

pid_t target_client(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? -1 : peer.pid;
}

static pid_t parent_of(pid_t pid)
{
	char path[48], line[128];
	pid_t parent = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	fclose(f);
	return parent;
}

bool target_is_clients(int sock, pid_t pid)
{
	pid_t client = target_client(sock);

	return client > 0 && (pid == client || parent_of(pid) == client);
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
