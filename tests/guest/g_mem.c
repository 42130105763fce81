/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_mem.c - memory as a program sees it: mappings, protection, shared pages, growth of stack and heap, strings at page ends. */
#include "guest.h"
#include <sys/uio.h>

static const char *path_at_end(const char *text)
{
	/* The string ends where the mapping ends; a guard page follows. */
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *s;

	CHECK(mprotect(p + 4096, 4096, PROT_NONE) == 0);
	s = p + 4096 - strlen(text) - 1;
	strcpy(s, text);
	return s;
}

static void strings(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char longest[5000];
	int fd = open(path_at_end("/dev/null"), O_RDONLY);

	CHECK(fd >= 0 && close(fd) == 0);
	/* A string that runs into the guard page. */
	CHECK(mprotect(p + 4096, 4096, PROT_NONE) == 0);
	memset(p, 'a', 4096);
	say("unterminated: %s", outcome(open(p + 4000, O_RDONLY)));
	say("null: %s", outcome(syscall(SYS_openat, AT_FDCWD, NULL, O_RDONLY)));
	memset(longest, 'a', sizeof(longest));
	longest[4999] = 0;
	say("too long: %s", outcome(open(longest, O_RDONLY)));
	/* A string across two pages of different mappings. */
	CHECK(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
	strcpy(p + 4091, "/dev/null");
	fd = open(p + 4091, O_RDONLY);
	CHECK(fd >= 0 && close(fd) == 0);
	/* One that can be executed but is mapped without write. */
	CHECK(mprotect(p, 8192, PROT_READ) == 0);
	fd = open(p + 4091, O_RDONLY);
	CHECK(fd >= 0 && close(fd) == 0);
	say("write into read-only: %s", outcome(syscall(SYS_getcwd, p, 4096)));
	say("strings");
}

static void buffers(void)
{
	char *big = malloc(3 << 20), *back = malloc(3 << 20);
	struct iovec iov[3];
	int p[2];
	size_t got = 0;

	CHECK(pipe(p) == 0);
	for (int i = 0; i < 3 << 20; i++)
		big[i] = (char)(i * 7);
	if (fork() == 0) {
		for (int i = 0; i < 3; i++)
			iov[i] = (struct iovec){ big + (i << 20), 1 << 20 };
		for (size_t left = 3 << 20; left;) {
			ssize_t n = writev(p[1], iov, 3);

			if (n < 0)
				_exit(1);
			left -= (size_t)n;
			for (int i = 0; i < 3 && n; i++) {
				size_t take = (size_t)n < iov[i].iov_len ? (size_t)n : iov[i].iov_len;

				iov[i].iov_base = (char *)iov[i].iov_base + take;
				iov[i].iov_len -= take;
				n -= (ssize_t)take;
			}
		}
		_exit(0);
	}
	close(p[1]);
	while (got < 3 << 20) {
		ssize_t n = read(p[0], back + got, (3 << 20) - got);

		CHECK(n > 0);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	CHECK(reap(-1) == 0);
	CHECK(!memcmp(big, back, 3 << 20));
	say("3 MiB through a pipe");
	free(big);
	free(back);
}

static int recurse(int n)
{
	volatile char page[4096];

	page[0] = (char)n;
	return n ? recurse(n - 1) + page[0] * 0 + 1 : 0;
}

static void growth(void)
{
	char *a = sbrk(0), *m, *m2;

	CHECK(sbrk(1 << 20) == a);
	memset(a, 1, 1 << 20);
	CHECK(sbrk(-(1 << 20)) == a + (1 << 20));
	say("stack: %d pages", recurse(1000));
	m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m[5] = 42;
	m2 = mremap(m, 1 << 20, 4 << 20, MREMAP_MAYMOVE);
	CHECK(m2 != MAP_FAILED && m2[5] == 42 && m2[(4 << 20) - 1] == 0);
	CHECK(madvise(m2, 4096, MADV_DONTNEED) == 0 && m2[5] == 0);
	CHECK(munmap(m2, 4 << 20) == 0);
	say("fixed: %s", outcome((long)mmap((void *)0x10000, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)));
	say("growth");
}

/* Each process has its own copy; shared pages are one. */
static void copies(void)
{
	static int private_int = 1;
	int *one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = (int)syscall(SYS_memfd_create, "g_mem", 0), status;
	char *f;
	pid_t pid;

	CHECK(ftruncate(fd, 4096) == 0);
	f = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid = fork();
	if (pid == 0) {
		private_int = *one = 2;
		strcpy(f, "from the child");
		_exit(private_int);
	}
	status = reap(pid);
	say("private %d shared %d file \"%s\" %s", private_int, *one, f, status_text(status));
}

/* Memory of another process by process_vm_readv and /proc/PID/mem, with no tracer needed among relatives. */
static void others(void)
{
	static char text[32] = "parent text";
	char buf[32] = "", name[64];
	struct iovec l = { buf, 12 }, r = { text, 12 };
	int p[2], q[2], fd;
	pid_t pid;

	CHECK(pipe(p) == 0 && pipe(q) == 0);
	pid = fork();
	if (pid == 0) {
		strcpy(text, "child text.");
		pipe_put(p[1]);
		pipe_get(q[0]);
		_exit(!strcmp(text, "poked") ? 4 : 5);
	}
	CHECK(pipe_get(p[0]));
	say("process_vm_readv: %s \"%s\"", outcome(process_vm_readv(pid, &l, 1, &r, 1, 0)), buf);
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDWR);
	CHECK(fd >= 0 && pwrite(fd, "poked", 6, (off_t)(uintptr_t)text) == 6);
	pipe_put(q[1]);
	say("/proc/PID/mem: %s", status_text(reap(pid)));
}

/* Code that a program writes at run time, and changes. */
static void code(void)
{
	unsigned char *c = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const unsigned char getpid_code[] = { 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3 };
	int (*fn)(void) = (int (*)(void))(uintptr_t)c;

	memcpy(c, getpid_code, sizeof(getpid_code));
	CHECK(mprotect(c, 4096, PROT_READ | PROT_EXEC) == 0);
	CHECK(fn() == getpid());
	CHECK(mprotect(c, 4096, PROT_READ | PROT_WRITE) == 0);
	c[1] = SYS_getppid;
	CHECK(mprotect(c, 4096, PROT_READ | PROT_EXEC) == 0);
	CHECK(fn() == getppid());
	say("written code");
}

int main(void)
{
	strings();
	buffers();
	growth();
	copies();
	others();
	code();
	return guest_end();
}
