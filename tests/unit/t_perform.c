/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_perform.c - a call made in a task's place is the call the task would make.
 *
 * Two children wait in two directories that look alike. The one makes each call
 * itself, for the other it is performed; result, descriptor, what was written
 * to memory and in the end both directories must be the same. Paths are literals:
 * they have the same addresses in all three.
 */
#include "tests/unit/perform_task.h"

/* ------------------------------------------------------------------- opening */

static const int open_flags[] = {
	O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_RDONLY | O_CLOEXEC, O_RDONLY | O_NONBLOCK,
	O_RDONLY | O_DIRECTORY, O_RDONLY | O_NOFOLLOW, O_DIRECTORY | O_NOFOLLOW, O_PATH, O_PATH | O_NOFOLLOW,
	O_PATH | O_DIRECTORY | O_CLOEXEC, O_WRONLY | O_TRUNC, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC,
	O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_NOFOLLOW, O_WRONLY | O_TMPFILE, O_RDONLY | O_TMPFILE,
	O_CREAT | O_DIRECTORY, O_RDONLY | O_NOATIME, 3, O_RDONLY | O_SYNC, O_RDONLY | 0x40000000,
};

static const char *const open_paths[] = {
	"f",	  "./f",       "d",	   "d/g",	"d/../f",   "d//../d/./g", "none",	 "none/x",
	"f/x",	  "f/",	       "f/..",	   "d/",	"l_f",	    "l_d",	   "l_d/",	 "l_d/g",
	"l_d/..", "l_d/none",  "l_abs",	   "l_loop",	"l_loop/x", "locked",	   "secret/x",	 "l_f/",
	"",	  "..",	       ".",	   "/",		"/etc",	    "/etc/passwd", "/etc/none",	 "/./etc/../etc/passwd",
	"//etc",  "/..",       "../../..", "/bin/true", "/bin/nix", "/dev/null",   "/dev/zero/", "/proc/version",
	"l_up",	  "l_up/none", "/bin/nix/x",
};

/* Files of the host are for reading only. */
static bool only_read(const char *path, int flags)
{
	return *path == '/' && !(flags & O_PATH) && ((flags & O_ACCMODE) || (flags & (O_CREAT | O_TRUNC)));
}

static void test_open(void)
{
	pair_start();
	for (size_t i = 0; i < COUNT(open_paths); i++)
		for (size_t k = 0; k < COUNT(open_flags); k++) {
			if (only_read(open_paths[i], open_flags[k]))
				continue;
			both(SYS_open, P(open_paths[i]), (uint64_t)open_flags[k], 0666);
		}
	pair_end();
}

static void test_open_user(void)
{
	be_nobody();
	test_open();
}

static void test_create(void)
{
	static const int how[] = {O_WRONLY | O_CREAT, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, O_WRONLY | O_CREAT | O_APPEND};
	static const char *const paths[] = {"n1", "d/n2", "l_d/n3", "d/../n4", "secret/n5", "none/n6", "f/n7"};
	static const int masks[] = {0, 022, 077, 0777};

	pair_start();
	for (size_t m = 0; m < COUNT(masks); m++)
		for (size_t i = 0; i < COUNT(paths); i++)
			for (size_t k = 0; k < COUNT(how); k++) {
				both(SYS_umask, (uint64_t)masks[m], 0, 0);
				both4(SYS_openat, (uint64_t)AT_FDCWD, P(paths[i]), (uint64_t)how[k], 06777);
				both(SYS_unlink, P(paths[i]), 0, 0);
				both(SYS_creat, P(paths[i]), 0640, 0);
				both(SYS_unlink, P(paths[i]), 0, 0);
				both(SYS_mkdir, P(paths[i]), 01777, 0);
				both(SYS_rmdir, P(paths[i]), 0, 0);
			}
	CU_ASSERT_EQUAL(umask(022), 022); /* ours is back */
	both(SYS_open, P("n9"), O_WRONLY | O_CREAT, 0600);
	both(SYS_open, P("d"), O_RDWR | O_TMPFILE, 0666);
	both(SYS_open, P("none"), O_RDWR | O_TMPFILE, 0666);
	refused(SYS_open, P("l_none"), O_WRONLY | O_CREAT, 0600);
	both(SYS_open, P("l_none"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	pair_end();
}

static void test_create_user(void)
{
	be_nobody();
	test_create();
}

/* Nothing waits, nothing special is opened; O_PATH has no effect and is. */
static void test_special(void)
{
	static const char *const paths[] = {"fifo", "sock", "l_fifo", "/dev/ptmx", "/dev/tty"};

	pair_start();
	for (size_t i = 0; i < COUNT(paths); i++) {
		refused(SYS_open, P(paths[i]), O_RDONLY, 0);
		refused(SYS_open, P(paths[i]), O_RDWR | O_NONBLOCK | O_CREAT, 0600);
		both(SYS_open, P(paths[i]), O_PATH, 0);
		both(SYS_open, P(paths[i]), O_RDONLY | O_DIRECTORY, 0);
		both(SYS_open, P(paths[i]), O_RDWR | O_CREAT | O_EXCL, 0600);
		both(SYS_access, P(paths[i]), R_OK, 0);
		both(SYS_stat, P(paths[i]), OUT, 0);
	}
	both(SYS_open, P("/dev/null"), O_RDWR | O_CREAT | O_TRUNC, 0666);
	both(SYS_open, P("/dev/urandom"), O_RDONLY, 0);
	pair_end();
}

/* An open that would wait for a lease is not made. */
static void test_lease(void)
{
	pair_start();
	native(&other, SYS_open, P("f"), O_RDWR, 0);
	if (native(&other, SYS_fcntl, (uint64_t)other.shared->value, F_SETLEASE, F_WRLCK) < 0)
		unit_skip("no leases here");
	refused(SYS_open, P("f"), O_RDONLY, 0);
	refused(SYS_truncate, P("f"), 1, 0);
	CU_ASSERT_EQUAL(result.fd, -1);
	pair_drop();
}

static void test_openat2(void)
{
	static const uint64_t resolve[] = {0, RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH,
					   RESOLVE_IN_ROOT, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS, 0x8000};
	static const char *const paths[] = {"d/g", "l_d/g", "l_abs", "../x", "/f", "/etc/passwd", "none", "l_d/none", "l_loop", "d/../f"};
	static const struct open_how bad[] = {{.flags = O_RDONLY, .mode = 0600}, {.flags = UINT64_C(1) << 40},
					      {.flags = O_CREAT | O_WRONLY, .mode = 0640}, {.flags = O_PATH | O_RDWR}};
	static const unsigned char tail[32] = {[24] = 1};

	pair_start();
	for (size_t i = 0; i < COUNT(paths); i++)
		for (size_t k = 0; k < COUNT(resolve); k++) {
			struct open_how how = {.flags = O_RDONLY, .resolve = resolve[k]};

			fill(&how, sizeof(how));
			lenient = resolve[k] && resolve[k] != 0x8000;
			both4(SYS_openat2, (uint64_t)AT_FDCWD, P(paths[i]), IN, sizeof(how));
			lenient = false;
		}
	for (size_t k = 0; k < COUNT(bad); k++) {
		fill(&bad[k], sizeof(bad[k]));
		both4(SYS_openat2, (uint64_t)AT_FDCWD, P("made"), IN, sizeof(bad[k]));
	}
	fill(tail, sizeof(tail));
	both4(SYS_openat2, (uint64_t)AT_FDCWD, P("f"), IN, sizeof(tail));
	both4(SYS_openat2, (uint64_t)AT_FDCWD, P("f"), IN, 24);
	both4(SYS_openat2, (uint64_t)AT_FDCWD, P("f"), IN, 23);
	both4(SYS_openat2, (uint64_t)AT_FDCWD, P("f"), IN, 5000);
	both4(SYS_openat2, (uint64_t)AT_FDCWD, P("f"), 8, 24);
	pair_end();
}

/* ------------------------------------------------------------------- looking */

static const char *const look_paths[] = {
	"f",	    "d",    "d/",    "l_f",  "l_f/", "l_d",  "l_d/", "l_none", "l_none/", "l_loop", "fifo", "l_fifo/",
	"secret/x", "none", "none/", "f/",   "",     "/",    "/etc/passwd", "/bin", "/bin/", "..",   "locked", "l_up/none",
	"/proc",    "/proc/1/", "/dev/null",
};

static void test_look(void)
{
	static const int at[] = {0, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_REMOVEDIR, 0x10000};

	pair_start();
	for (size_t i = 0; i < COUNT(look_paths); i++) {
		uint64_t path = P(look_paths[i]);

		both(SYS_stat, path, OUT, 0);
		both(SYS_lstat, path, OUT, 0);
		both(SYS_statfs, path, OUT, 0);
		both(SYS_readlink, path, OUT, 100);
		both(SYS_readlink, path, OUT, 2);
		both(SYS_readlink, path, OUT, 0);
		both4(SYS_readlinkat, (uint64_t)AT_FDCWD, path, OUT, (uint64_t)-1);
		for (int mode = 0; mode <= 8; mode++) {
			both(SYS_access, path, (uint64_t)mode, 0);
			both(SYS_faccessat, (uint64_t)AT_FDCWD, path, (uint64_t)mode);
			both4(SYS_faccessat2, (uint64_t)AT_FDCWD, path, (uint64_t)mode, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
		}
		for (size_t k = 0; k < COUNT(at); k++) {
			both4(SYS_newfstatat, (uint64_t)AT_FDCWD, path, OUT, (uint64_t)at[k]);
			both5(SYS_statx, (uint64_t)AT_FDCWD, path, (uint64_t)at[k], STATX_BASIC_STATS, OUT);
		}
	}
	pair_end();
}

static void test_look_user(void)
{
	be_nobody();
	test_look();
}

static void test_memory(void)
{
	pair_start();
	both(SYS_stat, P("f"), 8, 0);
	both(SYS_stat, 8, OUT, 0);
	both(SYS_stat, 0, OUT, 0);
	both(SYS_readlink, P("l_f"), 8, 100);
	both(SYS_statfs, P("f"), 8, 0);
	both(SYS_open, 8, O_RDONLY, 0);
	both(SYS_symlink, 8, P("s1"), 0);
	both(SYS_symlink, P(""), P("s2"), 0);
	both(SYS_rename, P("f"), 8, 0);
	both(SYS_utimes, P("f"), 8, 0);
	/* At the end of what is mapped: the path must not be read beyond. */
	both(SYS_stat, edge("f"), OUT, 0);
	both(SYS_stat, edge(NULL), OUT, 0);
	both(SYS_stat, long_path(PATH_MAX - 1), OUT, 0);
	both(SYS_stat, long_path(PATH_MAX), OUT, 0);
	both(SYS_stat, long_path(PATH_MAX + 1), OUT, 0);
	both(SYS_mkdir, long_name(NAME_MAX), 0700, 0);
	both(SYS_mkdir, long_name(NAME_MAX + 1), 0700, 0);
	both(SYS_stat, long_name(NAME_MAX + 1), OUT, 0);
	pair_end();
}

/* A path of the caller's is used instead of the task's; the other is still the task's. */
static void test_given(void)
{
	struct vmmd_call call = {.nr = SYS_rename, .args = {8, P("d/moved")}};
	const char *paths[2] = {"f", NULL};

	pair_start();
	CU_ASSERT_EQUAL(run(&call, paths), 0);
	CU_ASSERT_EQUAL(result.value, 0);
	native(&bare, SYS_rename, P("f"), P("d/moved"), 0);
	CU_ASSERT(perform_can(SYS_openat2) && perform_can(SYS_lremovexattr));
	CU_ASSERT(!perform_can(SYS_execve) && !perform_can(SYS_chdir) && !perform_can(-1) && !perform_can(1 << 20));
	call.nr = SYS_chroot;
	CU_ASSERT_EQUAL(run(&call, paths), -EOPNOTSUPP);
	pair_end();
}

/* -------------------------------------------------------- making and removing */

static void test_names(void)
{
	static const char *const names[] = {"f", "d", "d/", "n", "n/", "l_f", "l_d", "l_d/", "l_none", "l_none/", ".", "..", "d/.", "/",
					    "none/n", "secret/n", "", "locked/n", "empty", "empty/"};

	pair_start();
	for (size_t i = 0; i < COUNT(names); i++) {
		both(SYS_mkdir, P(names[i]), 0777, 0);
		both(SYS_mknod, P(names[i]), S_IFIFO | 0666, 0);
		both(SYS_symlink, P("to/no/where"), P(names[i]), 0);
		both(SYS_link, P("fifo"), P(names[i]), 0);
		both(SYS_link, P(names[i]), P("linked"), 0);
		both5(SYS_linkat, (uint64_t)AT_FDCWD, P(names[i]), (uint64_t)AT_FDCWD, P("linked2"), AT_SYMLINK_FOLLOW);
		both(SYS_rename, P(names[i]), P("renamed"), 0);
		both(SYS_rename, P("renamed"), P(names[i]), 0);
		both5(SYS_renameat2, (uint64_t)AT_FDCWD, P(names[i]), (uint64_t)AT_FDCWD, P("f2"), 2 /* RENAME_EXCHANGE */);
		both5(SYS_renameat2, (uint64_t)AT_FDCWD, P(names[i]), (uint64_t)AT_FDCWD, P("f2"), 1 /* RENAME_NOREPLACE */);
		both(SYS_unlinkat, (uint64_t)AT_FDCWD, P(names[i]), 0);
		both(SYS_unlinkat, (uint64_t)AT_FDCWD, P(names[i]), AT_REMOVEDIR);
		both(SYS_unlinkat, (uint64_t)AT_FDCWD, P(names[i]), 0x4000);
		both(SYS_rmdir, P(names[i]), 0, 0);
		both(SYS_unlink, P(names[i]), 0, 0);
	}
	both(SYS_mknod, P("reg"), 0644, 0);
	both(SYS_mknod, P("sk"), S_IFSOCK | 0644, 0);
	both(SYS_mknod, P("dir"), S_IFDIR | 0644, 0);
	refused(SYS_mknod, P("chr"), S_IFCHR | 0644, 0x103);
	pair_end();
}

static void test_names_user(void)
{
	be_nobody();
	test_names();
}

static void test_attributes(void)
{
	static const char *const names[] = {"f", "d", "l_f", "l_none", "fifo", "none", "f/", "secret/x", "/etc/passwd"};
	const struct timespec ts[2] = {{1000, 5}, {0, UTIME_OMIT}}, omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
	const struct timeval tv[2] = {{2000, 6}, {3000, 7}}, bad[2] = {{0, -1}, {0, 0}};

	be_nobody();
	pair_start();
	for (size_t i = 0; i < COUNT(names); i++) {
		uint64_t path = P(names[i]);

		both(SYS_chmod, path, 02751, 0);
		both(SYS_fchmodat, (uint64_t)AT_FDCWD, path, 0640);
		both4(SYS_fchmodat2, (uint64_t)AT_FDCWD, path, 0740, AT_SYMLINK_NOFOLLOW);
		both(SYS_chown, path, (uint64_t)-1, (uint64_t)-1);
		both(SYS_lchown, path, 65534, 65534);
		both5(SYS_fchownat, (uint64_t)AT_FDCWD, path, 0, 0, AT_SYMLINK_NOFOLLOW);
		both(SYS_truncate, path, 3, 0);
		both(SYS_truncate, path, (uint64_t)-1, 0);
		fill(ts, sizeof(ts));
		both4(SYS_utimensat, (uint64_t)AT_FDCWD, path, IN, AT_SYMLINK_NOFOLLOW);
		both4(SYS_utimensat, (uint64_t)AT_FDCWD, path, IN, 0x10);
		fill(omit, sizeof(omit));
		both4(SYS_utimensat, (uint64_t)AT_FDCWD, path, IN, 0);
		fill(bad, sizeof(bad));
		both(SYS_utimes, path, IN, 0);
		fill(tv, sizeof(tv));
		both(SYS_utimes, path, IN, 0);
		both(SYS_futimesat, (uint64_t)AT_FDCWD, path, IN);
		both(SYS_utime, path, IN, 0);
		same_times(path);
	}
	pair_end();
}

static void test_xattr(void)
{
	static const char *const names[] = {"user.a", "user.", "", "bogus.x", "security.y", "trusted.z"};
	static const char *const paths[] = {"f", "l_f", "d", "none", "fifo"};

	be_nobody();
	pair_start();
	for (size_t k = 0; k < COUNT(paths); k++) {
		uint64_t path = P(paths[k]);

		for (size_t i = 0; i < COUNT(names); i++) {
			both5(SYS_setxattr, path, P(names[i]), P("value"), 5, 0);
			both5(SYS_setxattr, path, P(names[i]), P("value"), 5, XATTR_CREATE);
			both5(SYS_lsetxattr, path, P(names[i]), P("v"), 1, 0);
			both5(SYS_setxattr, path, P(names[i]), 8, 5, 0);
			both5(SYS_setxattr, path, P(names[i]), P("value"), 1 << 20, 0);
			both5(SYS_setxattr, path, P(names[i]), P("value"), 5, 8);
			both4(SYS_getxattr, path, P(names[i]), OUT, 100);
			both4(SYS_getxattr, path, P(names[i]), OUT, 0);
			both4(SYS_getxattr, path, P(names[i]), OUT, 2);
			both4(SYS_lgetxattr, path, P(names[i]), 8, 100);
			both(SYS_listxattr, path, OUT, 200);
			both(SYS_llistxattr, path, OUT, 200);
			both(SYS_removexattr, path, P(names[i]), 0);
			both(SYS_lremovexattr, path, P(names[i]), 0);
		}
	}
	both5(SYS_setxattr, P("f"), long_name(300), P("value"), 5, 0);
	pair_end();
}

/* ------------------------------------------------------- where a path starts */

static void test_dirfd(void)
{
	static const char *const paths[] = {"g", "../f", "/etc/passwd", "none", "", "../l_d/g", "."};
	static const int fds[] = {50, 51, 52, 53, -1, -7, 1 << 30};

	pair_start();
	both_open_at(50, "d", O_RDONLY | O_DIRECTORY);
	both_open_at(51, "f", O_RDONLY);
	both_open_at(52, "d", O_PATH);
	for (size_t f = 0; f < COUNT(fds); f++)
		for (size_t i = 0; i < COUNT(paths); i++) {
			both4(SYS_openat, (uint64_t)fds[f], P(paths[i]), O_RDONLY, 0);
			both4(SYS_openat, (uint64_t)fds[f], P(paths[i]), O_RDWR | O_CREAT | O_EXCL, 0600);
			both4(SYS_newfstatat, (uint64_t)fds[f], P(paths[i]), OUT, 0);
			both4(SYS_newfstatat, (uint64_t)fds[f], P(paths[i]), OUT, AT_EMPTY_PATH);
			both(SYS_mkdirat, (uint64_t)fds[f], P("new"), 0755);
			both(SYS_unlinkat, (uint64_t)fds[f], P("new"), AT_REMOVEDIR);
			both4(SYS_renameat, (uint64_t)fds[f], P("g"), (uint64_t)AT_FDCWD, P("g2"));
			both4(SYS_renameat, (uint64_t)AT_FDCWD, P("g2"), (uint64_t)fds[f], P("g"));
		}
	refused4(SYS_faccessat2, 51, P(""), R_OK, AT_EMPTY_PATH);
	pair_end();
}

/* Other working directories, one that is gone among them. */
static void test_cwd(void)
{
	static const char *const paths[] = {"f", "../f", "d/../../f", ".", "..", "g", "../../../../../../etc/passwd", "../l_abs"};
	static const char *const dirs[] = {"d", "/", "/usr/bin"};

	pair_start();
	for (size_t d = 0; d < COUNT(dirs); d++) {
		both_natively(SYS_chdir, P(dirs[d]), 0, 0);
		for (size_t i = 0; i < COUNT(paths); i++) {
			both(SYS_open, P(paths[i]), O_RDONLY, 0);
			both(SYS_stat, P(paths[i]), OUT, 0);
		}
	}
	pair_home();
	both_natively(SYS_mkdir, P("gone"), 0755, 0);
	both_natively(SYS_chdir, P("gone"), 0, 0);
	both_natively(SYS_rmdir, P("../gone"), 0, 0);
	both(SYS_open, P("x"), O_RDONLY, 0);
	both(SYS_open, P("x"), O_RDWR | O_CREAT, 0600);
	both(SYS_mkdir, P("x"), 0755, 0);
	both(SYS_open, P("."), O_RDONLY, 0);
	both(SYS_stat, P(".."), OUT, 0);
	pair_home();
	pair_end();
}

/* Another root: links and ".." end there, in both ways of walking. */
static void test_root(void)
{
	static const char *const paths[] = {"/f", "/l_abs", "/..", "/../../f", "/l_d/../f", "f", "../f", "../../../f", "l_abs", "d/../l_d/g",
					    "/etc/passwd", "/none", "/l_etc", "l_etc", "/l_etc/none", "../../l_root/f", "/proc/self/status"};

	if (geteuid() != 0)
		unit_skip("not root");
	pair_start();
	both_natively(SYS_symlink, P("/f"), P("l_rf"), 0);
	both_natively(SYS_symlink, P("/etc"), P("l_etc"), 0);
	both_natively(SYS_symlink, P("/"), P("l_root"), 0);
	both_natively(SYS_chroot, P("."), 0, 0);
	for (int inside = 0; inside < 2; inside++) {
		for (size_t i = 0; i < COUNT(paths); i++) {
			both(SYS_open, P(paths[i]), O_RDONLY, 0);
			both(SYS_open, P(paths[i]), O_RDONLY | O_NOFOLLOW, 0);
			both(SYS_lstat, P(paths[i]), OUT, 0);
		}
		both(SYS_mkdir, P("../../made"), 0755, 0);
		both(SYS_rename, P("/made"), P("../made2"), 0);
		both_natively(SYS_chdir, P("d"), 0, 0);
	}
	pair_end();
}

/* ---------------------------------------------------------------- proc(5) */

static void test_proc(void)
{
	char text[64];

	pair_start();
	both_natively(SYS_symlink, P("/proc/self/status"), P("p_status"), 0);
	both_natively(SYS_symlink, P("/proc/self"), P("p_self"), 0);
	both_natively(SYS_symlink, P("/proc/self/fd/60"), P("p_fd"), 0);
	both_natively(SYS_symlink, P("/proc/self/cwd"), P("p_cwd"), 0);
	both_natively(SYS_symlink, P("/proc/thread-self/fd"), P("p_fds"), 0);
	both_open_at(60, "f", O_RDONLY);
	CU_ASSERT_EQUAL_FATAL(dup2(open_cloexec("/etc/hostname"), 60), 60); /* ours is another */

	/* Files about the task, not about us. */
	static const char *const status[] = {"/proc/self/status", "/proc/thread-self/status", "p_status", "p_self/status", "/./proc/self/status",
					     "/proc/../proc/self/task/../status", "p_self/../self/status"};
	for (size_t i = 0; i < COUNT(status); i++) {
		performed(SYS_open, P(status[i]), O_RDONLY, 0);
		CU_ASSERT(result.fd >= 0 && says(result.fd, "\nPid:\t", subject.pid));
	}
	/* Where its links lead. */
	static const char *const same[] = {"/proc/self/fd/60", "/dev/fd/60", "p_fd", "p_self/fd/60", "p_fds/60", "/proc/self/cwd/f", "p_cwd/f",
					   "p_cwd/none", "/proc/self/fd/61", "/dev/fd/none", "/proc/self/cwd/../n/f", "/proc/self/root/etc/passwd", "/proc/self/exe",
					   "/proc/self/fd/60/x", "/proc/self/none", "p_self/none", "/proc/mounts", "/proc/self/cwd", "/proc/self/fd/60/"};
	for (size_t i = 0; i < COUNT(same); i++) {
		both(SYS_open, P(same[i]), O_RDONLY, 0);
		both(SYS_open, P(same[i]), O_PATH, 0);
		if (i != 16)
			both(SYS_stat, P(same[i]), OUT, 0);
	}
	both(SYS_readlink, P("/proc/self/exe"), OUT, 200);
	both(SYS_readlink, P("p_fd"), OUT, 200);
	performed(SYS_readlink, P("/proc/self/fd/60"), OUT, 200);
	CU_ASSERT(result.value > 2 && !memcmp(subject.shared->out + result.value - 2, "/f", 2));
	refused(SYS_readlink, P("/proc/self"), OUT, 200);
	refused(SYS_open, P("/proc/self/comm"), O_WRONLY, 0);
	both(SYS_open, P("/proc/self/cwd/made"), O_WRONLY | O_CREAT, 0600);

	/* Never ours, by number neither. */
	snprintf(text, sizeof(text), "/proc/%d/fd/60", (int)getpid());
	refused(SYS_open, given_path(text), O_RDONLY, 0);
	refused(SYS_stat, given_path(text), OUT, 0);
	snprintf(text, sizeof(text), "/proc/%d/task/%d/status", (int)getpid(), (int)getpid());
	refused(SYS_open, given_path(text), O_RDONLY, 0);
	snprintf(text, sizeof(text), "/proc/%d", (int)getpid());
	native(&subject, SYS_chdir, given_path(text), 0, 0);
	refused(SYS_open, P("status"), O_RDONLY, 0);
	refused(SYS_open, P("fd/60"), O_RDONLY, 0);
	native(&subject, SYS_fchdir, 900, 0, 0);
	close(60);
	pair_drop();
}

/* ------------------------------------------------------------ in whose name */

static void test_identity(void)
{
	static const char *const paths[] = {"f", "locked", "secret/x", "d/g", "theirs", "theirs/x", "made"};
	char theirs[100];
	uid_t r, e, s;

	if (geteuid() != 0)
		unit_skip("not root");
	pair_start_by(as_other);
	for (size_t i = 0; i < COUNT(paths); i++) {
		both(SYS_open, P(paths[i]), O_RDONLY, 0);
		both(SYS_open, P(paths[i]), O_RDWR | O_CREAT, 0666);
		both(SYS_access, P(paths[i]), W_OK, 0);
		both4(SYS_faccessat2, (uint64_t)AT_FDCWD, P(paths[i]), R_OK, AT_EACCESS);
		both(SYS_chmod, P(paths[i]), 0644, 0);
		both(SYS_chown, P(paths[i]), 0, 0);
		both(SYS_stat, P(paths[i]), OUT, 0);
	}
	both(SYS_mkdir, P("own"), 0755, 0);
	both(SYS_unlink, P("locked"), 0, 0);
	performed(SYS_open, P("who"), O_WRONLY | O_CREAT, 0600);
	struct stat st;
	CU_ASSERT(result.fd >= 0 && fstat(result.fd, &st) == 0 && st.st_uid == 1234 && st.st_gid == 2345);
	native(&bare, SYS_open, P("who"), O_WRONLY | O_CREAT, 0600);
	CU_ASSERT(getresuid(&r, &e, &s) == 0 && e == 0 && setfsuid((uid_t)-1) == 0);
	snprintf(theirs, sizeof(theirs), "%s/2/w/theirs", dir);
	CU_ASSERT_EQUAL(access(theirs, W_OK), 0); /* … and the capabilities are ours again */
	pair_end();
}

/* Root without its rights over files, and one whose real id is another's. */
static void test_capabilities(void)
{
	if (geteuid() != 0)
		unit_skip("not root");
	pair_start_by(as_weak_root);
	both(SYS_open, P("theirs"), O_RDONLY, 0);
	both(SYS_chown, P("f"), 1, 1);
	both(SYS_access, P("theirs"), R_OK, 0);
	both4(SYS_faccessat2, (uint64_t)AT_FDCWD, P("theirs"), R_OK, AT_EACCESS);
	both_natively(SYS_setresuid, 1234, 0, 0);
	both(SYS_access, P("theirs"), R_OK, 0);
	both(SYS_access, P("locked"), R_OK, 0);
	both(SYS_open, P("locked"), O_RDONLY, 0);
	pair_end();
}

/* A worker that kept less than its tasks have does not say that they lack it. */
static void test_less(void)
{
	if (geteuid() != 0)
		unit_skip("not root");
	pair_start();
	lose_all_but_files();
	both(SYS_open, P("theirs"), O_RDWR, 0);
	both(SYS_chown, P("f"), 5, 6);
	both(SYS_chmod, P("f"), 04755, 0);
	both(SYS_mkdir, P("new"), 02755, 0);
	both(SYS_stat, P("f"), OUT, 0);
	refused4(SYS_getxattr, P("f"), P("trusted.a"), OUT, 100);
	refused(SYS_listxattr, P("f"), OUT, 100);
	refused(SYS_rmdir, P("/proc/1"), 0, 0);
	refused(SYS_open, P("/proc/self/status"), O_RDONLY, 0);
	pair_end();
}

/* What the kernel may refuse in a sticky directory (fs.protected_regular) is not opened with O_CREAT. */
static void test_sticky(void)
{
	if (geteuid() != 0)
		unit_skip("not root");
	pair_start();
	both_natively(SYS_mkdir, P("st"), 0755, 0);
	both_natively(SYS_chmod, P("st"), 01777, 0);
	both_natively(SYS_mknod, P("st/x"), S_IFREG | 0666, 0);
	both_natively(SYS_symlink, P("st/x"), P("to_x"), 0);
	both(SYS_open, P("st/x"), O_RDWR | O_CREAT, 0600);
	both_natively(SYS_chown, P("st/x"), 4322, 4322);
	both(SYS_open, P("st/x"), O_RDWR, 0);
	refused(SYS_open, P("st/x"), O_RDWR | O_CREAT, 0600);
	refused(SYS_open, P("to_x"), O_RDWR | O_CREAT, 0600);
	both_natively(SYS_chmod, P("st"), 01755, 0);
	both(SYS_open, P("st/x"), O_RDWR | O_CREAT, 0600);
	pair_end();
}

/* In a user namespace of its own ids mean something else, and refusals nothing. */
static void test_namespace(void)
{
	be_nobody();
	pair_start_by(as_namespace);
	refused(SYS_stat, P("f"), OUT, 0);
	refused(SYS_open, P("locked"), O_RDONLY, 0);
	refused(SYS_chown, P("f"), 0, 0);
	performed(SYS_open, P("f"), O_RDWR, 0);
	CU_ASSERT(result.fd >= 0);
	both(SYS_mkdir, P("new"), 0750, 0);
	both(SYS_rename, P("new"), P("newer"), 0);
	pair_drop();
}

static void test_limits(void)
{
	const struct rlimit small = {100, 100};

	pair_start();
	fill(&small, sizeof(small));
	both_natively(SYS_setrlimit, RLIMIT_FSIZE, IN, 0);
	both(SYS_truncate, P("f"), 50, 0);
	refused(SYS_truncate, P("f"), 200, 0);
	pair_end();
}

/* A task that has gone, and descriptors of ours that have run out: no answer, no harm. */
static void test_gone(void)
{
	struct rlimit none = {3, 3}, was;
	siginfo_t info;

	pair_start();
	getrlimit(RLIMIT_NOFILE, &was);
	none.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	refused(SYS_open, P("f"), O_RDONLY, 0);
	refused(SYS_stat, P("none"), OUT, 0);
	setrlimit(RLIMIT_NOFILE, &was);
	both(SYS_open, P("f"), O_RDONLY, 0);
	gone = true; /* what has its number may be another */
	refused(SYS_open, P("f"), O_RDONLY, 0);
	gone = false;
	kill(subject.pid, SIGKILL);
	waitid(P_PID, (id_t)subject.pid, &info, WEXITED | WNOWAIT);
	refused(SYS_open, P("/etc/passwd"), O_RDONLY, 0);
	refused(SYS_mkdir, P("x"), 0755, 0);
	pair_drop();
}

UNIT_SUITE(perform, UNIT_TEST(test_open), UNIT_TEST(test_open_user), UNIT_TEST(test_create), UNIT_TEST(test_create_user),
	   UNIT_TEST(test_special), UNIT_TEST(test_lease), UNIT_TEST(test_openat2), UNIT_TEST(test_look), UNIT_TEST(test_look_user),
	   UNIT_TEST(test_memory), UNIT_TEST(test_given), UNIT_TEST(test_names), UNIT_TEST(test_names_user), UNIT_TEST(test_attributes),
	   UNIT_TEST(test_xattr), UNIT_TEST(test_dirfd), UNIT_TEST(test_cwd), UNIT_TEST(test_root), UNIT_TEST(test_proc),
	   UNIT_TEST(test_identity), UNIT_TEST(test_capabilities), UNIT_TEST(test_less), UNIT_TEST(test_sticky),
	   UNIT_TEST(test_namespace), UNIT_TEST(test_limits), UNIT_TEST(test_gone));
