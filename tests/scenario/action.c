// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * action.c - what the core has done with a task, as text.
 */
#include "tests/scenario/action.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "vmmd/sysent.h"

void action_add(struct action **list, const char *text)
{
	struct action *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	snprintf(a->text, sizeof(a->text), "%s", text);
	LL_APPEND(*list, a);
}

void action_take(struct action **list, char *buf, size_t len)
{
	struct action *a = *list;

	snprintf(buf, len, "%s", a->text);
	LL_DELETE(*list, a);
	free(a);
}

void action_free(struct action **list)
{
	struct action *a, *tmp;

	LL_FOREACH_SAFE(*list, a, tmp)
		free(a);
	*list = NULL;
}

void action_call_text(const struct vmmd_call *call, char *buf, size_t len)
{
	const struct vmmd_syscall *sys = sysent(call->nr);
	size_t n;

	if (!sys) {
		snprintf(buf, len, "%lld()", (long long)call->nr);
		return;
	}
	n = (size_t)snprintf(buf, len, "%s(", sys->name);
	for (unsigned i = 0; i < sys->nargs && n < len; i++)
		n += (size_t)snprintf(buf + n, len - n, "%s%#llx", i ? ", " : "",
				      (unsigned long long)call->args[i]);
	if (n < len)
		snprintf(buf + n, len - n, ")");
}

static void change_text(const struct engine_action *a, const struct vmmd_call *was, char *buf, size_t len)
{
	const struct vmmd_call *to = a->call;
	size_t n = 0;

	buf[0] = 0;
	if (!a->changed)
		return;
	if (a->type == ENGINE_RUN) {
		buf[n++] = ' ';
		action_call_text(to, buf + n, len - n);
		n = strlen(buf);
	}
	if (to->pc != was->pc)
		n += (size_t)snprintf(buf + n, len - n, " pc %#llx", (unsigned long long)to->pc);
	if (to->sp != was->sp)
		snprintf(buf + n, len - n, " sp %#llx", (unsigned long long)to->sp);
}

void action_text(const struct engine_action *a, enum engine_event_type at, const struct vmmd_call *was, int signo, char *buf,
		 size_t len)
{
	char change[200];

	change_text(a, was, change, sizeof(change));
	switch (a->type) {
	case ENGINE_GO:
		if (at == ENGINE_SIGNAL)
			snprintf(buf, len, "deliver %s", sigabbrev_np(signo) ? sigabbrev_np(signo) : "?");
		else
			snprintf(buf, len, "go");
		break;
	case ENGINE_DROP:
		snprintf(buf, len, "drop");
		break;
	case ENGINE_RUN:
		snprintf(buf, len, "run%s%s", change, a->want_exit ? " exit" : "");
		break;
	case ENGINE_RETURN:
		snprintf(buf, len, "return %lld%s", (long long)a->result, change);
		break;
	case ENGINE_RETURN_FD:
		snprintf(buf, len, "return fd%s", a->cloexec ? " cloexec" : "");
		break;
	case ENGINE_AGAIN:
		snprintf(buf, len, "again");
		break;
	}
}
