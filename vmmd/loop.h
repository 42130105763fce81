/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - descriptors, timers and signals; the only door to libev.
 *
 * A loop belongs to the thread that made it: all handlers run there and all
 * functions but loop_kick() are called from there, or with the turn taken. Watchers are embedded in
 * their owner; start and stop do not allocate and may be repeated.
 *
 * A worker whose engine can only be waited for in a blocking call (waitpid)
 * uses loop_run_wait(): the descriptors are then polled by a helper thread
 * which interrupts that call when there is something to do. Handlers still run
 * in the owner's thread.
 */
#ifndef VMMD_LOOP_H
#define VMMD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop_io {
	void (*fn)(struct loop_io *, short revents); /* POLLIN | POLLOUT */
	_Alignas(8) char ev[64];
};

struct loop_timer {
	void (*fn)(struct loop_timer *);
	_Alignas(8) char ev[64];
};

struct loop_signal {
	void (*fn)(struct loop_signal *, int signo);
	_Alignas(8) char ev[64];
};

struct loop *loop_new(void);
/* All watchers must be stopped. */
void loop_free(struct loop *);

/* Run handlers until loop_break(). */
void loop_run(struct loop *);
/*
 * Call `wait` again and again until loop_break(); run handlers between two
 * calls. `wait` blocks until an engine event or until it is interrupted by a
 * signal (EINTR), and handles at most a bounded number of events.
 */
int loop_run_wait(struct loop *, void (*wait)(void *arg), void *arg);
void loop_break(struct loop *);
/*
 * A further thread that runs handlers' kind of code: it takes the turn while it
 * does so and gives it away while it sleeps. Where there is one, the owner's
 * `wait` does the same. loop_thread_stop() interrupts what it sleeps in (EINTR)
 * again and again until `fn` has returned.
 */
int loop_thread_start(struct loop *, void (*fn)(void *arg), void *arg);
void loop_thread_stop(struct loop *);
void loop_turn(struct loop *, bool take);
/* Have `kicked` run soon in the loop's thread. Any thread, without the turn. */
void loop_kick(struct loop *);
void loop_on_kick(struct loop *, void (*kicked)(void *arg), void *arg);

void loop_io_init(struct loop_io *, void (*fn)(struct loop_io *, short), int fd, short events);
void loop_io_start(struct loop *, struct loop_io *);
void loop_io_stop(struct loop *, struct loop_io *);
/* Change the events of a watcher, started or not. */
void loop_io_set(struct loop *, struct loop_io *, short events);

/* Milliseconds; repeat 0: once. Starting a started timer starts it afresh. */
void loop_timer_init(struct loop_timer *, void (*fn)(struct loop_timer *));
void loop_timer_start(struct loop *, struct loop_timer *, int64_t after_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop *, struct loop_timer *);
bool loop_timer_active(const struct loop_timer *);

void loop_signal_init(struct loop_signal *, void (*fn)(struct loop_signal *, int), int signo);
void loop_signal_start(struct loop *, struct loop_signal *);
void loop_signal_stop(struct loop *, struct loop_signal *);

#endif
