// SPDX-License-Identifier: GPL-2.0-or-later
/* procfs.c - what proc(5) tells about a task, for the engines. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmmd/engine/procfs.h"

int procfs_status(pid_t tid, struct procfs_status *st)
{
	char path[48], line[256];
	FILE *f;

	*st = (struct procfs_status){.tgid = tid, .caught = ~(uint64_t)0};
	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		unsigned long long set;

		if (sscanf(line, "Tgid: %d", &st->tgid) == 1 || sscanf(line, "PPid: %d", &st->ppid) == 1)
			continue;
		if (sscanf(line, "SigIgn: %llx", &set) == 1)
			st->ignored = set;
		else if (sscanf(line, "SigCgt: %llx", &set) == 1)
			st->caught = set;
	}
	fclose(f);
	return 0;
}

/* One thread's list: numbers with a space behind each. */
static int children_of(pid_t tgid, const char *tid, pid_t *pids, int n, int max)
{
	char path[64 + 256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)tgid, tid);
	f = fopen(path, "re");
	if (!f)
		return n;
	while (n < max && fscanf(f, "%d", &pids[n]) == 1)
		n++;
	fclose(f);
	return n;
}

int procfs_children(pid_t tgid, pid_t *pids, int max)
{
	char path[48];
	struct dirent *d;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)tgid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			n = children_of(tgid, d->d_name, pids, n, max);
	closedir(dir);
	return n;
}
