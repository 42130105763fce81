// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace.c - the ptrace engine: its life, its tasks, and how they go on.
 *
 * Tasks are seized (PTRACE_SEIZE), children are followed by the kernel, and
 * a seccomp filter (SECCOMP_RET_TRACE) chooses the calls that stop. Where there
 * is no filter (config.release, because a filter would outlive its tracer and
 * refuse what it traced) or more is wanted than it selects (a live trace),
 * every call stops (PTRACE_SYSCALL) and the selection is made here.
 *
 * A call is followed to its exit only if somebody wants the exit or if its
 * registers were changed: the program gets its own argument registers back, and
 * a call that the kernel restarts after a signal starts as the program made it.
 *
 * Everything runs in the thread that made the engine: ptrace(2) requests are
 * bound to the tracer's thread.
 */
#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "vmmd/engine/ptrace.h"
#include "vmmd/engine/ptrace_arch.h"
#include "vmmd/engine/ptrace_impl.h"
#include "vmmd/log.h"

static struct pt_engine *pt(struct engine *e)
{
	return (struct pt_engine *)(void *)e;
}

/* --------------------------------------------------------------------- tasks */

struct engine_task *pt_find(struct pt_engine *e, pid_t tid)
{
	struct engine_task *t;

	HASH_FIND_INT(e->tasks, &tid, t);
	return t;
}

struct engine_task *pt_task_new(struct pt_engine *e, pid_t tid, enum pt_state state)
{
	struct engine_task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->e = e;
	t->tid = tid;
	t->tgid = tid;
	t->state = (uint8_t)state;
	HASH_ADD_INT(e->tasks, tid, t);
	e->ntasks++;
	if (++e->stats.tasks > e->stats.tasks_max)
		e->stats.tasks_max = e->stats.tasks;
	return t;
}

void pt_task_free(struct engine_task *t)
{
	struct pt_engine *e = t->e;

	if (t->child) /* killed between its clone and its child's first stop */
		t->child->parent = NULL;
	if (t->parent)
		t->parent->child = NULL;
	if (e->held == t)
		e->held = NULL;
	if (e->execing == t)
		e->execing = NULL;
	if (e->early == t)
		e->early = NULL;
	pt_stay(t);
	if (t->mm)
		mm_put(t->mm, t->scratch);
	HASH_DEL(e->tasks, t);
	e->ntasks--;
	e->stats.tasks--;
	free(t);
}

void pt_rekey(struct engine_task *t, pid_t tid)
{
	HASH_DEL(t->e->tasks, t);
	t->tid = tid;
	t->tgid = tid;
	HASH_ADD_INT(t->e->tasks, tid, t);
}

/* ------------------------------------------------------------------ registers */

int pt_get_regs(struct engine_task *t)
{
	return ptrace(PTRACE_GETREGS, t->tid, NULL, &t->regs) < 0 ? -errno : 0;
}

int pt_need_regs(struct engine_task *t)
{
	int rc = t->have_regs ? 0 : pt_get_regs(t);

	t->have_regs = rc == 0;
	return rc;
}

int pt_set_regs(struct engine_task *t)
{
	return ptrace(PTRACE_SETREGS, t->tid, NULL, &t->regs) < 0 ? -errno : 0;
}

void pt_restore(struct engine_task *t)
{
	if (!t->have_orig)
		return;
	t->have_orig = false;
	if (!t->sigreturn)
		arch_restore_args(&t->regs, &t->orig);
}

static void keep_orig(struct engine_task *t)
{
	if (t->have_orig)
		return;
	t->orig = t->regs;
	t->have_orig = true;
}

bool pt_can_rewind(struct engine_task *t)
{
	uint8_t insn[ARCH_INSN_LEN];

	return pt_read(t, t->regs.rip - ARCH_INSN_LEN, insn, sizeof(insn)) == sizeof(insn) &&
	       memcmp(insn, ARCH_INSN, sizeof(insn)) == 0;
}

/* Signals stay out between here and the entry of the new call, or a handler would see us in between. */
int pt_rewind(struct engine_task *t, const struct vmmd_call *call)
{
	uint64_t all = ~(uint64_t)0;
	int rc;

	if (!pt_can_rewind(t))
		return -EINVAL;
	if (ptrace(PTRACE_GETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask) < 0 ||
	    ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(all), &all) < 0)
		return -errno;
	t->mask_saved = true;
	arch_rewind(&t->regs, call->nr);
	arch_set_args(&t->regs, call->args);
	rc = pt_set_regs(t);
	if (rc == 0)
		t->phase = PT_REISSUE;
	return rc;
}

void pt_rewound(struct engine_task *t)
{
	if (t->mask_saved)
		ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask);
	t->mask_saved = false;
	if (t->stop_pending)
		syscall(SYS_tgkill, t->tgid, t->tid, SIGSTOP);
	t->stop_pending = false;
	if (t->interrupt)
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	t->interrupt = false;
	t->phase = PT_CALL;
}

/* ------------------------------------------------------------------- going on */

void pt_go(struct engine_task *t, int sig)
{
	enum __ptrace_request how;

	t->every_call = t->e->all || t->phase != PT_USER;
	how = t->every_call ? PTRACE_SYSCALL : PTRACE_CONT;
	t->state = PT_RUNNING;
	if (ptrace(how, t->tid, NULL, (void *)(long)sig) < 0 && errno != ESRCH)
		log_error("ptrace: task %d cannot go on: %s", (int)t->tid, strerror(errno));
}

int pt_ptrace_listen(struct engine_task *t)
{
	t->state = PT_LISTENING;
	return ptrace(PTRACE_LISTEN, t->tid, NULL, NULL) < 0 ? -errno : 0;
}

static int run_at_entry(struct engine_task *t, const struct engine_action *a)
{
	const struct vmmd_call *c = a->call;
	int rc = 0;

	t->report_exit = a->want_exit;
	if (a->changed) {
		rc = pt_need_regs(t);
		if (rc < 0)
			return rc;
		keep_orig(t);
		t->sigreturn = c->nr == SYS_rt_sigreturn;
		t->is_clone3 = t->is_clone3 && c->nr == SYS_clone3;
		arch_set_nr(&t->regs, c->nr);
		arch_set_args(&t->regs, c->args);
		arch_set_place(&t->regs, c->pc, c->sp);
		rc = pt_set_regs(t);
	}
	if (a->want_exit || t->have_orig || t->is_clone3)
		t->phase = PT_CALL;
	pt_go(t, 0);
	return rc;
}

/*
 * The filter is about to give this very result. Let it: the program's own filters
 * then see the call as it was made, not the number by which it is skipped.
 */
static bool filter_refuses(const struct engine_task *t, int64_t result)
{
	int64_t nr = arch_nr(&t->regs);

	return t->e->filtered && nr >= 0 && nr < ENGINE_NR_MAX && t->e->select.refuse[nr] &&
	       result == -(int64_t)t->e->select.refuse[nr];
}

static int return_at_entry(struct engine_task *t, const struct engine_action *a)
{
	int rc;

	t->report_exit = false;
	t->is_clone3 = false;
	t->have_orig = false;
	rc = pt_need_regs(t);
	if (rc < 0)
		return rc;
	if (!a->changed && filter_refuses(t, a->result)) {
		t->phase = PT_CALL;
		pt_go(t, 0);
		return 0;
	}
	arch_skip(&t->regs, a->result);
	if (a->changed)
		arch_set_place(&t->regs, a->call->pc, a->call->sp);
	rc = pt_set_regs(t);
	pt_go(t, 0);
	return rc;
}

static int run_at_exit(struct engine_task *t, const struct engine_action *a)
{
	int rc;

	keep_orig(t);
	rc = pt_rewind(t, a->call);
	if (rc == 0) {
		t->report_exit = a->want_exit;
		t->sigreturn = false;
	} else if (rc != -ESRCH) {
		/* It cannot be made to call again: the result stays an error, never the first call's. */
		log_warning("task %d cannot reissue call %lld: %s", (int)t->tid, (long long)a->call->nr, strerror(-rc));
		arch_set_result(&t->regs, -ENOSYS);
		pt_restore(t);
		rc = pt_set_regs(t);
		t->phase = PT_USER;
	}
	pt_go(t, 0);
	return rc;
}

static int return_at_exit(struct engine_task *t, const struct engine_action *a)
{
	bool dirty = t->have_orig && !t->sigreturn;
	int rc = 0;

	pt_restore(t);
	if (a->result != arch_result(&t->regs)) {
		arch_set_result(&t->regs, a->result);
		dirty = true;
	}
	if (a->changed) {
		arch_set_place(&t->regs, a->call->pc, a->call->sp);
		dirty = true;
	}
	if (dirty)
		rc = pt_set_regs(t);
	t->phase = PT_USER;
	pt_go(t, 0);
	return rc;
}

static int resume_signal(struct engine_task *t, const struct engine_action *a)
{
	int sig = 0;

	if (a->type != ENGINE_DROP) {
		sig = t->info.si_signo;
		if (ptrace(PTRACE_SETSIGINFO, t->tid, NULL, &t->info) < 0 && errno != ESRCH)
			log_error("ptrace: siginfo of task %d: %s", (int)t->tid, strerror(errno));
	}
	pt_hide_signal(t, sig);
	pt_go(t, sig);
	return 0;
}

static int pt_resume(struct engine *base, struct engine_task *t, const struct engine_action *a)
{
	(void)base;
	if (t->dying)
		return -ESRCH;
	if (t->notify_id)
		return pt_resume_notified(t, a);
	switch (t->state) {
	case PT_ENTRY:
		return a->type == ENGINE_RETURN ? return_at_entry(t, a) : run_at_entry(t, a);
	case PT_EXIT:
		return a->type == ENGINE_RUN ? run_at_exit(t, a) : return_at_exit(t, a);
	case PT_SIGNAL:
		return resume_signal(t, a);
	case PT_NEW:
		if (t->stopped) /* born into a group stop */
			return pt_ptrace_listen(t);
		pt_go(t, 0);
		return 0;
	case PT_EXEC:
	case PT_EXITING:
		pt_go(t, 0);
		return 0;
	default:
		return -EINVAL;
	}
}

/* -------------------------------------------------------------- the interface */

static enum engine_how pt_how(uint32_t want)
{
	return want ? ENGINE_HOW_TRACE : ENGINE_HOW_ALLOW;
}

static int pt_probe(char *why, size_t len)
{
	const struct engine_select none = {.want_other = 0};
	const struct filter_plan plan = {.select = &none, .how = pt_how, .trace = SCMP_ACT_TRACE(1), .traced = true};
	struct filter f;
	int rc = filter_build(&f, &plan);

	filter_free(&f);
	if (rc < 0)
		snprintf(why, len, "libseccomp makes no filter: %s", strerror(-rc));
	else if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		snprintf(why, len, "the kernel has no seccomp");
		rc = -ENOSYS;
	}
	return rc;
}

static int hybrid_probe(char *why, size_t len)
{
	int rc = pt_probe(why, len);

	return rc < 0 ? rc : notify_probe(false, why, len);
}

static void set_options(struct pt_engine *e)
{
	e->options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		     PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP;
	if (!e->release)
		e->options |= PTRACE_O_EXITKILL;
	if (e->select.events & VMMD_EVENT_TASK_EXIT)
		e->options |= PTRACE_O_TRACEEXIT;
}

static int create(struct engine **out, const struct engine_config *config, const struct engine_ops *ops)
{
	struct pt_engine *e = calloc(1, sizeof(*e));
	sigset_t chld;
	int rc = 0;

	if (!e)
		return -ENOMEM;
	e->base.ops = ops;
	e->select = *config->select;
	e->now = *config->select;
	e->notify.fd = -1;
	e->listening = engine_uses(ops, &e->select, ENGINE_HOW_NOTIFY);
	e->turn = config->turn;
	e->wake = config->wake;
	e->owner_arg = config->owner_arg;
	e->plan = (struct filter_plan){
		.select = &e->select,
		.how = ops->how,
		.foreign = config->foreign,
		.trace = SCMP_ACT_TRACE(PT_FILTER_DATA),
		.traced = true,
		.performs = config->performs,
		.notifies = e->listening ? ops->name : NULL,
	};
	e->release = config->release;
	e->all = config->release;
	e->filtered = !config->release;
	set_options(e);
	if (e->filtered)
		rc = filter_build(&e->filter, &e->plan);
	if (rc < 0) {
		free(e);
		return rc;
	}
	/* Waited for, never delivered: see ptrace_wait.c. */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &chld, NULL);
	*out = &e->base;
	return 0;
}

static int pt_create(struct engine **out, const struct engine_config *config)
{
	return create(out, config, &engine_ptrace);
}

static int hybrid_create(struct engine **out, const struct engine_config *config)
{
	return create(out, config, &engine_hybrid);
}

static void pt_kill_all(struct engine *base)
{
	struct engine_task *t, *tmp;

	HASH_ITER(hh, pt(base)->tasks, t, tmp)
		kill(t->tgid, SIGKILL);
}

/* Stopped tasks are let go with their own registers; the kernel detaches the others when we exit. */
static void release_task(struct engine_task *t)
{
	if (t->state == PT_RUNNING || t->state == PT_LISTENING || t->state == PT_EXPECTED || t->state == PT_SEIZED)
		return;
	if (t->state == PT_EXIT && t->have_orig) {
		pt_restore(t);
		pt_set_regs(t);
	}
	ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(long)(t->state == PT_SIGNAL ? t->info.si_signo : 0));
}

static void pt_destroy(struct engine *base)
{
	struct pt_engine *e = pt(base);
	struct engine_task *t, *tmp;

	if (!e->release)
		pt_kill_all(base);
	HASH_ITER(hh, e->tasks, t, tmp) {
		if (e->release)
			release_task(t);
		pt_task_free(t);
	}
	notify_close(&e->notify);
	filter_free(&e->filter);
	free(e);
}

static int pt_filter(struct engine *base, const void **prog, size_t *count)
{
	*prog = pt(base)->filter.prog;
	*count = pt(base)->filter.count;
	return 0;
}

static int pt_launch(struct engine *base, pid_t pid)
{
	struct pt_engine *e = pt(base);
	struct engine_task *t = pt_task_new(e, pid, PT_SEIZED);
	int rc = 0;

	if (!t)
		return -ENOMEM;
	t->launching = true;
	t->mm = mm_new();
	if (!t->mm)
		rc = -ENOMEM;
	else if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)e->options) < 0)
		rc = -errno;
	else if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		rc = -errno;
	if (rc < 0)
		pt_task_free(t);
	return rc;
}

static int pt_next(struct engine *base, struct engine_event *ev, bool block)
{
	struct pt_engine *e = pt(base);

	for (;;) {
		pid_t tid;
		int status, rc;

		rc = pt_pending(e, ev);
		if (rc)
			return rc;
		if (!e->ntasks)
			return -ECHILD;
		pt_turn(e, false);
		rc = pt_wait(e, block && !e->newborns, &tid, &status);
		pt_turn(e, true);
		if (rc == 0 && block && e->newborns) {
			/* Do not sleep for a parent that has gone. */
			pt_turn(e, false);
			rc = pt_wait_moment(e);
			pt_turn(e, true);
			if (rc < 0)
				return 0;
			if (rc == 0)
				pt_find_orphans(e);
			continue;
		}
		if (rc <= 0)
			return rc;
		e->stats.stops++;
		rc = pt_status(e, tid, status, ev);
		if (rc) {
			e->stats.events++;
			return rc;
		}
	}
}

static int pt_fd(struct engine *base)
{
	(void)base;
	return -1;
}

static void pt_set_owner(struct engine_task *t, void *owner)
{
	t->owner = owner;
}

static void pt_identity(const struct engine_task *t, pid_t *tid, pid_t *tgid)
{
	*tid = t->tid;
	*tgid = t->tgid;
}

/*
 * Stopped tasks learn of it when they are resumed, and so do those that stop at
 * a call anyway. The others need an interrupt, which not every call survives
 * unharmed: no more of them than must be.
 */
static int pt_reselect(struct engine *base, const struct engine_select *select)
{
	struct pt_engine *e = pt(base);
	struct engine_task *t, *tmp;
	bool all = select || e->release;

	e->now = select ? *select : e->select;
	if (all == e->all)
		return 0;
	e->all = all;
	if (!all)
		return 0;
	HASH_ITER(hh, e->tasks, t, tmp) {
		if (t->state != PT_RUNNING || t->every_call)
			continue;
		t->interrupted = true;
		if (ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) < 0 && errno != ESRCH)
			log_warning("ptrace: task %d cannot be interrupted: %s", (int)t->tid, strerror(errno));
	}
	return 0;
}

static int pt_inject(struct engine *base, pid_t tid, const siginfo_t *info)
{
	struct engine_task *t = pt_find(pt(base), tid);

	if (!t)
		return -ESRCH;
	return syscall(SYS_rt_tgsigqueueinfo, t->tgid, tid, info->si_signo, info) < 0 ? -errno : 0;
}

static int pt_kill(struct engine *base, struct engine_task *t)
{
	(void)base;
	return kill(t->tgid, SIGKILL) < 0 ? -errno : 0;
}

static void pt_stats(const struct engine *base, struct engine_stats *out)
{
	const struct pt_engine *e = (const struct pt_engine *)(const void *)base;

	*out = e->stats;
	out->task_bytes = sizeof(struct engine_task);
}

/* What the two engines have in common. */
#define PT_FEATURES                                                                                       \
	(ENGINE_F_ENTRY | ENGINE_F_EXIT | ENGINE_F_REWRITE | ENGINE_F_RESULT | ENGINE_F_REISSUE | ENGINE_F_SIGNAL | \
	 ENGINE_F_LIFECYCLE | ENGINE_F_RESELECT | ENGINE_F_ERRNO)
#define PT_OPS                                                                                           \
	.traces = true,                                                                                   \
	.destroy = pt_destroy, .filter = pt_filter, .launch = pt_launch, .next = pt_next, .fd = pt_fd,    \
	.set_owner = pt_set_owner, .resume = pt_resume, .read = pt_read, .write = pt_write,               \
	.scratch = pt_scratch, .identity = pt_identity, .reselect = pt_reselect, .inject = pt_inject,     \
	.kill = pt_kill, .kill_all = pt_kill_all, .stats = pt_stats

const struct engine_ops engine_ptrace = {
	.name = "ptrace",
	.features = PT_FEATURES | ENGINE_F_RELEASE,
	.probe = pt_probe,
	.how = pt_how,
	.create = pt_create,
	PT_OPS,
};

const struct engine_ops engine_hybrid = {
	.name = "hybrid",
	.features = PT_FEATURES | ENGINE_F_INSTALL_FD,
	.probe = hybrid_probe,
	.how = pt_hybrid_how,
	.create = hybrid_create,
	.filter_flags = pt_filter_flags,
	.listen = pt_listen,
	.receive = pt_receive,
	.receives = pt_receives,
	.install_fd = pt_install_fd,
	.shut = pt_shut,
	PT_OPS,
};
