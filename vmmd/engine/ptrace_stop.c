// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace_stop.c - from a wait status to an event.
 *
 * What a status means is in ptrace(2), "Stopped states" and PTRACE_SEIZE.
 * Stops that nobody asked for are dealt with here and the task goes on at once.
 *
 * A new task is reported when both halves have come, in whatever order: the
 * clone event of its parent (which says what they share) and its own first
 * stop. The parent is held until then, so that ENGINE_NEW finds it stopped.
 */
#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmmd/engine/ptrace_arch.h"
#include "vmmd/engine/procfs.h"
#include "vmmd/engine/ptrace_impl.h"
#include "vmmd/log.h"

#define SYSCALL_STOP (SIGTRAP | 0x80)

/* How long a parent may take to report its child. */
#define ORPHAN_MS 100

static int report(struct engine_task *t, enum pt_state state, enum engine_event_type type, struct engine_event *ev)
{
	t->state = (uint8_t)state;
	ev->type = type;
	ev->task = t;
	ev->owner = t->owner;
	return 1;
}

static unsigned long event_msg(const struct engine_task *t)
{
	unsigned long msg = 0;

	ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &msg);
	return msg;
}

int64_t pt_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- new tasks */

static bool stop_signal(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static bool is_newborn(const struct engine_task *t)
{
	return t->state == PT_NEWBORN || t->state == PT_ORPHAN;
}

/* It need not wait for its child any longer. It may be on its way out by now. */
static void let_go(struct engine_task *parent)
{
	if (parent->state == PT_HELD)
		pt_go(parent, 0);
}

static struct engine_task *take_parent(struct engine_task *child)
{
	struct engine_task *parent = child->parent;

	if (parent)
		parent->child = NULL;
	child->parent = NULL;
	return parent;
}

static int report_new(struct engine_task *t, struct engine_event *ev)
{
	struct engine_task *parent = take_parent(t);

	if (is_newborn(t))
		t->e->newborns--;
	t->reported = true;
	ev->parent_owner = parent ? parent->owner : NULL;
	ev->clone_flags = t->clone_flags;
	if (parent)
		t->e->held = parent;
	return report(t, PT_NEW, ENGINE_NEW, ev);
}

/* The child starts with the registers of the call as it was run: give it the program's. */
static void restore_child(struct engine_task *child, const struct engine_task *parent)
{
	if (!parent->have_orig || pt_get_regs(child) < 0)
		return;
	arch_restore_args(&child->regs, &parent->orig);
	pt_set_regs(child);
}

static int adopt(struct engine_task *child, struct engine_task *parent)
{
	uint64_t flags = child->clone_flags;

	child->tgid = flags & CLONE_THREAD ? parent->tgid : child->tid;
	child->mm = mm_inherit(parent->mm, flags & CLONE_VM);
	if (child->mm != parent->mm) /* the copy of the parent's area is its own */
		child->scratch = parent->scratch;
	return child->mm ? 0 : -ENOMEM;
}

static int new_task_ready(struct engine_task *child, struct engine_event *ev)
{
	struct engine_task *parent = child->parent;

	if (parent) {
		if (adopt(child, parent) < 0) {
			log_error("ptrace: out of memory for task %d: it is killed", (int)child->tid);
			kill(child->tid, SIGKILL);
		}
		restore_child(child, parent);
	} else {
		struct procfs_status st;

		/* What no parent tells of a killed one's child. */
		procfs_status(child->tid, &st);
		child->tgid = st.tgid;
		child->mm = mm_new();
	}
	return report_new(child, ev);
}

/* The flags of the clone of `tid` that `t` is in. */
static uint64_t clone_flags(struct engine_task *t, int event, pid_t tid)
{
	struct procfs_status st;
	uint64_t flags = 0;

	if (event == PTRACE_EVENT_FORK)
		flags = SIGCHLD;
	else if (event == PTRACE_EVENT_VFORK)
		flags = CLONE_VFORK | CLONE_VM | SIGCHLD;
	if (pt_get_regs(t) < 0)
		return flags;
	if (arch_nr(&t->regs) == SYS_clone)
		return t->regs.rdi & 0xffffffff;
	if (arch_nr(&t->regs) == SYS_clone3) {
		pt_read(t, t->regs.rdi, &flags, sizeof(flags));
	} else if (event == PTRACE_EVENT_CLONE) { /* of another ABI */
		procfs_status(tid, &st);
		if (st.tgid != tid)
			flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
	}
	return flags;
}

/* Is there anything to wait for, or has the child been killed and waited for already? */
static bool is_tracee(pid_t tid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0;
}

static int on_clone(struct engine_task *t, int event, struct engine_event *ev)
{
	pid_t tid = (pid_t)event_msg(t);
	struct engine_task *child = pt_find(t->e, tid);

	t->clone_seen = true;
	if (!child && is_tracee(tid)) {
		child = pt_task_new(t->e, tid, PT_EXPECTED);
		if (!child)
			kill(tid, SIGKILL);
	}
	/* Gone, dying before its first stop, or taken for an orphan: nobody to wait for. */
	if (!child || (child->state != PT_EXPECTED && !is_newborn(child))) {
		pt_go(t, 0);
		return 0;
	}
	if (child->state == PT_EXPECTED)
		pt_recent(t->e, tid);
	t->state = PT_HELD;
	child->parent = t;
	t->child = child;
	child->clone_flags = clone_flags(t, event, tid);
	return is_newborn(child) ? new_task_ready(child, ev) : 0;
}

/* ------------------------------------------------------------- system calls */

/* The engine answers in the layers' place. */
static int answer(struct engine_task *t, int64_t result)
{
	if (pt_need_regs(t) < 0)
		return 0;
	arch_skip(&t->regs, result);
	pt_set_regs(t);
	pt_go(t, 0);
	return 0;
}

static void call_of(const struct __ptrace_syscall_info *info, struct vmmd_call *call)
{
	/* `entry` and `seccomp` begin alike. The number is an int in the kernel. */
	call->nr = (int64_t)(int32_t)info->entry.nr;
	memcpy(call->args, info->entry.args, sizeof(call->args));
	call->pc = info->instruction_pointer;
	call->sp = info->stack_pointer;
}

/* clone3(2) has its flags in memory; see filter.h. */
static int check_clone3(struct engine_task *t, const struct vmmd_call *call)
{
	uint64_t flags = 0;

	if (pt_read(t, call->args[0], &flags, sizeof(flags)) == sizeof(flags) && (flags & CLONE_UNTRACED))
		return -EPERM;
	t->is_clone3 = true;
	t->clone_seen = false;
	t->phase = PT_CALL;
	return 0;
}

/*
 * The program's first execve(2) takes away the descriptor by which its listener is
 * fetched. A notification waits by itself until that has happened; a stop is kept.
 */
static bool is_early(const struct engine_task *t, int64_t nr)
{
	return t->launching && engine_is_exec(nr) && t->e->listening && t->e->notify.fd < 0;
}

static int on_entry(struct engine_task *t, const struct vmmd_call *call, struct engine_event *ev)
{
	if (is_early(t, call->nr)) {
		t->state = PT_HELD;
		t->e->early = t;
		return 0;
	}
	t->sigreturn = call->nr == SYS_rt_sigreturn;
	if (call->nr == SYS_clone3) {
		int rc = check_clone3(t, call);

		if (rc < 0)
			return answer(t, rc);
	}
	if (!engine_wanted(&t->e->now, call->nr) || (t->launching && !engine_is_exec(call->nr))) {
		pt_go(t, 0);
		return 0;
	}
	ev->call = *call;
	return report(t, PT_ENTRY, ENGINE_ENTRY, ev);
}

void pt_forget_call(struct engine_task *t)
{
	t->have_regs = false;
	t->have_orig = false;
	t->is_clone3 = false;
	t->report_exit = false;
	t->stopped = false;
}

static int get_info(struct engine_task *t, struct __ptrace_syscall_info *info)
{
	/* Short in kernels that know less; what is behind stays zero. */
	memset(info, 0, sizeof(*info));
	return ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(*info), info) < 0 ? -errno : 0;
}

/*
 * A filter returned SECCOMP_RET_TRACE. If it was not ours it was the program's
 * own, which without a tracer of its own means -ENOSYS. Of several filters
 * that say so, the kernel reports the data of the newest.
 */
static int on_seccomp(struct engine_task *t, struct engine_event *ev)
{
	struct __ptrace_syscall_info info;
	struct vmmd_call call;

	if (get_info(t, &info) < 0)
		return 0;
	if (info.seccomp.ret_data != PT_FILTER_DATA) {
		if (t->phase == PT_USER)
			pt_forget_call(t);
		return answer(t, -ENOSYS);
	}
	if (t->phase != PT_USER) {
		pt_go(t, 0);
		return 0;
	}
	pt_forget_call(t);
	call_of(&info, &call);
	/* A page that never enters the kernel, in all but name: no exit follows, and a change is fatal. */
	if (call.pc >> 12 == ARCH_VSYSCALL >> 12) {
		pt_go(t, 0);
		return 0;
	}
	return on_entry(t, &call, ev);
}

/*
 * The filter stops it again, once the program's own filters have seen the call as
 * it was made: here they would see the -1 of a call that a layer answers.
 */
static bool filter_stops(const struct pt_engine *e, int64_t nr)
{
	return e->filtered && filter_how(&e->plan, nr) >= ENGINE_HOW_NOTIFY;
}

/* Every call stops: do here what the filter does, and what it would have done. */
static int on_syscall_entry(struct engine_task *t, const struct __ptrace_syscall_info *info, struct engine_event *ev)
{
	struct vmmd_call call;
	bool foreign;
	int error;

	pt_forget_call(t);
	call_of(info, &call);
	foreign = info->arch != ARCH_AUDIT || (call.nr >= 0 && (call.nr & ARCH_X32_BIT));
	error = foreign ? ENOSYS : filter_bypass(&t->e->plan, call.nr, call.args);
	if (!error && !foreign && call.nr >= 0 && call.nr < ENGINE_NR_MAX)
		error = t->e->now.refuse[call.nr];
	if (foreign && t->e->plan.foreign == ENGINE_FOREIGN_NATIVE)
		error = 0;
	if (!foreign && !error && filter_stops(t->e, call.nr)) {
		pt_go(t, 0);
		return 0;
	}
	t->phase = PT_CALL;
	if (error && !t->e->filtered && !t->launching)
		return answer(t, -error);
	if (foreign || error) { /* native, or the filter is about to refuse it */
		pt_go(t, 0);
		return 0;
	}
	return on_entry(t, &call, ev);
}

/* A child the kernel did not report (clone3 with flags changed behind our back) must not run. */
static void check_child(struct engine_task *t)
{
	pid_t child = (pid_t)arch_result(&t->regs);

	if (t->is_clone3 && !t->clone_seen && child > 0) {
		struct procfs_status st;

		log_warning("task %d made an untraced child: both are killed", (int)t->tid);
		/* In a pid namespace that number is another's. */
		procfs_status(child, &st);
		if (st.ppid == t->tgid || st.tgid == t->tgid)
			kill(child, SIGKILL);
		kill(t->tgid, SIGKILL);
	}
	t->is_clone3 = false;
}

static int on_syscall_exit(struct engine_task *t, struct engine_event *ev)
{
	check_child(t);
	if (t->report_exit) {
		t->report_exit = false;
		ev->result = arch_result(&t->regs);
		arch_get_call(&t->regs, &ev->call);
		return report(t, PT_EXIT, ENGINE_EXIT, ev);
	}
	if (t->have_orig && !t->sigreturn) {
		pt_restore(t);
		pt_set_regs(t);
	}
	t->have_orig = false;
	t->phase = PT_USER;
	pt_go(t, 0);
	return 0;
}

/* See ptrace_notify.c: back at the entry of its call. */
static int report_again(struct engine_task *t, struct engine_event *ev)
{
	t->again = false;
	pt_forget_call(t);
	if (pt_need_regs(t) < 0)
		return 0;
	arch_get_call(&t->regs, &ev->call);
	ev->call.nr = arch_nr(&t->regs);
	ev->again = true;
	return report(t, PT_ENTRY, ENGINE_ENTRY, ev);
}

static int on_syscall(struct engine_task *t, struct engine_event *ev)
{
	struct __ptrace_syscall_info info;

	if (t->phase == PT_REISSUE) {
		pt_rewound(t);
		if (t->again)
			return report_again(t, ev);
		pt_go(t, 0);
		return 0;
	}
	if (t->phase == PT_CALL) {
		t->have_regs = false;
		return pt_need_regs(t) < 0 ? 0 : on_syscall_exit(t, ev);
	}
	if (get_info(t, &info) < 0)
		return 0;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT) { /* of a call entered before every call stopped, or that notified */
		if (t->again) /* a stop takes the place of an interrupt that is pending */
			pt_sent_back(t);
		else
			pt_go(t, 0);
		return 0;
	}
	return on_syscall_entry(t, &info, ev);
}

/* ------------------------------------------------------------------- the rest */

/* The leader's number is the caller's from now on; the leader is no more. */
static int on_exec(struct pt_engine *e, struct engine_task *leader, struct engine_event *ev)
{
	pid_t former = (pid_t)event_msg(leader);
	struct engine_task *t = former == leader->tid ? leader : pt_find(e, former);

	if (!t)
		t = leader;
	leader->dying = false;
	mm_put(t->mm, t->scratch);
	t->mm = mm_new();
	t->scratch = 0;
	t->have_orig = false;
	t->is_clone3 = false;
	t->launching = false;
	t->notify_id = 0;
	e->former_tid = former;
	if (t == leader) {
		ev->former_tid = former;
		return report(t, PT_EXEC, ENGINE_EXEC, ev);
	}
	ev->status = 0;
	report(leader, PT_EXEC, ENGINE_GONE, ev);
	former = leader->tid;
	pt_task_free(leader);
	pt_rekey(t, former);
	e->execing = t;
	return ev->owner ? 1 : pt_pending(e, ev);
}

static int on_event_stop(struct engine_task *t, int sig, struct engine_event *ev)
{
	bool group = stop_signal(sig);

	if (t->state == PT_SEIZED)
		return report_new(t, ev);
	if (!t->reported) {
		t->stopped = group;
		return new_task_ready(t, ev);
	}
	if (t->phase == PT_REISSUE) { /* later: it is on its way into a call */
		t->interrupt = true;
		pt_go(t, 0);
		return 0;
	}
	if (group) {
		t->stopped = true;
		pt_ptrace_listen(t);
		return 0;
	}
	if (t->again) {
		pt_sent_back(t);
		return 0;
	}
	if (t->interrupted && pt_was_interrupted(t))
		pt_start_again(t);
	t->interrupted = false;
	pt_go(t, 0);
	return 0;
}

static int on_signal(struct engine_task *t, int sig, struct engine_event *ev)
{
	if (t->phase == PT_REISSUE && sig == SIGSTOP) {
		t->stop_pending = true;
		pt_go(t, 0);
		return 0;
	}
	t->phase = PT_USER;
	t->have_orig = false;
	if (!(t->e->now.events & VMMD_EVENT_SIGNAL) || t->launching) {
		pt_hide_signal(t, sig);
		pt_go(t, sig);
		return 0;
	}
	if (ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &t->info) < 0)
		return 0;
	ev->info = &t->info;
	return report(t, PT_SIGNAL, ENGINE_SIGNAL, ev);
}

static int on_exiting(struct engine_task *t, struct engine_event *ev)
{
	t->dying = false;
	t->notify_id = 0; /* killed in it */
	pt_stay(t);
	if (!t->reported) { /* killed before its first stop: it will never run */
		struct engine_task *parent = take_parent(t);

		if (is_newborn(t))
			t->e->newborns--;
		pt_go(t, 0);
		if (parent)
			let_go(parent);
		return 0;
	}
	ev->status = (int)event_msg(t);
	return report(t, PT_EXITING, ENGINE_EXITING, ev);
}

/*
 * May this thread be about to report the child it has made? proc(5), syscall:
 * "running", or the number of the call it sleeps in.
 */
static bool may_be_cloning(pid_t tid)
{
	char path[48], text[32] = "";
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	if (strncmp(text, "running", 7) == 0)
		return true;
	nr = strtol(text, NULL, 10);
	return nr == SYS_clone || nr == SYS_clone3 || nr == SYS_fork || nr == SYS_vfork;
}

static bool has_cloning_parent(struct pt_engine *e, const struct engine_task *child)
{
	struct engine_task *t, *tmp;
	struct procfs_status st;
	pid_t maker;

	procfs_status(child->tid, &st);
	maker = st.tgid == child->tid ? st.ppid : st.tgid;
	HASH_ITER(hh, e->tasks, t, tmp)
		if (t->tgid == maker && t != child && may_be_cloning(t->tid))
			return true;
	return false;
}

/*
 * A child whose parent was killed before it could report it belongs to another
 * process now, which is in no clone. One that might be is given some time.
 */
void pt_find_orphans(struct pt_engine *e)
{
	struct engine_task *t, *tmp;
	int64_t now = pt_now_ms();

	HASH_ITER(hh, e->tasks, t, tmp) {
		if (t->state != PT_NEWBORN)
			continue;
		if (!t->again_ms)
			t->again_ms = now;
		if (now - t->again_ms >= ORPHAN_MS || !has_cloning_parent(e, t)) {
			t->again_ms = 0;
			t->state = PT_ORPHAN;
		}
	}
}

static int report_orphan(struct pt_engine *e, struct engine_event *ev)
{
	struct engine_task *t, *tmp;

	HASH_ITER(hh, e->tasks, t, tmp)
		if (t->state == PT_ORPHAN)
			return new_task_ready(t, ev);
	return 0;
}

static int on_gone(struct engine_task *t, int status, struct engine_event *ev)
{
	bool reported = t->reported;
	struct engine_task *parent = take_parent(t);

	ev->status = status;
	if (is_newborn(t))
		t->e->newborns--;
	report(t, t->state, ENGINE_GONE, ev);
	pt_task_free(t);
	if (parent)
		let_go(parent);
	return reported;
}

static int enter_late(struct pt_engine *e, struct engine_event *ev)
{
	struct __ptrace_syscall_info info;
	struct engine_task *t = e->early;
	struct vmmd_call call;

	e->early = NULL;
	if (get_info(t, &info) < 0)
		return 0;
	call_of(&info, &call);
	memset(ev, 0, sizeof(*ev));
	return on_entry(t, &call, ev);
}

int pt_pending(struct pt_engine *e, struct engine_event *ev)
{
	struct engine_task *t = e->held;

	if (e->early && e->notify.fd >= 0)
		return enter_late(e, ev);
	pt_send_back(e);
	if (t) {
		e->held = NULL;
		let_go(t);
	}
	t = e->execing;
	if (!t && !e->newborns)
		return 0;
	memset(ev, 0, sizeof(*ev));
	if (!t)
		return report_orphan(e, ev);
	e->execing = NULL;
	ev->former_tid = e->former_tid;
	return report(t, PT_EXEC, ENGINE_EXEC, ev);
}

static int on_stopped(struct pt_engine *e, struct engine_task *t, int status, struct engine_event *ev)
{
	int sig = WSTOPSIG(status), event = (int)((unsigned)status >> 16);

	switch (event) {
	case 0:
		return sig == SYSCALL_STOP ? on_syscall(t, ev) : on_signal(t, sig, ev);
	case PTRACE_EVENT_SECCOMP:
		return on_seccomp(t, ev);
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		return on_clone(t, event, ev);
	case PTRACE_EVENT_EXEC:
		return on_exec(e, t, ev);
	case PTRACE_EVENT_EXIT:
		return on_exiting(t, ev);
	case PTRACE_EVENT_STOP:
		return on_event_stop(t, sig, ev);
	default:
		pt_go(t, 0);
		return 0;
	}
}

int pt_status(struct pt_engine *e, pid_t tid, int status, struct engine_event *ev)
{
	struct engine_task *t = pt_find(e, tid);

	ev->owner = NULL;
	ev->parent_owner = NULL;
	if (!WIFSTOPPED(status))
		return t ? on_gone(t, status, ev) : 0;
	if (!t) {
		/* A child before its parent's clone event. */
		t = pt_task_new(e, tid, PT_NEWBORN);
		if (!t) {
			kill(tid, SIGKILL);
			return 0;
		}
		e->newborns++; /* its first stop, or, killed before, its last */
		t->stopped = stop_signal(WSTOPSIG(status));
		if (status >> 16 != PTRACE_EVENT_EXIT)
			return 0;
	}
	return on_stopped(e, t, status, ev);
}
