/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/*
 * vmmd_kmod.h - what the kernel module and a daemon say to each other.
 *
 * A daemon opens VMMD_KMOD_DEVICE (the *control descriptor*), makes an engine
 * with VMMD_IOC_CREATE, maps the shared memory and attaches tasks. The engine
 * lives as long as the control descriptor is open anywhere. Whoever holds it
 * may control the attached tasks; a *token* made of it only lets a process
 * attach itself.
 *
 * The mapping, from offset 0: one page of struct vmmd_kmod_header, the ring of
 * `ring_entries` __u64, and from `slots_offset` to its end slots, more than
 * `max_tasks`. Pages of slots that no task has had yet raise SIGBUS.
 *
 * An attached task has one slot for its whole life, and at most one request in
 * it. The task's `id` is the slot's index and, in the upper half, a number that
 * no other task of this engine had in this slot. The request's *token* is the
 * index and, in the upper half, the request's `seq`.
 *
 *   kernel: fills the slot, state = PENDING, puts the token into the ring at
 *           `head` (index modulo ring_entries) and advances `head`; the task
 *           spins, if it may, then cmpxchg(state, PENDING, SLEEPING) and sleeps
 *   daemon: takes tokens at `tail` and advances it; a token whose `seq` is not
 *           the slot's, or whose slot is FREE, is void; answers in the slot's
 *           `answer`, then xchg(state, DONE), and if that gave SLEEPING it calls
 *           VMMD_IOC_DONE with the token
 *
 * A request's token comes again when its `flags` have grown: SIGNALLED (once),
 * KILLED: the task is not there any more; answer whatever you like to
 * let the slot go. GONE is the last request of a task, and no stop.
 *
 * The kernel reads the answer once and checks it; it never uses what a daemon
 * can write for anything but this engine's tasks.
 *
 * Compatibility: structures grow at the end. The size is part of the request's
 * number; what the kernel does not know must be zero (E2BIG), what the daemon
 * does not know is zero. A number that is not known is ENOTTY.
 *
 * Changelog
 *   1.0  first
 *   1.1  EXITING; S_SECCOMP; what VMMD_IOC_TAKE_OVER says of the mapping
 */
#ifndef VMMD_PROTO_VMMD_KMOD_H
#define VMMD_PROTO_VMMD_KMOD_H

#include <linux/types.h>

#define VMMD_KMOD_DEVICE "/dev/vmmd"
#define VMMD_KMOD_ABI_MAJOR 1
#define VMMD_KMOD_ABI_MINOR 1

/* States of a slot. */
#define VMMD_KMOD_FREE 0
#define VMMD_KMOD_PENDING 1  /* the task may be spinning: to answer is enough */
#define VMMD_KMOD_SLEEPING 2 /* an answer needs VMMD_IOC_DONE */
#define VMMD_KMOD_DONE 3

/* Requests; in masks 1 << type. */
#define VMMD_KMOD_NEW 1	   /* a task has been attached, or was made by one; before it goes on */
#define VMMD_KMOD_ENTRY 2  /* a system call is entered */
#define VMMD_KMOD_EXIT 3   /* and left, when the answer at entry asked for it */
#define VMMD_KMOD_SIGNAL 4 /* a signal is about to be delivered; siginfo_t in `data` */
#define VMMD_KMOD_EXEC 5   /* a new program is in place; `tid` may have changed */
#define VMMD_KMOD_GONE 6   /* the task has ended or was let go; `value` as in waitpid(2) */
/*
 * The task is about to end, and still has its memory; `value` as in waitpid(2). It cannot
 * be kept: it waits for a second at the most, for all of its engines together. Of one that
 * was killed in another request only GONE is told.
 */
#define VMMD_KMOD_EXITING 7

/* Actions. What is not known, or out of range, is an answer of -EINVAL at entry, and RUN elsewhere. */
#define VMMD_KMOD_RUN 0	    /* ENTRY: the kernel runs it. SIGNAL: deliver. Else: go on */
/*
 * ENTRY: do not run it, return `result`. The kernel's restart codes (ERESTARTSYS …) are
 * obeyed if a signal is waiting, and EINTR if not.
 */
#define VMMD_KMOD_RETURN 1
#define VMMD_KMOD_DROP 2    /* SIGNAL: do not deliver */
#define VMMD_KMOD_KILL 3    /* kill the process */
#define VMMD_KMOD_REISSUE 4 /* EXIT: run the call `nr`, `args` before the return to user mode */

/* What of the answer is meant, and what else is wanted. */
#define VMMD_KMOD_A_EXIT 0x01	 /* report the exit of this call: ENTRY with RUN, EXIT with REISSUE */
#define VMMD_KMOD_A_NR 0x02	 /* ENTRY: run `nr` */
#define VMMD_KMOD_A_ARGS 0x04	 /* ENTRY: … with `args` */
#define VMMD_KMOD_A_PC 0x08	 /* ENTRY, EXIT: go on at `pc` */
#define VMMD_KMOD_A_SP 0x10	 /* … with the stack at `sp` */
#define VMMD_KMOD_A_RESULT 0x20	 /* EXIT: return `result` */
#define VMMD_KMOD_A_SIGINFO 0x40 /* SIGNAL: deliver the siginfo_t in `data` */

/* Flags of a request. */
#define VMMD_KMOD_S_SIGNALLED 0x01 /* a signal is waiting that could interrupt the call */
#define VMMD_KMOD_S_KILLED 0x02	   /* the task is not stopped any more */
#define VMMD_KMOD_S_INLINE 0x04	   /* `data` holds `data_len` bytes that the task's argument pointed to */
#define VMMD_KMOD_S_CUT 0x08	   /* … and there were more */
#define VMMD_KMOD_S_COMPAT 0x10	   /* the call is of another ABI than x86-64 */
#define VMMD_KMOD_S_SECCOMP 0x20   /* the task has seccomp filters, which see only calls that are run */

#define VMMD_KMOD_DATA 256

struct vmmd_kmod_answer {
	__u32 action; /* VMMD_KMOD_RUN … */
	__u32 flags;  /* VMMD_KMOD_A_* */
	__s64 nr;
	__u64 args[6];
	__u64 pc, sp;
	__s64 result;
	__u64 zero;
};

struct vmmd_kmod_slot {
	__u32 state;
	__u32 seq;
	__u32 type;
	__u32 flags; /* VMMD_KMOD_S_* */
	__u64 id;
	__u32 tid, tgid; /* in the process id namespace of the engine's maker; 0: it cannot see the task */
	__u64 parent;	 /* NEW, GONE: id of the task that made it; 0: it was attached */
	__u64 clone_flags; /* NEW */
	__u32 arch;	   /* AUDIT_ARCH_* */
	__u32 data_len;
	__s64 nr;
	__u64 args[6];
	__u64 pc, sp;
	__s64 value; /* EXIT: the result. SIGNAL: its number. EXITING, GONE: status */
	struct vmmd_kmod_answer answer;
	__u64 zero[3];
	__u8 data[VMMD_KMOD_DATA];
};

struct vmmd_kmod_header {
	__u32 head; /* written by the kernel */
	__u32 zero0[15];
	__u32 tail; /* written by the daemon */
	__u32 zero1[15];
};

/* VMMD_IOC_INFO */
struct vmmd_kmod_info {
	__u32 abi_major, abi_minor;
	__u64 features; /* VMMD_KMOD_HAS_* */
	__u32 max_tasks;
	__u32 hook; /* 1 direct call, 2 ipmodify */
	__u64 tasks; /* attached to any engine now */
	__u64 engines;
};
#define VMMD_KMOD_HAS_SIGNALS 0x01
#define VMMD_KMOD_HAS_ATTACH 0x02
#define VMMD_KMOD_HAS_PATHS 0x04
#define VMMD_KMOD_HAS_INSTALL 0x08

/* VMMD_IOC_CREATE: once for a descriptor. */
struct vmmd_kmod_create {
	__u32 flags;	 /* VMMD_KMOD_F_* */
	__u32 foreign;	 /* VMMD_KMOD_FOREIGN_* */
	__u32 max_tasks; /* 0: as many as allowed; the kernel writes how many */
	__u32 spin_us;	 /* how long a stopped task may wait actively; 0: not at all */
	/* out */
	__u64 map_size;
	__u32 ring_entries;
	__u32 slots_offset;
};
#define VMMD_KMOD_F_RELEASE 0x01 /* tasks go on untraced when the engine dies; without it they are killed */
#define VMMD_KMOD_F_SOLO 0x02	 /* children are not attached */
#define VMMD_KMOD_F_SIGNALLED 0x04 /* report signals that come during a request */

/* System calls of other ABIs (int 0x80, 32-bit programs, x32). */
#define VMMD_KMOD_FOREIGN_REFUSE 0 /* ENOSYS */
#define VMMD_KMOD_FOREIGN_NATIVE 1 /* the kernel runs them */
#define VMMD_KMOD_FOREIGN_STOP 2   /* they stop */
#define VMMD_KMOD_FOREIGN_FILTER 3 /* the filter decides; without one they are refused */

#define VMMD_KMOD_NR 512

/*
 * VMMD_IOC_SELECT: what to stop for; replaces what there was, also while tasks
 * run. Before the first nothing stops.
 *
 * A native call whose bit in `native` is set runs without another look. For the
 * others the filter decides: a classic BPF program on struct seccomp_data,
 * with ALLOW and LOG, ERRNO, TRACE and USER_NOTIF (stop), everything else kills
 * the process. Without a filter they stop.
 */
struct vmmd_kmod_select {
	__u32 events; /* 1 << VMMD_KMOD_NEW, SIGNAL, EXEC, EXITING, GONE: others are not looked at */
	__u32 filter_len; /* instructions */
	__u64 filter;	  /* struct sock_filter * */
	__u64 native[VMMD_KMOD_NR / 64];
	__u64 inline_args; /* __u8 [VMMD_KMOD_NR]: VMMD_KMOD_INLINE_*, or 0 */
	__u64 paths;	   /* struct vmmd_kmod_path *, or 0 */
	__u64 path_calls;  /* struct vmmd_kmod_path_call *, or 0 */
	__u32 paths_len, path_calls_len;
};

/* Which argument of a native call to deliver in `data` at entry: the argument's number, and how. */
#define VMMD_KMOD_INLINE_ARG 0x07
#define VMMD_KMOD_INLINE_STRING 0x08 /* up to its NUL */
#define VMMD_KMOD_INLINE_BYTES 0x10  /* the first VMMD_KMOD_DATA */

#define VMMD_KMOD_PATHS 4096 /* rows of a path table, at most */

/*
 * A row of the path table. The longest prefix counts; an exact row before all
 * prefixes. A path that goes up ("..") from a place whose row is not NATIVE stops.
 */
struct vmmd_kmod_path {
	__u64 path; /* absolute, lexically clean, without a NUL */
	__u32 len;
	__u16 action; /* VMMD_KMOD_PATH_* */
	__u16 error;  /* ERRNO */
};
#define VMMD_KMOD_PATH_STOP 0
#define VMMD_KMOD_PATH_NATIVE 1
#define VMMD_KMOD_PATH_ERRNO 2
#define VMMD_KMOD_PATH_EXACT 0x100 /* not what is below it */

/*
 * Where a native call has its path. Calls with two paths have two rows: both must
 * say NATIVE. An empty path, or a null pointer, is the directory itself; what has no
 * name there, such as a pipe, is judged as "/" is.
 */
struct vmmd_kmod_path_call {
	__u16 nr;
	__u8 path_arg;
	__u8 dir_arg; /* the directory's descriptor; 255: the current directory */
};

/* VMMD_IOC_ATTACH: a process and all its threads, each when it next enters the kernel's hands. */
struct vmmd_kmod_attach {
	__s32 pid;	/* in the caller's namespace */
	__u32 flags;	/* 0 */
	__u32 attached; /* out: threads */
	__u32 zero;
};

/* VMMD_IOC_MEM: memory of a stopped task. Gives the number of bytes, which may be fewer. */
struct vmmd_kmod_mem {
	__u64 id;
	__u64 addr;
	__u64 buf;
	__u64 len;
	__u32 flags; /* VMMD_KMOD_MEM_* */
	__u32 zero;
};
#define VMMD_KMOD_MEM_WRITE 0x01

/* VMMD_IOC_MAP: private anonymous memory in a stopped task, at a place of the kernel's choice. */
struct vmmd_kmod_map {
	__u64 id;
	__u64 len;
	__u64 addr; /* out */
};

/* VMMD_IOC_INSTALL: the caller's descriptor `fd` in a stopped task; gives the number there. */
struct vmmd_kmod_install {
	__u64 id;
	__s32 fd;
	__u32 flags; /* O_CLOEXEC or 0 */
};

/*
 * VMMD_IOC_TAKE_OVER: for a process that got the control descriptor of another
 * daemon. The ring is emptied, requests that were not answered are made again
 * under new tokens, and the attached tasks are listed.
 */
struct vmmd_kmod_take_over {
	__u64 tasks; /* struct vmmd_kmod_task * */
	__u32 room;  /* how many fit */
	/* out */
	__u32 count; /* how many there are */
	__u64 map_size;
	__u32 ring_entries;
	__u32 slots_offset;
};
struct vmmd_kmod_task {
	__u64 id;
	__u32 tid, tgid;
};

/* VMMD_IOC_KILL: SIGKILL for the process of an attached task, which a number might not name any more. */
struct vmmd_kmod_kill {
	__u64 id;
};

#define VMMD_KMOD_TOKEN(index, seq) ((__u64)(seq) << 32 | (index))

#define VMMD_IOC 0xb7
#define VMMD_IOC_INFO _IOWR(VMMD_IOC, 0, struct vmmd_kmod_info)
#define VMMD_IOC_CREATE _IOWR(VMMD_IOC, 1, struct vmmd_kmod_create)
#define VMMD_IOC_SELECT _IOW(VMMD_IOC, 2, struct vmmd_kmod_select)
#define VMMD_IOC_TOKEN_FD _IO(VMMD_IOC, 3)    /* gives a descriptor that knows ATTACH_SELF only */
#define VMMD_IOC_ATTACH_SELF _IO(VMMD_IOC, 4) /* the calling thread */
#define VMMD_IOC_ATTACH _IOWR(VMMD_IOC, 5, struct vmmd_kmod_attach)
#define VMMD_IOC_WAIT _IO(VMMD_IOC, 6)	  /* until head != tail */
#define VMMD_IOC_DONE _IO(VMMD_IOC, 7)	  /* the argument is the token; a void one is no error */
#define VMMD_IOC_DONE_WAIT _IO(VMMD_IOC, 8) /* both; EINTR: DONE has been done */
#define VMMD_IOC_MEM _IOW(VMMD_IOC, 9, struct vmmd_kmod_mem)
#define VMMD_IOC_MAP _IOWR(VMMD_IOC, 10, struct vmmd_kmod_map)
#define VMMD_IOC_INSTALL _IOW(VMMD_IOC, 11, struct vmmd_kmod_install)
#define VMMD_IOC_TAKE_OVER _IOWR(VMMD_IOC, 12, struct vmmd_kmod_take_over)
#define VMMD_IOC_DETACH _IO(VMMD_IOC, 13) /* let all tasks go, each when it next enters the kernel's hands */
#define VMMD_IOC_KILL _IOW(VMMD_IOC, 14, struct vmmd_kmod_kill)

/* Golden sizes. */
_Static_assert(sizeof(struct vmmd_kmod_answer) == 96, "answer");
_Static_assert(sizeof(struct vmmd_kmod_slot) == 512, "slot");
_Static_assert(sizeof(struct vmmd_kmod_header) == 128, "header");
_Static_assert(sizeof(struct vmmd_kmod_info) == 40, "info");
_Static_assert(sizeof(struct vmmd_kmod_create) == 32, "create");
_Static_assert(sizeof(struct vmmd_kmod_select) == 112, "select");
_Static_assert(sizeof(struct vmmd_kmod_path) == 16, "path");
_Static_assert(sizeof(struct vmmd_kmod_path_call) == 4, "path_call");
_Static_assert(sizeof(struct vmmd_kmod_attach) == 16, "attach");
_Static_assert(sizeof(struct vmmd_kmod_mem) == 40, "mem");
_Static_assert(sizeof(struct vmmd_kmod_map) == 24, "map");
_Static_assert(sizeof(struct vmmd_kmod_install) == 16, "install");
_Static_assert(sizeof(struct vmmd_kmod_take_over) == 32, "take_over");
_Static_assert(sizeof(struct vmmd_kmod_task) == 16, "task");
_Static_assert(sizeof(struct vmmd_kmod_kill) == 8, "kill");

#endif
