// SPDX-License-Identifier: GPL-2.0
/*
 * hook.c - where the kernel leads to us.
 *
 *   __secure_computing()  system call entry, of tasks with the seccomp flag
 *   get_signal()          before a signal is taken
 *   ptrace_notify()       before a ptracer sees the exit of a call
 *   exit_signals()        of a task that begins to end
 *   tracepoints           new task, exec, exit
 *
 * The functions are hooked by an ftrace direct call, or if somebody else has one
 * there, by a callback that rewrites the instruction pointer. All of them run
 * in the context of their task, preemptible and without locks: they may sleep.
 * (The tracepoints' may not.) kernel.ftrace_enabled=0 would take the hooks away
 * under tasks that need them; an ops that is PERMANENT keeps the kernel from it.
 */
#include <linux/ftrace.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "vmmd.h"

enum { DIRECT = 1, IPMODIFY = 2 };

unsigned long vmmd_on_entry, vmmd_on_signal, vmmd_on_ptrace, vmmd_on_ending;

struct hook {
	char *symbol;
	void (*tramp)(void), (*tramp_ip)(void);
	unsigned long *on;
	struct ftrace_ops ops;
	int kind; /* 0: not hooked */
};

static struct hook hooks[] = {
	{.symbol = VMMD_ENTRY_SYMBOL, .tramp = vmmd_tramp_entry, .tramp_ip = vmmd_tramp_entry_ip, .on = &vmmd_on_entry},
	{.symbol = "get_signal", .tramp = vmmd_tramp_signal, .tramp_ip = vmmd_tramp_signal_ip, .on = &vmmd_on_signal},
	{.symbol = "ptrace_notify", .tramp = vmmd_tramp_ptrace, .tramp_ip = vmmd_tramp_ptrace_ip, .on = &vmmd_on_ptrace},
	{.symbol = "exit_signals", .tramp = vmmd_tramp_ending, .tramp_ip = vmmd_tramp_ending_ip, .on = &vmmd_on_ending},
};

u32 vmmd_hook_kind(void)
{
	return hooks[0].kind;
}

/* ------------------------------------------------------------------ functions */

static void notrace rewrite_ip(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct hook *h = container_of(ops, struct hook, ops);

	if (!vmmd_marked())
		return;
	WRITE_ONCE(*h->on, ip + MCOUNT_INSN_SIZE); /* always the same */
	vmmd_regs_set_ip(fregs, h->tramp_ip);
}

static int hook_ipmodify(struct hook *h)
{
	h->ops.func = rewrite_ip;
	h->ops.flags |= FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
#ifndef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
	h->ops.flags |= FTRACE_OPS_FL_SAVE_REGS;
#endif
	return register_ftrace_function(&h->ops);
}

static int hook_one(struct hook *h, int kind)
{
	int err = ftrace_set_filter(&h->ops, h->symbol, strlen(h->symbol), 1);

	if (!err)
		err = kind == DIRECT ? vmmd_direct_on(&h->ops, h->tramp) : hook_ipmodify(h);
	if (err)
		ftrace_free_filter(&h->ops);
	else
		h->kind = kind;
	return err;
}

static int hook(struct hook *h)
{
	bool any = strcmp(vmmd_hook_wish, "auto") == 0;
	int err = -EINVAL;

	if (any || strcmp(vmmd_hook_wish, "direct") == 0)
		err = hook_one(h, DIRECT);
	if ((any && err == -EBUSY) || strcmp(vmmd_hook_wish, "ipmodify") == 0)
		err = hook_one(h, IPMODIFY);
	if (err)
		pr_vmmd(KERN_ERR, "not loaded: %s() cannot be hooked (hook=%s): error %d", h->symbol, vmmd_hook_wish,
			err);
	return err;
}

static void unhook(struct hook *h)
{
	if (h->kind == DIRECT) {
		vmmd_direct_off(&h->ops, h->tramp);
	} else if (h->kind == IPMODIFY) {
		unregister_ftrace_function(&h->ops);
		ftrace_free_filter(&h->ops);
	}
	h->kind = 0;
}

/* ------------------------------------------------------ kernel.ftrace_enabled */

noinline void vmmd_anchor(void);
noinline void vmmd_anchor(void)
{
	barrier(); /* never called */
}

static void notrace anchored(unsigned long ip, unsigned long parent, struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

static struct ftrace_ops anchor = {.func = anchored, .flags = FTRACE_OPS_FL_PERMANENT};
static bool is_anchored;

static int drop_anchor(void)
{
	int err = ftrace_set_filter_ip(&anchor, (unsigned long)vmmd_anchor, 0, 0);

	if (!err)
		err = register_ftrace_function(&anchor);
	if (err) {
		ftrace_free_filter(&anchor);
		pr_vmmd(KERN_ERR, "not loaded: ftrace cannot be kept enabled: error %d", err);
	}
	is_anchored = !err;
	return err;
}

static void weigh_anchor(void)
{
	if (!is_anchored)
		return;
	unregister_ftrace_function(&anchor);
	ftrace_free_filter(&anchor);
	is_anchored = false;
}

/* ---------------------------------------------------------------- tracepoints */

struct point {
	const char *name;
	void *probe;
	struct tracepoint *tp;
	bool on;
};

static struct point points[] = {
	{.name = "task_newtask", .probe = vmmd_probe_new},
	{.name = "sched_process_exec", .probe = vmmd_probe_exec},
	{.name = "sched_process_exit", .probe = vmmd_probe_exit},
};

static void look(struct tracepoint *tp, void *data)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (strcmp(tp->name, points[i].name) == 0)
			points[i].tp = tp;
}

static int probe(struct point *p)
{
	int err = p->tp ? tracepoint_probe_register(p->tp, p->probe, NULL) : -ENOENT;

	p->on = !err;
	if (err)
		pr_vmmd(KERN_ERR, "not loaded: tracepoint %s: error %d", p->name, err);
	return err;
}

/* ------------------------------------------------------------------------ all */

int vmmd_hook_init(void)
{
	int i, err = 0;

	for_each_kernel_tracepoint(look, NULL);
	for (i = 0; !err && i < ARRAY_SIZE(points); i++)
		err = probe(&points[i]);
	for (i = 0; !err && i < ARRAY_SIZE(hooks); i++)
		err = hook(&hooks[i]);
	if (!err)
		err = drop_anchor();
	if (err)
		vmmd_hook_exit();
	return err;
}

/* No task is ours any more, but some may still be on their way out of our code. */
void vmmd_hook_exit(void)
{
	int i;

	for (i = ARRAY_SIZE(hooks) - 1; i >= 0; i--)
		unhook(&hooks[i]);
	for (i = ARRAY_SIZE(points) - 1; i >= 0; i--) {
		if (points[i].on)
			tracepoint_probe_unregister(points[i].tp, points[i].probe, NULL);
		points[i].on = false;
	}
	tracepoint_synchronize_unregister();
	weigh_anchor();
	synchronize_rcu_tasks();
}
