/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * task.h - traced threads and their processes.
 *
 * A task is made when the engine reports it and freed when it has gone; its
 * process lives as long as its last task. The layers' data for both hang here.
 * Owned by the session, event thread only.
 */
#ifndef VMMD_TASK_H
#define VMMD_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmmd/req.h"

struct engine_task;
struct session;

#define TASK_MAGIC 0x7461736bu
#define PROCESS_MAGIC 0x70726f63u

struct process {
	uint32_t magic;
	uint32_t tasks; /* how many are alive */
	pid_t tgid;
	void **data; /* of each layer, or NULL until one sets some */
};

struct task {
	uint32_t magic;
	struct session *session;
	struct process *process;
	struct engine_task *engine_task;
	struct vmmd_task_info info;
	struct task *prev, *next; /* session->tasks */
	void **data;		  /* of each layer, or NULL until one sets some */
	bool exit_told;		  /* the layers know that it ends */
	struct vmmd_req call;	  /* the system call it is in */
	struct vmmd_req report;	  /* what the kernel says about it */
	struct vmmd_call calls[]; /* REQ_CALL_VIEWS + VMMD_MAX_LAYERS at most, see task_new() */
};

/* `parent` may be NULL. NULL when out of memory. */
struct task *task_new(struct session *, struct engine_task *, const struct vmmd_task_info *, struct task *parent);
/* Run the layers' fork hooks for a new task; the parent is still stopped. */
void task_inherit(struct task *, struct task *parent);
/* Run the layers' exec hooks; `tid` is the task's number from now on. */
void task_exec(struct task *, pid_t tid);
/* Run the layers' free hooks and free the task. Its requests are cancelled. */
void task_free(struct task *);

/* A layer leaves a running session: free what it kept here. */
void task_forget_layer(struct task *, const struct vmmd_layer *);

void *task_data(const struct task *, int layer);
void *process_data(const struct process *, int layer);
/* -ENOMEM */
int task_set_data(struct task *, int layer, void *);
int process_set_data(const struct session *, struct process *, int layer, void *);

#endif
