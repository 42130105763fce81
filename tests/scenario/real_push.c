// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * real_push.c - what a scenario has the puppets do: calls, tasks, execs, ends; and
 * what it has the kernel do.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/scenario/real_impl.h"

static void tell(struct real *r, struct actor *a, enum puppet_deed deed)
{
	struct puppet *p = real_puppet(r, a);

	p->deed = deed;
	__atomic_add_fetch(&p->told, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &p->told, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static struct actor *actor_new(struct real *r, const struct fake_event *ev)
{
	struct actor *a = calloc(1, sizeof(*a)), *leader = real_find(r, ev->tgid);

	if (!a || r->puppets == PUPPETS)
		abort();
	a->tid = ev->tid;
	a->tgid = ev->tgid;
	a->number = r->puppets++;
	real_puppet(r, a)->told = ev->parent ? 0 : 1; /* to start is the first's first deed */
	real_puppet(r, a)->memory = leader ? real_puppet(r, leader)->memory : a->number;
	r->coming = a;
	r->started = true;
	return a;
}

/* In the child: to be attached to both engines, the understudy first, and to become a puppet. */
static void become_puppet(struct real *r, int number, const int *go)
{
	char path[4096], digits[8], c;
	char *argv[] = { path, digits, NULL };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 8);

	path[n > 0 ? n : 0] = 0;
	snprintf(strrchr(path, '/') + 1, 8, "puppet");
	snprintf(digits, sizeof(digits), "%d", number);
	close(go[1]);
	vm_attach_self(&r->understudy);
	__atomic_add_fetch(&r->stage->attached, 1, __ATOMIC_SEQ_CST);
	if (dup2(r->fd, PUPPET_FD) < 0 || read(go[0], &c, 1) != 1)
		_exit(2);
	execv(path, argv);
	_exit(2);
}

static bool is_attached(struct real *r, struct actor *a)
{
	(void)a;
	return r->stage->attached == r->firsts;
}

static int first_task(struct real *r, struct actor *a)
{
	int go[2], rc;
	pid_t pid;

	r->firsts++;
	if (pipe2(go, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become_puppet(r, a->number, go);
	close(go[0]);
	/* Older is who was first. */
	if (pid < 0 || !real_until(r, is_attached, a))
		rc = -EAGAIN;
	else
		rc = r->tested->ops->launch(r->tested, pid);
	if (!rc && write(go[1], "x", 1) != 1)
		rc = -errno;
	close(go[1]);
	return rc;
}

static int push_new(struct real *r, const struct fake_event *ev)
{
	struct actor *parent = ev->parent ? real_find(r, ev->parent) : NULL, *a;
	int rc;

	if (real_find(r, ev->tid))
		return -EEXIST;
	if (parent && (rc = real_at_rest(r, parent)))
		return rc;
	a = actor_new(r, ev);
	if (!parent)
		return first_task(r, a);
	real_puppet(r, parent)->flags = ev->clone_flags;
	real_puppet(r, parent)->other = a->number;
	tell(r, parent, PUPPET_TASK);
	return 0;
}

static int push_entry(struct real *r, struct actor *a, const struct fake_event *ev)
{
	struct puppet *p = real_puppet(r, a);
	int rc = real_at_rest(r, a);

	if (rc)
		return rc;
	a->call = ev->call;
	a->stage = MADE;
	p->nr = ev->call.nr;
	memcpy(p->args, ev->call.args, sizeof(p->args));
	tell(r, a, PUPPET_CALL);
	return 0;
}

/* A puppet's own, or in the place of a call that waits at the understudy. */
static int push_exec(struct real *r, struct actor *a)
{
	struct vmmd_kmod_answer *to;

	real_settle(r, a);
	if (a->kernel && engine_is_exec(a->call.nr)) {
		a->exec_due = a->replaced = true;
		to = vm_answer(a->kernel, VMMD_KMOD_RUN);
		to->flags = VMMD_KMOD_A_NR | VMMD_KMOD_A_ARGS;
		to->nr = SYS_execve;
		memcpy(to->args, real_puppet(r, a)->exec, sizeof(real_puppet(r, a)->exec));
		vm_done(&r->understudy, a->kernel);
		a->kernel = NULL;
		a->stage = ANSWERED;
		a->result = 0;
		return 0;
	}
	if (real_at_rest(r, a))
		return -EBUSY;
	a->exec_due = true;
	tell(r, a, PUPPET_EXEC);
	return 0;
}

/* It ends as the scenario says, or, if it waits for something, by SIGKILL. */
static void end(struct real *r, struct actor *a, int status)
{
	if (a->has_gone)
		return;
	if (!a->dying && status != SIGKILL && !real_at_rest(r, a)) {
		real_puppet(r, a)->code = status >> 8;
		tell(r, a, PUPPET_EXIT);
		return;
	}
	a->dying = true;
	kill(a->group, SIGKILL);
}

static int push_end(struct real *r, struct actor *a, const struct fake_event *ev)
{
	bool first = !a->ending;

	if (ev->type == ENGINE_EXITING) {
		a->ending = true;
		end(r, a, ev->status);
		a->held = false;
		return 0;
	}
	if (first)
		end(r, a, ev->status);
	else
		real_settle(r, a);
	a->held = false;
	if (!real_until(r, real_has_gone, a))
		return -ETIMEDOUT;
	if (!a->dying && a->gone.status != ev->status)
		real_breach(r, "it has ended with another status", a);
	real_for_core(r, a, &a->gone);
	return 0;
}

static int send_signal(struct actor *a, int sig)
{
	a->signal = sig;
	return a->real == a->group ? kill(a->real, sig) : (int)syscall(SYS_tgkill, a->group, a->real, sig);
}

static int push_to(struct real *r, struct actor *a, const struct fake_event *ev)
{
	switch (ev->type) {
	case ENGINE_ENTRY:
		return push_entry(r, a, ev);
	case ENGINE_SIGNAL:
		if (a->held || (!a->want_exit && real_at_rest(r, a)))
			return -EBUSY;
		return send_signal(a, ev->info.si_signo) ? -errno : 0;
	case ENGINE_EXEC:
		return ev->former_tid == ev->tid ? push_exec(r, a) : -ENOTSUP;
	default:
		return push_end(r, a, ev);
	}
}

int fake_push(struct engine *e, const struct fake_event *ev)
{
	struct real *r = real_of(e);
	struct actor *a;
	int rc;

	if (ev->type == ENGINE_NEW) {
		rc = push_new(r, ev);
		a = r->coming;
	} else {
		a = real_find(r, ev->tid);
		rc = a ? push_to(r, a, ev) : -ESRCH;
	}
	if (!rc && !real_until(r, real_is_ready, a))
		rc = -ETIMEDOUT;
	return rc;
}

int fake_kernel(struct engine *e, pid_t tid, int64_t result, uint64_t pc, uint64_t sp)
{
	struct real *r = real_of(e);
	struct actor *a = real_find(r, tid);

	if (!a)
		return -ESRCH;
	if (pc || sp)
		return -ENOTSUP;
	real_settle(r, a);
	if (!a->want_exit || a->held)
		return -EINVAL;
	if (a->kernel)
		real_kernel_gives(r, a, result);
	else if (!a->replaced)
		return -EINVAL;
	return real_until(r, real_is_ready, a) ? 0 : -ETIMEDOUT;
}

int fake_dying(struct engine *e, pid_t tid)
{
	struct real *r = real_of(e);
	struct actor *a = real_find(r, tid);

	if (!a)
		return -ESRCH;
	a->dying = true;
	kill(a->group, SIGKILL);
	return real_until(r, real_not_held, a) ? 0 : -ETIMEDOUT;
}
