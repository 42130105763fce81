/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bare.c - system call sets, filters, paths and placement for the bare supervisors.
 */
#include "tests/bench/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096u
#define JUMP_MAX 255 /* a classic BPF jump cannot go further */

struct row {
	const char *name;
	const char *arg[6];
};

static const struct row rows[BARE_NR_MAX] = {
#define SYSCALL(nr, name, ret, nargs, k0, k1, k2, k3, k4, k5) \
	[nr] = { #name, { #k0, #k1, #k2, #k3, #k4, #k5 } },
#include "proto/syscalls.tbl"
#undef SYSCALL
};

int bare_path_arg(unsigned nr)
{
	if (nr >= BARE_NR_MAX || !rows[nr].name)
		return -1;
	for (int i = 0; i < 6; i++)
		if (!strcmp(rows[nr].arg[i], "PATH"))
			return i;
	return -1;
}

static int set_add(struct bare_set *set, const char *word)
{
	char *end;
	unsigned long nr = strtoul(word, &end, 10);

	if (!strcmp(word, "@all"))
		set->all = true;
	else if (!strcmp(word, "@path"))
		for (unsigned i = 0; i < BARE_NR_MAX; i++)
			set->want[i] |= bare_path_arg(i) >= 0;
	else if (!strcmp(word, "@none"))
		return 0;
	else if (end != word && !*end && nr < BARE_NR_MAX)
		set->want[nr] = true;
	else {
		for (nr = 0; nr < BARE_NR_MAX; nr++)
			if (rows[nr].name && !strcmp(rows[nr].name, word))
				break;
		if (nr == BARE_NR_MAX)
			return -EINVAL;
		set->want[nr] = true;
	}
	return 0;
}

int bare_set_parse(struct bare_set *set, const char *spec)
{
	char *copy = strdup(spec), *save = NULL;
	int r = copy ? 0 : -ENOMEM;

	memset(set, 0, sizeof(*set));
	for (char *w = r ? NULL : strtok_r(copy, "+", &save); w && !r; w = strtok_r(NULL, "+", &save))
		r = set_add(set, w);
	free(copy);
	return r;
}

int bare_filter(const struct bare_set *set, uint32_t action, unsigned flags)
{
	struct sock_filter code[BARE_NR_MAX];
	struct sock_fprog prog = { .filter = code };
	unsigned n = 0, left = 0;
	int r;

	for (unsigned nr = 0; nr < BARE_NR_MAX; nr++)
		left += set->want[nr];
	if (left > JUMP_MAX)
		return -E2BIG;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (unsigned nr = 0; nr < BARE_NR_MAX; nr++)
		if (set->want[nr])
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr,
								 (uint8_t)left--, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						 set->all ? action : SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	prog.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	r = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	return r < 0 ? -errno : r;
}

ssize_t bare_read_path(pid_t pid, uint64_t addr, char path[BARE_PATH_MAX])
{
	size_t done = 0;

	while (done < BARE_PATH_MAX) {
		size_t len = PAGE - (addr + done) % PAGE; /* the next page may not exist */
		struct iovec here = { path + done, len < BARE_PATH_MAX - done ? len : BARE_PATH_MAX - done };
		struct iovec there = { (void *)(uintptr_t)(addr + done), here.iov_len };
		ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);
		char *end;

		if (n <= 0)
			return n ? -errno : -EFAULT;
		end = memchr(path + done, 0, (size_t)n);
		if (end)
			return end - path;
		done += (size_t)n;
	}
	return -ENAMETOOLONG;
}

int bare_pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set) ? -errno : 0;
}

int bare_task_cpu(pid_t pid)
{
	char path[64], text[1024], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	at = strrchr(text, ')'); /* the name may hold anything; field 2 ends here, 39 is wanted */
	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -1;
}

void bare_follow(int cpu, int *bound)
{
	if (cpu >= 0 && cpu != *bound && !bare_pin(0, cpu))
		*bound = cpu;
}

int bare_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}
