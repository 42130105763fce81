/* SPDX-License-Identifier: MIT */
/*
 * vmmd/plugin.h - the whole contract between vmmd and a VMM plugin.
 *
 * A plugin is a shared object that exports one function, vmmd_plugin().
 * It returns a constant table: what the plugin is called, which options it
 * takes, and the callbacks vmmd runs. One plugin may be used several times
 * in one stack; each use is a *layer* with its own options and its own `self`.
 *
 * Order. The layers of a stack are numbered from the innermost (0, next to
 * the kernel) to the outermost (next to the program). What the process
 * generates (system call entry) is shown to the outermost layer first; what
 * the kernel generates (system call exit, signals, exec, new task, exit) is
 * shown to the innermost layer first. A layer is asked only after the one
 * before it has answered, and sees the world as that one left it. So a layer
 * is a small kernel for the layers outside it.
 *
 * Threads. Callbacks, timer and descriptor handlers never run two at once, so
 * a layer needs no locks for its own data; which of vmmd's threads runs them
 * may change, so thread-local variables are no place for it. A callback must
 * not block: to wait for something, return VMMD_SUSPEND and call resume()
 * later. resume() and log() are the only host functions that any thread may
 * call; the others belong to the event thread, which is whatever thread runs
 * callbacks and handlers at the moment.
 *
 * Lifetimes. A `struct vmmd_req *` is valid inside the callback that received
 * it; after VMMD_SUSPEND it stays valid, in the event thread, until the
 * layer has resumed it or cancel() was called for it. Strings that the host
 * hands out live as long as the layer unless a function says otherwise.
 *
 * Trust. Everything a request carries comes from the traced program and is
 * hostile: numbers, pointers, strings, descriptors. Copy guest memory once,
 * decide on the copy.
 *
 * Confinement. What the arguments of a call point to can be changed by another
 * thread of the program between a layer's look and the kernel's. So a layer
 * that has looked must not let the kernel look again: it puts its copy in the
 * place of the argument (set_path()), runs the call itself (at_call(),
 * at_open()), or replies. A layer that may be got round (a tracer, a
 * convenience) says so once, with advisory(), and is free of this rule. For
 * every other layer vmmd enforces it, on every engine that cannot hand the
 * kernel the copy by other means: see VMMD_WANT_MEMORY. What the layers inside
 * make of a call is theirs, as it would be the kernel's: one that has it read a path
 * in the task's memory (scratch()) gives away what a layer outside of it confines.
 *
 * Growth. Both tables begin with their size and grow only at the end; a field
 * behind the size the other side gave does not exist. vmmd loads a plugin if
 * the magic and the major version match and the plugin's minor version is not
 * newer than its own.
 *   1.1  advisory(), refuse(), refuse_set(), set_path(), at_call(), at_open(),
 *        reply_fd(), VMMD_WANT_PATHS, VMMD_WANT_MEMORY
 *   1.2  follow(), VMMD_WANT_RARELY
 *   1.3  only_below()
 *
 * Compilers. C99 and later, and C++. siginfo_t is POSIX.1-2008: with a strict
 * -std=cNN define _POSIX_C_SOURCE=200809L or _GNU_SOURCE.
 *
 * Semantics rest on ptrace(2), seccomp(2), signal(7), clone(2), execve(2) and
 * the kernel's Documentation/userspace-api/seccomp_filter.rst.
 */
#ifndef VMMD_PLUGIN_H
#define VMMD_PLUGIN_H

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMMD_PLUGIN_MAGIC 0x564d4d44u /* "VMMD" */
#define VMMD_ABI_MAJOR 1
#define VMMD_ABI_MINOR 3

/* The most layers one stack may have. */
#define VMMD_MAX_LAYERS 32

struct vmmd_layer; /* one use of a plugin in one stack; owned by vmmd */
struct vmmd_req;   /* one event of one task, on its way through the stack */
struct vmmd_timer; /* see timer_start() */
struct vmmd_watch; /* see watch_start() */
struct vmmd_set;   /* a set of system calls, the value of a VMMD_OPT_SYSCALLS option */
struct vmmd_out;   /* see out_open() */
struct vmmd_reply; /* see the command callback */

/* ------------------------------------------------------------------ events */

/*
 * A system call as a layer sees it. `nr` is an x86-64 number as in
 * <asm/unistd_64.h>; numbers without a system call behind them, negative ones
 * included, reach a layer that wants all calls. `pc` is the address behind
 * the system call instruction, `sp` the stack pointer, or 0 where the engine does
 * not know it: a layer that needs it says so with VMMD_WANT_REWRITE.
 */
struct vmmd_call {
	int64_t nr;
	uint64_t args[6];
	uint64_t pc;
	uint64_t sp;
};

/* What a callback answers. */
enum vmmd_verdict {
	VMMD_PASS = 0, /* go on: the next layer is asked, after the last one the kernel */
	VMMD_REPLY,	 /* entry only: abort the call with the result given to reply() */
	VMMD_SUSPEND,	 /* the task stays stopped until resume(); not for task_exit */
	VMMD_REISSUE,	 /* exit only: run the call given to reissue(), then ask again */
	VMMD_DROP,	 /* signal only: the signal is not delivered */
};

/* What a layer wants to be asked about: flags of want() and want_set(). */
#define VMMD_WANT_ENTRY 0x01u	/* the entry callback */
#define VMMD_WANT_EXIT 0x02u	/* the exit callback */
#define VMMD_WANT_REWRITE 0x04u /* entry changes nr, arguments, pc or sp */
#define VMMD_WANT_RESULT 0x08u	/* exit changes the result (implies EXIT) */
#define VMMD_WANT_REISSUE 0x10u /* exit answers VMMD_REISSUE (implies EXIT) */
/*
 * Entry replaces paths with set_path() (implies ENTRY). Cheaper than REWRITE: an
 * engine that cannot rewrite a call may run it in the task's place instead.
 */
#define VMMD_WANT_PATHS 0x20u
/*
 * Entry decides by what the arguments point to (implies ENTRY). Unless the layer
 * is advisory(), it is accepted only where the program cannot change that memory
 * after the decision, or where vmmd can run the call on the layer's copy; there
 * each argument that was read must be replaced with set_path() before
 * VMMD_PASS. A layer that reads without having said so, or passes what it read
 * and did not replace, has given no valid answer (see `broken-layer`).
 */
#define VMMD_WANT_MEMORY 0x40u
/*
 * EXIT, RESULT and REISSUE are wanted of few of these calls, of those for which
 * the layer says follow() at entry (implies ENTRY). All others cost no more than
 * their entry; those few can cost more than otherwise.
 */
#define VMMD_WANT_RARELY 0x80u

/* The other events: flags of want_events(). */
#define VMMD_EVENT_SIGNAL 0x01u
#define VMMD_EVENT_EXEC 0x02u
#define VMMD_EVENT_TASK_NEW 0x04u
#define VMMD_EVENT_TASK_EXIT 0x08u

/* Who a task is. Numbers are those of vmmd's pid namespace. */
struct vmmd_task_info {
	pid_t tid;	      /* the thread */
	pid_t tgid;	      /* its process */
	pid_t parent;	      /* new task: tid of the task that cloned it, or 0: the first one, or one that ran before */
	uint64_t clone_flags; /* the flags it was created with, see clone(2); 0 for the first task */
	pid_t former_tid;     /* exec: the tid of the thread that called execve(2) */
	int exit_status;      /* task exit: status as in waitpid(2) */
};

/* ----------------------------------------------------------------- options */

enum vmmd_opt_type {
	VMMD_OPT_BOOL,	   /* true, false (yes, no, on, off) */
	VMMD_OPT_INT,	   /* decimal, min..max */
	VMMD_OPT_STRING,   /* any text */
	VMMD_OPT_CHOICE,   /* one of `choices` */
	VMMD_OPT_DURATION, /* seconds with an optional unit ms, s, m, h; delivered in milliseconds */
	VMMD_OPT_LIST,	   /* a list of texts */
	VMMD_OPT_SYSCALLS, /* a list of system call names, numbers, or @groups */
};

/*
 * One option of a plugin. An array of these, closed by one with name == NULL,
 * is the schema by which vmmd checks configuration before the layer is opened.
 */
struct vmmd_option {
	const char *name;
	enum vmmd_opt_type type;
	const char *def;	    /* as it would be written on a command line; NULL: no default */
	const char *help;	    /* one line */
	int64_t min, max;	    /* VMMD_OPT_INT and DURATION; both 0: no bound */
	const char *const *choices; /* VMMD_OPT_CHOICE: closed by NULL */
	/*
	 * A further check of one text (of each item of a list), or NULL. Returns 0,
	 * or -1 after writing what is wrong to `why` (one short clause, no newline).
	 */
	int (*check)(const char *text, char *why, size_t len);
};

/* The value of one option, already checked. */
struct vmmd_value {
	bool given;		 /* false: neither configured nor has it a default */
	int64_t num;		 /* BOOL 0/1, INT, DURATION in ms, CHOICE: index */
	const char *text;	 /* STRING, CHOICE */
	const char *const *list; /* LIST */
	size_t count;		 /* LIST: number of items */
	const struct vmmd_set *set; /* SYSCALLS */
};

/* ------------------------------------------------------------ system calls */

/* What an argument of a system call is: enough to print and to remap it. */
enum vmmd_arg_kind {
	VMMD_ARG_NONE = 0,  /* not an argument of this call */
	VMMD_ARG_INT,	    /* signed number */
	VMMD_ARG_UINT,	    /* unsigned number, sizes and offsets */
	VMMD_ARG_HEX,	    /* a bit pattern with no table */
	VMMD_ARG_OCT,	    /* a file mode */
	VMMD_ARG_PTR,	    /* an address */
	VMMD_ARG_FD,	    /* a descriptor */
	VMMD_ARG_DIRFD,	    /* the directory of the path that follows; AT_FDCWD allowed */
	VMMD_ARG_PATH,	    /* a path that is followed to a file or made to exist */
	VMMD_ARG_STR,	    /* a string that is not a path of this process's view */
	VMMD_ARG_OUTPATH,   /* a buffer in which the kernel returns a path (getcwd, readlink) */
	VMMD_ARG_BUFIN,	    /* bytes for the kernel; the next argument is their count */
	VMMD_ARG_BUFOUT,    /* bytes from the kernel; the result is their count */
	VMMD_ARG_SOCKADDR,  /* struct sockaddr for the kernel; the next argument is its size */
	VMMD_ARG_ARGV,	    /* a vector of strings closed by NULL */
	VMMD_ARG_SIGNAL,    /* a signal number */
	VMMD_ARG_PID,	    /* a process or thread number */
	VMMD_ARG_OPENFLAGS, /* O_* */
	VMMD_ARG_ATFLAGS,   /* AT_* */
	VMMD_ARG_PROT,	    /* PROT_* */
	VMMD_ARG_MAPFLAGS,  /* MAP_* */
	VMMD_ARG_CLONEFLAGS, /* CLONE_* and a signal */
	VMMD_ARG_SOCKDOMAIN, /* AF_* */
	VMMD_ARG_SOCKTYPE,  /* SOCK_* */
	VMMD_ARG_WHENCE,    /* SEEK_* */
	VMMD_ARG_ACCMODE,   /* F_OK, R_OK … */
	VMMD_ARG_FCNTL,	    /* F_* */
	VMMD_ARG_FUTEXOP,   /* FUTEX_* */
	VMMD_ARG_WAITOPTS,  /* W* */
	VMMD_ARG_MSGFLAGS,  /* MSG_* */
	VMMD_ARG_SIGHOW,    /* SIG_BLOCK … */
	VMMD_ARG_PRCTL,	    /* PR_* */
	VMMD_ARG_RLIMIT,    /* RLIMIT_* */
	VMMD_ARG_CLOCK,	    /* CLOCK_* */
	VMMD_ARG_IOCTL,	    /* an ioctl request */
	VMMD_ARG_MADVISE,   /* MADV_* */
	VMMD_ARG_ARCHPRCTL, /* ARCH_* */
	VMMD_ARG_KIND_COUNT
};

/* What vmmd knows of one system call number. */
struct vmmd_syscall {
	const char *name;
	uint8_t nargs;
	uint8_t kind[6]; /* enum vmmd_arg_kind */
	uint8_t ret;	 /* kind of the result: INT, FD, PTR, PID, UINT, HEX, OCT */
};

/* -------------------------------------------------------------- host table */

enum vmmd_log_level { VMMD_LOG_ERROR, VMMD_LOG_WARNING, VMMD_LOG_INFO, VMMD_LOG_DEBUG };

/*
 * What vmmd offers to a layer. The table is constant and outlives the layer.
 * Functions that return int or ssize_t give 0 or a count, or a negative errno.
 */
struct vmmd_host {
	uint32_t size; /* of this table, as vmmd was built */
	uint16_t abi_major;
	uint16_t abi_minor;

	/* -- configuration: in open() and later ------------------------------ */

	/* The value of an option of the layer's own schema; never NULL for a name in it. */
	const struct vmmd_value *(*option)(struct vmmd_layer *, const char *name);
	/* Is system call `nr` in the set? Unknown numbers are in sets that name @all. */
	bool (*set_has)(const struct vmmd_set *, int64_t nr);

	/* -- selection: in open() only; -EBUSY later ------------------------- */

	/* Ask for one system call, VMMD_WANT_*. -EINVAL for a number that is not in the table. */
	int (*want)(struct vmmd_layer *, int64_t nr, uint32_t flags);
	/* Ask for every system call of a set; with @all also for numbers that do not exist. */
	int (*want_set)(struct vmmd_layer *, const struct vmmd_set *, uint32_t flags);
	/* Ask for every system call, numbers that do not exist included. */
	int (*want_all)(struct vmmd_layer *, uint32_t flags);
	/* Ask for other events, VMMD_EVENT_*. */
	int (*want_events)(struct vmmd_layer *, uint32_t events);

	/* -- the request: in a callback, or while it is suspended ------------ */

	/*
	 * The call as this layer sees it: at entry as the layer outside left it,
	 * at exit as this layer had passed it. NULL for events that are no call.
	 * The pointer is valid until the callback returns; set_*() shows through it.
	 */
	const struct vmmd_call *(*call)(const struct vmmd_req *);
	/* At exit: the result as the layer inside left it. -4095..-1 are errnos;
	 * -512 and below mean that the kernel restarts the call (restart_syscall(2)). */
	int64_t (*result)(const struct vmmd_req *);
	/*
	 * Rewrite the call before VMMD_PASS. Layers inside and the kernel see the
	 * new values; on the way up the layers outside see their own. The program's
	 * argument registers are restored when the call returns. -EINVAL outside of
	 * an entry (set_pc and set_sp: of an entry or exit), -EACCES without
	 * VMMD_WANT_REWRITE for this call.
	 */
	int (*set_nr)(struct vmmd_req *, int64_t nr);
	int (*set_arg)(struct vmmd_req *, unsigned index, uint64_t value);
	int (*set_pc)(struct vmmd_req *, uint64_t pc);
	int (*set_sp)(struct vmmd_req *, uint64_t sp);
	/* At exit: replace the result. -EACCES without VMMD_WANT_RESULT for the call as it came to the layer. */
	int (*set_result)(struct vmmd_req *, int64_t result);
	/* Note the result of an aborted call; `return host->reply(req, -EPERM);` */
	enum vmmd_verdict (*reply)(struct vmmd_req *, int64_t result);
	/*
	 * Note the call to run next; `return host->reissue(req, &call);`. It goes to
	 * the layers inside as a call of this layer, and its exit comes back here.
	 * Only nr and args are used. Not after a successful execve(2).
	 */
	enum vmmd_verdict (*reissue)(struct vmmd_req *, const struct vmmd_call *);

	/* Signal: the signal as it would be delivered; NULL for other events. */
	const siginfo_t *(*siginfo)(const struct vmmd_req *);
	/* Signal: replace number and siginfo (si_signo is the new number, 1..64; not SIGKILL or SIGSTOP). */
	int (*set_siginfo)(struct vmmd_req *, const siginfo_t *);

	/* Who the task is. The pointer is valid until the callback returns. */
	const struct vmmd_task_info *(*task)(const struct vmmd_req *);

	/* -- the task's memory and paths ------------------------------------- */

	/* Copy from or to the task. A short count means the rest is not mapped; -EFAULT: nothing is. */
	ssize_t (*read)(struct vmmd_req *, uint64_t addr, void *buf, size_t len);
	ssize_t (*write)(struct vmmd_req *, uint64_t addr, const void *buf, size_t len);
	/*
	 * Copy a string. Returns its length without the NUL that `buf` then holds;
	 * -ENAMETOOLONG if there is no NUL in the first `cap` bytes, -EFAULT.
	 */
	ssize_t (*read_str)(struct vmmd_req *, uint64_t addr, char *buf, size_t cap);
	/* Gather at most `cap` bytes of an iovec array of the task (count at most IOV_MAX). */
	ssize_t (*read_iov)(struct vmmd_req *, uint64_t iov, size_t count, void *buf, size_t cap);
	/*
	 * Private memory in the task for rewritten arguments, valid until this
	 * request ends; 16-byte aligned, at most 16 KiB a call and 60 KiB a request.
	 * Stores its address; -ENOMEM. Only while the task is in a system call stop.
	 */
	int (*scratch)(struct vmmd_req *, size_t len, uint64_t *addr);
	/* The task's working directory, root directory, or the file behind a
	 * descriptor, as proc(5) shows them to vmmd. Returns the length. */
	ssize_t (*cwd)(struct vmmd_req *, char *buf, size_t cap);
	ssize_t (*root)(struct vmmd_req *, char *buf, size_t cap);
	ssize_t (*fd_path)(struct vmmd_req *, int fd, char *buf, size_t cap);

	/* -- data of a layer for a task or a process ------------------------- */

	/* NULL until set. See the hooks in struct vmmd_plugin for fork, exec and the end. */
	void *(*task_data)(const struct vmmd_req *);
	void (*set_task_data)(struct vmmd_req *, void *);
	void *(*process_data)(const struct vmmd_req *);
	void (*set_process_data)(struct vmmd_req *, void *);

	/* -- later ----------------------------------------------------------- */

	/* The name of a request for resume(); never 0. Call it before returning VMMD_SUSPEND. */
	uint64_t (*ticket)(struct vmmd_req *);
	/*
	 * Answer a suspended request: VMMD_PASS, VMMD_REPLY with `result`,
	 * VMMD_REISSUE after reissue(), VMMD_DROP, as the event allows. Any thread,
	 * once. -ESRCH: no such request is suspended any more, cancelled ones included.
	 */
	int (*resume)(struct vmmd_layer *, uint64_t ticket, enum vmmd_verdict, int64_t result);
	/*
	 * Run `fn(arg)` in the event thread after `ms` milliseconds, once, or every
	 * `ms` if `repeat`. NULL when out of memory. A one-shot timer is freed before
	 * its fn runs; others, and those not yet run, by timer_stop() or with the layer.
	 */
	struct vmmd_timer *(*timer_start)(struct vmmd_layer *, int64_t ms, bool repeat,
					  void (*fn)(void *arg), void *arg);
	void (*timer_stop)(struct vmmd_timer *);
	/* Run `fn(arg, revents)` whenever `fd` is ready; events are POLLIN and POLLOUT. The fd stays the layer's. */
	struct vmmd_watch *(*watch_start)(struct vmmd_layer *, int fd, short events,
					  void (*fn)(void *arg, short revents), void *arg);
	void (*watch_stop)(struct vmmd_watch *);
	/* Queue a signal for a task of the session, as rt_tgsigqueueinfo(2). -ESRCH. */
	int (*inject_signal)(struct vmmd_layer *, pid_t tid, const siginfo_t *);

	/* -- telling people -------------------------------------------------- */

	/* One line to the session's log; any thread. */
	void (*log)(struct vmmd_layer *, enum vmmd_log_level, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));
	/* A counter shown by `vmmctl show`; add to it in the event thread. Same name, same counter. */
	uint64_t *(*counter)(struct vmmd_layer *, const char *name);
	/*
	 * An output for text: a path, or "-" for the standard error of the program
	 * that started the session. In open() only, while the user's own directory
	 * and rights apply. Closed with the layer. NULL with errno set.
	 */
	struct vmmd_out *(*out_open)(struct vmmd_layer *, const char *path);
	/* Append; lines of one call stay together. Files are buffered, "-" is not. */
	void (*out_write)(struct vmmd_out *, const void *buf, size_t len);
	/* For the command callback: begin a row of the answer, add a field to it. */
	void (*reply_row)(struct vmmd_reply *);
	void (*reply_field)(struct vmmd_reply *, const char *key, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));

	/* -- the table of system calls --------------------------------------- */

	/* What is known of a number; NULL if no system call has it. */
	const struct vmmd_syscall *(*syscall)(int64_t nr);
	/* The number of a name, or -1. */
	int64_t (*syscall_nr)(const char *name);

	/* ==== since 1.1 ====================================================== */

	/* -- what the layer is: in open() only; -EBUSY later ------------------- */

	/* It does not confine: a program that wants to can get round what it decides. */
	int (*advisory)(struct vmmd_layer *);
	/*
	 * Always answer a call (all calls of a set) with -error, 1..4094. Layers
	 * outside are still asked first; this one is not asked, and layers inside and
	 * the kernel never see it. If no layer outside wants the call the task does not
	 * even stop. -EINVAL for a number that is not in the table or a bad error.
	 */
	int (*refuse)(struct vmmd_layer *, int64_t nr, int error);
	int (*refuse_set)(struct vmmd_layer *, const struct vmmd_set *, int error);

	/* -- paths that the program cannot change any more --------------------- */

	/*
	 * At entry: replace argument `index`, the address of a path, by `path`, which
	 * is copied. Layers inside see an address at which read() and read_str() find
	 * the copy until the request ends; nobody but vmmd can write there. The kernel
	 * gets the copy: where the engine cannot rewrite the call, vmmd runs it in the
	 * task's root, working directory, file mode mask and rights and gives it the
	 * result or descriptor; of a layer that is not advisory() it runs such a call
	 * itself or the call fails with EACCES. -EINVAL outside of an entry or for an argument that is
	 * no VMMD_ARG_PATH or VMMD_ARG_STR, -EACCES without VMMD_WANT_PATHS or
	 * VMMD_WANT_REWRITE, -ENAMETOOLONG (4096 bytes with the NUL), -ENOMEM.
	 */
	int (*set_path)(struct vmmd_req *, unsigned index, const char *path);
	/*
	 * At entry: run `call` now, in the task's place, as above. `paths` are copies
	 * for its first and second argument of kind VMMD_ARG_PATH; NULL: vmmd copies
	 * that one from the task, once. Returns VMMD_REPLY with the result noted, to be
	 * returned by the callback. Layers inside are not asked. If it cannot be run
	 * from outside exactly as the task would (a device, a FIFO, a call that changes
	 * the task itself, a descriptor that this engine cannot install, no
	 * VMMD_WANT_PATHS or MEMORY for this call) nothing has happened and
	 * VMMD_SUSPEND is returned, which here means: decide otherwise.
	 */
	enum vmmd_verdict (*at_call)(struct vmmd_req *, const struct vmmd_call *call, const char *const paths[2]);
	/*
	 * At entry: open `path` (a copy) for the task in the same way, relative to its
	 * descriptor `dirfd` or AT_FDCWD; flags and mode as in openat(2). Returns a
	 * descriptor of the layer's own, close-on-exec, to look at with fstat(2) and the
	 * like and to be given away by reply_fd() or closed; or a negative errno,
	 * -EOPNOTSUPP if it cannot be opened from outside as the task would, -EACCES
	 * without VMMD_WANT_PATHS or MEMORY.
	 */
	int (*at_open)(struct vmmd_req *, int dirfd, const char *path, uint64_t flags, uint32_t mode);
	/*
	 * At entry: install a copy of the layer's descriptor `fd` in the task, with
	 * O_CLOEXEC in `flags` close-on-exec; its number there is the result of the
	 * call. The layer keeps and closes its own. Returns VMMD_REPLY, or VMMD_SUSPEND
	 * if this engine cannot, which here means: decide otherwise.
	 */
	enum vmmd_verdict (*reply_fd)(struct vmmd_req *, int fd, int flags);

	/* ==== since 1.2 ====================================================== */

	/*
	 * At entry of a call with VMMD_WANT_RARELY: ask this layer at the exit, too. Its
	 * verdict is still to be given. -EINVAL outside of an entry, -EACCES without
	 * VMMD_WANT_EXIT for this call.
	 */
	int (*follow)(struct vmmd_req *);

	/* ==== since 1.3 ====================================================== */

	/*
	 * In open() only; -EBUSY later. A hint, which lets an engine that knows of paths
	 * not stop for the others: of the calls that take a VMMD_ARG_PATH the layer has
	 * something to say only to those of which a path, made absolute with the
	 * working directory or with the directory of its descriptor and cleaned by name,
	 * is `dir` or below it, or passes through there ("dir/../x"); all others it passes
	 * unchanged, whatever it wants of them, and does not look at their exit. An empty
	 * path, or none, is the directory itself. Several directories add up; "/" stands
	 * for every path, as if the layer had said nothing.
	 *
	 * The layer must still look: it is asked for more than this where the engine
	 * has no table of paths, where a path cannot be told there (a task with another
	 * root directory), where another layer wants the call and has said nothing, and
	 * always for chroot(2), pivot_root(2), openat2(2) and calls with an address of a
	 * socket.
	 *
	 * -EPERM before advisory(): the program can change the path after the kernel's
	 * look, so a layer that confines must be asked about every one. -EINVAL if `dir`
	 * is not absolute or not clean ("//", ".", "..", a closing '/'), -ENAMETOOLONG,
	 * -ENOMEM.
	 */
	int (*only_below)(struct vmmd_layer *, const char *dir);
};

/* ------------------------------------------------------------ plugin table */

struct vmmd_plugin {
	uint32_t magic; /* VMMD_PLUGIN_MAGIC */
	uint16_t abi_major;
	uint16_t abi_minor;
	uint32_t size; /* sizeof(struct vmmd_plugin) of the header it was built with */
	uint32_t flags; /* 0 */

	const char *name;    /* as in -l NAME: a-z, 0-9, '-', at most 31 characters */
	const char *version; /* free text */
	const char *summary; /* one line for `vmmctl plugins` */
	const struct vmmd_option *options; /* NULL: takes none */

	/*
	 * Make a layer: read options, state what is wanted, allocate `*self`. Runs
	 * once, before the program starts, in the user's working directory. Returns
	 * 0, or a negative errno after log() said why; close() is not called then.
	 */
	int (*open)(const struct vmmd_host *, struct vmmd_layer *, void **self);
	/* The last callback of a layer. No request, timer or watch of it is left. */
	void (*close)(void *self);

	/* Events; each may be NULL if it is never wanted. */
	enum vmmd_verdict (*entry)(void *self, struct vmmd_req *);
	enum vmmd_verdict (*exit)(void *self, struct vmmd_req *);
	enum vmmd_verdict (*signal)(void *self, struct vmmd_req *);
	enum vmmd_verdict (*exec)(void *self, struct vmmd_req *);
	enum vmmd_verdict (*task_new)(void *self, struct vmmd_req *);
	void (*task_exit)(void *self, struct vmmd_req *);
	/* A request that this layer has suspended will not be resumed: its task died
	 * or the session ends. Drop what was kept for it; its ticket is void. */
	void (*cancel)(void *self, struct vmmd_req *);

	/*
	 * Data hooks; each may be NULL. They run whether or not events are wanted,
	 * and only for data that was set. *_fork returns the child's data made from
	 * the parent's (NULL: the child has none); process_fork only when the new
	 * task is a new process, task_fork always. process_exec returns the data to
	 * keep after execve(2). *_free is called once for each datum.
	 */
	void *(*task_fork)(void *self, void *parent, const struct vmmd_task_info *child);
	void (*task_free)(void *self, void *data);
	void *(*process_fork)(void *self, void *parent, const struct vmmd_task_info *child);
	void *(*process_exec)(void *self, void *data);
	void (*process_free)(void *self, void *data);

	/*
	 * A command from a control client (`vmmctl answer`, …): `name` and one text.
	 * Every layer gets it, outermost first. Returns -ENOENT if the layer does not
	 * know it, -ESRCH if it does not have what the text names, 0 if it is done, or
	 * another negative errno. Rows added to the reply are shown.
	 */
	int (*command)(void *self, const char *name, const char *text, struct vmmd_reply *);
};

/* What a plugin exports. The table is constant and lives as long as the object is loaded. */
const struct vmmd_plugin *vmmd_plugin(void);

#ifdef __cplusplus
}
#endif
#endif
