/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmmd.h - the objects of the module, who owns them, and the order of locks.
 *
 *   main.c    load, unload, parameters
 *   dev.c     /dev/vmmd: descriptors, ioctl, mmap, poll
 *   engine.c  engines: made by a daemon, end with its control descriptor
 *   user.c    what one user may have
 *   hook.c    functions and tracepoints of the kernel that lead to us
 *   tramp.S   … and the way from there
 *   task.c    tasks and their attachments
 *   attach.c  who may attach what
 *   call.c    entry and exit of system calls
 *   life.c    new tasks, exec, exit
 *   signal.c  signals
 *   req.c     one request: shared memory, ring, the stop
 *   filter.c  selection: what stops
 *   path.c    … by path
 *   mem.c     memory of tasks, and what a stopped task does for its daemon
 *   compat/   what differs between kernels
 *
 * Objects
 *
 *   engine   refcounted: one for the control descriptor, one for each token
 *            descriptor, one for each attachment. Freed by RCU. `dead` is set
 *            once; a task that finds it set leaves the engine, if that lets
 *            tasks go, or dies: never the first where it should be the second.
 *   att      one task's attachment to one engine, with a slot of the shared
 *            memory. Two references: the task's, until it leaves, and the
 *            table's, until the daemon has acknowledged that (or is dead).
 *            Freed by RCU.
 *   task     state of a task that has attachments or had them. In a hash by
 *            task_struct, read under RCU. Only the task itself frees it, so
 *            what vmmd_self() gives stays. Others may only add an attachment.
 *            Freed by RCU. It holds a reference of the module: as long as there
 *            is a task that may come through our hooks we stay.
 *
 * A task leaves by itself only, at its next system call or its end: one that
 * is between reading its work flags and calling the hooked function must find
 * the hook, for the kernel says BUG() to a task that has the seccomp flag and
 * no seccomp mode.
 *
 * Locks, outermost first; never sleep under a raw one, nor wake anybody
 *
 *   engine.config     mutex: the engine's selection, and that it is over
 *   signal_struct.cred_guard_mutex  while a running process is attached
 *   sighand.siglock   flags that seccomp writes too, signal queues
 *   task.lock         raw: the list of attachments, the spare and the spare's
 *   att.lock          raw: att.task, and the state of the request
 *   buckets, engine.ring_lock  raw, leaves
 */
#ifndef VMMD_H
#define VMMD_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/filter.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../proto/vmmd_kmod.h"
#include "compat/compat.h"

#define pr_vmmd(level, fmt, ...) printk(level "vmmd: " fmt "\n", ##__VA_ARGS__)

struct vmmd_user;
struct vmmd_paths;

/* What a daemon has selected. Immutable; swapped, and freed by RCU. */
struct vmmd_select {
	struct rcu_work rwork;
	u32 events;
	DECLARE_BITMAP(native, VMMD_KMOD_NR);
	DECLARE_BITMAP(plain, VMMD_KMOD_NR); /* … and nothing is to be done for them */
	struct bpf_prog *prog;
	struct vmmd_paths *paths;
	u8 inline_args[VMMD_KMOD_NR];
};

struct vmmd_engine {
	refcount_t ref;
	struct rcu_work rwork;
	bool dead;     /* these two: under config, `plain` follows */
	bool detached; /* tasks are let go, whatever the flags say */
	u32 flags;     /* VMMD_KMOD_F_* */
	u32 foreign;
	u32 max_tasks;
	u32 max_slots; /* each task may have a spare */
	atomic_t tasks; /* without spares made at an attach */
	u64 spin_ns;
	bool privileged; /* its maker may trace anybody */
	struct vmmd_user *user;
	const struct cred *cred;
	struct pid_namespace *ns;
	struct mutex config;
	struct vmmd_select __rcu *select;
	const unsigned long __rcu *plain; /* of `select`; none when it is over */

	/* The shared memory: header, ring, slots. A page is NULL until it is needed. */
	struct page **pages;
	u32 npages, first_slot_page;
	u32 ring_mask;
	u32 head;
	raw_spinlock_t ring_lock;
	wait_queue_head_t wait; /* the daemon */
	int cpu;		/* … where it was last */

	struct xarray atts; /* by slot index */
	atomic_t generation;
};

/* A thing that a stopped task does for its daemon. Refcounted: either may die. */
struct vmmd_order {
	refcount_t ref;
	struct completion done;
	long (*run)(struct vmmd_order *order);
	long result;
	struct file *file;
	u64 arg;
	u32 flags;
};

struct vmmd_att {
	struct list_head node; /* vmmd_task.atts */
	struct vmmd_engine *engine;
	refcount_t ref;
	struct rcu_head rcu;
	u32 index;
	u64 id;
	struct vmmd_kmod_slot *slot;
	wait_queue_head_t wait; /* the task, stopped */

	raw_spinlock_t lock;
	struct task_struct *task; /* NULL before it is born and when it has left */
	u32 seq;
	bool listed;	/* in engine.atts: holds a reference */
	bool open;	/* a request is not acknowledged */
	bool stopped;	/* … and its task waits */
	bool gone;	/* the task has left */
	bool told;	/* … and GONE was made */
	bool repeat;	/* its task is to make it again, for a new daemon */
	u32 users;	/* of the task's memory: meanwhile it stays */
	struct vmmd_order *order;

	/* Only the task's, or written before it is attached. */
	bool announced;
	bool counted; /* in engine.tasks */
	bool want_exit;
	s32 status;
	u32 flags; /* what is in the slot */
	u32 spin_ns;
	u32 unspun;	/* stops since spin_ns is 0 */
	pid_t tid, tgid;
	u64 parent, clone_flags;
};

/* A child whose parent waits until it has been announced. */
struct vmmd_birth {
	refcount_t ref;
	struct completion done;
};

#define VMMD_CLOSED -1 /* natts: no more are added */

struct vmmd_task {
	struct hlist_node hash;
	struct rcu_head rcu;
	struct task_struct *task;
	raw_spinlock_t lock;
	struct list_head atts; /* the newest first */
	int natts;
	bool fresh; /* one of them may not have been announced, or signals are to be looked at */
	struct vmmd_task *spare; /* for its next child: where that is made nobody can wait */

	/* The rest is the task's own. */
	struct vmmd_birth *birth; /* its own */
	struct vmmd_birth *child; /* its child's */
	struct callback_head exit_work, first_work, last_work;
	bool armed;	/* exit_work is queued */
	bool newborn;	/* first_work has not run */
	bool execed;
	u8 disturbs;	/* VMMD_SIGNAL_*: since its last exit */
	bool saved;	/* what the program had in its registers is below */
	bool reissuing; /* it is on its way to the call `reissuer` asked for */
	struct vmmd_att *reissuer;
	sigset_t mask;	/* reissuing: its signal mask */
	long nr;
	unsigned long args[6];
};

/* What is asked. */
struct vmmd_event {
	u32 type;
	s64 value;
	kernel_siginfo_t *info; /* SIGNAL; replaced by the answer's */
	u8 inline_arg;
	unsigned long until; /* in jiffies: then the task goes on as if it had been killed; 0: no end */
};

/* What a trampoline does: go on into the hooked function, or return `value` in its place. */
struct vmmd_ret {
	long skip;
	long value;
};
#define VMMD_GO_ON ((struct vmmd_ret){0, 0})
#define VMMD_INSTEAD(v) ((struct vmmd_ret){1, (v)})

/* main.c: parameters */
extern unsigned int vmmd_max_tasks, vmmd_max_engines_user, vmmd_max_tasks_user, vmmd_max_engines_task;

/* main.c: frees engines and selections */
extern struct workqueue_struct *vmmd_wq;

/* dev.c */
int vmmd_dev_init(void);
void vmmd_dev_exit(void);

/* user.c */
struct vmmd_user *vmmd_user_get(kuid_t uid);
void vmmd_user_put(struct vmmd_user *user);
bool vmmd_user_add_engine(struct vmmd_user *user, bool unlimited);
bool vmmd_user_add_task(struct vmmd_user *user, bool unlimited);
void vmmd_user_sub_engine(struct vmmd_user *user);
void vmmd_user_sub_task(struct vmmd_user *user);
void vmmd_user_total(u64 *engines, u64 *tasks);

/* engine.c */
struct vmmd_engine *vmmd_engine_new(const struct vmmd_kmod_create *how);
void vmmd_engine_put(struct vmmd_engine *e);
void vmmd_engine_die(struct vmmd_engine *e);
void vmmd_engine_detach(struct vmmd_engine *e);
void vmmd_engine_refresh(struct vmmd_engine *e);
struct vmmd_kmod_slot *vmmd_engine_slot(struct vmmd_engine *e, u32 index);
bool vmmd_engine_post(struct vmmd_engine *e, u64 token);
bool vmmd_engine_posted(const struct vmmd_engine *e);
void vmmd_engine_shape(const struct vmmd_engine *e, u64 *map_size, u32 *ring_entries, u32 *slots_offset);
int vmmd_engine_take_over(struct vmmd_engine *e, struct vmmd_kmod_take_over *how);
static inline struct vmmd_kmod_header *vmmd_engine_header(const struct vmmd_engine *e)
{
	return page_address(e->pages[0]);
}
static inline bool vmmd_engine_over(const struct vmmd_engine *e)
{
	return READ_ONCE(e->dead) || READ_ONCE(e->detached);
}
static inline u32 vmmd_engine_events(struct vmmd_engine *e)
{
	const struct vmmd_select *select;
	u32 events;

	rcu_read_lock();
	select = rcu_dereference(e->select);
	events = select ? select->events : 0;
	rcu_read_unlock();
	return events;
}

/* hook.c */
int vmmd_hook_init(void);
void vmmd_hook_exit(void);
u32 vmmd_hook_kind(void);
extern char *vmmd_hook_wish;

/* task.c */
int vmmd_task_init(void);
void vmmd_task_exit(void);
#define VMMD_WORK_BIT 47 /* of thread_info.syscall_work: one of ours */
static inline bool vmmd_is_marked(struct task_struct *t)
{
	return test_bit(VMMD_WORK_BIT, &task_thread_info(t)->syscall_work);
}
static inline bool vmmd_marked(void)
{
	return vmmd_is_marked(current);
}
struct vmmd_task *vmmd_find(struct task_struct *t);
bool vmmd_task_has(struct task_struct *t, const struct vmmd_engine *e);
struct vmmd_task *vmmd_self(void);
void vmmd_mark(struct task_struct *t);
void vmmd_unmark(struct task_struct *t);
void vmmd_unmark_kernel(struct task_struct *t);
struct vmmd_task *vmmd_task_alloc(void);
struct vmmd_task *vmmd_spare_alloc(void);
struct vmmd_task *vmmd_spare_take(struct vmmd_task *ts);
void vmmd_task_free(struct vmmd_task *ts); /* one that was never inserted */
bool vmmd_task_insert(struct vmmd_task *ts, struct task_struct *t);
void vmmd_task_forget(struct vmmd_task *ts); /* by the task itself */
bool vmmd_task_reap(struct vmmd_task *ts);   /* let engines that are over go; false: it dies with one */
bool vmmd_task_close(struct vmmd_task *ts);
bool vmmd_task_plain(u32 nr);
bool vmmd_task_wants(struct vmmd_task *ts, u32 type);
void vmmd_task_refresh(struct task_struct *t);
struct vmmd_att *vmmd_task_next_up(struct vmmd_task *ts, struct vmmd_att *a);
struct vmmd_att *vmmd_att_new(struct vmmd_engine *e, bool counted);
void vmmd_att_put(struct vmmd_att *a);
void vmmd_att_unlist(struct vmmd_att *a);
int vmmd_att_add(struct vmmd_task *ts, struct vmmd_att *a, struct task_struct *t, struct vmmd_att **extra);
void vmmd_task_adopt(struct vmmd_task *ts, struct vmmd_task *from);
void vmmd_att_leave(struct vmmd_att *a, bool tell);
void vmmd_work_push(struct task_struct *t, struct callback_head *work);
void vmmd_arm(struct vmmd_task *ts);

/* attach.c */
int vmmd_attach_init(void);
void vmmd_attach_exit(void);
int vmmd_attach_self(struct vmmd_engine *e);
int vmmd_attach_process(struct vmmd_engine *e, struct vmmd_kmod_attach *how);

/* call.c */
void vmmd_exit_events(struct vmmd_task *ts);
void vmmd_exit_work(struct callback_head *work);
void vmmd_set_place(struct pt_regs *regs, const struct vmmd_kmod_answer *a);
void vmmd_restore(struct vmmd_task *ts);
bool vmmd_orphan(struct vmmd_att *a);
struct vmmd_ret vmmd_hook_entry(unsigned long a, unsigned long b, unsigned long ip);
struct vmmd_ret vmmd_hook_ptrace(int code, unsigned long message, unsigned long ip);

/* life.c */
int vmmd_prepare_child(struct vmmd_task *ts);
bool vmmd_makes_child(const struct pt_regs *regs);
void vmmd_first(struct vmmd_task *ts);
void vmmd_first_work(struct callback_head *work);
void vmmd_last_work(struct callback_head *work);
bool vmmd_announce(struct vmmd_task *ts);
void vmmd_birth_put(struct vmmd_birth *birth);
void vmmd_await_child(struct vmmd_task *ts);
struct vmmd_ret vmmd_hook_ending(struct task_struct *t, unsigned long b, unsigned long ip);
void vmmd_probe_new(void *data, struct task_struct *p, vmmd_clone_flags_t flags);
void vmmd_probe_exec(void *data, struct task_struct *p, pid_t old, struct linux_binprm *bprm);
#if VMMD_HAVE_EXIT_GROUP_DEAD
void vmmd_probe_exit(void *data, struct task_struct *p, bool group_dead);
#else
void vmmd_probe_exit(void *data, struct task_struct *p);
#endif

/* signal.c */
#define VMMD_SIGNAL_MASK 1     /* empties real_blocked */
#define VMMD_SIGNAL_HANDLERS 2 /* may change what is ignored */
bool vmmd_signal_soften(struct vmmd_task *ts);
u8 vmmd_signal_disturbs(struct vmmd_task *ts, const struct pt_regs *regs);
void vmmd_signal_disturbed(struct vmmd_task *ts);
void vmmd_signal_harden(void);
struct vmmd_ret vmmd_hook_signal(struct ksignal *ksig, unsigned long b, unsigned long ip);

/* req.c */
int vmmd_ask(struct vmmd_att *a, struct vmmd_event *ev, struct vmmd_kmod_answer *answer);
void vmmd_identify(struct vmmd_att *a);
void vmmd_tell_gone(struct vmmd_att *a);
void vmmd_done(struct vmmd_engine *e, u64 token);
int vmmd_kill(struct vmmd_engine *e, u64 id);
void vmmd_req_repeat(struct vmmd_att *a);
struct vmmd_att *vmmd_req_hold(struct vmmd_engine *e, u64 id, struct task_struct **task);
void vmmd_req_unhold(struct vmmd_att *a, struct task_struct *task);

/* filter.c */
enum vmmd_verdict { VMMD_PASS, VMMD_STOP, VMMD_ERRNO, VMMD_KILL };
enum vmmd_verdict vmmd_judge(struct vmmd_engine *e, struct pt_regs *regs, int *error, u8 *inline_arg);
bool vmmd_is_foreign(int nr);
extern const unsigned long vmmd_none_plain[];
int vmmd_select(struct vmmd_engine *e, const struct vmmd_kmod_select *s);
void vmmd_select_free(struct vmmd_select *s);

/* path.c */
struct vmmd_paths *vmmd_paths_new(const struct vmmd_kmod_select *s);
struct vmmd_paths *vmmd_paths_get(struct vmmd_paths *p, int nr);
void vmmd_paths_put(struct vmmd_paths *p);
enum vmmd_verdict vmmd_paths_judge(const struct vmmd_paths *p, int nr, const unsigned long *args, int *error);

/* mem.c */
u32 vmmd_inline(struct vmmd_kmod_slot *slot, u8 how, unsigned long arg);
long vmmd_mem(struct vmmd_engine *e, const struct file *control, const struct vmmd_kmod_mem *m);
long vmmd_map(struct vmmd_engine *e, struct vmmd_kmod_map *m);
long vmmd_install(struct vmmd_engine *e, const struct vmmd_kmod_install *in);
void vmmd_order_put(struct vmmd_order *order);

/* tramp.S; the first four are where to go on, for hooks that rewrite the instruction pointer */
extern unsigned long vmmd_on_entry, vmmd_on_signal, vmmd_on_ptrace, vmmd_on_ending;
void vmmd_tramp_entry(void), vmmd_tramp_signal(void), vmmd_tramp_ptrace(void), vmmd_tramp_ending(void);
void vmmd_tramp_entry_ip(void), vmmd_tramp_signal_ip(void), vmmd_tramp_ptrace_ip(void), vmmd_tramp_ending_ip(void);
asmlinkage bool vmmd_get_signal(struct ksignal *ksig, unsigned long ip);

#endif
