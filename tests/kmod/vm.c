// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vm.c - a small daemon for the self tests; see vm.h and proto/vmmd_kmod.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/kmod/vm.h"

#define SLOT_SIZE sizeof(slot)

static void unset(struct vmmd_kmod_select *sel, va_list calls)
{
	int nr;

	memset(sel->native, 0xff, sizeof(sel->native));
	while ((nr = va_arg(calls, int)) >= 0)
		sel->native[nr / 64] &= ~(1ull << (nr % 64));
}

struct vmmd_kmod_select vm_selection(uint32_t events, ...)
{
	struct vmmd_kmod_select sel = { .events = events };
	va_list calls;

	va_start(calls, events);
	unset(&sel, calls);
	va_end(calls);
	return sel;
}

void vm_map(struct vm *vm)
{
	vm->size = vm->made.map_size;
	vm->map = mmap(NULL, vm->size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->fd, 0);
	CHECK(vm->map != MAP_FAILED);
	/* A child that had it would keep the engine alive. */
	CHECK(madvise(vm->map, vm->size, MADV_DONTFORK) == 0);
	vm->header = (void *)vm->map;
	vm->ring = (void *)(vm->map + 4096);
}

void vm_make(struct vm *vm, const struct vmmd_kmod_create *create)
{
	memset(vm, 0, sizeof(*vm));
	vm->fd = open(VMMD_KMOD_DEVICE, O_RDWR | O_CLOEXEC);
	CHECK(vm->fd >= 0);
	vm->made = *create;
	CHECK(ioctl(vm->fd, VMMD_IOC_CREATE, &vm->made) == 0);
	vm->token = ioctl(vm->fd, VMMD_IOC_TOKEN_FD);
	CHECK(vm->token >= 0);
	CHECK(vm->made.ring_entries && (vm->made.ring_entries & (vm->made.ring_entries - 1)) == 0);
	CHECK(vm->made.slots_offset + vm->made.max_tasks * SLOT_SIZE <= vm->made.map_size);
	vm_map(vm);
}

void vm_select(struct vm *vm, const struct vmmd_kmod_select *select)
{
	CHECK(ioctl(vm->fd, VMMD_IOC_SELECT, select) == 0);
}

void vm_open(struct vm *vm, uint32_t flags, uint32_t events, ...)
{
	struct vmmd_kmod_create create = { .flags = flags, .max_tasks = 256 };
	struct vmmd_kmod_select sel = { .events = events };
	va_list calls;

	vm_make(vm, &create);
	va_start(calls, events);
	unset(&sel, calls);
	va_end(calls);
	vm_select(vm, &sel);
}

void vm_forget(struct vm *vm)
{
	close(vm->fd);
	close(vm->token);
	vm->fd = vm->token = -1;
}

void vm_close(struct vm *vm)
{
	munmap(vm->map, vm->size);
	vm_forget(vm);
}

void vm_attach_self(struct vm *vm)
{
	CHECK(ioctl(vm->token, VMMD_IOC_ATTACH_SELF) == 0);
}

pid_t vm_spawn(struct vm *vm, void (*run)(void *), void *arg)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		close(vm->fd);
		if (ioctl(vm->token, VMMD_IOC_ATTACH_SELF) != 0) {
			CHECK_EQ(errno, ENODEV); /* the daemon has died before */
			_exit(98);
		}
		vm_forget(vm);
		run(arg);
		_exit(0);
	}
	return pid;
}

slot *vm_slot(struct vm *vm, uint32_t index)
{
	return (slot *)(vm->map + vm->made.slots_offset + index * SLOT_SIZE);
}

uint64_t vm_token(struct vm *vm, const slot *s)
{
	return VMMD_KMOD_TOKEN((uint64_t)((const char *)s - (char *)vm_slot(vm, 0)) / SLOT_SIZE, s->seq);
}

/* The next token that is not void, or NULL when the ring is empty. */
static slot *take(struct vm *vm)
{
	uint32_t tail;
	uint64_t token;
	slot *s;

	while ((tail = vm->header->tail) != __atomic_load_n(&vm->header->head, __ATOMIC_ACQUIRE)) {
		token = vm->ring[tail & (vm->made.ring_entries - 1)];
		__atomic_store_n(&vm->header->tail, tail + 1, __ATOMIC_RELEASE);
		/* There may be more slots than tasks. */
		CHECK((uint32_t)token < (vm->made.map_size - vm->made.slots_offset) / SLOT_SIZE);
		s = vm_slot(vm, (uint32_t)token);
		if (s->seq == token >> 32 && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != VMMD_KMOD_FREE) {
			vm->stops++;
			return s;
		}
	}
	return NULL;
}

slot *vm_next(struct vm *vm)
{
	slot *s;

	for (;;) {
		for (int i = 0; i <= vm->spin; i++) {
			s = take(vm);
			if (s)
				return s;
			__builtin_ia32_pause();
		}
		vm->waits++;
		CHECK(ioctl(vm->fd, VMMD_IOC_WAIT) == 0 || errno == EINTR);
	}
}

slot *vm_next_within(struct vm *vm, unsigned int milliseconds)
{
	long long end = now_us() + milliseconds * 1000LL;
	slot *s;

	while (!(s = take(vm)) && now_us() < end)
		nap(2);
	return s;
}

struct vmmd_kmod_answer *vm_answer(slot *s, uint32_t action)
{
	memset(&s->answer, 0, sizeof(s->answer));
	s->answer.action = action;
	return &s->answer;
}

void vm_done(struct vm *vm, slot *s)
{
	uint64_t token = vm_token(vm, s);

	if (__atomic_exchange_n(&s->state, VMMD_KMOD_DONE, __ATOMIC_ACQ_REL) != VMMD_KMOD_SLEEPING)
		return;
	vm->doorbells++;
	CHECK(ioctl(vm->fd, VMMD_IOC_DONE, token) == 0);
}

void vm_run(struct vm *vm, slot *s)
{
	vm_answer(s, VMMD_KMOD_RUN);
	vm_done(vm, s);
}

void vm_return(struct vm *vm, slot *s, long long result)
{
	vm_answer(s, VMMD_KMOD_RETURN)->result = result;
	vm_done(vm, s);
}

slot *vm_expect(struct vm *vm, uint32_t type, long long number)
{
	slot *s = vm_next(vm);

	CHECK_EQ(s->type, type);
	if (type == VMMD_KMOD_ENTRY || type == VMMD_KMOD_EXIT)
		CHECK_EQ(s->nr, number);
	if (type == VMMD_KMOD_SIGNAL)
		CHECK_EQ(s->value, number);
	return s;
}

int vm_serve(struct vm *vm, pid_t tid, vm_handler handler, void *arg)
{
	bool end = false;
	int status = 0;
	slot *s;

	while (!end) {
		s = vm_next(vm);
		end = s->type == VMMD_KMOD_GONE && s->tid == (uint32_t)tid;
		if (end)
			status = (int)s->value;
		vm_answer(s, VMMD_KMOD_RUN);
		if (handler)
			handler(vm, s, arg);
		vm_done(vm, s);
	}
	return status;
}

static long memory(struct vm *vm, slot *s, uint64_t addr, void *buf, size_t len, uint32_t flags)
{
	struct vmmd_kmod_mem mem = { .id = s->id, .addr = addr, .buf = (uintptr_t)buf, .len = len, .flags = flags };
	int n = ioctl(vm->fd, VMMD_IOC_MEM, &mem);

	return n >= 0 ? n : -errno;
}

long vm_read(struct vm *vm, slot *s, uint64_t addr, void *buf, size_t len)
{
	return memory(vm, s, addr, buf, len, 0);
}

long vm_write(struct vm *vm, slot *s, uint64_t addr, const void *buf, size_t len)
{
	return memory(vm, s, addr, (void *)buf, len, VMMD_KMOD_MEM_WRITE);
}

struct vmmd_kmod_info vm_info(void)
{
	struct vmmd_kmod_info info = {};
	int fd = open(VMMD_KMOD_DEVICE, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(ioctl(fd, VMMD_IOC_INFO, &info) == 0);
	close(fd);
	return info;
}

void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}
