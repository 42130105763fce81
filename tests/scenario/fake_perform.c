// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_perform.c - in the place of vmmd/perform.c: calls are told, not run. */
#include "tests/scenario/fake_perform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "vmmd/perform.h"
#include "vmmd/sysent.h"

#define MAX_CALLS 16

static char calls[MAX_CALLS][256];
static unsigned made, taken;
static char next[64] = "unable";

void fake_perform_set(const char *result)
{
	snprintf(next, sizeof(next), "%s", result);
}

const char *fake_perform_take(void)
{
	return taken < made ? calls[taken++] : NULL;
}

bool perform_can(int64_t nr)
{
	switch (nr) {
	case SYS_open:
	case SYS_openat:
	case SYS_stat:
	case SYS_mkdir:
	case SYS_rename:
	case SYS_unlink:
		return true;
	default:
		return false;
	}
}

/* Byte for byte: a copy's address is one at which nothing else can be read. */
static void read_path(const struct perform_task *t, uint64_t addr, char *buf, size_t len)
{
	size_t n = 0;

	while (n < len - 1 && t->read(t->arg, addr + n, buf + n, 1) == 1 && buf[n])
		n++;
	buf[n] = '\0';
	if (n == 0)
		snprintf(buf, len, "nothing");
}

static void call_text(const struct perform_task *t, const struct vmmd_call *call, const char *const paths[2], char *buf,
		      size_t len)
{
	const struct vmmd_syscall *s = sysent(call->nr);
	size_t n = (size_t)snprintf(buf, len, "%s(", s->name);
	unsigned path = 0;

	for (unsigned i = 0; i < s->nargs && n < len; i++) {
		char text[100];

		if (s->kind[i] != VMMD_ARG_PATH)
			snprintf(text, sizeof(text), "%#llx", (unsigned long long)call->args[i]);
		else if (paths[path])
			snprintf(text, sizeof(text), "%s", paths[path]);
		else
			read_path(t, call->args[i], text, sizeof(text));
		path += s->kind[i] == VMMD_ARG_PATH;
		n += (size_t)snprintf(buf + n, len - n, "%s%s", i ? ", " : "", text);
	}
	if (n < len)
		snprintf(buf + n, len - n, ")");
}

int perform(const struct perform_task *t, const struct vmmd_call *call, const char *const paths[2],
	    struct perform_result *result)
{
	*result = (struct perform_result){.fd = -1};
	if (strcmp(next, "unable") == 0 || made == MAX_CALLS)
		return -EOPNOTSUPP;
	call_text(t, call, paths, calls[made++], sizeof(calls[0]));
	result->value = strtoll(next, NULL, 0);
	if (strncmp(next, "fd", 2) == 0) {
		result->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		result->cloexec = strcmp(next, "fd-cloexec") == 0;
	}
	return 0;
}
