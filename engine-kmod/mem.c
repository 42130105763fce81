// SPDX-License-Identifier: GPL-2.0
/*
 * mem.c - memory of tasks, and what a stopped task does for its daemon.
 *
 * Only a stopped task's memory can be reached, and it stays stopped meanwhile:
 * it cannot exec, so whether the daemon may see it is checked once. As for a ptracer, memory that
 * must not be dumped takes CAP_SYS_PTRACE over its user namespace.
 *
 * An order is run by the stopped task itself, between two sleeps of its stop.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmmd.h"

/* ------------------------------------------------------------------ with the stop */

/* In the task: what its argument points to, as far as it can be read. Gives VMMD_KMOD_S_*. */
u32 vmmd_inline(struct vmmd_kmod_slot *slot, u8 how, unsigned long arg)
{
	const void __user *from = (const void __user *)arg;
	u32 flags = VMMD_KMOD_S_INLINE;
	long n;

	if (how & VMMD_KMOD_INLINE_STRING) {
		n = strncpy_from_user((char *)slot->data, from, VMMD_KMOD_DATA);
		if (n < 0)
			return 0;
		if (n == VMMD_KMOD_DATA)
			flags |= VMMD_KMOD_S_CUT;
		else
			n++; /* its NUL */
	} else {
		n = VMMD_KMOD_DATA - copy_from_user(slot->data, from, VMMD_KMOD_DATA);
		if (n < VMMD_KMOD_DATA)
			memset(slot->data + n, 0, VMMD_KMOD_DATA - n);
	}
	slot->data_len = n;
	return flags;
}

/* ------------------------------------------------------------------------- memory */

static int may_access(const struct file *control, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);
	bool may;

	if (!mm)
		return -ESRCH;
	may = vmmd_mm_dumpable(mm) || file_ns_capable(control, mm->user_ns, CAP_SYS_PTRACE);
	mmput(mm);
	return may ? 0 : -EPERM;
}

static long copy_page_wise(struct task_struct *t, const struct vmmd_kmod_mem *m, void *page)
{
	bool write = m->flags & VMMD_KMOD_MEM_WRITE;
	u64 done = 0;

	while (done < m->len) {
		/* Up to the end of the task's page: what is behind it may not be there. */
		size_t n = min_t(u64, m->len - done, PAGE_SIZE - offset_in_page(m->addr + done));
		void __user *buf = u64_to_user_ptr(m->buf + done);
		int got;

		if (write && copy_from_user(page, buf, n))
			return done ?: -EFAULT;
		got = access_process_vm(t, m->addr + done, page, n, write ? FOLL_WRITE : 0);
		if (got > 0 && !write && copy_to_user(buf, page, got))
			return done ?: -EFAULT;
		if (got > 0)
			done += got;
		if (got < (int)n || fatal_signal_pending(current))
			return done ?: -EFAULT;
		cond_resched();
	}
	return done;
}

long vmmd_mem(struct vmmd_engine *e, const struct file *control, const struct vmmd_kmod_mem *m)
{
	struct task_struct *t;
	struct vmmd_att *a;
	void *page;
	long ret;

	if (m->flags & ~VMMD_KMOD_MEM_WRITE || m->zero || m->len > INT_MAX)
		return -EINVAL;
	a = vmmd_req_hold(e, m->id, &t);
	if (!a)
		return -ESRCH;
	ret = may_access(control, t);
	if (!ret) {
		page = (void *)__get_free_page(GFP_KERNEL);
		ret = page ? copy_page_wise(t, m, page) : -ENOMEM;
		free_page((unsigned long)page);
	}
	vmmd_req_unhold(a, t);
	return ret;
}

/* ------------------------------------------------------------------------- orders */

void vmmd_order_put(struct vmmd_order *order)
{
	if (!refcount_dec_and_test(&order->ref))
		return;
	if (order->file)
		fput(order->file);
	kfree(order);
}

static struct vmmd_order *new_order(long (*run)(struct vmmd_order *))
{
	struct vmmd_order *order = kzalloc(sizeof(*order), GFP_KERNEL_ACCOUNT);

	if (!order)
		return NULL;
	refcount_set(&order->ref, 1);
	init_completion(&order->done);
	order->run = run;
	return order;
}

static bool give(struct vmmd_att *a, struct vmmd_order *order)
{
	bool given;

	raw_spin_lock(&a->lock);
	given = a->stopped && !a->order;
	if (given) {
		refcount_inc(&order->ref);
		a->order = order;
	}
	raw_spin_unlock(&a->lock);
	return given;
}

/* Takes the order. Its result, or -ESRCH, or -EINTR: the caller was killed. */
static long carry_out(struct vmmd_engine *e, u64 id, struct vmmd_order *order)
{
	struct task_struct *t;
	struct vmmd_att *a;
	long ret = -ESRCH;

	a = vmmd_req_hold(e, id, &t);
	if (a) {
		ret = give(a, order) ? 0 : -EBUSY;
		if (!ret) {
			wake_up(&a->wait);
			ret = wait_for_completion_killable(&order->done);
		}
		if (!ret)
			ret = order->result;
		vmmd_req_unhold(a, t);
	}
	vmmd_order_put(order);
	return ret;
}

static long run_map(struct vmmd_order *order)
{
	return vm_mmap(NULL, 0, order->arg, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
}

long vmmd_map(struct vmmd_engine *e, struct vmmd_kmod_map *m)
{
	struct vmmd_order *order;
	long ret;

	if (!m->len || m->len > SZ_1G)
		return -EINVAL;
	order = new_order(run_map);
	if (!order)
		return -ENOMEM;
	order->arg = PAGE_ALIGN(m->len);
	ret = carry_out(e, m->id, order);
	if (IS_ERR_VALUE(ret))
		return ret;
	m->addr = ret;
	return 0;
}

static long run_install(struct vmmd_order *order)
{
	return vmmd_receive_fd(order->file, order->flags);
}

long vmmd_install(struct vmmd_engine *e, const struct vmmd_kmod_install *in)
{
	struct vmmd_order *order;

	if (in->flags & ~(u32)O_CLOEXEC)
		return -EINVAL;
	order = new_order(run_install);
	if (!order)
		return -ENOMEM;
	order->flags = in->flags;
	order->file = fget(in->fd);
	if (!order->file) {
		vmmd_order_put(order);
		return -EBADF;
	}
	return carry_out(e, in->id, order);
}
