/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptrace_impl.h - shared by the files of the ptrace engine, by nobody else.
 *
 *   ptrace.c       life of the engine and its tasks, resuming them
 *   ptrace_stop.c  from a wait status to an event
 *   ptrace_eintr.c hiding that a tracer stopped a call
 *   ptrace_notify.c  the hybrid engine's notifications
 *   ptrace_wait.c  getting wait statuses
 *   ptrace_mem.c   memory of tasks, calls run on their behalf
 *   ptrace_arch.h  where x86-64 keeps number, arguments, result, pc and sp
 */
#ifndef VMMD_ENGINE_PTRACE_IMPL_H
#define VMMD_ENGINE_PTRACE_IMPL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>
#include <uthash.h>

#include "vmmd/engine/engine.h"
#include "vmmd/engine/filter.h"
#include "vmmd/engine/mm.h"
#include "vmmd/engine/notify.h"

/* How a task stands to the engine. */
enum pt_state {
	PT_EXPECTED, /* its parent's clone was seen, its own first stop was not */
	PT_NEWBORN,  /* its first stop was seen, its parent's clone was not */
	PT_ORPHAN,   /* … and will not be: the parent has gone */
	PT_SEIZED,   /* launch() took it; its first stop will come */
	PT_RUNNING,
	PT_NEW,	     /* stopped, ENGINE_NEW reported (or about to be) */
	PT_ENTRY,    /* … ENGINE_ENTRY */
	PT_EXIT,
	PT_SIGNAL,
	PT_EXEC,
	PT_EXITING,
	PT_HELD,     /* stopped in clone until its child has shown up */
	PT_LISTENING, /* group-stopped */
};

/* Where a task is in a system call the engine follows to its exit. */
enum pt_phase {
	PT_USER,    /* nowhere: the next stop of a call is an entry */
	PT_CALL,    /* entry done: the next syscall stop is the exit, seccomp stops mean nothing */
	PT_REISSUE, /* sent back to the call instruction: the next syscall stop is that entry */
};

struct pt_engine;

struct engine_task {
	struct pt_engine *e;
	void *owner;
	pid_t tid, tgid;
	uint8_t state; /* enum pt_state */
	uint8_t phase; /* enum pt_phase */
	bool reported;	   /* ENGINE_NEW was */
	bool launching;	   /* before its first execve(2) */
	bool report_exit;  /* of the call it is in */
	bool have_orig;	   /* `orig` holds what the program had in its registers */
	bool is_clone3;	   /* in clone3(2) */
	bool clone_seen;   /* … and its child was reported by the kernel */
	bool sigreturn;	   /* in rt_sigreturn(2): the kernel replaces all registers */
	bool have_regs;	   /* `regs` is what the task has now; at entry they are read when needed */
	bool mask_saved;   /* all signals are blocked until the reissued call is entered */
	bool interrupted;  /* by us, to change how it is resumed */
	bool every_call;   /* it runs until its next call or the end of this one, whatever the filter says */
	bool stopped;	   /* it has been in a group stop since its last call: an EINTR is due */
	bool interrupt;	   /* look again for a group stop that was passed over */
	bool dying;	   /* not where the last event left it: that event's resume is void */
	bool stop_pending; /* a SIGSTOP that was passed over */
	int64_t again_ms;  /* when a call was last started again behind a signal that is ignored; NEWBORN: since when */
	bool again;	    /* to report this entry once more, at a stop */
	struct engine_task *again_next;
	uint64_t notify_id; /* it waits in a notification, which was reported; 0: it does not */
	uint64_t sigmask;
	uint64_t clone_flags;	    /* of its own creation */
	struct engine_task *parent; /* until ENGINE_NEW is reported; it is held, or dying */
	struct engine_task *child;  /* the other way round */
	struct mm *mm;
	uint64_t scratch;
	struct user_regs_struct regs; /* at the current stop */
	union {
		struct user_regs_struct orig; /* before the call was rewritten */
		siginfo_t info;		      /* PT_SIGNAL */
	};
	UT_hash_handle hh; /* e->tasks, by tid */
};

/* A wait status that came while another was waited for. */
struct pt_stash {
	pid_t tid;
	int status;
};

/* What our filter's SECCOMP_RET_TRACE says, to tell it from the program's own. */
#define PT_FILTER_DATA 0x766d

#define PT_STASH 64

/* A task that was heard of lately; asked in every 2^quiet-th round. */
#define PT_RECENT 32
#define PT_RECENT_QUIET 6
struct pt_recent {
	pid_t tid;
	unsigned quiet;
};

struct pt_engine {
	struct engine base;
	struct engine_select select; /* what the filter was made for */
	struct engine_select now;    /* what is reported: more, while reselected */
	bool all;		     /* every system call stops (PTRACE_SYSCALL) */
	bool release;
	bool filtered;
	unsigned long options;
	struct filter_plan plan; /* of the filter; its selection is `select` */
	struct filter filter;

	/* ptrace_notify.c */
	bool listening; /* some calls are notifications */
	volatile bool shut;
	struct notify notify;
	void (*turn)(void *arg, bool take);
	void (*wake)(void *arg);
	void *owner_arg;
	struct engine_task *again; /* list: to be sent back to their call */

	struct engine_task *tasks;
	uint32_t ntasks;
	struct engine_stats stats;
	struct engine_task *held;    /* its child was reported: resume it */
	uint32_t newborns;	     /* tasks in PT_NEWBORN or PT_ORPHAN */
	struct engine_task *execing; /* its leader was reported gone: report the exec */
	struct engine_task *early;   /* in the execve(2) that starts the program, and no listener yet */
	pid_t former_tid;
	struct pt_stash stash[2 * PT_STASH]; /* half of it for ptrace_wait.c, half for ptrace_mem.c */
	int stashed;

	/* ptrace_wait.c */
	uint32_t since_scan; /* events since all tasks were looked at */
	bool crowded;	     /* more than one had stopped then; of few tasks only */
	bool many;	     /* tasks at the last wait */
	bool settled;	     /* all were, and found quiet, and no SIGCHLD was taken since */
	pid_t named;	     /* by the last SIGCHLD */
	uint32_t round;	     /* SIGCHLDs taken */
	uint32_t ask;	     /* how many of `recent` are still to be asked in this round */
	uint32_t nrecent;
	struct pt_recent recent[PT_RECENT];
};

/* ptrace.c */
struct engine_task *pt_find(struct pt_engine *, pid_t tid);
struct engine_task *pt_task_new(struct pt_engine *, pid_t tid, enum pt_state);
void pt_task_free(struct engine_task *);
void pt_rekey(struct engine_task *, pid_t tid);
/* Let it run, delivering `sig`. Gone tasks are not an error. */
void pt_go(struct engine_task *, int sig);
int pt_get_regs(struct engine_task *);
/* The same, unless they were read at this stop. */
int pt_need_regs(struct engine_task *);
int pt_set_regs(struct engine_task *);
/* Give the program its own argument registers back. */
void pt_restore(struct engine_task *);
/* Was the call made by an instruction it can be sent back to? */
bool pt_can_rewind(struct engine_task *);
/* Set up the task to run `call` from its syscall instruction again. */
int pt_rewind(struct engine_task *, const struct vmmd_call *);
/* It has entered that call: unblock its signals. */
void pt_rewound(struct engine_task *);
int pt_ptrace_listen(struct engine_task *);

/* ptrace_eintr.c */
/* The signal that stopped it will not be seen by the program: nor may its call be interrupted. */
void pt_hide_signal(struct engine_task *, int sig);
bool pt_was_interrupted(struct engine_task *);
void pt_start_again(struct engine_task *);

/* ptrace_notify.c */
enum engine_how pt_hybrid_how(uint32_t want);
void pt_turn(const struct pt_engine *, bool take);
int pt_receive(struct engine *, struct engine_event *);
int pt_resume_notified(struct engine_task *, const struct engine_action *);
bool pt_receives(const struct engine *);
void pt_shut(struct engine *);
uint32_t pt_filter_flags(const struct engine *);
int pt_listen(struct engine *, pid_t, int fd);
/* Tasks in e->again: have them stop. In the engine's own thread. */
void pt_send_back(struct pt_engine *);
/* … it has: to the call instruction. */
void pt_sent_back(struct engine_task *);
/* It will not: off the list. */
void pt_stay(struct engine_task *);
int pt_install_fd(struct engine *, struct engine_task *, int fd, bool cloexec);

/* ptrace_stop.c */
int64_t pt_now_ms(void);
/* A call begins: nothing is known of it yet. */
void pt_forget_call(struct engine_task *);

/* 1 and an event, or 0 if it was the engine's own business. */
int pt_status(struct pt_engine *, pid_t tid, int status, struct engine_event *);
int pt_pending(struct pt_engine *, struct engine_event *);
/* Nothing else is heard: have newborn tasks whose parent has gone be reported by pt_pending(). */
void pt_find_orphans(struct pt_engine *);

/* ptrace_wait.c: 1 and a status, 0 for none, -errno. */
int pt_wait(struct pt_engine *, bool block, pid_t *tid, int *status);
/* Until something stops, but not for long: 1 if so, 0 if nothing did, -EINTR. */
int pt_wait_moment(struct pt_engine *);
/* This task is about to be heard of. */
void pt_recent(struct pt_engine *, pid_t tid);

/* ptrace_mem.c */
ssize_t pt_read(struct engine_task *, uint64_t addr, void *buf, size_t len);
ssize_t pt_write(struct engine_task *, uint64_t addr, const void *buf, size_t len);
int pt_scratch(struct engine *, struct engine_task *, uint64_t *addr);

#endif
