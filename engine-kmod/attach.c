// SPDX-License-Identifier: GPL-2.0
/*
 * attach.c - who may attach what.
 *
 * A task may attach itself if the engine's maker is of the same user, or may
 * trace anybody. A running process is attached as ptrace(2) would: the check is
 * the kernel's own, with its LSM hook, made by opening the process's "mem" file
 * in a proc of ours (the caller's /proc may be anything), while its
 * cred_guard_mutex keeps it from an exec. Unless the engine's maker may trace
 * anybody, the task gets no_new_privs: a set-user-id program must not end up in
 * the hands of its user's daemon.
 *
 * Attaching a thread is serialized by one mutex. A task is attached from outside only
 * while it is alive; it notices at its next system call or signal.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "vmmd.h"

static DEFINE_MUTEX(attach_lock);
static struct vfsmount *proc;

int vmmd_attach_init(void)
{
	struct file_system_type *type;

	/* Numbers of processes below are those of the first namespace. */
	if (task_active_pid_ns(current) != &init_pid_ns) {
		pr_vmmd(KERN_ERR, "not loaded: to be loaded from the initial process id namespace");
		return -EPERM;
	}
	type = get_fs_type("proc");
	proc = type ? kern_mount(type) : ERR_PTR(-ENODEV); /* built in: no reference to give back */
	if (!IS_ERR(proc))
		return 0;
	pr_vmmd(KERN_ERR, "not loaded: no proc file system: error %ld", PTR_ERR(proc));
	return PTR_ERR(proc);
}

void vmmd_attach_exit(void)
{
	kern_unmount(proc);
}

/* ----------------------------------------------------------------- permission */

/*
 * The kernel asks who may read the file before it asks who may trace: who may trace
 * others' processes need not own it. What counts is the second, and there nobody may
 * have more than he has: a process of the same user is traced by who has all of its
 * capabilities, or CAP_SYS_PTRACE. So only who has that gets another one here.
 */
static struct file *open_mem(const char *name)
{
	const struct path root = {.mnt = proc, .dentry = proc->mnt_root};
	const struct cred *old;
	struct cred *cred;
	struct file *f;

	if (!cap_raised(current_cred()->cap_effective, CAP_SYS_PTRACE))
		return file_open_root(&root, name, O_RDONLY, 0);
	cred = prepare_creds();
	if (!cred)
		return ERR_PTR(-ENOMEM);
	cap_raise(cred->cap_effective, CAP_DAC_READ_SEARCH);
	old = override_creds(cred);
	f = file_open_root(&root, name, O_RDONLY, 0);
	revert_creds(old);
	put_cred(cred);
	return f;
}

/*
 * The caller's right to trace `t`, a thread that is alive: a leader may have ended before
 * the others. Its number means `t` as long as `t` has it: so
 * it is checked afterwards that it still has.
 */
static int may_trace(struct task_struct *t)
{
	struct pid *pid = get_task_pid(t, PIDTYPE_PID);
	char name[24];
	struct file *f;
	int err;

	snprintf(name, sizeof(name), "%d/mem", pid_nr_ns(pid, &init_pid_ns));
	f = open_mem(name);
	err = PTR_ERR_OR_ZERO(f);
	if (!err) {
		/* Of one that has no memory any more nothing was asked. */
		if (!f->private_data)
			err = -ESRCH;
		fput(f);
	}
	rcu_read_lock();
	if (pid_task(pid, PIDTYPE_PID) != t)
		err = -ESRCH;
	rcu_read_unlock();
	put_pid(pid);
	return err == -ENOENT ? -ESRCH : err == -EACCES ? -EPERM : err;
}

static bool may_attach_self(const struct vmmd_engine *e)
{
	const struct cred *mine = current_cred(), *its = e->cred;

	return e->privileged || (uid_eq(its->euid, mine->euid) && uid_eq(its->euid, mine->suid) &&
				 uid_eq(its->euid, mine->uid) && gid_eq(its->egid, mine->egid) &&
				 gid_eq(its->egid, mine->sgid) && gid_eq(its->egid, mine->gid));
}

/* ---------------------------------------------------------------- one thread */

/*
 * It began to exit while it was attached: it may have missed that, and not forget
 * its state. That can be seen when it has come to its end, which may take long.
 * The state may have gone by then and with it what held the module, but not the
 * timer of this work, for which the end of its queue does not wait.
 */
struct grave {
	struct delayed_work work;
	struct vmmd_task *ts;
	struct task_struct *t;
};

/* What attaching a thread may need, made before. */
struct kit {
	struct vmmd_task *ts, *spare;
	struct vmmd_att *att, *spare_att;
	struct grave *grave;
};

static void kit_free(struct kit *k)
{
	vmmd_task_free(k->ts);
	vmmd_task_free(k->spare);
	kfree(k->grave);
	if (k->att)
		vmmd_att_leave(k->att, false);
	if (k->spare_att)
		vmmd_att_leave(k->spare_att, false);
}

static int kit_make(struct kit *k, struct vmmd_engine *e)
{
	bool solo = e->flags & VMMD_KMOD_F_SOLO;
	struct vmmd_att *a;

	memset(k, 0, sizeof(*k));
	a = vmmd_att_new(e, true);
	if (IS_ERR(a))
		return PTR_ERR(a);
	k->att = a;
	a = solo ? NULL : vmmd_att_new(e, false);
	if (IS_ERR(a))
		return PTR_ERR(a);
	k->spare_att = a;
	if (a)
		a->parent = k->att->id;
	k->ts = vmmd_task_alloc();
	k->spare = vmmd_spare_alloc();
	k->grave = kmalloc(sizeof(*k->grave), GFP_KERNEL);
	return k->ts && k->spare && k->grave ? 0 : -ENOMEM;
}

/* It has state already. Its spare, if it has one, must not lack us either. */
static int attach_known(struct kit *k, struct vmmd_task *ts, struct task_struct *t)
{
	int err = vmmd_att_add(ts, k->att, t, &k->spare_att);

	if (!err)
		k->att = NULL;
	return err;
}

/* It may be inside a call that makes a child: so it gets a spare from the start. */
static bool attach_new(struct kit *k, struct task_struct *t)
{
	vmmd_att_add(k->ts, k->att, t, NULL);
	k->att = NULL;
	if (k->spare_att)
		vmmd_att_add(k->spare, k->spare_att, NULL, NULL);
	k->spare_att = NULL;
	k->ts->spare = k->spare;
	k->spare = NULL;
	if (!vmmd_task_insert(k->ts, t))
		return false;
	k->ts = NULL;
	vmmd_mark(t);
	return true;
}

static void bury(struct work_struct *work)
{
	struct grave *g = container_of(to_delayed_work(work), struct grave, work);

	if (!READ_ONCE(g->t->exit_state)) {
		queue_delayed_work(vmmd_wq, &g->work, 1);
		return;
	}
	if (vmmd_find(g->t) == g->ts)
		vmmd_task_forget(g->ts);
	put_task_struct(g->t);
	kfree(g);
	module_put(THIS_MODULE);
}

static void dig(struct kit *k, struct vmmd_task *ts, struct task_struct *t)
{
	struct grave *g = k->grave;

	k->grave = NULL;
	__module_get(THIS_MODULE); /* the caller has a reference */
	g->ts = ts;
	g->t = get_task_struct(t);
	INIT_DELAYED_WORK(&g->work, bury);
	queue_delayed_work(vmmd_wq, &g->work, 1);
}

/* attach_lock is held. -EINPROGRESS: it is being born, or let go by another engine. */
static int attach_thread(struct vmmd_engine *e, struct task_struct *t)
{
	struct vmmd_task *ts;
	struct kit k;
	int err = kit_make(&k, e);

	if (err)
		goto out;
	rcu_read_lock();
	ts = vmmd_find(t);
	if (ts)
		err = attach_known(&k, ts, t);
	rcu_read_unlock();
	if (ts) {
		err = err == -ESRCH ? -EINPROGRESS : err;
		goto out;
	}
	if (vmmd_is_marked(t)) {
		err = -EINPROGRESS;
		goto out;
	}
	ts = k.ts;
	if (!attach_new(&k, t)) {
		err = -EINPROGRESS;
		goto out;
	}
	smp_mb(); /* the mark is set; pairs with vmmd_probe_exit() */
	if (t != current && t->flags & PF_EXITING)
		dig(&k, ts, t); /* it is attached all the same: GONE will be told */
out:
	kit_free(&k);
	return err;
}

int vmmd_attach_self(struct vmmd_engine *e)
{
	int err;

	if (!may_attach_self(e))
		return -EPERM;
	mutex_lock(&attach_lock);
	err = attach_thread(e, current);
	mutex_unlock(&attach_lock);
	if (err)
		return err;
	if (!e->privileged)
		task_set_no_new_privs(current);
	vmmd_arm(vmmd_self()); /* it is announced before it goes on */
	return 0;
}

/* ------------------------------------------------------------ a running process */

/* A thread of the process that is alive and not attached to this engine. */
static struct task_struct *next_thread_of(struct vmmd_engine *e, struct task_struct *leader)
{
	struct task_struct *t, *found = NULL;

	rcu_read_lock();
	for_each_thread(leader, t) {
		if (t->flags & PF_EXITING || t->flags & VMMD_PF_KERNEL || vmmd_task_has(t, e))
			continue;
		found = get_task_struct(t);
		break;
	}
	rcu_read_unlock();
	return found;
}

static int attach_threads(struct vmmd_engine *e, struct task_struct *leader, u32 *attached)
{
	struct task_struct *t;
	int err = 0;

	/* A thread that is made meanwhile is attached by its parent, or is found in the next turn. */
	while ((t = next_thread_of(e, leader))) {
		mutex_lock(&attach_lock);
		err = attach_thread(e, t);
		mutex_unlock(&attach_lock);
		if (!err && !e->privileged)
			task_set_no_new_privs(t);
		put_task_struct(t);
		if (!err)
			++*attached;
		else if (err == -EINPROGRESS)
			schedule_timeout_killable(1);
		else if (err != -ESRCH && err != -EEXIST) /* another caller was faster */
			break;
		err = fatal_signal_pending(current) ? -EINTR : 0;
		if (err)
			break;
	}
	return err ?: *attached ? 0 : -ESRCH;
}

static struct task_struct *leader_of(pid_t nr)
{
	struct task_struct *t;

	rcu_read_lock();
	t = pid_task(find_vpid(nr), PIDTYPE_TGID);
	if (t)
		get_task_struct(t);
	rcu_read_unlock();
	return t;
}

int vmmd_attach_process(struct vmmd_engine *e, struct vmmd_kmod_attach *how)
{
	struct task_struct *t, *alive;
	int err;

	if (how->flags || how->zero)
		return -EINVAL;
	t = leader_of(how->pid);
	if (!t)
		return -ESRCH;
	err = -EPERM;
	if (t->flags & VMMD_PF_KERNEL || same_thread_group(t, current))
		goto out;
	err = mutex_lock_interruptible(&t->signal->cred_guard_mutex);
	if (err)
		goto out;
	alive = next_thread_of(e, t);
	err = alive ? may_trace(alive) : -ESRCH;
	if (alive)
		put_task_struct(alive);
	if (!err) {
		how->attached = 0;
		err = attach_threads(e, t, &how->attached);
	}
	mutex_unlock(&t->signal->cred_guard_mutex);
out:
	put_task_struct(t);
	return err;
}
