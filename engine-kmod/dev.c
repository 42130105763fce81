// SPDX-License-Identifier: GPL-2.0
/*
 * dev.c - /dev/vmmd: control and token descriptors.
 *
 * A control descriptor has no engine until VMMD_IOC_CREATE. Its last close, with
 * that of its mappings, ends the engine. A token descriptor holds a reference of
 * the engine and not its life, so tasks may inherit it.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/freezer.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "vmmd.h"

#define SPIN_MAX_US 10000
#define TASKS_MAX (1u << 20)

/* --------------------------------------------------------------------- ioctls */

static long get_info(void __user *arg, size_t size)
{
	struct vmmd_kmod_info info = {
		.abi_major = VMMD_KMOD_ABI_MAJOR,
		.abi_minor = VMMD_KMOD_ABI_MINOR,
		.features = VMMD_KMOD_HAS_SIGNALS | VMMD_KMOD_HAS_ATTACH | VMMD_KMOD_HAS_PATHS | VMMD_KMOD_HAS_INSTALL,
		.max_tasks = READ_ONCE(vmmd_max_tasks),
		.hook = vmmd_hook_kind(),
	};

	vmmd_user_total(&info.engines, &info.tasks);
	return copy_to_user(arg, &info, min(size, sizeof(info))) ? -EFAULT : 0;
}

static long create(struct file *f, void __user *arg, size_t size)
{
	u32 limit = clamp(READ_ONCE(vmmd_max_tasks), 1u, TASKS_MAX);
	struct vmmd_kmod_create how;
	struct vmmd_engine *e;
	int err = copy_struct_from_user(&how, sizeof(how), arg, size);

	if (err)
		return err;
	if (how.flags & ~(VMMD_KMOD_F_RELEASE | VMMD_KMOD_F_SOLO | VMMD_KMOD_F_SIGNALLED) ||
	    how.foreign > VMMD_KMOD_FOREIGN_FILTER || how.spin_us > SPIN_MAX_US)
		return -EINVAL;
	how.max_tasks = how.max_tasks ? min(how.max_tasks, limit) : limit;
	e = vmmd_engine_new(&how);
	if (IS_ERR(e))
		return PTR_ERR(e);
	vmmd_engine_shape(e, &how.map_size, &how.ring_entries, &how.slots_offset);
	if (copy_to_user(arg, &how, min(size, sizeof(how))))
		err = -EFAULT;
	/* Other threads may use the descriptor as soon as it has an engine. */
	else if (cmpxchg_release(&f->private_data, NULL, e))
		err = -EBUSY;
	if (err)
		vmmd_engine_put(e);
	return err;
}

static long do_select(struct vmmd_engine *e, void __user *arg, size_t size)
{
	struct vmmd_kmod_select s;
	int err = copy_struct_from_user(&s, sizeof(s), arg, size);

	return err ?: vmmd_select(e, &s);
}

static long do_attach(struct vmmd_engine *e, void __user *arg, size_t size)
{
	struct vmmd_kmod_attach how;
	int err = copy_struct_from_user(&how, sizeof(how), arg, size);

	if (!err)
		err = vmmd_attach_process(e, &how);
	if (!err && copy_to_user(arg, &how, min(size, sizeof(how))))
		err = -EFAULT;
	return err;
}

static long do_mem(struct vmmd_engine *e, const struct file *f, void __user *arg, size_t size)
{
	struct vmmd_kmod_mem m;
	int err = copy_struct_from_user(&m, sizeof(m), arg, size);

	return err ?: vmmd_mem(e, f, &m);
}

static long do_map(struct vmmd_engine *e, void __user *arg, size_t size)
{
	struct vmmd_kmod_map m;
	long err = copy_struct_from_user(&m, sizeof(m), arg, size);

	if (!err)
		err = vmmd_map(e, &m);
	if (!err && copy_to_user(arg, &m, min(size, sizeof(m))))
		err = -EFAULT;
	return err;
}

static long do_install(struct vmmd_engine *e, void __user *arg, size_t size)
{
	struct vmmd_kmod_install in;
	int err = copy_struct_from_user(&in, sizeof(in), arg, size);

	return err ?: vmmd_install(e, &in);
}

static long do_take_over(struct vmmd_engine *e, void __user *arg, size_t size)
{
	struct vmmd_kmod_take_over how;
	int err = copy_struct_from_user(&how, sizeof(how), arg, size);

	if (!err)
		err = vmmd_engine_take_over(e, &how);
	if (!err && copy_to_user(arg, &how, min(size, sizeof(how))))
		err = -EFAULT;
	return err;
}

static long do_kill(struct vmmd_engine *e, void __user *arg, size_t size)
{
	struct vmmd_kmod_kill k;
	int err = copy_struct_from_user(&k, sizeof(k), arg, size);

	return err ?: vmmd_kill(e, k.id);
}

/* Where it runs next, as far as anybody knows. */
static void note_cpu(struct vmmd_engine *e)
{
	WRITE_ONCE(e->cpu, raw_smp_processor_id());
}

static long do_wait(struct vmmd_engine *e)
{
	long ret = wait_event_freezable(e->wait, vmmd_engine_posted(e));

	note_cpu(e);
	return ret;
}

static void do_done(struct vmmd_engine *e, u64 token)
{
	note_cpu(e);
	vmmd_done(e, token);
}

static long token_fd(struct vmmd_engine *e);

static long engine_ioctl(struct vmmd_engine *e, struct file *f, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;
	size_t size = _IOC_SIZE(cmd);

	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VMMD_IOC_SELECT):
		return do_select(e, p, size);
	case _IOC_NR(VMMD_IOC_TOKEN_FD):
		return token_fd(e);
	case _IOC_NR(VMMD_IOC_ATTACH_SELF):
		return vmmd_attach_self(e);
	case _IOC_NR(VMMD_IOC_ATTACH):
		return do_attach(e, p, size);
	case _IOC_NR(VMMD_IOC_DONE):
		do_done(e, arg);
		return 0;
	case _IOC_NR(VMMD_IOC_DONE_WAIT):
		do_done(e, arg);
		fallthrough;
	case _IOC_NR(VMMD_IOC_WAIT):
		return do_wait(e);
	case _IOC_NR(VMMD_IOC_MEM):
		return do_mem(e, f, p, size);
	case _IOC_NR(VMMD_IOC_MAP):
		return do_map(e, p, size);
	case _IOC_NR(VMMD_IOC_INSTALL):
		return do_install(e, p, size);
	case _IOC_NR(VMMD_IOC_TAKE_OVER):
		return do_take_over(e, p, size);
	case _IOC_NR(VMMD_IOC_DETACH):
		vmmd_engine_detach(e);
		return 0;
	case _IOC_NR(VMMD_IOC_KILL):
		return do_kill(e, p, size);
	}
	return -ENOTTY;
}

/* Sizes may grow, so they are not compared; direction and type are. */
static bool known(unsigned int cmd, unsigned int what)
{
	return (cmd & ~IOCSIZE_MASK) == (what & ~IOCSIZE_MASK) && !!_IOC_SIZE(cmd) == !!_IOC_SIZE(what);
}

static bool any_known(unsigned int cmd)
{
	static const unsigned int all[] = {
		VMMD_IOC_INFO, VMMD_IOC_CREATE, VMMD_IOC_SELECT, VMMD_IOC_TOKEN_FD, VMMD_IOC_ATTACH_SELF,
		VMMD_IOC_ATTACH, VMMD_IOC_WAIT, VMMD_IOC_DONE, VMMD_IOC_DONE_WAIT, VMMD_IOC_MEM,
		VMMD_IOC_MAP, VMMD_IOC_INSTALL, VMMD_IOC_TAKE_OVER, VMMD_IOC_DETACH, VMMD_IOC_KILL,
	};
	int nr = _IOC_NR(cmd);

	return nr < ARRAY_SIZE(all) && known(cmd, all[nr]);
}

static long control_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct vmmd_engine *e = smp_load_acquire(&f->private_data);

	if (!any_known(cmd))
		return -ENOTTY;
	if (_IOC_NR(cmd) == _IOC_NR(VMMD_IOC_INFO))
		return get_info((void __user *)arg, _IOC_SIZE(cmd));
	if (_IOC_NR(cmd) == _IOC_NR(VMMD_IOC_CREATE))
		return e ? -EBUSY : create(f, (void __user *)arg, _IOC_SIZE(cmd));
	return e ? engine_ioctl(e, f, cmd, arg) : -ENXIO;
}

/* ------------------------------------------------------------- shared memory */

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct vmmd_engine *e = vmf->vma->vm_private_data;
	struct page *page = vmf->pgoff < e->npages ? READ_ONCE(e->pages[vmf->pgoff]) : NULL;

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vm_ops = {.fault = fault};

static int control_mmap(struct file *f, struct vm_area_struct *vma)
{
	struct vmmd_engine *e = smp_load_acquire(&f->private_data);

	if (!e)
		return -ENXIO;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff + vma_pages(vma) > e->npages)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	vmmd_vma_no_exec(vma);
	vmmd_vma_flags(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &vm_ops;
	vma->vm_private_data = e; /* the vma holds the file, the file the engine */
	return 0;
}

static __poll_t control_poll(struct file *f, poll_table *wait)
{
	struct vmmd_engine *e = smp_load_acquire(&f->private_data);

	if (!e)
		return EPOLLERR;
	poll_wait(f, &e->wait, wait);
	return vmmd_engine_posted(e) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int control_open(struct inode *inode, struct file *f)
{
	f->private_data = NULL; /* the misc device was there */
	return 0;
}

static int control_release(struct inode *inode, struct file *f)
{
	struct vmmd_engine *e = f->private_data;

	if (e) {
		vmmd_engine_die(e);
		vmmd_engine_put(e);
	}
	return 0;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.release = control_release,
	.unlocked_ioctl = control_ioctl,
	.mmap = control_mmap,
	.poll = control_poll,
	.llseek = noop_llseek,
};

/* ----------------------------------------------------------------------- tokens */

static long token_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	return cmd == VMMD_IOC_ATTACH_SELF ? vmmd_attach_self(f->private_data) : -ENOTTY;
}

static int token_release(struct inode *inode, struct file *f)
{
	vmmd_engine_put(f->private_data);
	return 0;
}

static const struct file_operations token_fops = {
	.owner = THIS_MODULE,
	.release = token_release,
	.unlocked_ioctl = token_ioctl,
	.llseek = noop_llseek,
};

static long token_fd(struct vmmd_engine *e)
{
	int fd;

	refcount_inc(&e->ref);
	fd = anon_inode_getfd("[vmmd]", &token_fops, e, O_CLOEXEC);
	if (fd < 0)
		vmmd_engine_put(e);
	return fd;
}

/* ----------------------------------------------------------------------- device */

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmmd",
	.fops = &control_fops,
	.mode = 0600, /* the udev rule opens it to a group */
};

int vmmd_dev_init(void)
{
	return misc_register(&device);
}

void vmmd_dev_exit(void)
{
	misc_deregister(&device);
}
