// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * out.c - where layers write text.
 *
 * Event thread only. An output never fails its caller: a disk that is full is
 * said once in the log, a reader that has gone ends the output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmmd/log.h"
#include "vmmd/out.h"

#define OUT_BUFFER 32768

struct vmmd_out {
	int fd;
	bool own;  /* close it */
	bool pipe; /* drop what does not fit */
	bool dead;
	uint64_t lost;
	struct loop *loop; /* file: for the flush */
	struct loop_timer timer;
	size_t used;
	char *buf;
	struct vmmd_out *next; /* the layer's list */
};

struct vmmd_out **out_link(struct vmmd_out *o)
{
	return &o->next;
}

static struct vmmd_out *out_new(int fd)
{
	struct vmmd_out *o = calloc(1, sizeof(*o));

	if (o)
		o->fd = fd;
	return o;
}

struct vmmd_out *out_new_fd(int fd)
{
	if (fd < 0) {
		errno = EBADF;
		return NULL;
	}
	return out_new(fd);
}

struct vmmd_out *out_new_pipe(int fd)
{
	struct vmmd_out *o = out_new_fd(fd);

	if (o)
		o->pipe = true;
	return o;
}

static void on_flush(struct loop_timer *timer)
{
	out_flush((struct vmmd_out *)(void *)((char *)timer - offsetof(struct vmmd_out, timer)));
}

struct vmmd_out *out_new_file(struct loop *loop, const char *path, bool again)
{
	int fd = open(path, O_WRONLY | O_CREAT | (again ? 0 : O_TRUNC) | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	struct vmmd_out *o;

	if (fd < 0)
		return NULL;
	o = out_new(fd);
	if (o)
		o->buf = malloc(OUT_BUFFER);
	if (!o || !o->buf) {
		free(o);
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	o->own = true;
	o->loop = loop;
	loop_timer_init(&o->timer, on_flush);
	return o;
}

static void write_all(struct vmmd_out *o, const char *buf, size_t len)
{
	while (len && !o->dead) {
		ssize_t n = write(o->fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		/* The program shares its standard error and may have made it non-blocking. */
		if (n < 0 && errno == EAGAIN && poll(&(struct pollfd){.fd = o->fd, .events = POLLOUT}, 1, -1) >= 0)
			continue;
		if (n < 0) {
			o->dead = true;
			if (errno != EPIPE)
				log_warning("an output of a layer ends: %s", strerror(errno));
			return;
		}
		buf += n;
		len -= (size_t)n;
	}
}

/* A pipe in non-blocking mode: writes of up to PIPE_BUF bytes are whole or not at all. */
static void write_pipe(struct vmmd_out *o, const char *buf, size_t len)
{
	char note[64];
	struct iovec v[2] = {{note, 0}, {(void *)(uintptr_t)buf, len}};

	if (o->lost)
		v[0].iov_len = (size_t)snprintf(note, sizeof(note), "[%llu lost]\n", (unsigned long long)o->lost);
	if (writev(o->fd, v, 2) == (ssize_t)(v[0].iov_len + len))
		o->lost = 0;
	else
		o->lost++;
}

void out_flush(struct vmmd_out *o)
{
	if (!o->buf || !o->used)
		return;
	write_all(o, o->buf, o->used);
	o->used = 0;
}

void out_write(struct vmmd_out *o, const void *buf, size_t len)
{
	if (o->dead || !len)
		return;
	if (o->pipe) {
		write_pipe(o, buf, len);
		return;
	}
	if (!o->buf) {
		write_all(o, buf, len);
		return;
	}
	if (o->used + len > OUT_BUFFER)
		out_flush(o);
	if (len > OUT_BUFFER) {
		write_all(o, buf, len);
		return;
	}
	if (!o->used && !loop_timer_active(&o->timer))
		loop_timer_start(o->loop, &o->timer, OUT_FLUSH_MS, 0);
	memcpy(o->buf + o->used, buf, len);
	o->used += len;
}

void out_free(struct vmmd_out *o)
{
	if (!o)
		return;
	out_flush(o);
	if (o->loop)
		loop_timer_stop(o->loop, &o->timer);
	if (o->own)
		close(o->fd);
	free(o->buf);
	free(o);
}
