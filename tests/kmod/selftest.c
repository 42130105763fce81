// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest.c - runs the module's self tests, one process each.
 *
 *   selftest MODULE.ko [NAME,NAME…]   a name may be the first part of several
 *
 * Prints a line a test. A test that is over time is shown in the kernel's log
 * (its tasks' stacks) before it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/kmod/selftest.h"

#define USUAL_LIMIT 30

/* The first failure of a test, whichever of its processes has it. */
struct verdict {
	int failed; /* 1 taken, 2 written */
	int skipped;
	char why[400];
};
static struct verdict *verdict;
static const char *module_path;
static int passed, failed, skipped;

void test_fail(const char *file, int line, const char *what, ...)
{
	int err = errno, none = 0;
	const char *base = strrchr(file, '/');
	va_list ap;
	int n;

	if (__atomic_compare_exchange_n(&verdict->failed, &none, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		n = snprintf(verdict->why, sizeof(verdict->why), "%s:%d: ", base ? base + 1 : file, line);
		va_start(ap, what);
		n += vsnprintf(verdict->why + n, sizeof(verdict->why) - (size_t)n, what, ap);
		va_end(ap);
		if (n < (int)sizeof(verdict->why))
			snprintf(verdict->why + n, sizeof(verdict->why) - (size_t)n, " (errno %d)", err);
		__atomic_store_n(&verdict->failed, 2, __ATOMIC_SEQ_CST);
	}
	_exit(99);
}

void test_skip(const char *why)
{
	snprintf(verdict->why, sizeof(verdict->why), "%s", why);
	verdict->skipped = 1;
	_exit(0);
}

static int number(const char *name)
{
	const char *s = getenv(name);
	int n = s ? atoi(s) : 1;

	return n > 0 ? n : 1;
}

int scaled(int count, int least)
{
	count /= number("KMOD_SCALE");
	return count > least ? count : least;
}

long read_number(const char *path)
{
	char buf[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	return n > 0 ? atol(buf) : -1;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int module_load(const char *parameters)
{
	int fd = open(module_path, O_RDONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, parameters, 0) != 0)
		ret = -errno;
	close(fd);
	return ret;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) == 0 ? 0 : -errno;
}

long module_refs(void)
{
	return read_number("/sys/module/" MODULE "/refcnt");
}

int child_status(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void nap(unsigned int milliseconds)
{
	struct timespec t = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

bool soon(bool (*what)(void *), void *arg, unsigned int milliseconds)
{
	long long end = now_us() + milliseconds * 1000LL * number("KMOD_SLOW");

	while (!what(arg)) {
		if (now_us() > end)
			return false;
		nap(5);
	}
	return true;
}

int copy_setuid(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n = -1;

	while (in >= 0 && out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			return -EIO;
	if (n != 0 || fchmod(out, 04755) != 0)
		return -errno;
	close(in);
	close(out);
	return 0;
}

/* Everything but this process and the first. */
static void kill_all(void)
{
	long long end = now_us() + 10 * 1000000LL;

	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) >= 0 && now_us() < end)
		nap(2);
}

static bool nobody_holds(void *arg)
{
	(void)arg;
	return module_refs() <= 0;
}

/* The end of a test's process, or -1 if its time was over. */
static int wait_test(pid_t pid, unsigned int limit)
{
	long long end = now_us() + limit * 1000000LL;
	int status;
	pid_t w;

	while ((w = waitpid(-1, &status, WNOHANG)) != pid) {
		if (now_us() > end) {
			write_text("/proc/sysrq-trigger", "t");
			return -1;
		}
		if (w <= 0)
			nap(2);
	}
	return status;
}

static void result(const char *name, const char *why, long long took)
{
	if (why && verdict->skipped) {
		printf("skip selftest/%s: %s\n", name, why);
		skipped++;
	} else if (why) {
		printf("not ok selftest/%s: %s\n", name, why);
		failed++;
	} else {
		printf("ok selftest/%s\ntime selftest/%s %lld ms\n", name, name, took / 1000);
		passed++;
	}
	fflush(stdout);
}

static void run_test(const struct test *t)
{
	unsigned int limit = (t->limit ? t->limit : USUAL_LIMIT) * (unsigned int)number("KMOD_SLOW");
	long long start = now_us();
	char why[100] = "";
	int status;
	pid_t pid;

	memset(verdict, 0, sizeof(*verdict));
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		t->run();
		_exit(0);
	}
	status = wait_test(pid, limit);
	kill_all();
	if (status == -1)
		snprintf(why, sizeof(why), "still running after %u s", limit);
	else if (status != 0 && !verdict->failed)
		snprintf(why, sizeof(why), "wait status %#x", (unsigned int)status);
	else if (!verdict->failed && !soon(nobody_holds, NULL, 5000))
		snprintf(why, sizeof(why), "the module is held %ld times", module_refs());
	if (verdict->failed || verdict->skipped)
		result(t->name, verdict->why, 0);
	else
		result(t->name, why[0] ? why : NULL, now_us() - start);
}

/* Is it, or the first part of it, in the list? An empty list has all. */
static bool wanted(const char *list, const char *name)
{
	size_t len;

	if (!list || !*list)
		return true;
	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len && strncmp(list, name, len) == 0)
			return true;
	}
	return false;
}

static const struct test *const tables[] = { tests_entry,  tests_events, tests_exit, tests_attach, tests_filter,
					     tests_others, tests_death,  tests_held, tests_hostile };

int main(int argc, char **argv)
{
	const struct test *t;
	int err;

	if (argc < 2)
		return 2;
	/* What tests execute: programs that make one call, or none. */
	if (strcmp(argv[1], "--getuid") == 0)
		return getuid() == 4242 ? 42 : 1;
	if (strcmp(argv[1], "--effective") == 0)
		return geteuid() == 0 ? 0 : 3;
	if (strcmp(argv[1], "--nothing") == 0)
		return 0;
	module_path = argv[1];
	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (verdict == MAP_FAILED)
		return 2;
	err = module_load("");
	result("load", err ? strerror(-err) : NULL, 0);
	if (!err) {
		for (int n = number("KMOD_REPEAT"); n > 0; n--)
			for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
				for (t = tables[i]; t->name; t++)
					if (wanted(argc > 2 ? argv[2] : "", t->name))
						run_test(t);
		/* The daemon's stage wants it loaded; the last tests unload it and load it again. */
		if (module_refs() < 0 && module_load("") != 0)
			result("left-loaded", "cannot be loaded again", 0);
	}
	return 0;
}
