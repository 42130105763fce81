// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * priv.c - give rights away.
 *
 * Order matters: groups while we may still set them, then ids, then
 * capabilities, then no_new_privs. After setresuid() the kernel marks the
 * worker as not dumpable, so other processes of the same user can neither
 * trace it nor read its memory; that is wanted and left so.
 *
 * Semantics rest on credentials(7), capabilities(7), unix(7) and seccomp(2).
 */
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "vmmd/priv.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static int gid_cmp(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

/* Are `want` and our own supplementary groups the same set? */
static int same_groups(gid_t *want, int n)
{
	int have = getgroups(0, NULL), same = have == n, i;
	gid_t *own;

	if (!same || n == 0)
		return same;
	own = malloc((size_t)n * sizeof(*own));
	if (!own)
		return 0;
	same = getgroups(n, own) == n;
	qsort(own, (size_t)n, sizeof(*own), gid_cmp);
	qsort(want, (size_t)n, sizeof(*want), gid_cmp);
	for (i = 0; same && i < n; i++)
		same = own[i] == want[i];
	free(own);
	return same;
}

int priv_groups(int peer)
{
	socklen_t len = 0;
	gid_t *groups = NULL;
	int n, ret = 0;

	/* The first call tells the size; a peer without groups makes it succeed. */
	if (getsockopt(peer, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) && errno != ERANGE)
		return -errno;
	if (len) {
		groups = malloc(len);
		if (!groups)
			return -ENOMEM;
		if (getsockopt(peer, SOL_SOCKET, SO_PEERGROUPS, groups, &len)) {
			ret = -errno;
			goto out;
		}
	}
	n = (int)(len / sizeof(gid_t));
	if (!same_groups(groups, n) && setgroups((size_t)n, groups))
		ret = -errno;
out:
	free(groups);
	return ret;
}

/*
 * What a worker of root keeps. Always: to trace and to kill root's tasks. While
 * its layers open and a process is attached: to reach the files that root would
 * reach, those of proc(5) by which that is decided among them. And to the end, if
 * it makes path calls in the place of its tasks (perform.c): what root's calls
 * on files are measured by - DAC_* to reach them, CHOWN, FOWNER and FSETID to
 * change owners, modes, times and attributes of others' files - and SETUID and
 * SETGID to take a task's ids for the length of one call, where a task of root
 * has become somebody else. They are of no use for changing the worker's real
 * ids: the filter below refuses that.
 *
 * Not kept: MKNOD, SETFCAP, LINUX_IMMUTABLE, SYS_ADMIN, SYS_RESOURCE. Device nodes
 * are not made from outside; where one of the others would have decided, perform
 * sees that the task has it and we have not, and gives no answer.
 */
static const cap_value_t root_caps[] = {CAP_SYS_PTRACE, CAP_KILL,   CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_CHOWN,
					CAP_FOWNER,	CAP_FSETID, CAP_SETUID,	      CAP_SETGID};
/* What is dropped cannot come back: while it is open whether the worker performs, all are kept. */
enum { CAPS_NONE = 0, CAPS_RUN = 2, CAPS_PERFORM = 9, CAPS_OPEN = CAPS_PERFORM };

/* Drop all capabilities but the first `n` above, of which a container may lack some. */
static int drop_caps(int n)
{
	cap_t now = cap_get_proc(), want = cap_init();
	int ret = now && want ? 0 : -ENOMEM, i;

	for (i = 0; !ret && i < n; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		if (cap_get_flag(now, root_caps[i], CAP_PERMITTED, &has))
			ret = -errno;
		else if (has == CAP_SET && (cap_set_flag(want, CAP_PERMITTED, 1, &root_caps[i], CAP_SET) ||
					    cap_set_flag(want, CAP_EFFECTIVE, 1, &root_caps[i], CAP_SET)))
			ret = -errno;
	}
	if (!ret && cap_set_proc(want))
		ret = -errno;
	cap_free(now);
	cap_free(want);
	return ret;
}

int priv_worker(uid_t uid, gid_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	int ret;

	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	/* A worker with the wrong identity would be worse than none. */
	if (getresuid(&ruid, &euid, &suid) || getresgid(&rgid, &egid, &sgid))
		return -errno;
	if (ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid)
		return -EPERM;
	ret = drop_caps(uid == 0 ? CAPS_OPEN : CAPS_NONE);
	if (ret)
		return ret;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

/* Names, because some are newer than the headers; libseccomp knows which exist. */
static const char *const denied[] = {
	"execve", "execveat",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"mount", "umount2", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "mount_setattr",
	"pivot_root", "chroot", "setns", "unshare",
	"bpf", "perf_event_open", "userfaultfd", "ioperm", "iopl", "lookup_dcookie",
	"reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "sethostname", "setdomainname",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "vhangup", "syslog", "nfsservctl",
	"keyctl", "add_key", "request_key",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
	/* Not refused to a worker of root that performs: */
	"setgroups", "setfsuid", "setfsgid",
};
enum { DENIED = sizeof(denied) / sizeof(denied[0]), DENIED_PERFORM = DENIED - 3 };

int priv_lock(bool perform)
{
	bool root = geteuid() == 0;
	scmp_filter_ctx ctx;
	int ret = drop_caps(!root ? CAPS_NONE : perform ? CAPS_PERFORM : CAPS_RUN);
	size_t i;

	if (ret)
		return ret;
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	for (i = 0; !ret && i < (root && perform ? DENIED_PERFORM : DENIED); i++) {
		int nr = seccomp_syscall_resolve_name(denied[i]);

		if (nr == __NR_SCMP_ERROR) /* older libseccomp: it does not know the name */
			continue;
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}
