/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_clone3.c - clone3(2) and clone(2), raw: flags, bad arguments, tid words, shared memory without a thread. */
#include "guest.h"
#include <linux/sched.h>
#include <linux/futex.h>

static long clone3(struct clone_args *a, size_t size)
{
	return syscall(SYS_clone3, a, size);
}

static void plain(void)
{
	struct clone_args a = { .exit_signal = SIGCHLD };
	long pid = clone3(&a, sizeof(a));

	if (pid == 0)
		_exit(11);
	say("clone3: %s", status_text(reap((pid_t)pid)));
}

static void words(void)
{
	pid_t parent_word = 0, *child_word;
	int pidfd = -1;
	struct clone_args a = {
		.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
		.parent_tid = (uintptr_t)&parent_word,
		.pidfd = (uintptr_t)&pidfd,
	};
	struct pollfd pfd;
	long pid;

	child_word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	a.child_tid = (uintptr_t)child_word;
	pid = clone3(&a, sizeof(a));
	if (pid == 0)
		_exit(*child_word == (pid_t)syscall(SYS_getpid) ? 12 : 13);
	CHECK(parent_word == pid);
	pfd = (struct pollfd){ pidfd, POLLIN, 0 };
	CHECK(poll(&pfd, 1, 10000) == 1);
	say("tid words: %s", status_text(reap((pid_t)pid)));
	CHECK(*child_word == pid);
	close(pidfd);
}

static void bad(void)
{
	struct clone_args a = { .exit_signal = 200 };
	char big[512] = { 0 };

	say("bad exit signal: %s", outcome(clone3(&a, sizeof(a))));
	a = (struct clone_args){ .flags = CLONE_THREAD };
	say("thread without sighand: %s", outcome(clone3(&a, sizeof(a))));
	a = (struct clone_args){ .flags = CLONE_VM, .exit_signal = SIGCHLD, .stack = 4096 };
	say("stack without size: %s", outcome(clone3(&a, sizeof(a))));
	say("too small: %s", outcome(clone3(&a, 8)));
	say("too big: %s", outcome(syscall(SYS_clone3, NULL, 1 << 20)));
	big[400] = 1;
	say("unknown tail: %s", outcome(syscall(SYS_clone3, big, sizeof(big))));
	say("bad pointer: %s", outcome(syscall(SYS_clone3, (void *)8, sizeof(a))));
	errno = 0;
	say("clone bad flags: %s", outcome(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0)));
}

/* A child on its own stack; `fn` must not return. */
static long on_stack(unsigned long flags, int sig, void (*fn)(void *), void *arg, pid_t *ctid)
{
	size_t size = 65536;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	uint64_t *top = (uint64_t *)(stack + size) - 2;
	register pid_t *r10 __asm__("r10") = ctid;
	register long r8 __asm__("r8") = 0;
	long ret;

	top[0] = (uintptr_t)fn;
	top[1] = (uintptr_t)arg;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "pop %%rax\n\t"
			 "pop %%rdi\n\t"
			 "call *%%rax\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(flags | (unsigned)sig), "S"(top), "d"(0), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

static volatile int seen;

static void raw_exit(long code)
{
	for (;;)
		syscall(SYS_exit, code);
}

static void set_seen(void *arg)
{
	seen = (int)(long)arg;
	raw_exit(21);
}

static void close_fd(void *arg)
{
	syscall(SYS_close, (int)(long)arg);
	raw_exit(22);
}

static void change_dir(void *arg)
{
	(void)arg;
	syscall(SYS_chdir, "/");
	raw_exit(23);
}

static void wait_clone(const char *what, long pid)
{
	int status = -1;

	CHECK(pid > 0);
	CHECK(wait_opt((pid_t)pid, &status, __WALL) == pid);
	say("%s: %s, seen %d", what, status_text(status), seen);
}

static void sharing(void)
{
	char cwd[256] = "";
	int fd = open("/dev/null", O_RDONLY);

	wait_clone("CLONE_VM", on_stack(CLONE_VM, SIGCHLD, set_seen, (void *)5, NULL));
	wait_clone("no CLONE_VM", on_stack(0, SIGCHLD, set_seen, (void *)6, NULL));
	wait_clone("CLONE_VM|CLONE_VFORK", on_stack(CLONE_VM | CLONE_VFORK, SIGCHLD, set_seen, (void *)7, NULL));
	wait_clone("no CLONE_FILES", on_stack(CLONE_VM, SIGCHLD, close_fd, (void *)(long)fd, NULL));
	CHECK(fcntl(fd, F_GETFD) >= 0);
	wait_clone("CLONE_FILES", on_stack(CLONE_VM | CLONE_FILES, SIGCHLD, close_fd, (void *)(long)fd, NULL));
	CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
	CHECK(chdir("/proc") == 0);
	wait_clone("CLONE_FS", on_stack(CLONE_VM | CLONE_FS, SIGCHLD, change_dir, NULL, NULL));
	say("cwd %s", getcwd(cwd, sizeof(cwd)) ? cwd : "?");
}

static void no_signal(void)
{
	int status;
	long pid = on_stack(CLONE_VM, 0, set_seen, (void *)8, NULL);

	CHECK(pid > 0);
	errno = 0;
	say("wait for a clone child without __WCLONE: %s", outcome(wait_opt((pid_t)pid, &status, 0)));
	wait_clone("with it", pid);
	wait_clone("exit signal SIGUSR1", on_stack(CLONE_VM, SIGUSR1, set_seen, (void *)9, NULL));
}

/* A raw thread: no glibc, end seen through the cleared tid word. */
static void thread(void)
{
	static pid_t word;
	unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
			      CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	long tid;

	word = 1;
	tid = on_stack(flags, 0, set_seen, (void *)10, &word);
	CHECK(tid > 0);
	for (pid_t w = __atomic_load_n(&word, __ATOMIC_ACQUIRE); w; w = __atomic_load_n(&word, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &word, FUTEX_WAIT, w, NULL, NULL, 0);
	say("raw thread: seen %d", seen);
}

static void ptraced(void)
{
	/* Without a tracer CLONE_PTRACE changes nothing, and nothing of one may show. */
	wait_clone("CLONE_PTRACE", on_stack(CLONE_PTRACE, SIGCHLD, set_seen, (void *)11, NULL));
}

static void sibling(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		long sib = on_stack(CLONE_PARENT, SIGCHLD, set_seen, (void *)12, NULL);

		_exit(sib > 0 ? 0 : 1);
	}
	CHECK(WEXITSTATUS(reap(pid)) == 0);
	CHECK(wait_opt(-1, &status, 0) > 0);
	say("CLONE_PARENT: %s", status_text(status));
	CHECK(wait_opt(-1, &status, 0) == -1 && errno == ECHILD);
}

int main(void)
{
	on_signal(SIGUSR1, ignore_it, SA_RESTART);
	plain();
	words();
	bad();
	sharing();
	no_signal();
	thread();
	ptraced();
	sibling();
	return guest_end();
}
