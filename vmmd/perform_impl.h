/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perform_impl.h - what the files of perform share; nobody else includes it.
 *
 *	perform.c	the call from begin to end
 *	perform_at.c	paths: where they start, what is there
 *	perform_walk.c	a path name by name, where the kernel's own walk would not be the task's
 *	perform_cred.c	user namespace, identity and umask
 *	perform_open.c	open and its kin
 *	perform_ops.c	looking, making, renaming, removing
 *	perform_attr.c	attributes
 *
 * Results are those of system calls, or PERFORM_CANNOT: an answer that the task
 * might not get. Descriptors that a call uses are put on its list (perform_keep()) and
 * closed together at its end.
 *
 * Order of every op: perform_take() from the task, look (at_find(), at_parent()), act,
 * perform_give(). From the first look to the giving the thread may have the task's
 * identity, and then it could not reach the task's memory.
 */
#ifndef VMMD_PERFORM_IMPL_H
#define VMMD_PERFORM_IMPL_H

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>

#include "vmmd/perform.h"

#define PERFORM_CANNOT INT_MIN

/* Numbers of calls, also of those that are newer than the headers. */
#define SYSCALL(nr_, name_, ...) NR_##name_ = nr_,
enum perform_numbers {
#include "proto/syscalls.tbl"
};
#undef SYSCALL

enum {
	NOFOLLOW = 1u << 0,
	USERNS = 1u << 1,
	REALID = 1u << 2,
};

/* File systems that matter here; all others are PLAIN. */
enum perform_fs { FS_PLAIN, FS_PROC, FS_AUTO, FS_CGROUP };

/* One path argument. */
struct at {
	bool path_ok;	    /* there is a path; else its error is `base` */
	bool empty;	    /* "" where AT_EMPTY_PATH allows it */
	int dirfd;	    /* the task's number, or AT_FDCWD */
	int base;	    /* where the path starts: the task's root, working directory or dirfd; -errno */
	uint64_t resolve;   /* RESOLVE_* that openat2(2) was given */
	int fd;		    /* what was found, O_PATH … */
	struct stat st;
	enum perform_fs fs;
	const char *last;   /* at_parent(): the name in directory `fd` */
	char path[PATH_MAX];
};

#define CRED_GROUPS 64

/* Who a thread is for the file system, as /proc/TID/status tells it. */
struct cred {
	uid_t ruid, fsuid;
	gid_t rgid, fsgid;
	mode_t umask;
	uint64_t effective, permitted;
	unsigned count;
	gid_t groups[CRED_GROUPS];
};

struct perform {
	const struct perform_task *task;
	const struct vmmd_call *call;
	struct perform_result *result;
	unsigned flags;	 /* of the row */
	int atflags;	 /* the call's AT_*, 0 if it takes none */
	unsigned rest;	 /* index of the first argument behind the last path */
	unsigned paths;	 /* how many */
	int root;	 /* the task's root directory, -1: not yet opened */
	int kept[12];	 /* descriptors to close at the end */
	unsigned nkept;
	bool checked;	 /* the user namespace is known to be ours */
	bool root_worker;
	bool less;	 /* the task has capabilities that we lack */
	bool differs;	 /* the task is somebody else … */
	bool assumed;	 /* … and we are that now */
	struct __user_cap_data_struct caps[2]; /* ours, to come back to */
	bool masked;	 /* the umask is the task's, ours is: */
	mode_t umask;
	struct at at[2];
	struct cred own, theirs;
};
#define PERFORM_UNSET at /* from here on nothing is cleared beforehand */

/* perform.c */
int perform_keep(struct perform *, int fd);
uint64_t perform_arg(const struct perform *, unsigned i);
bool perform_nofollow(const struct perform *); /* is a link at the end of the path the file meant? */
int64_t perform_give(struct perform *, uint64_t addr, const void *buf, size_t len);
int perform_take(struct perform *, uint64_t addr, void *buf, size_t len);
int perform_take_str(struct perform *, uint64_t addr, char *buf, size_t cap);
#define VIA_LEN 32
const char *perform_via(char *buf, int fd); /* a path that leads to what `fd` is, whatever it is */
int64_t perform_sysret(long ret);

/* perform_at.c */
int at_base(struct perform *, struct at *);
int at_root(struct perform *);
int at_find(struct perform *, struct at *, bool nofollow);
int at_parent(struct perform *, struct at *);
int at_look(int fd, struct stat *, enum perform_fs *);
int at_same_root(struct perform *);
struct place {
	uint64_t mnt, ino, dev;
};
int at_place(int fd, const char *path, struct place *);

/* perform_walk.c */
int perform_walk(struct perform *, struct at *, bool nofollow);

/* perform_cred.c */
int cred_userns(struct perform *);
int cred_begin(struct perform *);
int cred_assume(struct perform *);
void cred_end(struct perform *);
int cred_umask(struct perform *);
bool cred_is_fsuid(struct perform *, uid_t);

/* perform_open.c, perform_ops.c, perform_attr.c */
#define PERFORM(name, op, flags) int64_t op_##op(struct perform *);
#include "vmmd/perform.tbl"
#undef PERFORM

#endif
