/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.h - a small daemon for the self tests: one engine, its ring and its tasks.
 *
 * Everything here fails the test that calls it when the module refuses; what a
 * test expects to be refused it asks for by ioctl(2).
 */
#ifndef VMMD_TESTS_KMOD_VM_H
#define VMMD_TESTS_KMOD_VM_H

#include <linux/filter.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include "proto/vmmd_kmod.h"
#include "tests/kmod/selftest.h"

typedef struct vmmd_kmod_slot slot;

struct vm {
	int fd;	   /* the control descriptor */
	int token; /* lets a child attach itself */
	volatile struct vmmd_kmod_header *header;
	volatile uint64_t *ring;
	char *map;
	size_t size;
	struct vmmd_kmod_create made;
	int spin; /* rounds that vm_next() waits actively */
	unsigned long stops, doorbells, waits;
};

/* Events, as in a selection. */
#define ON(type) (1u << VMMD_KMOD_##type)
#define ALL_EVENTS (ON(NEW) | ON(SIGNAL) | ON(EXEC) | ON(EXITING) | ON(GONE))

/* A selection to be changed and given to VMMD_IOC_SELECT; the list of calls to stop at ends with -1. */
struct vmmd_kmod_select vm_selection(uint32_t events, ...);
/* An engine with flags, and what it stops for. */
void vm_open(struct vm *vm, uint32_t flags, uint32_t events, ...);
void vm_make(struct vm *vm, const struct vmmd_kmod_create *create);
void vm_map(struct vm *vm);
void vm_select(struct vm *vm, const struct vmmd_kmod_select *select);
void vm_close(struct vm *vm);
/* In a child: let go of what the daemon has, so that the engine ends with the daemon. */
void vm_forget(struct vm *vm);

/* A child that attaches itself and calls run(arg); it ends with 98 if the engine has. */
pid_t vm_spawn(struct vm *vm, void (*run)(void *), void *arg);
void vm_attach_self(struct vm *vm);

/* The next request; waits for it. The slot's token comes again if its flags have grown. */
slot *vm_next(struct vm *vm);
/* … or NULL when there is none within so many milliseconds. */
slot *vm_next_within(struct vm *vm, unsigned int milliseconds);
uint64_t vm_token(struct vm *vm, const slot *s);
slot *vm_slot(struct vm *vm, uint32_t index);
/* The answer of a request, zero but for its action. */
struct vmmd_kmod_answer *vm_answer(slot *s, uint32_t action);
void vm_done(struct vm *vm, slot *s);
/* Answer a request: RUN; RETURN this. */
void vm_run(struct vm *vm, slot *s);
void vm_return(struct vm *vm, slot *s, long long result);
/* The next request must be this; for ENTRY and EXIT with that number, for SIGNAL with that signal. */
slot *vm_expect(struct vm *vm, uint32_t type, long long number);

/* Answer what comes with the handler's answer (RUN if it makes none) until GONE of tid. Gives its status. */
typedef void (*vm_handler)(struct vm *vm, slot *s, void *arg);
int vm_serve(struct vm *vm, pid_t tid, vm_handler handler, void *arg);

long vm_read(struct vm *vm, slot *s, uint64_t addr, void *buf, size_t len);
long vm_write(struct vm *vm, slot *s, uint64_t addr, const void *buf, size_t len);
struct vmmd_kmod_info vm_info(void);

/* Memory that a test's processes share. */
void *shared(size_t size);

#endif
