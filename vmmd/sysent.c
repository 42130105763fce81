/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysent.c - the table of system calls, and sets of them.
 *
 * In a set every number below SYSENT_MAX has a bit of its own, whether a call
 * has it or not; `other` stands for all numbers that have no bit.
 */
#include "vmmd/sysent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define SYSCALL(nr_, name_, ret_, nargs_, k0, k1, k2, k3, k4, k5)                                  \
	[nr_] = {                                                                                  \
		.name = #name_,                                                                    \
		.nargs = nargs_,                                                                   \
		.kind = { VMMD_ARG_##k0, VMMD_ARG_##k1, VMMD_ARG_##k2, VMMD_ARG_##k3,              \
			  VMMD_ARG_##k4, VMMD_ARG_##k5 },                                          \
		.ret = VMMD_ARG_##ret_,                                                            \
	},
static const struct vmmd_syscall sysent_table[SYSENT_MAX] = {
#include "proto/syscalls.tbl"
};
#undef SYSCALL

#define SYSCALL(nr_, name_, ...) SYSENT_##name_ = nr_,
enum sysent_numbers {
#include "proto/syscalls.tbl"
};
#undef SYSCALL

static const uint16_t sysent_net[] = {
	SYSENT_socket, SYSENT_connect, SYSENT_accept, SYSENT_accept4, SYSENT_sendto,
	SYSENT_recvfrom, SYSENT_sendmsg, SYSENT_recvmsg, SYSENT_sendmmsg, SYSENT_recvmmsg,
	SYSENT_shutdown, SYSENT_bind, SYSENT_listen, SYSENT_socketpair, SYSENT_getsockname,
	SYSENT_getpeername, SYSENT_setsockopt, SYSENT_getsockopt,
};

static const uint16_t sysent_process[] = {
	SYSENT_clone, SYSENT_fork, SYSENT_vfork, SYSENT_clone3, SYSENT_execve, SYSENT_execveat,
	SYSENT_exit, SYSENT_exit_group, SYSENT_wait4, SYSENT_waitid, SYSENT_kill, SYSENT_tkill,
	SYSENT_tgkill, SYSENT_rt_sigqueueinfo, SYSENT_rt_tgsigqueueinfo,
	SYSENT_pidfd_send_signal,
};

const struct vmmd_syscall *sysent(int64_t nr)
{
	if (nr < 0 || nr >= SYSENT_MAX || sysent_table[nr].name == NULL)
		return NULL;
	return &sysent_table[nr];
}

int64_t sysent_nr(const char *name)
{
	for (int nr = 0; nr < SYSENT_MAX; nr++)
		if (sysent_table[nr].name != NULL && strcmp(sysent_table[nr].name, name) == 0)
			return nr;
	return -1;
}

bool sysent_set_has(const struct vmmd_set *set, int64_t nr)
{
	if (nr < 0 || nr >= SYSENT_MAX)
		return set->other;
	return set->bits[nr / 64] >> (nr % 64) & 1;
}

static void set_put(struct vmmd_set *set, unsigned nr, bool in)
{
	uint64_t bit = UINT64_C(1) << (nr % 64);

	if (in)
		set->bits[nr / 64] |= bit;
	else
		set->bits[nr / 64] &= ~bit;
}

static void set_put_list(struct vmmd_set *set, const uint16_t *list, size_t count, bool in)
{
	for (size_t i = 0; i < count; i++)
		set_put(set, list[i], in);
}

static bool takes_path(const struct vmmd_syscall *call)
{
	return memchr(call->kind, VMMD_ARG_PATH, sizeof(call->kind)) != NULL;
}

static int set_put_group(struct vmmd_set *set, const char *group, bool in)
{
	if (strcmp(group, "@all") == 0) {
		memset(set->bits, in ? 0xff : 0, sizeof(set->bits));
		set->other = in;
	} else if (strcmp(group, "@path") == 0) {
		for (unsigned nr = 0; nr < SYSENT_MAX; nr++)
			if (takes_path(&sysent_table[nr]))
				set_put(set, nr, in);
	} else if (strcmp(group, "@net") == 0) {
		set_put_list(set, sysent_net, ARRAY_SIZE(sysent_net), in);
	} else if (strcmp(group, "@process") == 0) {
		set_put_list(set, sysent_process, ARRAY_SIZE(sysent_process), in);
	} else {
		return -EINVAL;
	}
	return 0;
}

/* The number that a text names, or -1. */
static int64_t parse_number(const char *text)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 3 || text[len] != '\0')
		return -1;
	long nr = strtol(text, NULL, 10);
	return nr < SYSENT_MAX ? nr : -1;
}

int sysent_set_add(struct vmmd_set *set, const char *item, char *why, size_t len)
{
	bool in = item[0] != '!';
	const char *what = in ? item : item + 1;

	if (what[0] == '@') {
		if (set_put_group(set, what, in) == 0)
			return 0;
		snprintf(why, len, "no group \"%s\"", what);
		return -EINVAL;
	}
	int64_t nr = sysent_nr(what);
	if (nr < 0)
		nr = parse_number(what);
	if (nr < 0) {
		if (what[strspn(what, "0123456789")] == '\0' && what[0] != '\0')
			snprintf(why, len, "%s is not below %d", what, SYSENT_MAX);
		else
			snprintf(why, len, "no system call \"%s\"", what);
		return -EINVAL;
	}
	set_put(set, (unsigned)nr, in);
	return 0;
}
