/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core.h - the daemon's core as the scenarios drive it.
 *
 * The only file of the runner that knows sessions; everything else speaks of
 * layers, the fake engine and text.
 */
#ifndef TESTS_CORE_H
#define TESTS_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct engine_ops;
struct core;

/* `log`: a path that the layers append to. NULL: out of memory. */
struct core *core_new(const char *plugin, const char *log);
/* Before core_start(): one line of a session file, and the next outer layer. 0 or -errno with a line. */
int core_set(struct core *, const char *line, char *why, size_t len);
int core_layer(struct core *, const char *name, char **rules, size_t count, char *why, size_t len);
int core_start(struct core *, const struct engine_ops *, char *why, size_t len);
struct engine *core_engine(struct core *);
bool core_started(const struct core *);

/* Handle all events and answers that are there. */
int core_turn(struct core *);
/* Run the event loop for a time. */
void core_wait(struct core *, int64_t ms);
/* A control client's command. */
int core_command(struct core *, const char *name, const char *text);
/* The session ends with whatever is open. */
void core_stop(struct core *);
void core_free(struct core *);

/*
 * A number: tasks, processes, suspended, tickets, ended (no task is left), or LAYER.asked-EVENT, LAYER.replied …, LAYER:COUNTER.
 */
int core_count(struct core *, const char *what, uint64_t *value);
/* The first counter that is not zero though nothing is left, or NULL. */
const char *core_left(struct core *);

#endif
