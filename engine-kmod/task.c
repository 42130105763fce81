// SPDX-License-Identifier: GPL-2.0
/*
 * task.c - tasks and their attachments.
 *
 * A task of ours has two bits in thread_info.syscall_work: SECCOMP, which leads
 * it to our hook, and a private one (the kernel looks at its own only), so that
 * a task that merely has seccomp filters leaves the hook after one test. Both
 * are inherited by a child's thread_info.
 */
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/thread_info.h>

#include "vmmd.h"

#define TABLE_BITS 12
#define LOCKS 64
static struct hlist_head tasks[1 << TABLE_BITS];
static raw_spinlock_t locks[LOCKS];

static struct kmem_cache *task_cache, *att_cache;

/* --------------------------------------------------------------- finding tasks */

/* Under RCU of either kind. */
static __always_inline struct vmmd_task *find(struct task_struct *t)
{
	struct vmmd_task *ts;

	hlist_for_each_entry_rcu(ts, &tasks[hash_ptr(t, TABLE_BITS)], hash, true)
		if (ts->task == t)
			break;
	return ts;
}

struct vmmd_task *vmmd_find(struct task_struct *t)
{
	struct vmmd_task *ts;

	rcu_read_lock();
	ts = find(t);
	rcu_read_unlock();
	return ts;
}

/*
 * Of each call of each task of ours, and the end of most: no engine wants this
 * native call, and there is nothing else to do. An engine that is over finds no
 * call plain.
 */
bool vmmd_task_plain(u32 nr)
{
	const struct vmmd_task *ts;
	const struct vmmd_att *a;
	bool plain = false;

	rcu_read_lock_sched(); /* cheaper than the other kind where that can be preempted */
	ts = find(current);
	if (ts && !READ_ONCE(ts->fresh) && !READ_ONCE(ts->spare) && !ts->reissuing)
		list_for_each_entry_rcu(a, &ts->atts, node, true) {
			plain = test_bit(nr, rcu_dereference_sched(a->engine->plain));
			if (!plain)
				break;
		}
	rcu_read_unlock_sched();
	return plain;
}

/* It is to look around at its next call. */
void vmmd_task_refresh(struct task_struct *t)
{
	struct vmmd_task *ts;

	rcu_read_lock();
	ts = find(t);
	if (ts)
		WRITE_ONCE(ts->fresh, true);
	rcu_read_unlock();
}

static bool has_locked(const struct vmmd_task *ts, const struct vmmd_engine *e)
{
	const struct vmmd_att *a;

	list_for_each_entry(a, &ts->atts, node)
		if (a->engine == e)
			return true;
	return false;
}

/* Is `t` attached to this engine? Under RCU. */
bool vmmd_task_has(struct task_struct *t, const struct vmmd_engine *e)
{
	struct vmmd_task *ts = vmmd_find(t);
	bool has;

	if (!ts)
		return false;
	raw_spin_lock(&ts->lock);
	has = has_locked(ts, e);
	raw_spin_unlock(&ts->lock);
	return has;
}

struct vmmd_task *vmmd_self(void)
{
	return vmmd_marked() ? vmmd_find(current) : NULL;
}

void vmmd_mark(struct task_struct *t)
{
	set_bit(VMMD_WORK_BIT, &task_thread_info(t)->syscall_work);
	set_task_syscall_work(t, SECCOMP);
}

/* Serialized with the kernel's setting of the flag, by another thread's TSYNC too. */
void vmmd_unmark(struct task_struct *t)
{
	spin_lock_irq(&t->sighand->siglock);
	clear_bit(VMMD_WORK_BIT, &task_thread_info(t)->syscall_work);
	if (t->seccomp.mode == SECCOMP_MODE_DISABLED)
		clear_task_syscall_work(t, SECCOMP);
	spin_unlock_irq(&t->sighand->siglock);
}

/* A task that never makes a system call; where nobody may sleep, on PREEMPT_RT for siglock either. */
void vmmd_unmark_kernel(struct task_struct *t)
{
	clear_bit(VMMD_WORK_BIT, &task_thread_info(t)->syscall_work);
}

/* ------------------------------------------------------------------------ tasks */

struct vmmd_task *vmmd_task_alloc(void)
{
	struct vmmd_task *ts = kmem_cache_zalloc(task_cache, GFP_KERNEL_ACCOUNT);

	if (!ts)
		return NULL;
	raw_spin_lock_init(&ts->lock);
	INIT_LIST_HEAD(&ts->atts);
	init_task_work(&ts->exit_work, vmmd_exit_work);
	init_task_work(&ts->first_work, vmmd_first_work);
	init_task_work(&ts->last_work, vmmd_last_work);
	return ts;
}

/* One for a child: with a birth that its parent waits for. */
struct vmmd_task *vmmd_spare_alloc(void)
{
	struct vmmd_task *ts = vmmd_task_alloc();

	if (!ts)
		return NULL;
	ts->birth = kzalloc(sizeof(*ts->birth), GFP_KERNEL_ACCOUNT);
	if (!ts->birth) {
		kmem_cache_free(task_cache, ts);
		return NULL;
	}
	refcount_set(&ts->birth->ref, 1);
	init_completion(&ts->birth->done);
	return ts;
}

static void drop_atts(struct vmmd_task *ts, bool tell)
{
	struct vmmd_att *a, *next;

	raw_spin_lock(&ts->lock);
	ts->natts = VMMD_CLOSED;
	raw_spin_unlock(&ts->lock);
	list_for_each_entry_safe(a, next, &ts->atts, node) {
		list_del_rcu(&a->node);
		vmmd_att_leave(a, tell);
	}
}

void vmmd_task_free(struct vmmd_task *ts)
{
	if (!ts)
		return;
	drop_atts(ts, false);
	vmmd_task_free(ts->spare);
	if (ts->birth)
		vmmd_birth_put(ts->birth);
	kmem_cache_free(task_cache, ts);
}

static raw_spinlock_t *lock_of(struct task_struct *t)
{
	return &locks[hash_ptr(t, TABLE_BITS) % LOCKS];
}

/*
 * The caller holds a reference of the module, directly or by a task. False: `t`
 * has state already. A new thread may be found and attached from outside before
 * its parent, which was attached in the middle of the call, gets to it.
 */
bool vmmd_task_insert(struct vmmd_task *ts, struct task_struct *t)
{
	raw_spinlock_t *lock = lock_of(t);
	bool is_new;

	raw_spin_lock(lock);
	is_new = !vmmd_find(t);
	if (is_new) {
		__module_get(THIS_MODULE);
		ts->task = t;
		hlist_add_head_rcu(&ts->hash, &tasks[hash_ptr(t, TABLE_BITS)]);
	}
	raw_spin_unlock(lock);
	return is_new;
}

/* The spare, taken away. */
struct vmmd_task *vmmd_spare_take(struct vmmd_task *ts)
{
	struct vmmd_task *spare;

	raw_spin_lock(&ts->lock);
	spare = ts->spare;
	ts->spare = NULL;
	raw_spin_unlock(&ts->lock);
	return spare;
}

static void task_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(task_cache, container_of(head, struct vmmd_task, rcu));
}

/*
 * The task is none of ours any more. It is still in our code: the unload waits
 * for every task to have scheduled (synchronize_rcu_tasks()).
 */
void vmmd_task_forget(struct vmmd_task *ts)
{
	raw_spin_lock(lock_of(ts->task));
	hlist_del_rcu(&ts->hash);
	raw_spin_unlock(lock_of(ts->task));
	drop_atts(ts, true);
	vmmd_task_free(vmmd_spare_take(ts));
	if (ts->birth) {
		complete_all(&ts->birth->done);
		vmmd_birth_put(ts->birth);
	}
	if (ts->child)
		vmmd_birth_put(ts->child);
	call_rcu(&ts->rcu, task_free_rcu);
	module_put(THIS_MODULE);
}

/*
 * By the task itself: engines that are over lose it, or take it with them: false.
 * Whoever finds that an engine is over may do so before the engine's end has
 * come to this task, and would not be found there if it had left.
 */
bool vmmd_task_reap(struct vmmd_task *ts)
{
	struct vmmd_att *a, *next;
	bool lives = true;

	list_for_each_entry_safe(a, next, &ts->atts, node) {
		if (!vmmd_engine_over(a->engine))
			continue;
		if (vmmd_orphan(a)) {
			lives = false;
			continue;
		}
		raw_spin_lock(&ts->lock);
		list_del_rcu(&a->node);
		ts->natts--;
		raw_spin_unlock(&ts->lock);
		if (ts->reissuer == a)
			ts->reissuer = NULL;
		vmmd_att_leave(a, true);
	}
	return lives;
}

/* By the task itself: nothing is left, and from now on nothing is added. */
bool vmmd_task_close(struct vmmd_task *ts)
{
	bool closed;

	raw_spin_lock(&ts->lock);
	closed = list_empty(&ts->atts);
	if (closed)
		ts->natts = VMMD_CLOSED;
	raw_spin_unlock(&ts->lock);
	return closed;
}

bool vmmd_task_wants(struct vmmd_task *ts, u32 type)
{
	struct vmmd_att *a;

	list_for_each_entry_rcu(a, &ts->atts, node, true)
		if (vmmd_engine_events(a->engine) & 1u << type)
			return true;
	return false;
}

/* From the oldest (after NULL) to the newest. Others may only add newer ones. */
struct vmmd_att *vmmd_task_next_up(struct vmmd_task *ts, struct vmmd_att *a)
{
	struct list_head *p;

	raw_spin_lock(&ts->lock);
	p = a ? a->node.prev : ts->atts.prev;
	a = p == &ts->atts ? NULL : list_entry(p, struct vmmd_att, node);
	raw_spin_unlock(&ts->lock);
	return a;
}

/* ------------------------------------------------------------------ attachments */

static bool count(struct vmmd_engine *e, bool counted)
{
	if (counted && atomic_inc_return(&e->tasks) > e->max_tasks) {
		atomic_dec(&e->tasks);
		return false;
	}
	if (vmmd_user_add_task(e->user, e->privileged))
		return true;
	if (counted)
		atomic_dec(&e->tasks);
	return false;
}

static void uncount(struct vmmd_engine *e, bool counted)
{
	vmmd_user_sub_task(e->user);
	if (counted)
		atomic_dec(&e->tasks);
}

/*
 * With two references, the caller's and the table's. Not counted: for a child
 * that may never be. May sleep.
 */
struct vmmd_att *vmmd_att_new(struct vmmd_engine *e, bool counted)
{
	struct vmmd_att *a;
	int err;

	if (vmmd_engine_over(e))
		return ERR_PTR(-ENODEV);
	if (!count(e, counted))
		return ERR_PTR(-EAGAIN);
	a = kmem_cache_zalloc(att_cache, GFP_KERNEL_ACCOUNT);
	err = a ? xa_alloc(&e->atts, &a->index, NULL, XA_LIMIT(0, e->max_slots - 1), GFP_KERNEL_ACCOUNT) : -ENOMEM;
	if (err)
		goto fail;
	a->slot = vmmd_engine_slot(e, a->index);
	if (!a->slot) {
		xa_erase(&e->atts, a->index);
		err = -ENOMEM;
		goto fail;
	}
	a->id = (u64)(u32)atomic_inc_return(&e->generation) << 32 | a->index;
	a->counted = counted;
	refcount_set(&a->ref, 2);
	raw_spin_lock_init(&a->lock);
	init_waitqueue_head(&a->wait);
	INIT_LIST_HEAD(&a->node);
	a->spin_ns = e->spin_ns;
	a->listed = true;
	/* A seq that the slot had lately would make an old token valid. */
	a->seq = READ_ONCE(a->slot->seq);
	refcount_inc(&e->ref);
	a->engine = e;
	xa_store(&e->atts, a->index, a, GFP_KERNEL_ACCOUNT);
	return a;
fail:
	uncount(e, counted);
	if (a)
		kmem_cache_free(att_cache, a);
	return ERR_PTR(err == -EBUSY ? -EAGAIN : err);
}

static void att_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(att_cache, container_of(head, struct vmmd_att, rcu));
}

void vmmd_att_put(struct vmmd_att *a)
{
	struct vmmd_engine *e = a->engine;

	if (!refcount_dec_and_test(&a->ref))
		return;
	uncount(e, a->counted);
	call_rcu(&a->rcu, att_free_rcu);
	vmmd_engine_put(e);
}

/* Out of the table: its slot may be another's. */
void vmmd_att_unlist(struct vmmd_att *a)
{
	bool listed;

	raw_spin_lock(&a->lock);
	listed = a->listed;
	a->listed = false;
	raw_spin_unlock(&a->lock);
	if (!listed)
		return;
	xa_erase(&a->engine->atts, a->index);
	vmmd_att_put(a);
}

/*
 * As the newest of the task; the task's reference passes to its list. `extra`,
 * if the task has a spare without one, to that: then *extra is NULL. Without
 * `extra` it is a task's first, or a child's: then there is no limit to hold.
 */
int vmmd_att_add(struct vmmd_task *ts, struct vmmd_att *a, struct task_struct *t, struct vmmd_att **extra)
{
	int err = 0;

	raw_spin_lock(&ts->lock);
	if (ts->natts == VMMD_CLOSED)
		err = -ESRCH;
	else if (has_locked(ts, a->engine))
		err = -EEXIST;
	else if (extra && ts->natts >= (int)READ_ONCE(vmmd_max_engines_task))
		err = -EUSERS;
	if (!err) {
		ts->natts++;
		raw_spin_lock(&a->lock);
		a->task = t;
		raw_spin_unlock(&a->lock);
		list_add_rcu(&a->node, &ts->atts);
		WRITE_ONCE(ts->fresh, true);
		if (extra && *extra && ts->spare && !has_locked(ts->spare, a->engine)) {
			ts->spare->natts++;
			list_add(&(*extra)->node, &ts->spare->atts);
			*extra = NULL;
		}
	}
	raw_spin_unlock(&ts->lock);
	return err;
}

/*
 * A child that already has state, `ts`, and has not run gets its parent's engines
 * as its older ones. `from` is the parent's spare, taken, so nobody else's.
 */
void vmmd_task_adopt(struct vmmd_task *ts, struct vmmd_task *from)
{
	struct vmmd_att *a, *next;

	raw_spin_lock(&ts->lock);
	list_for_each_entry_safe(a, next, &from->atts, node) {
		if (has_locked(ts, a->engine))
			continue;
		list_del(&a->node);
		from->natts--;
		raw_spin_lock(&a->lock);
		a->task = ts->task;
		raw_spin_unlock(&a->lock);
		list_add_tail_rcu(&a->node, &ts->atts);
		ts->natts++;
		WRITE_ONCE(ts->fresh, true);
	}
	raw_spin_unlock(&ts->lock);
}

/* The task's side is over: GONE, or nothing if nobody is to be told. Drops the task's reference. */
void vmmd_att_leave(struct vmmd_att *a, bool tell)
{
	bool born;

	if (a->task == current)
		vmmd_identify(a);
	raw_spin_lock(&a->lock);
	born = a->task;
	a->task = NULL;
	a->gone = true;
	raw_spin_unlock(&a->lock);
	if (tell && born && !READ_ONCE(a->engine->dead))
		vmmd_tell_gone(a);
	else
		vmmd_att_unlist(a);
	vmmd_att_put(a);
}

/* ------------------------------------------------------------------------- work */

/* task_work_add() without the need of its export; `t` is current, or unborn. */
void vmmd_work_push(struct task_struct *t, struct callback_head *work)
{
	struct callback_head *head = READ_ONCE(t->task_works);

	do {
		work->next = head;
	} while (!try_cmpxchg(&t->task_works, &head, work));
}

/* Have vmmd_exit_work() run before the return to user mode. */
void vmmd_arm(struct vmmd_task *ts)
{
	if (ts->armed)
		return;
	ts->armed = true;
	vmmd_work_push(current, &ts->exit_work);
	set_thread_flag(TIF_NOTIFY_RESUME);
}

int vmmd_task_init(void)
{
	int i;

	for (i = 0; i < LOCKS; i++)
		raw_spin_lock_init(&locks[i]);
	task_cache = kmem_cache_create("vmmd_task", sizeof(struct vmmd_task), 0, 0, NULL);
	att_cache = kmem_cache_create("vmmd_att", sizeof(struct vmmd_att), 0, 0, NULL);
	if (task_cache && att_cache)
		return 0;
	vmmd_task_exit();
	return -ENOMEM;
}

void vmmd_task_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(task_cache);
	kmem_cache_destroy(att_cache);
}
