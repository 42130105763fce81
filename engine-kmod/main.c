// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - the module: load, unload, parameters.
 *
 * It can be unloaded when no descriptor of /dev/vmmd is open and no task is
 * attached: each of them holds a reference.
 */
#include <linux/module.h>
#include <linux/pid_namespace.h>

#include "vmmd.h"

char *vmmd_hook_wish = "auto";
module_param_named(hook, vmmd_hook_wish, charp, 0444);
MODULE_PARM_DESC(hook, "how to hook: auto (default), direct (ftrace direct call), ipmodify (ftrace callback)");

unsigned int vmmd_max_tasks = 16384;
module_param_named(max_tasks, vmmd_max_tasks, uint, 0644);
MODULE_PARM_DESC(max_tasks, "most tasks that one engine can have (default 16384)");

unsigned int vmmd_max_engines_user = 128;
module_param_named(max_engines_user, vmmd_max_engines_user, uint, 0644);
MODULE_PARM_DESC(max_engines_user, "most engines of one user without CAP_SYS_RESOURCE (default 128)");

unsigned int vmmd_max_tasks_user = 32768;
module_param_named(max_tasks_user, vmmd_max_tasks_user, uint, 0644);
MODULE_PARM_DESC(max_tasks_user, "most tasks attached to the engines of one user without CAP_SYS_PTRACE (default 32768)");

unsigned int vmmd_max_engines_task = 8;
module_param_named(max_engines_task, vmmd_max_engines_task, uint, 0644);
MODULE_PARM_DESC(max_engines_task, "most engines that one task is attached to (default 8)");

struct workqueue_struct *vmmd_wq;

static void undo(int steps)
{
	if (steps > 3)
		vmmd_hook_exit();
	if (steps > 2)
		vmmd_attach_exit();
	if (steps > 1) {
		/* Attachments free engines, engines selections, by RCU and by work. */
		rcu_barrier();
		flush_workqueue(vmmd_wq);
		rcu_barrier();
		destroy_workqueue(vmmd_wq);
	}
	if (steps > 0)
		vmmd_task_exit();
}

static int __init vmmd_init(void)
{
	int err = vmmd_task_init();

	if (err)
		return err;
	vmmd_wq = alloc_workqueue("vmmd", 0, 0);
	if (!vmmd_wq) {
		undo(1);
		return -ENOMEM;
	}
	err = vmmd_attach_init();
	if (err) {
		undo(2);
		return err;
	}
	err = vmmd_hook_init();
	if (err) {
		undo(3);
		return err;
	}
	err = vmmd_dev_init();
	if (err) {
		pr_vmmd(KERN_ERR, "not loaded: %s: error %d", VMMD_KMOD_DEVICE, err);
		undo(4);
		return err;
	}
	pr_vmmd(KERN_INFO, "loaded, ABI %u.%u, hook %s", VMMD_KMOD_ABI_MAJOR, VMMD_KMOD_ABI_MINOR,
		vmmd_hook_kind() == 1 ? "direct" : "ipmodify");
	return 0;
}

static void __exit vmmd_exit(void)
{
	vmmd_dev_exit();
	undo(4);
}

module_init(vmmd_init);
module_exit(vmmd_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Stops tasks at their system calls and asks a daemon what to do");
MODULE_AUTHOR("the vmmd authors");
