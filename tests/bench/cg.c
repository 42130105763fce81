/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cg.c - make, join, read and remove a cgroup (version 2).
 *
 * The processor time of cpu.stat is there without the cpu controller, so no
 * controller has to be enabled, and a hybrid hierarchy does as well.
 */
#include "tests/bench/cg.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KILL_MS 5000  /* what has not left a cgroup that is to be removed is killed */
#define CLOSE_MS 6000 /* … and then it is left there */

static int find_mount(char *dir, size_t len)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m;
	int r = -ENOENT;

	if (!f)
		return -errno;
	while (r && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			r = snprintf(dir, len, "%s", m->mnt_dir) < (int)len ? 0 : -ENAMETOOLONG;
	endmntent(f);
	return r;
}

/* Where we are: the line "0::PATH". */
static int find_own(char *path, size_t len)
{
	char line[PATH_MAX];
	FILE *f = fopen("/proc/self/cgroup", "re");
	int r = -ENOENT;

	if (!f)
		return -errno;
	while (r && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3))
			r = snprintf(path, len, "%s", line + 3) < (int)len ? 0 : -ENAMETOOLONG;
	}
	fclose(f);
	return r;
}

int cg_open(struct cg *g)
{
	char mount[PATH_MAX / 4], own[PATH_MAX / 4];
	double ns;
	int r;

	g->dir[0] = '\0';
	r = find_mount(mount, sizeof(mount));
	if (!r)
		r = find_own(own, sizeof(own));
	if (r)
		return r;
	snprintf(g->dir, sizeof(g->dir), "%s%s/vmmd-bench.XXXXXX", mount, own);
	if (!mkdtemp(g->dir))
		r = -errno;
	else
		r = cg_usage(g, &ns);
	if (r)
		cg_close(g);
	return r;
}

static int write_file(const struct cg *g, const char *name, const char *text)
{
	char path[PATH_MAX + 32];
	int r = 0, fd;

	if (!g->dir[0])
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%s", g->dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

int cg_join(const struct cg *g)
{
	return write_file(g, "cgroup.procs", "0");
}

void cg_kill(const struct cg *g)
{
	write_file(g, "cgroup.kill", "1");
}

int cg_usage(const struct cg *g, double *ns)
{
	char path[PATH_MAX + 32], line[128];
	int r = -ENODATA;
	double us;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cpu.stat", g->dir);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (r && fgets(line, sizeof(line), f))
		if (sscanf(line, "usage_usec %lf", &us) == 1) {
			*ns = us * 1000;
			r = 0;
		}
	fclose(f);
	return r;
}

void cg_close(struct cg *g)
{
	for (int ms = 0; g->dir[0] && ms < CLOSE_MS; ms++) {
		if (!rmdir(g->dir) || errno != EBUSY)
			break;
		if (ms == KILL_MS)
			cg_kill(g);
		usleep(1000);
	}
	g->dir[0] = '\0';
}
