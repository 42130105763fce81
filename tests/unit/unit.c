// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * unit.c - runs the unit tests, each in a guarded child.
 *
 *	unit [-l] [SUITE[/TEST]]…
 *
 * The child makes a CUnit registry with the one test in it, runs it, looks for
 * what it left behind and tells the verdict through a shared page. The parent
 * believes "ok" only together with a clean exit, which also is when a leak
 * sanitizer speaks. The parent is the subreaper of all that a test starts, so
 * that nothing outlives its test.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum outcome { OUT_NONE, OUT_OK, OUT_SKIP, OUT_FAIL };

/* The shared page: written by the child, read by the parent after its end. */
struct verdict {
	enum outcome outcome;
	char why[2000];
};

struct totals {
	unsigned passed, failed, skipped;
};

static struct verdict *verdict;
static char *fixtures;

static void say(enum outcome outcome, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(enum outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(verdict->why, sizeof(verdict->why), fmt, ap);
	va_end(ap);
	for (char *p = verdict->why; *p; p++)
		if (*p == '\n')
			*p = ' ';
	verdict->outcome = outcome;
}

const char *unit_dir(void)
{
	return fixtures;
}

void unit_skip(const char *why)
{
	say(OUT_SKIP, "%s", why);
	_exit(0);
}

/* ------------------------------------------------------------- in the child */

static unsigned entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* Name one descriptor that was not open before. */
static void leaked_fd(const bool *before, size_t len, char *text, size_t cap)
{
	char path[64], target[256];

	snprintf(text, cap, "?");
	for (size_t fd = 0; fd < len; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%zu", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n >= 0 && !before[fd]) {
			target[n] = 0;
			snprintf(text, cap, "%zu -> %s", fd, target);
			return;
		}
	}
}

static void open_fds(bool *open, size_t len)
{
	char path[64];

	for (size_t fd = 0; fd < len; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%zu", fd);
		open[fd] = access(path, F_OK) == 0 || errno != ENOENT;
	}
}

/* A thread that was joined may still be listed for a moment. */
static bool threads_left(unsigned before)
{
	for (int i = 0; i < 200; i++) {
		if (entries("/proc/self/task") <= before)
			return false;
		usleep(5000);
	}
	return true;
}

/* The first failed assertion, and how many there were. */
static bool assertions_failed(void)
{
	unsigned n = CU_get_number_of_failures();
	const CU_FailureRecord *f = CU_get_failure_list();

	if (!n || !f)
		return false;
	say(OUT_FAIL, "%s:%u: %s%s", f->strFileName ? f->strFileName : "?", f->uiLineNumber,
	    f->strCondition ? f->strCondition : "?", n > 1 ? " (and more)" : "");
	for (; f; f = f->pNext)
		fprintf(stderr, "%s:%u: %s\n", f->strFileName ? f->strFileName : "?",
			f->uiLineNumber, f->strCondition ? f->strCondition : "?");
	return true;
}

static int run_cunit(const struct unit_suite *suite, const struct unit_test *test)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return -ENOMEM;
	CU_pSuite s = CU_add_suite(suite->name, NULL, NULL);
	CU_pTest t = s ? CU_add_test(s, test->name, test->fn) : NULL;
	if (!t)
		return -ENOMEM;
	CU_set_error_action(CUEA_IGNORE);
	return CU_run_test(s, t) == CUE_SUCCESS ? 0 : -EINVAL;
}

static void run_child(const struct unit_suite *suite, const struct unit_test *test)
{
	enum { FDS = 1024 };
	static bool before[FDS];
	char text[400];
	unsigned fds, threads;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	open_fds(before, FDS);
	fds = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	if (run_cunit(suite, test)) {
		say(OUT_FAIL, "CUnit cannot run it");
	} else if (assertions_failed()) {
		/* said */
	} else if (entries("/proc/self/fd") > fds) {
		leaked_fd(before, FDS, text, sizeof(text));
		say(OUT_FAIL, "descriptor left open: %s", text);
	} else if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
		say(OUT_FAIL, "a child is left");
	} else if (threads_left(threads)) {
		say(OUT_FAIL, "a thread is left");
	} else {
		say(OUT_OK, "%s", "");
	}
	CU_cleanup_registry();
	fflush(NULL);
}

/* ------------------------------------------------------------ in the parent */

/* Kill and reap all that is still under us. */
static void sweep(pid_t group)
{
	char path[64], line[4096];
	pid_t self = getpid();

	kill(-group, SIGKILL);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", self, self);
	for (int rounds = 0; rounds < 100; rounds++) {
		FILE *f = fopen(path, "r");
		char *rest = line;

		if (f && fgets(line, sizeof(line), f))
			for (long pid; (pid = strtol(rest, &rest, 10)) > 0;)
				kill((pid_t)pid, SIGKILL);
		if (f)
			fclose(f);
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return;
	}
}

static bool ends_in_time(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	if (fd < 0)
		return true;
	do
		n = poll(&p, 1, UNIT_SECONDS * 1000);
	while (n < 0 && errno == EINTR);
	close(fd);
	return n > 0;
}

/* What the child's end says beside its verdict. */
static void judge(bool in_time, int status)
{
	if (!in_time)
		say(OUT_FAIL, "still running after %d s", UNIT_SECONDS);
	else if (WIFSIGNALED(status))
		say(OUT_FAIL, "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (verdict->outcome == OUT_NONE)
		say(OUT_FAIL, "it called exit(%d)", WEXITSTATUS(status));
	else if (WEXITSTATUS(status) && verdict->outcome != OUT_FAIL)
		say(OUT_FAIL, "exit status %d after the test", WEXITSTATUS(status));
}

static void show_output(FILE *out)
{
	char line[1024];

	rewind(out);
	while (fgets(line, sizeof(line), out))
		printf("    %s%s", line, strchr(line, '\n') ? "" : "\n");
}

static void report(const struct unit_suite *suite, const struct unit_test *test, struct totals *t)
{
	switch (verdict->outcome) {
	case OUT_OK:
		t->passed++;
		printf("ok %s/%s\n", suite->name, test->name);
		break;
	case OUT_SKIP:
		t->skipped++;
		printf("skip %s/%s: %s\n", suite->name, test->name, verdict->why);
		break;
	default:
		t->failed++;
		printf("not ok %s/%s: %s\n", suite->name, test->name, verdict->why);
	}
}

static int run_test(const struct unit_suite *suite, const struct unit_test *test, struct totals *t)
{
	FILE *out = tmpfile();
	int status = 0;
	pid_t pid;

	if (!out)
		return -errno;
	fflush(NULL);
	memset(verdict, 0, sizeof(*verdict));
	pid = fork();
	if (pid < 0) {
		fclose(out);
		return -errno;
	}
	if (!pid) {
		setpgid(0, 0);
		dup2(fileno(out), 1);
		dup2(fileno(out), 2);
		fclose(out);
		run_child(suite, test);
		exit(0);
	}
	setpgid(pid, pid);
	bool in_time = ends_in_time(pid);
	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sweep(pid);
	judge(in_time, status);
	report(suite, test, t);
	if (verdict->outcome == OUT_FAIL)
		show_output(out);
	fclose(out);
	return 0;
}

static bool wanted(const struct unit_suite *suite, const struct unit_test *test, char **names)
{
	size_t n = strlen(suite->name);

	if (!*names)
		return true;
	for (; *names; names++) {
		const char *name = *names;

		if (strncmp(name, suite->name, n) || (name[n] && name[n] != '/'))
			continue;
		if (!name[n] || !strcmp(name + n + 1, test->name) ||
		    (!strncmp(test->name, "test_", 5) && !strcmp(name + n + 1, test->name + 5)))
			return true;
	}
	return false;
}

/* Run or list what is named; the number of tests, or -errno. */
static int run_all(char **names, bool list, struct totals *t)
{
	int n = 0;

	for (size_t i = 0; unit_suites[i]; i++) {
		const struct unit_suite *s = unit_suites[i];

		for (size_t j = 0; j < s->count; j++) {
			int rc = 0;

			if (!wanted(s, &s->tests[j], names))
				continue;
			n++;
			if (list)
				printf("%s/%s\n", s->name, s->tests[j].name);
			else
				rc = run_test(s, &s->tests[j], t);
			if (rc)
				return rc;
		}
	}
	return n;
}

/* The fixtures are built beside this program. */
static char *find_fixtures(void)
{
	char path[4096], *dir = NULL, *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return NULL;
	path[n] = 0;
	slash = strrchr(path, '/');
	if (slash)
		*slash = 0;
	if (asprintf(&dir, "%s/fixtures", path) < 0)
		return NULL;
	return dir;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "-l");
	struct totals t = { 0 };
	int n;

	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	fixtures = find_fixtures();
	if (verdict == MAP_FAILED || !fixtures) {
		perror("unit");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_DFL);
	n = run_all(argv + 1 + list, list, &t);
	free(fixtures);
	if (n <= 0) {
		fprintf(stderr, "unit: %s\n", n ? strerror(-n) : "no such test");
		return 2;
	}
	if (!list)
		printf("unit: %u passed, %u failed, %u skipped\n", t.passed, t.failed, t.skipped);
	return t.failed != 0;
}
