/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_exec.c - execve(2) in all its ways: scripts, descriptors, big arguments, failures, what survives. */
#include "guest.h"

static char dir[64] = "/tmp/g_exec.XXXXXX";

static const char *in_dir(const char *name)
{
	static char buf[4][128];
	static unsigned at;

	snprintf(buf[at % 4], sizeof(buf[0]), "%s/%s", dir, name);
	return buf[at++ % 4];
}

static void make(const char *name, const char *text, mode_t mode)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0);
	close(fd);
}

struct how {
	const char *path;
	int fd; /* execveat(fd, path, flags) unless -2 */
	int flags;
	char **argv, **envp;
};

static int run(void *arg)
{
	struct how *h = arg;

	if (h->fd == -2)
		execve(h->path, h->argv, h->envp);
	else
		syscall(SYS_execveat, h->fd, h->path, h->argv, h->envp, h->flags);
	say("  failed: %s", strerrorname_np(errno));
	return 90;
}

static void try(const char *what, const char *path, int fd, int flags)
{
	char *argv[] = { (char *)"name", (char *)"report", (char *)"one", (char *)"", (char *)"three", NULL };
	char *envp[] = { (char *)"A=1", (char *)"B=two words", NULL };
	struct how h = { path, fd, flags, argv, envp };

	say("%s: %s", what, status_text(in_child(run, &h)));
}

static int report(int argc, char **argv)
{
	extern char **environ;

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "/tmp/g_exec.", 12) && strncmp(argv[i], "/dev/fd/", 8))
			say("  arg %d \"%s\"", i, argv[i]);
	for (char **e = environ; *e; e++)
		say("  env \"%s\"", *e);
	return 31;
}

/* An argument list of `n` strings of `len` bytes; the new program adds them up. */
static void big(int n, size_t len)
{
	char **argv = calloc((size_t)n + 3, sizeof(*argv)), *one = malloc(len + 1);
	char *envp[] = { NULL };
	struct how h = { "/proc/self/exe", -2, 0, argv, envp };

	memset(one, 'x', len);
	one[len] = 0;
	argv[0] = (char *)"name";
	argv[1] = (char *)"count";
	for (int i = 0; i < n; i++)
		argv[i + 2] = one;
	say("%d arguments of %zu: %s", n, len, status_text(in_child(run, &h)));
	free(argv);
	free(one);
}

static int count(int argc, char **argv)
{
	size_t sum = 0;

	for (int i = 2; i < argc; i++)
		sum += strlen(argv[i]);
	say("  counted %d, %zu", argc - 2, sum);
	return 32;
}

static int survives(void)
{
	char name[32];

	say("  cloexec %s, kept %s", outcome(fcntl(100, F_GETFD)), outcome(fcntl(101, F_GETFD)));
	prctl(PR_GET_NAME, name);
	say("  name %s", name);
	say("  umask %o nice %d dumpable %d", umask(0), getpriority(PRIO_PROCESS, 0), prctl(PR_GET_DUMPABLE));
	say("  alarm %d", alarm(0) > 90);
	return 33;
}

static int keep(void *arg)
{
	char *argv[] = { (char *)"name", (char *)"survives", NULL };
	int fd = open("/dev/null", O_RDONLY);

	(void)arg;
	dup3(fd, 100, O_CLOEXEC);
	dup2(fd, 101);
	umask(027);
	setpriority(PRIO_PROCESS, 0, 3);
	prctl(PR_SET_NAME, "changed");
	alarm(100);
	execv(in_dir("self"), argv);
	return 1;
}

/* One process, many programs after one another. */
static int again(char *n)
{
	char next[16];
	char *argv[] = { (char *)"name", (char *)"again", next, NULL };

	if (atoi(n) == 0)
		return 34;
	snprintf(next, sizeof(next), "%d", atoi(n) - 1);
	execv("/proc/self/exe", argv);
	return 1;
}

static int start_again(void *arg)
{
	return again(arg);
}

static void failures(void)
{
	char *argv[] = { NULL };

	try("missing", "/nonexistent", -2, 0);
	try("not executable", in_dir("plain"), -2, 0);
	try("directory", dir, -2, 0);
	try("not a program", in_dir("garbage"), -2, 0);
	try("missing interpreter", in_dir("lost"), -2, 0);
	try("empty path", "", -2, 0);
	try("no directory", in_dir("plain/x"), -2, 0);
	errno = 0;
	say("bad pointer: %s", outcome(syscall(SYS_execve, (void *)8, argv, argv)));
	say("bad vector: %s", outcome(syscall(SYS_execve, "/bin/true", (void *)8, argv)));
	say("bad flags: %s", outcome(syscall(SYS_execveat, -1, "/bin/true", argv, argv, 0x10000000)));
	say("bad descriptor: %s", outcome(syscall(SYS_execveat, 999, "", argv, argv, AT_EMPTY_PATH)));
	say("link not followed: %s",
	    outcome(syscall(SYS_execveat, AT_FDCWD, in_dir("link"), argv, argv, AT_SYMLINK_NOFOLLOW)));
}

static void ways(void)
{
	int self = open("/proc/self/exe", O_PATH | O_CLOEXEC), d = open(dir, O_PATH | O_CLOEXEC);
	int script = open(in_dir("script"), O_RDONLY);

	try("execve", "/proc/self/exe", -2, 0);
	try("script", in_dir("script"), -2, 0);
	try("script of a script", in_dir("nested"), -2, 0);
	try("execveat empty path", "", self, AT_EMPTY_PATH);
	try("execveat directory", "self", d, 0);
	try("execveat link", "link", d, 0);
	try("execveat script", "", script, AT_EMPTY_PATH);
	try("execveat cwd", in_dir("self"), AT_FDCWD, 0);
	close(self);
	close(d);
	close(script);
}

static void build(void)
{
	char text[512], target[256];
	ssize_t n = readlink("/proc/self/exe", target, sizeof(target) - 1);

	CHECK(n > 0);
	target[n > 0 ? n : 0] = 0;
	CHECK(mkdtemp(dir) != NULL);
	CHECK(symlink(target, in_dir("link")) == 0);
	CHECK(link(target, in_dir("self")) == 0 || symlink(target, in_dir("self")) == 0);
	snprintf(text, sizeof(text), "#!%s report\n", in_dir("self"));
	make("script", text, 0755);
	snprintf(text, sizeof(text), "#!%s\n", in_dir("script"));
	make("nested", text, 0755);
	make("plain", "text\n", 0644);
	make("garbage", "\x01\x02\x03\x04 no program\n", 0755);
	make("lost", "#!/nonexistent/interpreter\n", 0755);
}

static void clean(void)
{
	static const char *const names[] = { "link", "self", "script", "nested", "plain", "garbage", "lost" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	CHECK(rmdir(dir) == 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "report"))
		return report(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "count"))
		return count(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "survives"))
		return survives();
	if (argc > 2 && !strcmp(argv[1], "again"))
		return again(argv[2]);
	build();
	ways();
	failures();
	big(1, 10);
	big(1, 131071);
	big(1, 131072);
	big(500, 1000);
	big(20000, 3);
	say("survivors: %s", status_text(in_child(keep, NULL)));
	say("again: %s", status_text(in_child(start_again, (char *)"50")));
	clean();
	return guest_end();
}
