/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perform_task.h - two children for t_perform.c: `bare` makes calls itself, for
 * `subject` they are performed. Each lives in a directory DIR/N/w of its own.
 * For t_perform.c alone.
 */
#ifndef TESTS_UNIT_PERFORM_TASK_H
#define TESTS_UNIT_PERFORM_TASK_H

#include "tests/unit/unit.h"
#include "vmmd/perform.h"
#include "vmmd/sysent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define P(text) ((uint64_t)(uintptr_t)(text))
/* Stand for the buffers of whoever makes the call. */
#define OUT UINT64_C(0x7f00deadbeef0001)
#define IN UINT64_C(0x7f00deadbeef0002)
#define HOME_FD 900
#define NR_FCHMODAT2 452
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 NR_FCHMODAT2
#endif

struct shared {
	struct vmmd_call call;
	int64_t value;
	unsigned char out[8192], in[8192];
};

struct child {
	pid_t pid;
	int ask, answer;
	struct shared *shared;
};

static struct child bare, subject, other;
static char dir[64];
static int old_cwd; /* it may have a name that the user we become cannot follow */
static struct perform_result result;
static bool lenient; /* -EOPNOTSUPP will do */
static char *page;   /* two pages of which the second cannot be read; then some for texts */
static unsigned char input[8192];

/* ------------------------------------------------------------------ children */

static void serve(struct child *c, int ask, int answer)
{
	struct vmmd_call *k = &c->shared->call;
	char byte;

	while (read(ask, &byte, 1) == 1) {
		long v = syscall(k->nr, k->args[0], k->args[1], k->args[2], k->args[3], k->args[4], k->args[5]);

		c->shared->value = v < 0 ? -errno : v;
		if (write(answer, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void child_start(struct child *c, const char *home, bool (*become)(void))
{
	struct child *others[] = {&bare, &subject, &other};
	int ask[2], answer[2], fd;
	char byte = 0;

	c->shared = mmap(NULL, sizeof(*c->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->shared == MAP_FAILED || pipe2(ask, O_CLOEXEC) || pipe2(answer, O_CLOEXEC))
		abort();
	c->pid = fork();
	if (c->pid == 0) {
		close(ask[1]);
		close(answer[0]);
		for (int i = 0; i < 3; i++) /* without an exec they all have what is open */
			if (others[i] != c && others[i]->pid > 0)
				close(others[i]->ask);
		fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fchdir(fd) || dup2(fd, HOME_FD) < 0)
			abort();
		if (become && !become())
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGIO, SIG_IGN); /* that a lease is asked back, which it does not do */
		prctl(PR_SET_DUMPABLE, 1); /* as after an exec */
		if (write(answer[1], &byte, 1) == 1)
			serve(c, ask[0], answer[1]);
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	c->ask = ask[1];
	c->answer = answer[0];
	if (c->pid < 0 || read(c->answer, &byte, 1) != 1)
		unit_skip("no such child can be made here");
}

static void child_end(struct child *c)
{
	if (c->pid <= 0)
		return;
	close(c->ask);
	close(c->answer);
	waitpid(c->pid, NULL, 0);
	munmap(c->shared, sizeof(*c->shared));
	c->pid = 0;
}

/* Put the real buffers in place. */
static struct vmmd_call call_of(struct child *c, long nr, const uint64_t a[6])
{
	struct vmmd_call call = {.nr = nr};

	for (int i = 0; i < 6; i++)
		call.args[i] = a[i] == OUT ? P(c->shared->out) : a[i] == IN ? P(c->shared->in) : a[i];
	memset(c->shared->out, 0xaa, sizeof(c->shared->out));
	memcpy(c->shared->in, input, sizeof(input));
	return call;
}

static int64_t native_args(struct child *c, long nr, const uint64_t a[6])
{
	char byte = 0;

	c->shared->call = call_of(c, nr, a);
	if (write(c->ask, &byte, 1) != 1 || read(c->answer, &byte, 1) != 1)
		abort();
	return c->shared->value;
}

static int64_t native(struct child *c, long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return native_args(c, nr, (uint64_t[6]){a0, a1, a2});
}

/* ----------------------------------------------------------------- performing */

static ssize_t task_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	struct iovec to = {buf, len}, from = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_readv(((struct child *)arg)->pid, &to, 1, &from, 1, 0);

	return n < 0 ? -errno : n;
}

static ssize_t task_write(void *arg, uint64_t addr, const void *buf, size_t len)
{
	struct iovec from = {(void *)(uintptr_t)buf, len}, to = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_writev(((struct child *)arg)->pid, &from, 1, &to, 1, 0);

	return n < 0 ? -errno : n;
}

static bool gone; /* the subject counts as dead from then on */

static bool task_held(void *arg)
{
	(void)arg;
	return !gone;
}

static int run(const struct vmmd_call *call, const char *const paths[2])
{
	struct perform_task task = {subject.pid, subject.pid, task_read, task_write, task_held, &subject};

	if (result.fd >= 0)
		close(result.fd);
	return perform(&task, call, paths, &result);
}

static const char *text_of(uint64_t addr)
{
	static char text[PATH_MAX];

	if (addr < 4096 || addr == OUT || addr == IN || task_read(&subject, addr, text, 40) < 1)
		return "-";
	text[40] = '\0';
	return text;
}

static void complain(const char *what, long nr, const uint64_t a[6], int64_t want, int64_t got)
{
	const struct vmmd_syscall *s = sysent(nr);

	fprintf(stderr, "%s: %s(", what, s->name);
	for (int i = 0; i < s->nargs; i++) {
		if (s->kind[i] == VMMD_ARG_PATH)
			fprintf(stderr, "\"%s\", ", text_of(a[i]));
		else
			fprintf(stderr, "%#llx, ", (unsigned long long)a[i]);
	}
	fprintf(stderr, "): natively %lld, performed %lld\n", (long long)want, (long long)got);
	CU_ASSERT(!"the same");
}

/* The descriptor of the one and of the other. */
static bool same_fd(int64_t fd)
{
	unsigned char was[64] = {0}, is[64] = {0};
	struct stat st, *theirs = (struct stat *)(void *)bare.shared->out;
	int64_t fl = native(&bare, SYS_fcntl, (uint64_t)fd, F_GETFL, 0), fdfl = native(&bare, SYS_fcntl, (uint64_t)fd, F_GETFD, 0);
	bool same = (fl & ~O_NOFOLLOW) == (fcntl(result.fd, F_GETFL) & ~O_NOFOLLOW) && result.cloexec == !!(fdfl & FD_CLOEXEC);

	native(&bare, SYS_fstat, (uint64_t)fd, OUT, 0);
	same = same && fstat(result.fd, &st) == 0 && st.st_mode == theirs->st_mode && st.st_size == theirs->st_size &&
	       st.st_uid == theirs->st_uid && st.st_gid == theirs->st_gid && st.st_rdev == theirs->st_rdev;
	if (same && S_ISREG(st.st_mode)) {
		native_args(&bare, SYS_pread64, (uint64_t[6]){(uint64_t)fd, OUT, sizeof(was)});
		memcpy(was, bare.shared->out, sizeof(was));
		memset(is, 0xaa, sizeof(is));
		same = (bare.shared->value < 0) == (pread(result.fd, is, sizeof(is), 0) < 0) && !memcmp(was, is, sizeof(is));
	}
	native(&bare, SYS_close, (uint64_t)fd, 0, 0);
	return same;
}

/* What was written to memory; of a file what two alike have in common. */
static bool same_out(long nr, bool proc)
{
	unsigned char *a = bare.shared->out, *b = subject.shared->out;

	if (nr == SYS_stat || nr == SYS_lstat || nr == SYS_newfstatat) {
		struct stat *s = (void *)a, *t = (void *)b;

		return s->st_mode == t->st_mode && s->st_uid == t->st_uid && s->st_gid == t->st_gid && s->st_rdev == t->st_rdev &&
		       (proc || (s->st_size == t->st_size && s->st_nlink == t->st_nlink && s->st_dev == t->st_dev)) &&
		       !memcmp(s + 1, t + 1, 64);
	}
	if (nr == SYS_statx) {
		struct statx *s = (void *)a, *t = (void *)b;

		return s->stx_mask == t->stx_mask && s->stx_mode == t->stx_mode && s->stx_uid == t->stx_uid &&
		       (proc || (s->stx_size == t->stx_size && s->stx_nlink == t->stx_nlink)) && s->stx_attributes == t->stx_attributes && !memcmp(s + 1, t + 1, 64);
	}
	if (nr == SYS_statfs) {
		struct statfs *s = (void *)a, *t = (void *)b;

		return s->f_type == t->f_type && s->f_bsize == t->f_bsize && s->f_flags == t->f_flags && !memcmp(s + 1, t + 1, 64);
	}
	return !memcmp(a, b, sizeof(bare.shared->out));
}

static void both_args(long nr, const uint64_t a[6])
{
	static const char *const none[2];
	struct vmmd_call call = call_of(&subject, nr, a);
	int64_t want = native_args(&bare, nr, a), got;
	bool proc = false;
	int rc;

	if (!perform_can(nr)) { /* umask(2) */
		CU_ASSERT_EQUAL(native_args(&subject, nr, a), want);
		return;
	}
	for (int i = 0; i < 2; i++)
		proc = proc || !strncmp(text_of(a[i]), "/proc", 5);
	rc = run(&call, none);
	got = rc < 0 ? -100000 : result.fd >= 0 ? 100000 : result.value;
	if (sysent(nr)->ret == VMMD_ARG_FD && want >= 0) {
		int64_t fd = want;

		want = 100000;
		if (rc < 0)
			native(&bare, SYS_close, (uint64_t)fd, 0, 0);
		else if (result.fd >= 0 && !same_fd(fd))
			complain("another file", nr, a, want, got);
	} else if (rc == 0 && want == got && !same_out(nr, proc)) {
		complain("other bytes", nr, a, want, got);
	}
	if (want != got && !(lenient && rc == -EOPNOTSUPP))
		complain("another result", nr, a, want, got);
}

static void both(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	both_args(nr, (uint64_t[6]){a0, a1, a2});
}

static void both4(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	both_args(nr, (uint64_t[6]){a0, a1, a2, a3});
}

static void both5(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	both_args(nr, (uint64_t[6]){a0, a1, a2, a3, a4});
}

static int perform_args(long nr, const uint64_t a[6])
{
	static const char *const none[2];
	struct vmmd_call call = call_of(&subject, nr, a);

	return run(&call, none);
}

static void performed(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	const uint64_t a[6] = {a0, a1, a2};

	if (perform_args(nr, a) != 0)
		complain("not performed", nr, a, 0, -EOPNOTSUPP);
}

static void refused4(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	const uint64_t a[6] = {a0, a1, a2, a3};

	if (perform_args(nr, a) != -EOPNOTSUPP || result.fd != -1)
		complain("performed", nr, a, -EOPNOTSUPP, result.value);
}

static void refused(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	refused4(nr, a0, a1, a2, 0);
}

static void both_natively(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	CU_ASSERT_EQUAL_FATAL(native(&bare, nr, a0, a1, a2), native(&subject, nr, a0, a1, a2));
}

static void both_open_at(int fd, const char *path, int flags)
{
	struct child *c[2] = {&bare, &subject};

	for (int i = 0; i < 2; i++) {
		int64_t got = native(c[i], SYS_open, P(path), (uint64_t)flags, 0);

		CU_ASSERT_FATAL(got >= 0 && native(c[i], SYS_dup2, (uint64_t)got, (uint64_t)fd, 0) == fd);
		native(c[i], SYS_close, (uint64_t)got, 0, 0);
	}
}

static void pair_home(void)
{
	both_natively(SYS_fchdir, HOME_FD, 0, 0);
}

/* --------------------------------------------------------------------- texts */

static void fill(const void *data, size_t len)
{
	memset(input, 0, sizeof(input));
	memcpy(input, data, len);
}

/* A text right before memory that is not there; NULL: one without an end. */
static uint64_t edge(const char *text)
{
	size_t len = text ? strlen(text) + 1 : 100;

	memset(page, 'x', 4096);
	if (text)
		memcpy(page + 4096 - len, text, len);
	return P(page + 4096 - len);
}

static uint64_t given_path(const char *text)
{
	return P(strcpy(page + 8192, text));
}

static uint64_t long_path(size_t len)
{
	char *text = page + 8192;

	for (size_t i = 0; i < len; i++)
		text[i] = i % 2 ? '/' : '.';
	text[len - 1] = 'f';
	text[len - 2] = '/';
	if (len >= 3 && text[len - 3] == '/')
		text[len - 3] = '.';
	text[len] = '\0';
	return P(text);
}

static uint64_t long_name(size_t len)
{
	char *text = page + 8192;

	memset(text, 'a', len);
	text[len] = '\0';
	return P(text);
}

static int open_cloexec(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		abort();
	fcntl(fd, F_DUPFD_CLOEXEC, 60);
	close(fd);
	return 60;
}

static bool says(int fd, const char *field, pid_t pid)
{
	char text[4096], want[64];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	snprintf(want, sizeof(want), "%s%d\n", field, (int)pid);
	return strstr(text, want) != NULL;
}

/* --------------------------------------------------------------- directories */

static void make_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode))
		abort();
	close(fd);
}

static void make_home(const char *up)
{
	char target[80];
	int bad;

	snprintf(target, sizeof(target), "%s/abs", dir);
	bad = chdir(dir) || mkdir(up, 0755) || chdir(up) || mkdir("w", 0755) || chdir("w") || mkdir("d", 0755) ||
	      mkdir("secret", 0755) || mkdir("empty", 0755) || symlink("f", "l_f") || symlink("d", "l_d") ||
	      symlink(target, "l_abs") || symlink("l_loop", "l_loop") || symlink("nowhere", "l_none") || symlink("..", "l_up") ||
	      symlink("fifo", "l_fifo") || mkfifo("fifo", 0644) || mknod("sock", S_IFSOCK | 0644, 0);
	if (bad)
		abort();
	make_file("f", "hello world, this is f\n", 0644);
	make_file("f2", "the second\n", 0644);
	make_file("d/g", "in a directory\n", 0644);
	make_file("secret/x", "hidden\n", 0644);
	make_file("locked", "no\n", 0);
	make_file("theirs", "no\n", 0600);
	if (chmod("secret", 0) || chmod(".", 0777) || (geteuid() == 0 && chown("theirs", 4321, 4321)))
		abort();
}

static void pair_start_by(bool (*become)(void))
{
	char home[80];

	umask(022);
	result.fd = -1;
	page = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page + 4096, 4096, PROT_NONE) ||
	    (old_cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		abort();
	strcpy(dir, "/tmp/vmmd-perform-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) || chdir(dir))
		abort();
	make_file("abs", "by an absolute link\n", 0666);
	make_home("1");
	make_home("2");
	if (chdir("/"))
		abort();
	snprintf(home, sizeof(home), "%s/1/w", dir);
	child_start(&bare, home, become);
	snprintf(home, sizeof(home), "%s/2/w", dir);
	child_start(&subject, home, become);
	child_start(&other, home, NULL);
}

static void pair_start(void)
{
	pair_start_by(NULL);
}

/* Describe what is below, or remove it: `out` NULL. */
static void below(int at, const char *name, FILE *out)
{
	struct dirent **list;
	struct stat st;
	char text[200] = "";
	int n, fd;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	if (S_ISLNK(st.st_mode) && readlinkat(at, name, text, sizeof(text) - 1) < 0)
		abort();
	if (!S_ISLNK(st.st_mode) && (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
		(void)!fchmodat(at, name, 0700, 0);
	fd = S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) ? openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (S_ISREG(st.st_mode) && fd >= 0 && pread(fd, text, sizeof(text) - 1, 0) < 0)
		abort();
	if (out)
		fprintf(out, "%s %o %u %u %u %lld %s\n", name, st.st_mode, (unsigned)st.st_nlink, st.st_uid, st.st_gid,
			S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size, text);
	if (S_ISDIR(st.st_mode) && fd >= 0) {
		n = scandirat(fd, ".", &list, NULL, alphasort);
		for (int i = 0; i < n; i++) {
			if (strcmp(list[i]->d_name, ".") && strcmp(list[i]->d_name, ".."))
				below(fd, list[i]->d_name, out);
			free(list[i]);
		}
		if (n >= 0)
			free(list);
	}
	if (fd >= 0)
		close(fd);
	if (!out)
		unlinkat(at, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

static void pair_drop(void)
{
	if (result.fd >= 0)
		close(result.fd);
	result.fd = -1;
	child_end(&bare);
	child_end(&subject);
	child_end(&other);
	if (geteuid() != 0)
		chmod(dir, 0700);
	below(AT_FDCWD, dir, NULL);
	munmap(page, 8 * 4096);
	if (fchdir(old_cwd) || close(old_cwd))
		abort();
}

static void pair_end(void)
{
	char *text[2] = {NULL, NULL};
	size_t len[2];

	for (int i = 0; i < 2; i++) {
		FILE *f = open_memstream(&text[i], &len[i]);
		char home[80];
		int fd;

		snprintf(home, sizeof(home), "%s/%d", dir, i + 1);
		fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		below(fd, "w", f);
		close(fd);
		fclose(f);
	}
	if (strcmp(text[0], text[1]))
		fprintf(stderr, "natively:\n%sperformed:\n%s", text[0], text[1]);
	CU_ASSERT(!strcmp(text[0], text[1]));
	free(text[0]);
	free(text[1]);
	pair_drop();
}

static void same_times(uint64_t path)
{
	struct stat a, b;

	if (native(&bare, SYS_stat, path, OUT, 0) < 0 || native(&subject, SYS_stat, path, OUT, 0) < 0)
		return;
	memcpy(&a, bare.shared->out, sizeof(a));
	memcpy(&b, subject.shared->out, sizeof(b));
	CU_ASSERT(a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
	CU_ASSERT(a.st_atim.tv_sec == b.st_atim.tv_sec && a.st_atim.tv_nsec == b.st_atim.tv_nsec);
}

/* ------------------------------------------------------------------ identities */

static void be_nobody(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		abort();
}

static bool as_other(void)
{
	static const gid_t groups[] = {77, 88};

	return !setgroups(2, groups) && !setresgid(2345, 2345, 2345) && !setresuid(1234, 1234, 1234);
}

/* Root that does not make use of its rights over files. */
static bool as_weak_root(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return false;
	data[0].effective &= ~(1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
	return !syscall(SYS_capset, &head, data);
}

/* What a worker of root keeps, for us. */
static void lose_all_but_files(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}};

	data[0].effective = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER |
			    1u << CAP_FSETID | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SYS_PTRACE | 1u << CAP_KILL;
	data[0].permitted = data[0].effective;
	if (syscall(SYS_capset, &head, data))
		abort();
}

static bool as_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

#endif
