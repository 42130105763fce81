/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_fs.c - files and directories: open flags, links, renames, *at calls, locks, times, directory reading. */
#include "guest.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/statfs.h>

static int top;

static void files(void)
{
	struct stat st;
	char buf[64] = "";
	int fd = openat(top, "file", O_RDWR | O_CREAT | O_EXCL, 0640);

	CHECK(fd >= 0);
	say("exclusive again: %s", outcome(openat(top, "file", O_RDWR | O_CREAT | O_EXCL, 0640)));
	CHECK(write(fd, "0123456789", 10) == 10 && lseek(fd, 3, SEEK_SET) == 3 && read(fd, buf, 4) == 4);
	CHECK(pwrite(fd, "ab", 2, 8) == 2 && pread(fd, buf, 10, 0) == 10);
	CHECK(ftruncate(fd, 5) == 0 && fstat(fd, &st) == 0);
	say("%s size %d mode %o links %d", buf, (int)st.st_size, st.st_mode, (int)st.st_nlink);
	CHECK(linkat(top, "file", top, "hard", 0) == 0 && symlinkat("file", top, "soft") == 0);
	CHECK(fstatat(top, "soft", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
	CHECK(readlinkat(top, "soft", buf, sizeof(buf)) == 4 && !memcmp(buf, "file", 4));
	say("nofollow: %s", outcome(openat(top, "soft", O_RDONLY | O_NOFOLLOW)));
	CHECK(fchmodat(top, "hard", 0600, 0) == 0 && fstat(fd, &st) == 0);
	say("mode %o links %d", st.st_mode, (int)st.st_nlink);
	CHECK(renameat(top, "hard", top, "other") == 0 && unlinkat(top, "soft", 0) == 0);
	say("rename missing: %s", outcome(renameat(top, "hard", top, "other")));
	CHECK(flock(fd, LOCK_EX) == 0);
	int other = openat(top, "other", O_RDWR);
	say("locked: %s", outcome(flock(other, LOCK_EX | LOCK_NB)));
	close(other);
	close(fd);
}

static void by_creat(void)
{
	int fd;

	CHECK(fchdir(top) == 0);
	fd = (int)syscall(SYS_creat, "created", 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	say("creat: read %s", outcome(read(fd, &fd, 1)));
	close(fd);
	fd = (int)syscall(SYS_open, "created", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK(syscall(SYS_unlink, "created") == 0);
	CHECK(chdir("/") == 0);
}

static void directories(void)
{
	char name[32];
	struct dirent *e;
	int n = 0, fd;
	DIR *d;

	CHECK(mkdirat(top, "dir", 0755) == 0);
	fd = openat(top, "dir", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "entry-%03d", i);
		int f = openat(fd, name, O_WRONLY | O_CREAT, 0600);
		CHECK(f >= 0);
		close(f);
	}
	d = fdopendir(dup(fd));
	while ((e = readdir(d)))
		n += e->d_name[0] == 'e';
	closedir(d);
	say("entries %d", n);
	say("not empty: %s", outcome(unlinkat(top, "dir", AT_REMOVEDIR)));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "entry-%03d", i);
		CHECK(unlinkat(fd, name, 0) == 0);
	}
	CHECK(unlinkat(top, "dir", AT_REMOVEDIR) == 0);
	close(fd);
}

static void odds(void)
{
	struct timespec ts[2] = { { 1000, 5 }, { 2000, 7 } };
	struct statfs sf;
	struct statx sx;
	struct stat st;

	CHECK(utimensat(top, "file", ts, 0) == 0 && fstatat(top, "file", &st, 0) == 0);
	say("mtime %ld.%09ld", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	CHECK(statx(top, "file", 0, STATX_SIZE, &sx) == 0);
	say("statx size %d", (int)sx.stx_size);
	CHECK(fstatfs(top, &sf) == 0);
	say("access: %s %s", outcome(faccessat(top, "file", R_OK, 0)), outcome(faccessat(top, "none", F_OK, 0)));
	say("bad descriptor: %s", outcome(openat(999, "x", O_RDONLY)));
	say("a file as directory: %s", outcome(openat(top, "file/x", O_RDONLY)));
	say("empty: %s", outcome(openat(top, "", O_RDONLY)));
	int c = openat(top, "copy", O_RDWR | O_CREAT, 0600), f = openat(top, "file", O_RDONLY);
	CHECK(copy_file_range(f, NULL, c, NULL, 100, 0) == 5);
	close(c);
	close(f);
	CHECK(unlinkat(top, "copy", 0) == 0 && unlinkat(top, "file", 0) == 0 && unlinkat(top, "other", 0) == 0);
}

int main(void)
{
	char dir[] = "/tmp/g_fs.XXXXXX";

	umask(022);
	CHECK(mkdtemp(dir) != NULL);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	files();
	by_creat();
	directories();
	odds();
	CHECK(rmdir(dir) == 0);
	return guest_end();
}
