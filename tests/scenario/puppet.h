/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * puppet.h - the tasks of a scenario that is played for real: what the player
 * (real.c) and its puppets (puppet.c) share.
 *
 * One memory file, mapped by all: the strings, and for each process the memory
 * that the scenario knows, at the same address.
 */
#ifndef TESTS_PUPPET_H
#define TESTS_PUPPET_H

#include <stdint.h>

#include "tests/scenario/fake.h"

#define PUPPETS 16
#define PUPPET_FD 100		   /* of the memory file */
#define PUPPET_STAGE 0x200000000ul /* where it is in a puppet */

enum puppet_deed { PUPPET_CALL, PUPPET_TASK, PUPPET_EXEC, PUPPET_EXIT };

struct puppet {
	uint32_t told; /* a futex: how many deeds it was told to do */
	uint32_t done; /* … and has done */
	enum puppet_deed deed;
	int64_t nr; /* CALL */
	uint64_t args[6];
	int64_t result;
	uint64_t flags; /* TASK: of clone(2) */
	int other;	/* … the new task's number here */
	int code;	/* EXIT */
	int memory;	/* number of its process's memory */
	uint64_t exec[3]; /* arguments of an execve(2) of the puppet itself */
};

struct stage {
	struct puppet puppet[PUPPETS];
	uint32_t delivered[65]; /* signals, to any */
	uint32_t attached;	/* first tasks, to the understudy */
};

#define STAGE_HEAD 65536u /* the strings' room */
#define STAGE_SIZE (STAGE_HEAD + PUPPETS * FAKE_SIZE)
_Static_assert(sizeof(struct stage) <= STAGE_HEAD, "the stage has room for its puppets");

#endif
