// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * loop.c - descriptors, timers and signals; the only file that knows libev.
 *
 * Two ways to run. loop_run() is libev alone. loop_run_wait() is for an owner
 * that must sleep in a blocking call of its own (waitpid): a helper thread runs
 * the libev loop, but instead of calling handlers it rings the owner with
 * SIGURG until the owner has called them (libev's documented pattern for
 * threads: ev_set_invoke_pending_cb and ev_set_loop_release_cb). The ring is
 * repeated every millisecond, so one that falls between the owner's check and
 * its blocking call only costs time.
 *
 * Invariants: handlers run in the owner's thread, with the turn and `lock` held. The helper
 * holds `lock` except while it polls or waits for the owner. The lock is
 * recursive so that handlers may start and stop watchers.
 */
#include <assert.h>
#include <ev.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "vmmd/log.h"
#include "vmmd/loop.h"

#define LOOP_SIGNAL SIGURG
#define RING_AGAIN_NS 1000000

/* See turn_give(). */
#define TURNS_IN_A_ROW 32
#define TURN_PAUSE_NS 20000
#define TURN_PAUSES 50

struct loop {
	struct ev_loop *ev;
	struct ev_async async; /* wakes the poll; runs `kicked` */
	void (*kicked)(void *arg);
	void *kicked_arg;
	atomic_bool kick;    /* `kicked` is due */
	atomic_bool pending; /* the helper waits for the owner to call handlers */
	atomic_bool quit;
	bool threaded;
	bool started; /* `thread` runs */
	atomic_bool ended; /* … and has returned */
	pthread_t thread;
	void (*thread_fn)(void *arg);
	void *thread_arg;
	pthread_t owner;
	pthread_mutex_t lock;
	pthread_mutex_t turn; /* taken before `lock` */
	atomic_uint asking;   /* threads that wait for the turn */
	atomic_uint taken;    /* how often it was taken */
	pthread_t last;	      /* who has, or had, it; with the turn */
	unsigned streak;      /* its turns in a row while others asked; with the turn */
	pthread_cond_t called; /* the owner has called the handlers */
};

static_assert(sizeof(struct ev_io) <= sizeof(((struct loop_io *)0)->ev), "ev_io fits");
static_assert(sizeof(struct ev_timer) <= sizeof(((struct loop_timer *)0)->ev), "ev_timer fits");
static_assert(sizeof(struct ev_signal) <= sizeof(((struct loop_signal *)0)->ev), "ev_signal fits");

static struct ev_io *io_of(struct loop_io *w)
{
	return (struct ev_io *)(void *)w->ev;
}

static struct ev_timer *timer_of(struct loop_timer *w)
{
	return (struct ev_timer *)(void *)w->ev;
}

static struct ev_signal *signal_of(struct loop_signal *w)
{
	return (struct ev_signal *)(void *)w->ev;
}

static void run_kicked(struct loop *l)
{
	if (atomic_exchange(&l->kick, false) && l->kicked)
		l->kicked(l->kicked_arg);
}

static void on_async(struct ev_loop *ev, struct ev_async *w, int revents)
{
	(void)w;
	(void)revents;
	run_kicked(ev_userdata(ev));
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	pthread_mutexattr_t attr;

	if (!l)
		return NULL;
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!l->ev) {
		free(l);
		return NULL;
	}
	l->owner = pthread_self();
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&l->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_mutex_init(&l->turn, NULL);
	pthread_cond_init(&l->called, NULL);
	ev_set_userdata(l->ev, l);
	ev_async_init(&l->async, on_async);
	ev_async_start(l->ev, &l->async);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	ev_async_stop(l->ev, &l->async);
	ev_loop_destroy(l->ev);
	pthread_cond_destroy(&l->called);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->turn);
	free(l);
}

void loop_run(struct loop *l)
{
	atomic_store(&l->quit, false);
	while (!atomic_load(&l->quit))
		ev_run(l->ev, EVRUN_ONCE);
}

void loop_break(struct loop *l)
{
	atomic_store(&l->quit, true);
}

void loop_on_kick(struct loop *l, void (*kicked)(void *arg), void *arg)
{
	l->kicked = kicked;
	l->kicked_arg = arg;
}

void loop_kick(struct loop *l)
{
	atomic_store(&l->kick, true);
	/* The owner looks at `kick` before it blocks again: no system call needed. */
	if (l->threaded && pthread_equal(pthread_self(), l->owner))
		return;
	ev_async_send(l->ev, &l->async);
}

/* ------------------------------------------------- the helper of loop_run_wait */

static void helper_release(struct ev_loop *ev) EV_NOEXCEPT
{
	struct loop *l = ev_userdata(ev);

	pthread_mutex_unlock(&l->lock);
}

static void helper_acquire(struct ev_loop *ev) EV_NOEXCEPT
{
	struct loop *l = ev_userdata(ev);

	pthread_mutex_lock(&l->lock);
}

static void helper_invoke(struct ev_loop *ev)
{
	struct loop *l = ev_userdata(ev);

	while (ev_pending_count(ev) && !atomic_load(&l->quit)) {
		struct timespec until;

		atomic_store(&l->pending, true);
		pthread_kill(l->owner, LOOP_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += RING_AGAIN_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&l->called, &l->lock, &until);
	}
	if (atomic_load(&l->quit))
		ev_break(ev, EVBREAK_ALL);
}

/*
 * A mutex goes to whoever runs, and a thread that has just given it away is
 * running: so after some turns in a row it waits until the other has had one.
 */
static void turn_give(struct loop *l)
{
	const struct timespec moment = {.tv_nsec = TURN_PAUSE_NS};
	unsigned taken = atomic_load(&l->taken);
	bool wait = false;

	if (!atomic_load(&l->asking))
		l->streak = 0;
	else if (++l->streak >= TURNS_IN_A_ROW)
		wait = true;
	pthread_mutex_unlock(&l->turn);
	for (int i = 0; wait && i < TURN_PAUSES && atomic_load(&l->taken) == taken; i++)
		nanosleep(&moment, NULL);
}

static void turn_take(struct loop *l)
{
	pthread_t self = pthread_self();

	atomic_fetch_add(&l->asking, 1);
	pthread_mutex_lock(&l->turn);
	atomic_fetch_sub(&l->asking, 1);
	atomic_fetch_add(&l->taken, 1);
	if (!pthread_equal(l->last, self))
		l->streak = 0;
	l->last = self;
}

void loop_turn(struct loop *l, bool take)
{
	if (take)
		turn_take(l);
	else
		turn_give(l);
}

static void *thread_main(void *arg)
{
	struct loop *l = arg;

	l->thread_fn(l->thread_arg);
	atomic_store(&l->ended, true);
	return NULL;
}

static void *helper_main(void *arg)
{
	struct loop *l = arg;

	pthread_mutex_lock(&l->lock);
	ev_run(l->ev, 0);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void on_ring(int signo)
{
	(void)signo;
}

static void call_handlers(struct loop *l)
{
	turn_take(l);
	pthread_mutex_lock(&l->lock);
	ev_invoke_pending(l->ev);
	atomic_store(&l->pending, false);
	pthread_cond_signal(&l->called);
	pthread_mutex_unlock(&l->lock);
	turn_give(l);
}

/* Its handler does nothing but interrupt. */
static void catch_ring(void)
{
	struct sigaction sa = {.sa_handler = on_ring};

	sigemptyset(&sa.sa_mask);
	sigaction(LOOP_SIGNAL, &sa, NULL);
}

int loop_thread_start(struct loop *l, void (*fn)(void *arg), void *arg)
{
	sigset_t others, old;
	int rc;

	catch_ring();
	l->thread_fn = fn;
	l->thread_arg = arg;
	atomic_store(&l->ended, false);
	sigfillset(&others);
	sigdelset(&others, LOOP_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &others, &old);
	rc = pthread_create(&l->thread, NULL, thread_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->started = rc == 0;
	return -rc;
}

void loop_thread_stop(struct loop *l)
{
	const struct timespec moment = {.tv_nsec = RING_AGAIN_NS};

	if (!l->started)
		return;
	while (!atomic_load(&l->ended)) {
		pthread_kill(l->thread, LOOP_SIGNAL);
		nanosleep(&moment, NULL);
	}
	pthread_join(l->thread, NULL);
	l->started = false;
}

static int helper_start(struct loop *l, pthread_t *thread)
{
	sigset_t all, old;
	int rc;

	catch_ring();
	ev_set_loop_release_cb(l->ev, helper_release, helper_acquire);
	ev_set_invoke_pending_cb(l->ev, helper_invoke);
	l->threaded = true;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(thread, NULL, helper_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

static void helper_stop(struct loop *l, pthread_t thread)
{
	ev_async_send(l->ev, &l->async);
	pthread_mutex_lock(&l->lock);
	pthread_cond_signal(&l->called);
	pthread_mutex_unlock(&l->lock);
	pthread_join(thread, NULL);
	ev_set_loop_release_cb(l->ev, NULL, NULL);
	ev_set_invoke_pending_cb(l->ev, ev_invoke_pending);
	l->threaded = false;
}

int loop_run_wait(struct loop *l, void (*wait)(void *arg), void *arg)
{
	pthread_t thread;
	int rc;

	atomic_store(&l->quit, false);
	/* What a run that was broken off left: libev sends no wake-up while one is unhandled. */
	ev_invoke_pending(l->ev);
	rc = helper_start(l, &thread);
	if (rc)
		return rc;
	while (!atomic_load_explicit(&l->quit, memory_order_relaxed)) {
		if (atomic_load_explicit(&l->pending, memory_order_acquire))
			call_handlers(l);
		if (atomic_load_explicit(&l->kick, memory_order_relaxed)) {
			loop_turn(l, true);
			run_kicked(l);
			loop_turn(l, false);
		}
		if (atomic_load_explicit(&l->quit, memory_order_relaxed))
			break;
		wait(arg);
	}
	helper_stop(l, thread);
	return 0;
}

/* ---------------------------------------------------------------- watchers */

static void change_begin(struct loop *l)
{
	if (l->threaded)
		pthread_mutex_lock(&l->lock);
}

/* A poll under way does not know of the change: have it look again. */
static void change_end(struct loop *l)
{
	if (!l->threaded)
		return;
	ev_async_send(l->ev, &l->async);
	pthread_mutex_unlock(&l->lock);
}

static int to_ev(short events)
{
	return (events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0);
}

static void on_io(struct ev_loop *ev, struct ev_io *w, int revents)
{
	struct loop_io *io = w->data;

	(void)ev;
	io->fn(io, (short)((revents & EV_READ ? POLLIN : 0) | (revents & EV_WRITE ? POLLOUT : 0)));
}

void loop_io_init(struct loop_io *io, void (*fn)(struct loop_io *, short), int fd, short events)
{
	struct ev_io *w = io_of(io);

	io->fn = fn;
	ev_io_init(w, on_io, fd, to_ev(events));
	w->data = io;
}

void loop_io_start(struct loop *l, struct loop_io *io)
{
	change_begin(l);
	ev_io_start(l->ev, io_of(io));
	change_end(l);
}

void loop_io_stop(struct loop *l, struct loop_io *io)
{
	change_begin(l);
	ev_io_stop(l->ev, io_of(io));
	change_end(l);
}

void loop_io_set(struct loop *l, struct loop_io *io, short events)
{
	struct ev_io *w = io_of(io);
	bool active;

	if ((w->events & (EV_READ | EV_WRITE)) == to_ev(events))
		return;
	change_begin(l);
	active = ev_is_active(w);
	if (active)
		ev_io_stop(l->ev, w);
	ev_io_set(w, w->fd, to_ev(events));
	if (active)
		ev_io_start(l->ev, w);
	change_end(l);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	struct loop_timer *t = w->data;

	(void)ev;
	(void)revents;
	t->fn(t);
}

void loop_timer_init(struct loop_timer *t, void (*fn)(struct loop_timer *))
{
	struct ev_timer *w = timer_of(t);

	t->fn = fn;
	ev_timer_init(w, on_timer, 0., 0.);
	w->data = t;
}

void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t after_ms, int64_t repeat_ms)
{
	struct ev_timer *w = timer_of(t);

	change_begin(l);
	ev_timer_stop(l->ev, w);
	ev_now_update(l->ev);
	ev_timer_set(w, (double)after_ms / 1e3, (double)repeat_ms / 1e3);
	ev_timer_start(l->ev, w);
	change_end(l);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	if (!ev_is_active(timer_of(t)) && !ev_is_pending(timer_of(t)))
		return;
	change_begin(l);
	ev_timer_stop(l->ev, timer_of(t));
	change_end(l);
}

bool loop_timer_active(const struct loop_timer *t)
{
	return ev_is_active((const struct ev_timer *)(const void *)t->ev);
}

static void on_signal(struct ev_loop *ev, struct ev_signal *w, int revents)
{
	struct loop_signal *s = w->data;

	(void)ev;
	(void)revents;
	s->fn(s, w->signum);
}

void loop_signal_init(struct loop_signal *s, void (*fn)(struct loop_signal *, int), int signo)
{
	struct ev_signal *w = signal_of(s);

	s->fn = fn;
	ev_signal_init(w, on_signal, signo);
	w->data = s;
}

void loop_signal_start(struct loop *l, struct loop_signal *s)
{
	change_begin(l);
	ev_signal_start(l->ev, signal_of(s));
	change_end(l);
}

void loop_signal_stop(struct loop *l, struct loop_signal *s)
{
	change_begin(l);
	ev_signal_stop(l->ev, signal_of(s));
	change_end(l);
}
