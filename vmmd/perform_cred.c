// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perform_cred.c - in whose name a call is made.
 *
 * A user's worker has no capabilities and no_new_privs, as its tasks have: they
 * are the same user with the same groups. They can only be more in a user
 * namespace of their own. That matters for what ids mean (USERNS), and where we
 * are refused: then it is not for us to answer.
 *
 * Root's worker has tasks of any identity. It compares what the kernel looks at
 * (ids, groups, capabilities), and becomes the same where it differs: for its
 * own thread only, with system calls of which libc would make ones for all
 * threads. Of the capabilities it keeps SETUID and SETGID, which no file system
 * asks for, to come back. It cannot become more than it is; what the task has
 * and it has not is `less`, and makes refusals doubtful.
 */
#include "vmmd/perform_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))
#define STATUS_MAX 8192

/* Is the task's user namespace ours? 0 or PERFORM_CANNOT. */
int cred_userns(struct perform *p)
{
	struct stat ours, theirs;
	char path[48];

	if (p->checked)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)p->task->tid);
	if (stat(path, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
		return PERFORM_CANNOT;
	if (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev)
		return PERFORM_CANNOT;
	p->checked = true;
	return 0;
}

/* ------------------------------------------------------------------- reading */

/* The text behind "\nNAME:\t", or NULL if the line is not there in full. */
static const char *field(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line && strchr(line + 1, '\n') ? line + strlen(name) : NULL;
}

static int read_groups(const char *text, struct cred *c)
{
	c->count = 0;
	text += strspn(text, " ");
	while (*text != '\n') {
		char *rest;
		unsigned long gid = strtoul(text, &rest, 10);

		if (rest == text || c->count == CRED_GROUPS)
			return PERFORM_CANNOT;
		c->groups[c->count++] = (gid_t)gid;
		text = rest + strspn(rest, " ");
	}
	return 0;
}

static int parse(const char *status, struct cred *c)
{
	const char *mask = field(status, "\nUmask:\t"), *uid = field(status, "\nUid:\t");
	const char *gid = field(status, "\nGid:\t"), *groups = field(status, "\nGroups:\t");
	const char *prm = field(status, "\nCapPrm:\t"), *eff = field(status, "\nCapEff:\t");

	if (!mask || !uid || !gid || !groups || !prm || !eff)
		return PERFORM_CANNOT;
	if (sscanf(uid, "%u %*u %*u %u", &c->ruid, &c->fsuid) != 2 ||
	    sscanf(gid, "%u %*u %*u %u", &c->rgid, &c->fsgid) != 2)
		return PERFORM_CANNOT;
	c->umask = (mode_t)strtoul(mask, NULL, 8);
	c->permitted = strtoull(prm, NULL, 16);
	c->effective = strtoull(eff, NULL, 16);
	return read_groups(groups, c);
}

static int read_status(const char *path, struct cred *c)
{
	char text[STATUS_MAX];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return PERFORM_CANNOT;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return PERFORM_CANNOT;
	text[n] = '\0';
	return parse(text, c);
}

static int read_task(struct perform *p)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->task->tid);
	return read_status(path, &p->theirs);
}

/* ------------------------------------------------------------- being the task */

static bool same(const struct cred *a, const struct cred *b)
{
	return a->fsuid == b->fsuid && a->fsgid == b->fsgid && a->count == b->count &&
	       memcmp(a->groups, b->groups, a->count * sizeof(a->groups[0])) == 0;
}

/* access(2) asks for the real ids, with all the capabilities that root could have, or none. */
static void be_real(struct cred *c)
{
	c->fsuid = c->ruid;
	c->fsgid = c->rgid;
	c->effective = c->ruid == 0 ? c->permitted : 0;
}

static uint64_t own_caps(const struct perform *p)
{
	return p->caps[0].effective | (uint64_t)p->caps[1].effective << 32;
}

static long set_caps(struct perform *p, uint64_t effective)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {p->caps[0], p->caps[1]};

	data[0].effective = (uint32_t)effective;
	data[1].effective = (uint32_t)(effective >> 32);
	return syscall(SYS_capset, &head, data);
}

/* setfsuid(2) and setfsgid(2) do not say whether they did it; asked again, they tell what is. */
static bool set_ids(const struct cred *c)
{
	if (syscall(SYS_setgroups, c->count, c->groups) < 0)
		return false;
	syscall(SYS_setfsgid, c->fsgid);
	syscall(SYS_setfsuid, c->fsuid);
	return syscall(SYS_setfsgid, -1) == (long)c->fsgid && syscall(SYS_setfsuid, -1) == (long)c->fsuid;
}

/* Find out who the task is, if that can be somebody else. 0 or PERFORM_CANNOT. */
int cred_begin(struct perform *p)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	uint64_t stay = BIT(CAP_SETUID) | BIT(CAP_SETGID);

	/* A program that was not started by root has not become it. */
	if (getauxval(AT_EUID) != 0 || geteuid() != 0)
		return 0;
	p->root_worker = true;
	if (cred_userns(p) < 0 || read_task(p) < 0 || read_status("/proc/thread-self/status", &p->own) < 0 ||
	    syscall(SYS_capget, &head, p->caps) < 0)
		return PERFORM_CANNOT;
	if ((p->flags & REALID) && !(p->atflags & AT_EACCESS))
		be_real(&p->theirs);
	p->less = (p->theirs.effective & ~own_caps(p)) != 0;
	p->differs = !same(&p->own, &p->theirs) || (own_caps(p) & ~p->theirs.effective & ~stay) != 0;
	if (p->differs && (own_caps(p) & stay) != stay)
		return PERFORM_CANNOT;
	return 0;
}

int cred_assume(struct perform *p)
{
	uint64_t stay = BIT(CAP_SETUID) | BIT(CAP_SETGID);

	if (!p->differs || p->assumed)
		return 0;
	p->assumed = true; /* from here there is something to undo */
	if (!set_ids(&p->theirs) || set_caps(p, own_caps(p) & (p->theirs.effective | stay)) < 0)
		return PERFORM_CANNOT;
	return 0;
}

/* A worker with the wrong identity would be worse than none. */
void cred_end(struct perform *p)
{
	if (p->masked)
		umask(p->umask);
	p->masked = false;
	if (p->assumed && (!set_ids(&p->own) || set_caps(p, own_caps(p)) < 0))
		abort();
	p->assumed = false;
}

/* Take the task's umask: to be called before something is made. 0 or PERFORM_CANNOT. */
int cred_umask(struct perform *p)
{
	if (p->masked)
		return 0;
	if (!p->root_worker && read_task(p) < 0)
		return PERFORM_CANNOT;
	p->umask = umask(p->theirs.umask);
	p->masked = true;
	return 0;
}

bool cred_is_fsuid(struct perform *p, uid_t uid)
{
	return uid == (p->root_worker ? p->theirs.fsuid : geteuid());
}
