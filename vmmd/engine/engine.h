/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h - what stops tasks and resumes them.
 *
 * An engine is the mechanism (the kernel module, seccomp notification, ptrace) behind one interface. It knows tasks, stops and memory; it
 * knows nothing of layers. One session owns one engine.
 *
 * The engine reports one event at a time with next(). The task of an event is
 * stopped until resume(); other tasks go on. An event that is only a report
 * (ENGINE_GONE) needs no resume, and its task is invalid after the call.
 *
 * Threads. All functions are called by the thread that created the engine; but
 * where receives() says so, receive() is called by another one, which may also
 * call resume() for the event it was given, and read(), write() and kill(). Then
 * each call is made with the owner's turn taken (config.turn), and next() and
 * receive() give it away while they sleep.
 */
#ifndef VMMD_ENGINE_H
#define VMMD_ENGINE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <vmmd/plugin.h>

/* Numbers from 0 to ENGINE_NR_MAX - 1 are selected one by one, all others together. */
#define ENGINE_NR_MAX 512

/* What an engine can do. */
enum engine_feature {
	ENGINE_F_ENTRY = 1u << 0,      /* stop at system call entry */
	ENGINE_F_EXIT = 1u << 1,       /* stop at system call exit */
	ENGINE_F_REWRITE = 1u << 2,    /* change nr, arguments, pc, sp */
	ENGINE_F_RESULT = 1u << 3,     /* change the result after the kernel ran the call */
	ENGINE_F_REISSUE = 1u << 4,    /* run another call before the return to user mode */
	ENGINE_F_SIGNAL = 1u << 5,     /* signal events */
	ENGINE_F_LIFECYCLE = 1u << 6,  /* new task, exec, exit */
	ENGINE_F_ATTACH = 1u << 7,     /* take over a running process */
	ENGINE_F_RESELECT = 1u << 8,   /* select more while tasks run */
	ENGINE_F_INSTALL_FD = 1u << 9, /* put a descriptor into a task */
	ENGINE_F_ERRNO = 1u << 10,     /* fixed refusals without a stop */
	ENGINE_F_PATHS = 1u << 11,     /* path table in the kernel */
	ENGINE_F_SAFE_ARGS = 1u << 12, /* memory arguments cannot change after the decision */
	ENGINE_F_RELEASE = 1u << 13,   /* tasks can outlive the engine */
	ENGINE_F_INSTALL_ANY = 1u << 14, /* … also at an entry that is not fixed */
	ENGINE_F_HAND_OVER = 1u << 15,	 /* another process can go on with the engine of one that died */
	ENGINE_F_COUNT_ = 16
};
extern const char *const engine_feature_names[ENGINE_F_COUNT_];

/* What to stop for; made by the owner from its stack. */
struct engine_select {
	uint8_t want[ENGINE_NR_MAX]; /* VMMD_WANT_* for each number */
	uint8_t want_other;	     /* … for all numbers that have no bit above */
	uint32_t events;	     /* VMMD_EVENT_* */
	uint16_t refuse[ENGINE_NR_MAX]; /* this errno, without a stop; 0: not refused (ENGINE_F_ERRNO) */
	/*
	 * ENGINE_F_PATHS: of the calls set here only those need stop of which a path is one of
	 * `below`, lies below or passes through one, or cannot be told. See plugin.h, only_below().
	 * Others ignore it. The list is the owner's and outlives the engine.
	 */
	bool by_path[ENGINE_NR_MAX];
	const char *const *below;
	size_t nbelow;
};

/* How a call is stopped, from the cheapest to the dearest. */
enum engine_how {
	ENGINE_HOW_ALLOW,  /* not at all */
	ENGINE_HOW_ERRNO,  /* refused by the kernel */
	ENGINE_HOW_NOTIFY, /* seccomp notification: entry only, nothing can be rewritten */
	ENGINE_HOW_TRACE,  /* a stop of ptrace(2) or of the kernel module: everything */
};
extern const char *const engine_how_names[];

/* System calls of other ABIs (int 0x80, 32-bit programs, x32): see engine/bypass.tbl. */
enum engine_foreign { ENGINE_FOREIGN_REFUSE, ENGINE_FOREIGN_NATIVE };

struct engine_config {
	const struct engine_select *select;
	enum engine_foreign foreign;
	bool performs; /* the owner runs calls in the tasks' place (ENGINE_F_INSTALL_FD) */
	bool release; /* tasks go on untraced when the engine's process dies; else they are killed */
	int *taken; /* take over the engine behind this descriptor of hand(), which becomes the engine's; NULL: make one */
	/* Take or give away the turn; called around sleeping. NULL: there is one thread only. */
	void (*turn)(void *arg, bool take);
	/* Have next() be called soon, or return if it sleeps. */
	void (*wake)(void *arg);
	void *owner_arg; /* of both */
};

enum engine_event_type {
	ENGINE_NEW,    /* a task exists; it is stopped before its first instruction */
	ENGINE_ENTRY,  /* system call entry; one before it that was not resumed is void: execve(2) replaced its thread */
	ENGINE_EXIT,   /* … and exit, when the resume at entry asked for it */
	ENGINE_SIGNAL, /* a signal is about to be delivered */
	ENGINE_EXEC,   /* a new program is in place */
	ENGINE_EXITING, /* the task is about to end; it can no longer be kept from it */
	ENGINE_GONE,   /* the task has ended; no resume. `task` NULL: one that attach() took over, and that was never reported */
};

#define ENGINE_STATUS_UNKNOWN (-1)

struct engine_task; /* the engine's side of a task */

struct engine_event {
	enum engine_event_type type;
	struct engine_task *task;
	void *owner;		    /* as set by set_owner(); NULL for ENGINE_NEW */
	void *parent_owner;	    /* NEW: owner of the task that cloned it, or NULL */
	uint64_t clone_flags;	    /* NEW */
	pid_t former_tid;	    /* EXEC: the thread that called execve(2); the task is the leader's tid now */
	int status;		    /* EXITING, GONE: as in waitpid(2), or ENGINE_STATUS_UNKNOWN */
	struct vmmd_call call;	    /* ENTRY; pc and sp also at EXIT */
	int64_t result;		    /* EXIT */
	siginfo_t *info;	    /* SIGNAL: points into the engine, writable until resume */
	bool fixed;		    /* ENTRY: the call cannot be changed and has no exit, but a descriptor can be installed */
	bool again;		    /* ENTRY: the one that ENGINE_AGAIN asked for */
	bool filtered;		    /* ENTRY: the program has seccomp filters that judge only what it runs itself */
};

enum engine_action_type {
	ENGINE_GO,     /* NEW, EXEC, EXITING: go on. SIGNAL: deliver `info` of the event */
	ENGINE_RUN,    /* ENTRY: the kernel runs `call`. EXIT: it runs `call` now (reissue) */
	ENGINE_RETURN, /* ENTRY: do not run it, return `result`. EXIT: return `result` */
	ENGINE_RETURN_FD, /* ENTRY, fixed or ENGINE_F_INSTALL_ANY: do not run it, install `fd` and return its number */
	ENGINE_AGAIN,  /* ENTRY, fixed: report it once more, not fixed (ENGINE_F_REWRITE); dear */
	ENGINE_DROP,   /* SIGNAL: do not deliver */
};

struct engine_action {
	enum engine_action_type type;
	bool want_exit;		      /* RUN: report the exit */
	bool changed;		      /* RUN, RETURN: `call` differs from the event's call (RETURN: pc and sp only) */
	const struct vmmd_call *call; /* may be NULL if not changed */
	int64_t result;
	int fd;	      /* RETURN_FD: stays the caller's */
	bool cloexec; /* … its copy is close-on-exec */
};

struct engine_stats {
	uint64_t stops;	   /* stops of tasks seen, internal ones included */
	uint64_t events;   /* events reported */
	uint32_t tasks;	   /* now alive */
	uint32_t tasks_max; /* most at once */
	uint32_t coming; /* taken over and alive, but not reported yet: not among `tasks` */
	size_t task_bytes; /* memory of the engine for one task */
};

struct engine;

struct engine_ops {
	const char *name;
	uint32_t features; /* ENGINE_F_* */
	bool traces;	   /* its tasks have vmmd for their tracer, ptrace(2) */

	/* Can it work on this host? 0, or -errno with a clause of why not. */
	int (*probe)(char *why, size_t len);
	/* How it would stop a call of which this is wanted (VMMD_WANT_*). */
	enum engine_how (*how)(uint32_t want);

	/* Make an engine; the selection is copied. */
	int (*create)(struct engine **, const struct engine_config *);
	/*
	 * End it. All tasks are killed, or with config.release set free. May be
	 * called while tasks are stopped.
	 */
	void (*destroy)(struct engine *);

	/*
	 * The classic BPF program that the first task must install with seccomp(2)
	 * before its execve(2); *prog stays the engine's. Count 0: none is needed.
	 */
	int (*filter)(struct engine *, const void **prog, size_t *count);
	/*
	 * Does the filter want a listener (SECCOMP_FILTER_FLAG_NEW_LISTENER)? The first
	 * task then says under which number it will get it, just before it installs
	 * the filter; listen() fetches it, which may take that moment. NULL: never.
	 */
	uint32_t (*filter_flags)(const struct engine *);
	int (*listen)(struct engine *, pid_t, int fd);
	/*
	 * Take over a single-threaded process that is about to execve(2). ENGINE_NEW
	 * follows. Until its first successful execve(2) only its execve(2) and
	 * execveat(2) calls are reported.
	 */
	int (*launch)(struct engine *, pid_t);
	/*
	 * Instead of that: take over a running process with all its threads, if the
	 * caller may trace it (ENGINE_F_ATTACH). ENGINE_NEW follows for each when it next
	 * enters the kernel: for one that sleeps in a call, when it has returned. All its
	 * calls count, from the next on. After an error it goes on
	 * as before, but for no_new_privs. NULL: cannot.
	 */
	int (*attach)(struct engine *, pid_t);
	/*
	 * Let all tasks go, unharmed, whatever config.release says: those that are stopped
	 * go on at once with what they were about to do. next() then gives -ECHILD, and
	 * there is nothing left to do but destroy(). With attach() only.
	 */
	void (*detach)(struct engine *);

	/*
	 * The next event, into a zeroed structure: 1, 0 if there is none (not blocking, or woken by
	 * loop_kick()), -ECHILD if no task is left, or another -errno.
	 */
	int (*next)(struct engine *, struct engine_event *, bool block);
	/*
	 * Events that come by another way than next()'s, each by a thread that calls
	 * this: sleeps until there is one and returns 1 with the turn taken, or ends
	 * with -errno and without it. NULL: there are none.
	 */
	int (*receive)(struct engine *, struct engine_event *);
	bool (*receives)(const struct engine *);
	/*
	 * What keeps the engine alive beyond this process and lets another take it over
	 * (ENGINE_F_HAND_OVER): a descriptor of the engine's own. There each task comes first as
	 * ENGINE_NEW, without parent and not stopped; then what was not answered comes again.
	 */
	int (*hand)(const struct engine *);
	/* Have receive() return in all threads. */
	void (*shut)(struct engine *);
	/* A descriptor to be polled with the owner's others, and what to do when it is readable; -1: none. */
	int (*fd)(struct engine *);
	void (*ready)(struct engine *);

	/*
	 * At a fixed ENTRY, with ENGINE_F_INSTALL_ANY at every ENTRY: put a copy of `fd` into the
	 * task, which stays stopped. Its number, or -errno. NULL: cannot.
	 */
	int (*install_fd)(struct engine *, struct engine_task *, int fd, bool cloexec);

	/* Does a stopped task still wait for its answer? If not it is dead, and its number may be another's. NULL: always. */
	bool (*held)(struct engine *, struct engine_task *);

	void (*set_owner)(struct engine_task *, void *owner);
	/* Resume the task of the last event. -ESRCH is no error: it is dying, ENGINE_GONE will follow. */
	int (*resume)(struct engine *, struct engine_task *, const struct engine_action *);

	ssize_t (*read)(struct engine_task *, uint64_t addr, void *buf, size_t len);
	ssize_t (*write)(struct engine_task *, uint64_t addr, const void *buf, size_t len);
	/* An area of ENGINE_SCRATCH bytes, private to the task; in a system call stop only. */
	int (*scratch)(struct engine *, struct engine_task *, uint64_t *addr);
	void (*identity)(const struct engine_task *, pid_t *tid, pid_t *tgid);

	/* Also stop for what `select` names (ENGINE_F_RESELECT); NULL: only for the first selection again. */
	int (*reselect)(struct engine *, const struct engine_select *);
	int (*inject)(struct engine *, pid_t tid, const siginfo_t *);
	int (*kill)(struct engine *, struct engine_task *); /* SIGKILL its process */
	void (*kill_all)(struct engine *);
	void (*stats)(const struct engine *, struct engine_stats *);
};

#define ENGINE_SCRATCH 65536u

/* Every engine starts with this. */
struct engine {
	const struct engine_ops *ops;
};

/* All engines of this build, cheapest first, closed by NULL. */
extern const struct engine_ops *const engine_all[];

/* What the layers want of a call: flags VMMD_WANT_*. */
uint32_t engine_wanted(const struct engine_select *, int64_t nr);
/* Can a table of paths decide this call? It must mean them as every other does, and no more than two. */
bool engine_tells_paths(int64_t nr);
/* Is it the call with which a process becomes a program? Before its first one it is still the client. */
bool engine_is_exec(int64_t nr);
/* Would `ops` stop any call of the selection in this way? */
bool engine_uses(const struct engine_ops *, const struct engine_select *, enum engine_how);

/* What a stack needs of an engine. */
struct engine_need {
	uint32_t all; /* every one of these features */
	uint32_t any; /* and one of these, if not 0 */
	const struct engine_select *select; /* or NULL: not known */
};

/*
 * The engine called `name`, or for "auto" the first that is usable and has what
 * is needed. NULL with a line in `why` that names what is missing.
 */
const struct engine_ops *engine_choose(const char *name, const struct engine_need *, char *why, size_t len);

#endif
