// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * launch.c - become a program in a session.
 *
 * The worker takes this process over (PTRACE_SEIZE) while it waits for the
 * "attached" event; then it installs the session's filter and calls execve(2)
 * at once. Everything the program inherits (descriptors, signal mask and
 * dispositions, terminal, parent) is simply left alone, so it is what a bare
 * run would have had; what this library opened is close-on-exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "clients/lib/impl.h"

#define CONFIG_MAX (512 * 1024)
#define SHOWN_ARGS 64	/* the daemon only shows the command */
#define SHOWN_ARG 1024

/* ----------------------------------------------------------------- request */

/* The text of a file; NULL with a line in `why`. */
static char *read_config(const char *file, size_t *len, char *why, size_t whylen)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *text = malloc(CONFIG_MAX + 1);
	ssize_t n = 0;

	*len = 0;
	if (fd < 0 || !text) {
		snprintf(why, whylen, "%s: %s", file, strerror(errno));
		goto fail;
	}
	while (*len <= CONFIG_MAX && (n = read(fd, text + *len, CONFIG_MAX + 1 - *len)) > 0)
		*len += (size_t)n;
	if (n < 0) {
		snprintf(why, whylen, "%s: %s", file, strerror(errno));
		goto fail;
	}
	if (*len > CONFIG_MAX) {
		snprintf(why, whylen, "%s: longer than %d KiB", file, CONFIG_MAX / 1024);
		goto fail;
	}
	close(fd);
	return text;
fail:
	if (fd >= 0)
		close(fd);
	free(text);
	return NULL;
}

static json_t *config_object(const char *file, char *why, size_t whylen)
{
	size_t len;
	char *text = read_config(file, &len, why, whylen);
	json_t *str, *obj = NULL;

	if (!text)
		return NULL;
	str = json_stringn(text, len);
	free(text);
	if (!str) {
		snprintf(why, whylen, "%s: not UTF-8", file);
		return NULL;
	}
	obj = json_pack("{s:o, s:o}", "file", vmmctl_text(file, PATH_MAX), "text", str);
	if (!obj)
		snprintf(why, whylen, "out of memory");
	return obj;
}

/* Where relative paths start. It must be exact: if it has no name that can be sent, the daemon asks our process. */
static json_t *cwd_string(void)
{
	char *cwd = getcwd(NULL, 0);
	json_t *str = cwd && cwd[0] == '/' ? json_string(cwd) : NULL;

	free(cwd);
	return str;
}

json_t *vmmctl_config(const char *file, const char *const *layers, size_t n, char *why, size_t len)
{
	json_t *cwd = cwd_string(), *list = json_array(), *fields;
	size_t i;

	fields = json_pack("{s:o, s:o*}", "layers", list, "cwd", cwd);
	if (!fields) {
		snprintf(why, len, "out of memory");
		return NULL;
	}
	for (i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(layers[i]))) {
			snprintf(why, len, "-l: not UTF-8");
			goto fail;
		}
	if (file) {
		json_t *config = config_object(file, why, len);

		if (!config || json_object_set_new(fields, "config", config))
			goto fail;
	}
	return fields;
fail:
	json_decref(fields);
	return NULL;
}

json_t *vmmctl_session_fields(const struct vmmctl_launch *l, pid_t pid, char *why, size_t len)
{
	json_t *fields = vmmctl_config(l->config_file, l->layers, l->nlayers, why, len);
	json_t *argv = json_array();
	const char *slash = strrchr(l->argv[0], '/');
	const char *name = l->name ? l->name : slash && slash[1] ? slash + 1 : l->argv[0];
	mode_t mask = umask(0);
	size_t i;

	umask(mask);

	if (!fields) {
		json_decref(argv);
		return NULL;
	}
	for (i = 0; i < SHOWN_ARGS && l->argv[i]; i++)
		json_array_append_new(argv, vmmctl_text(l->argv[i], SHOWN_ARG));
	json_object_set_new(fields, "argv", argv);
	json_object_set_new(fields, "name", vmmctl_text(name, 64));
	json_object_set_new(fields, "pid", json_integer(pid));
	json_object_set_new(fields, "umask", json_integer(mask));
	json_object_set_new(fields, "summary", json_boolean(l->summary));
	if (l->engine)
		json_object_set_new(fields, "engine", vmmctl_text(l->engine, 64));
	return fields;
}

/* ------------------------------------------------------------------ filter */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The program of the "attached" event. An empty one is fine: nothing is to be stopped on. */
static int decode_filter(const char *hex, struct sock_fprog *prog)
{
	size_t digits = hex ? strlen(hex) : 0, i;
	unsigned char *raw;

	prog->filter = NULL;
	prog->len = 0;
	if (digits == 0)
		return 0;
	if (digits % (2 * sizeof(struct sock_filter)) || digits / 2 / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return -EPROTO;
	raw = malloc(digits / 2);
	if (!raw)
		return -ENOMEM;
	for (i = 0; i < digits; i += 2) {
		int hi = hex_digit(hex[i]), lo = hex_digit(hex[i + 1]);

		if (hi < 0 || lo < 0) {
			free(raw);
			return -EPROTO;
		}
		raw[i / 2] = (unsigned char)(hi << 4 | lo);
	}
	prog->filter = (struct sock_filter *)(void *)raw;
	prog->len = (unsigned short)(digits / 2 / sizeof(struct sock_filter));
	return 0;
}

/* ------------------------------------------------------------------ launch */

int vmmctl_await_attached(struct vmmctl *c, json_t **event)
{
	int ret;

	while ((ret = vmmctl_next(c, event)) == 1 && !json_object_get(*event, "attached"))
		json_decref(*event);
	if (ret == 1)
		return 0;
	json_decref(*event);
	*event = NULL;
	return ret ? ret : vmmctl_fail(c, EPROTO, "vmmd ended the session before it began");
}

/* Ask, and wait until the worker has us. 0 or -errno with a line in `why`. */
static int attach(struct vmmctl *c, const struct vmmctl_launch *l, struct sock_fprog *prog, unsigned *flags, char *why,
		  size_t len)
{
	json_t *fields = vmmctl_session_fields(l, getpid(), why, len), *msg = NULL;
	int err = fcntl(2, F_GETFD) < 0 ? -1 : 2;
	int ret;

	if (!fields)
		return -EINVAL;
	/* Where Yama restricts ptrace(2) the worker is no ancestor; elsewhere this fails and is not needed. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	ret = vmmctl_send(c, "run", fields, err);
	if (!ret)
		ret = vmmctl_await_attached(c, &msg);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	if (!ret) {
		ret = decode_filter(json_string_value(json_object_get(msg, "filter")), prog);
		if (ret)
			vmmctl_fail(c, ret, "vmmd sent a filter that is none");
		*flags = (unsigned)json_integer_value(json_object_get(msg, "flags"));
	}
	json_decref(msg);
	if (ret)
		snprintf(why, len, "%s", vmmctl_error(c));
	return ret;
}

/* The number that the next descriptor of ours will have. */
static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return fd;
}

/*
 * From here on every call may be one that vmmd is asked about, and until it has
 * the listener it cannot answer: so it is told beforehand under which number it
 * finds it, and the next call is execve(2), in which we wait for it.
 */
static int install(struct vmmctl *c, struct sock_fprog *prog, unsigned flags)
{
	int fd = -1, rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
		fd = next_fd();
		if (fd < 0)
			return fd;
		rc = vmmctl_send(c, "listener", json_pack("{s:i}", "fd", fd), -1);
		if (rc < 0)
			return rc;
	}
	if (!prog->len)
		return 0;
	rc = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	if (rc < 0)
		return -errno;
	return fd >= 0 && rc != fd ? -EBADF : 0;
}

int vmmctl_launch(struct vmmctl *c, const struct vmmctl_launch *l, char *why, size_t len)
{
	struct sock_fprog prog = {0};
	unsigned flags = 0;
	int err, ret = VMMCTL_REFUSED;

	if (attach(c, l, &prog, &flags, why, len))
		return VMMCTL_REFUSED;
	err = install(c, &prog, flags);
	if (err < 0) {
		snprintf(why, len, "cannot install the session's filter: %s", strerror(-err));
	} else {
		execvp(l->argv[0], l->argv);
		err = errno;
		snprintf(why, len, "%s: %s", l->argv[0], strerror(err));
		ret = err == ENOENT ? VMMCTL_NOT_FOUND : VMMCTL_CANNOT_EXEC;
	}
	free(prog.filter);
	return ret;
}
