// SPDX-License-Identifier: GPL-2.0
/*
 * engine.c - an engine: what a daemon made, and the memory they share.
 *
 * Made by VMMD_IOC_CREATE, over when its control descriptor (and every mapping
 * of it) is closed. Then `dead` is set, tasks that wait are woken, and those
 * of an engine that does not release them are killed; each att goes when its
 * task finds out. The struct stays until the last att, so does the memory.
 *
 * The shared memory is made of single pages, charged to who causes them: the
 * header and the ring with the engine, slots when a task needs one. They are
 * never taken back before the engine is freed, for the daemon may map them.
 */
#include <linux/cred.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmmd.h"

#define SLOTS_PER_PAGE (PAGE_SIZE / sizeof(struct vmmd_kmod_slot))
#define TOKENS_PER_PAGE (PAGE_SIZE / sizeof(u64))

/*
 * Of one slot: the request, SIGNALLED, KILLED, GONE. The slot is not used again
 * before the daemon has taken them, so a ring of four times the slots is enough.
 */
#define TOKENS_PER_SLOT 4

static struct page *new_page(void)
{
	return alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

static void free_pages_of(struct vmmd_engine *e)
{
	u32 i;

	for (i = 0; e->pages && i < e->npages; i++)
		if (e->pages[i])
			put_page(e->pages[i]);
	kvfree(e->pages);
}

static int make_pages(struct vmmd_engine *e)
{
	u32 tokens = roundup_pow_of_two(e->max_slots * TOKENS_PER_SLOT);
	u32 i;

	tokens = max_t(u32, tokens, TOKENS_PER_PAGE);
	e->ring_mask = tokens - 1;
	e->first_slot_page = 1 + tokens / TOKENS_PER_PAGE;
	e->npages = e->first_slot_page + DIV_ROUND_UP(e->max_slots, SLOTS_PER_PAGE);
	e->pages = kvcalloc(e->npages, sizeof(*e->pages), GFP_KERNEL_ACCOUNT);
	if (!e->pages)
		return -ENOMEM;
	for (i = 0; i < e->first_slot_page; i++) {
		e->pages[i] = new_page();
		if (!e->pages[i])
			return -ENOMEM;
	}
	return 0;
}

static void engine_free(struct vmmd_engine *e)
{
	free_pages_of(e);
	if (e->user)
		vmmd_user_put(e->user);
	put_cred(e->cred);
	put_pid_ns(e->ns);
	xa_destroy(&e->atts);
	mutex_destroy(&e->config);
	kfree(e);
}

static void engine_free_work(struct work_struct *work)
{
	struct rcu_work *rwork = to_rcu_work(work);
	struct vmmd_engine *e = container_of(rwork, struct vmmd_engine, rwork);

	vmmd_select_free(rcu_dereference_protected(e->select, true));
	engine_free(e);
}

void vmmd_engine_put(struct vmmd_engine *e)
{
	if (!refcount_dec_and_test(&e->ref))
		return;
	vmmd_user_sub_engine(e->user);
	queue_rcu_work(vmmd_wq, &e->rwork);
}

static void engine_init(struct vmmd_engine *e, const struct vmmd_kmod_create *how)
{
	refcount_set(&e->ref, 1);
	INIT_RCU_WORK(&e->rwork, engine_free_work);
	raw_spin_lock_init(&e->ring_lock);
	mutex_init(&e->config);
	init_waitqueue_head(&e->wait);
	xa_init_flags(&e->atts, XA_FLAGS_ALLOC);
	RCU_INIT_POINTER(e->plain, vmmd_none_plain);
	e->cpu = raw_smp_processor_id();
	e->flags = how->flags;
	e->foreign = how->foreign;
	e->max_tasks = how->max_tasks;
	e->max_slots = 2 * how->max_tasks;
	e->cred = get_current_cred();
	e->ns = get_pid_ns(task_active_pid_ns(current));
	e->privileged = capable(CAP_SYS_PTRACE);
	if (num_online_cpus() > 1)
		e->spin_ns = (u64)how->spin_us * NSEC_PER_USEC;
}

struct vmmd_engine *vmmd_engine_new(const struct vmmd_kmod_create *how)
{
	struct vmmd_engine *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	struct vmmd_user *user;
	int err = -ENOMEM;

	if (!e)
		return ERR_PTR(-ENOMEM);
	engine_init(e, how);
	user = vmmd_user_get(current_uid());
	if (!user)
		goto fail;
	if (!vmmd_user_add_engine(user, capable(CAP_SYS_RESOURCE))) {
		vmmd_user_put(user);
		err = -EDQUOT;
		goto fail;
	}
	e->user = user;
	err = make_pages(e);
	if (!err)
		return e;
	vmmd_user_sub_engine(user);
fail:
	engine_free(e);
	return ERR_PTR(err);
}

/* Of the mapping, as a daemon needs to know it. */
void vmmd_engine_shape(const struct vmmd_engine *e, u64 *map_size, u32 *ring_entries, u32 *slots_offset)
{
	*map_size = (u64)e->npages << PAGE_SHIFT;
	*ring_entries = e->ring_mask + 1;
	*slots_offset = e->first_slot_page << PAGE_SHIFT;
}

/* The kernel's address of a slot; the page is made if need be. May sleep. */
struct vmmd_kmod_slot *vmmd_engine_slot(struct vmmd_engine *e, u32 index)
{
	struct page **where = &e->pages[e->first_slot_page + index / SLOTS_PER_PAGE];
	struct page *page = READ_ONCE(*where), *other;

	if (!page) {
		page = new_page();
		if (!page)
			return NULL;
		other = cmpxchg(where, NULL, page);
		if (other) {
			put_page(page);
			page = other;
		}
	}
	return (struct vmmd_kmod_slot *)page_address(page) + index % SLOTS_PER_PAGE;
}

/* Tell the daemon. Was it awake? `head` in the shared memory is written, never read. */
bool vmmd_engine_post(struct vmmd_engine *e, u64 token)
{
	struct vmmd_kmod_header *h = vmmd_engine_header(e);
	u32 at;
	u64 *tokens;

	raw_spin_lock(&e->ring_lock);
	at = e->head & e->ring_mask;
	tokens = page_address(e->pages[1 + at / TOKENS_PER_PAGE]);
	WRITE_ONCE(tokens[at % TOKENS_PER_PAGE], token);
	WRITE_ONCE(e->head, e->head + 1);
	smp_store_release(&h->head, e->head);
	raw_spin_unlock(&e->ring_lock);
	/* The daemon runs when we sleep: let it have this processor. */
	if (!wq_has_sleeper(&e->wait))
		return true;
	wake_up_interruptible_sync_poll(&e->wait, EPOLLIN | EPOLLRDNORM);
	return false;
}

bool vmmd_engine_posted(const struct vmmd_engine *e)
{
	return READ_ONCE(e->head) != READ_ONCE(vmmd_engine_header(e)->tail);
}

/* ------------------------------------------------------------------ its end */

static struct task_struct *task_of(struct vmmd_att *a)
{
	struct task_struct *t;

	raw_spin_lock(&a->lock);
	t = a->task;
	if (t)
		get_task_struct(t);
	raw_spin_unlock(&a->lock);
	return t;
}

/* The next attachment from *index on, with a reference. */
static struct vmmd_att *next_att(struct vmmd_engine *e, unsigned long *index)
{
	struct vmmd_att *a;

	rcu_read_lock();
	do
		a = xa_find(&e->atts, index, ULONG_MAX, XA_PRESENT);
	while (a && !refcount_inc_not_zero(&a->ref) && ++*index);
	rcu_read_unlock();
	return a;
}

/* `why`: dead or detached. From now on each of its tasks looks at it at its next call. */
static void set_over(struct vmmd_engine *e, bool *why)
{
	mutex_lock(&e->config);
	WRITE_ONCE(*why, true);
	rcu_assign_pointer(e->plain, vmmd_none_plain);
	mutex_unlock(&e->config);
	smp_mb(); /* pairs with the stop: it sees that, or we see it sleep */
}

/*
 * The daemon has gone. A child that is not born yet finds `dead` before it
 * first returns to user mode, for it is announced there.
 */
void vmmd_engine_die(struct vmmd_engine *e)
{
	bool release = READ_ONCE(e->detached) || (e->flags & VMMD_KMOD_F_RELEASE);
	unsigned long index = 0;
	struct vmmd_att *a;

	set_over(e, &e->dead);
	for (; (a = next_att(e, &index)); index++) {
		struct task_struct *t = task_of(a);

		if (t) {
			if (!release)
				send_sig(SIGKILL, t, 1);
			put_task_struct(t);
			wake_up_all(&a->wait);
		} else {
			vmmd_att_unlist(a); /* nobody will acknowledge it */
		}
		vmmd_att_put(a);
		cond_resched();
	}
}

void vmmd_engine_detach(struct vmmd_engine *e)
{
	unsigned long index = 0;
	struct vmmd_att *a;

	set_over(e, &e->detached);
	for (; (a = next_att(e, &index)); index++) {
		wake_up_all(&a->wait);
		vmmd_att_put(a);
		cond_resched();
	}
}

/* What it asks for has changed such that each task is to look at its next call. */
void vmmd_engine_refresh(struct vmmd_engine *e)
{
	unsigned long index = 0;
	struct vmmd_att *a;

	for (; (a = next_att(e, &index)); index++) {
		struct task_struct *t = task_of(a);

		if (t) {
			vmmd_task_refresh(t);
			put_task_struct(t);
		}
		vmmd_att_put(a);
		cond_resched();
	}
}

/* ----------------------------------------------------------------- hand-over */

/* One that is yet to be born is not listed; one that has gone is, until that is acknowledged. */
static bool describe(struct vmmd_att *a, struct vmmd_kmod_task *t)
{
	bool there;

	raw_spin_lock(&a->lock);
	there = a->task || a->gone;
	t->tid = a->task ? task_pid_nr_ns(a->task, a->engine->ns) : a->tid;
	t->tgid = a->task ? task_tgid_nr_ns(a->task, a->engine->ns) : a->tgid;
	raw_spin_unlock(&a->lock);
	return there;
}

int vmmd_engine_take_over(struct vmmd_engine *e, struct vmmd_kmod_take_over *how)
{
	struct vmmd_kmod_task __user *out = u64_to_user_ptr(how->tasks);
	unsigned long index = 0;
	struct vmmd_att *a;
	u32 n = 0;

	raw_spin_lock(&e->ring_lock);
	WRITE_ONCE(vmmd_engine_header(e)->tail, e->head);
	raw_spin_unlock(&e->ring_lock);
	for (; (a = next_att(e, &index)); index++) {
		struct vmmd_kmod_task t = {.id = a->id};

		if (!describe(a, &t)) {
			vmmd_att_put(a);
			continue;
		}
		if (n < how->room && copy_to_user(&out[n], &t, sizeof(t))) {
			vmmd_att_put(a);
			return -EFAULT;
		}
		n++;
		vmmd_req_repeat(a);
		vmmd_att_put(a);
		cond_resched();
	}
	how->count = n;
	vmmd_engine_shape(e, &how->map_size, &how->ring_entries, &how->slots_offset);
	return 0;
}
