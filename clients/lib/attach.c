// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attach.c - have a running process taken over, and let it go.
 *
 * A process is named by a number, which may pass to another at its end. So the
 * daemon is told when the one that is meant has started, and has it only if that
 * is so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "clients/lib/impl.h"

#define SHOWN_BYTES 4096 /* of the command */
#define SHOWN_ARGS 64
#define DETACH_ID "0" /* of no request that is answered */

/* A file of a process; its length, or -errno. There is a NUL behind. */
static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t len)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n;
}

/* Field 22 of its "stat"; the name in field 2 may hold anything. */
static int started(pid_t pid, long long *start)
{
	char text[1024];
	ssize_t n = read_proc(pid, "stat", text, sizeof(text));
	const char *p = strrchr(text, ')');

	if (n < 0)
		return (int)n;
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, "%lld", start) == 1 ? 0 : -EPROTO;
}

/* Its command, to be shown: `text` cut into words; that of a program that has none left is its name. */
static void command_of(pid_t pid, char text[SHOWN_BYTES], char *argv[SHOWN_ARGS + 1])
{
	ssize_t n = read_proc(pid, "cmdline", text, SHOWN_BYTES);
	int words = 0;

	if (n <= 0) {
		n = read_proc(pid, "comm", text, SHOWN_BYTES);
		text[strcspn(text, "\n")] = '\0';
	}
	for (char *p = text; words < SHOWN_ARGS && p < text + n; p += strlen(p) + 1)
		argv[words++] = p;
	if (!words)
		argv[words++] = text;
	argv[words] = NULL;
}

int vmmctl_attach(struct vmmctl *c, const struct vmmctl_launch *l, pid_t pid, json_t **event, char *why, size_t len)
{
	char text[SHOWN_BYTES] = "", *argv[SHOWN_ARGS + 1];
	struct vmmctl_launch with = *l;
	long long start = 0;
	json_t *fields;
	int ret = started(pid, &start);

	*event = NULL;
	if (ret) {
		snprintf(why, len, "process %d: %s", (int)pid, strerror(-ret));
		return ret;
	}
	command_of(pid, text, argv);
	with.argv = argv;
	fields = vmmctl_session_fields(&with, pid, why, len);
	if (!fields)
		return -EINVAL;
	json_object_set_new(fields, "start", json_integer(start));
	ret = vmmctl_send(c, "attach", fields, fcntl(2, F_GETFD) < 0 ? -1 : 2);
	if (!ret)
		ret = vmmctl_await_attached(c, event);
	if (ret)
		snprintf(why, len, "%s", vmmctl_error(c));
	return ret;
}

int vmmctl_detach(const struct vmmctl *c)
{
	static const char line[] = "{\"id\":" DETACH_ID ",\"op\":\"detach\"}\n";
	ssize_t n = send(c->fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 ? -errno : 0;
}
