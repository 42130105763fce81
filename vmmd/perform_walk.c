// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perform_walk.c - walk a path name by name, as the task would.
 *
 * For the paths where the kernel's walk of the worker is not the task's: those
 * that lead through proc(5), that fail behind a symbolic link, or that climb
 * out of where they started below another root. Every name is opened by the
 * kernel (O_PATH, not followed), which checks the right to search; links are
 * put in front of the rest of the path here.
 *
 * In proc(5) /proc/self and /proc/thread-self become the task's own, magic links
 * are followed by the kernel, and the worker's own directory is never entered.
 * To be sure of that, proc is entered by its root only, and it must number
 * processes as we do.
 *
 * Where the kernel would apply a rule that cannot be seen from here (links in
 * sticky directories, mounts that follow none, automounts), the walk gives up.
 */
#include "vmmd/perform_impl.h"

#include <ctype.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LINKS 40	     /* of one walk, as the kernel's */
#define PROC_ROOT_INO 1	     /* of every proc file system */
#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif

enum in_proc { NOT, AT_ROOT, INSIDE };

struct walk {
	struct perform *p;
	int dir; /* where we are */
	bool owned; /* … and whether to close it */
	struct stat st;
	enum in_proc proc;
	int links;
	bool nofollow;
	int found;		/* the end of the path */
	char *next;		/* what is left, in rest[] */
	char name[NAME_MAX + 1]; /* the name at hand … */
	bool last;		/* … is the last one */
	bool slash;		/* … has a slash behind it */
	char rest[3 * PATH_MAX];
};

static void move_to(struct walk *w, int fd, bool owned)
{
	if (w->owned)
		close(w->dir);
	w->dir = fd;
	w->owned = owned;
}

/* Enter a directory that was reached other than by its name in the one before. */
static int jump_to(struct walk *w, int fd, bool owned)
{
	enum perform_fs fs;

	move_to(w, fd, owned);
	if (at_look(fd, &w->st, &fs) < 0 || fs == FS_AUTO)
		return PERFORM_CANNOT;
	if (fs == FS_PROC && w->st.st_ino != PROC_ROOT_INO)
		return PERFORM_CANNOT;
	w->proc = fs == FS_PROC ? AT_ROOT : NOT;
	return 0;
}

/* Take the next name. 1, or 0 at the end, or -errno. */
static int next_name(struct walk *w)
{
	size_t len;

	w->next += strspn(w->next, "/");
	len = strcspn(w->next, "/");
	if (len == 0)
		return 0;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(w->name, w->next, len);
	w->name[len] = '\0';
	w->next += len;
	w->slash = *w->next == '/';
	w->last = w->next[strspn(w->next, "/")] == '\0';
	return 1;
}

/* Put the text of a link in front of what is left. */
static int put_link(struct walk *w, const char *text)
{
	size_t len = strlen(text), left = strlen(w->next);

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	if (len == 0)
		return -ENOENT;
	if (len + left >= sizeof(w->rest))
		return PERFORM_CANNOT;
	memmove(w->rest + len, w->next, left + 1);
	memcpy(w->rest, text, len);
	w->next = w->rest;
	if (*text == '/') {
		int root = at_root(w->p);

		return root < 0 ? root : jump_to(w, root, false);
	}
	return 0;
}

static int climb(struct walk *w)
{
	struct place here, root, ours;
	int fd = at_root(w->p);

	if (fd < 0 || at_place(fd, "", &root) < 0 || at_place(w->dir, "", &here) < 0 ||
	    at_place(AT_FDCWD, "/", &ours) < 0)
		return PERFORM_CANNOT;
	if (memcmp(&here, &root, sizeof(here)) == 0) {
		fd = openat(w->dir, ".", O_PATH | O_CLOEXEC | O_DIRECTORY);
	} else {
		if (memcmp(&here, &ours, sizeof(here)) == 0) /* the kernel would stop here for us */
			return PERFORM_CANNOT;
		fd = openat(w->dir, "..", O_PATH | O_CLOEXEC | O_DIRECTORY);
	}
	if (fd < 0)
		return -errno;
	if (w->proc == INSIDE) { /* still verified */
		enum perform_fs fs;

		move_to(w, fd, true);
		if (at_look(fd, &w->st, &fs) < 0)
			return PERFORM_CANNOT;
		w->proc = fs != FS_PROC ? NOT : w->st.st_ino == PROC_ROOT_INO ? AT_ROOT : INSIDE;
		return 0;
	}
	return jump_to(w, fd, true);
}

/* ----------------------------------------------------------------- in proc(5) */

/* Does this proc number processes as ours does? */
static bool same_numbers(const struct walk *w)
{
	char text[16], own[16];
	ssize_t n = readlinkat(w->dir, "self", text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	snprintf(own, sizeof(own), "%d", (int)getpid());
	return strcmp(text, own) == 0;
}

/* May the name at hand be entered? Of processes all but ourselves. */
static bool not_us(const struct walk *w)
{
	char path[NAME_MAX + 24];

	if (w->proc != AT_ROOT || !isdigit((unsigned char)w->name[0]))
		return true;
	snprintf(path, sizeof(path), "/proc/self/task/%s", w->name);
	return same_numbers(w) && access(path, F_OK) < 0 && errno == ENOENT;
}

/* A link of proc: the text to put in front in `text`, or 1 for a magic one. */
static int proc_link(struct walk *w, int fd, char *text, size_t cap)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	long there;
	ssize_t n;

	if (w->proc == AT_ROOT && strcmp(w->name, "self") == 0) {
		snprintf(text, cap, "%d", (int)w->p->task->tgid);
		return same_numbers(w) ? 0 : PERFORM_CANNOT;
	}
	if (w->proc == AT_ROOT && strcmp(w->name, "thread-self") == 0) {
		snprintf(text, cap, "%d/task/%d", (int)w->p->task->tgid, (int)w->p->task->tid);
		return same_numbers(w) ? 0 : PERFORM_CANNOT;
	}
	there = syscall(SYS_openat2, w->dir, w->name, &how, sizeof(how));
	if (there >= 0)
		close((int)there);
	else if (errno == ELOOP)
		return 1;
	n = readlinkat(fd, "", text, cap - 1);
	if (n < 0)
		return PERFORM_CANNOT;
	text[n] = '\0';
	return 0;
}

/* --------------------------------------------------------------------- names */

/* Rules of the kernel for following a link that do not hold for reading one. */
static bool may_follow(const struct walk *w, int fd, const struct stat *link)
{
	struct statfs sf;

	if (fstatfs(fd, &sf) < 0 || (sf.f_flags & ST_NOSYMFOLLOW))
		return false;
	if ((w->st.st_mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH))
		return true;
	return link->st_uid == w->st.st_uid || cred_is_fsuid(w->p, link->st_uid);
}

/* Go through magic link `name`: as step(). */
static int jump(struct walk *w, struct at *a)
{
	int fd = openat(w->dir, w->name, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : PERFORM_CANNOT;
	if (++w->links > MAX_LINKS) {
		close(fd);
		return -ELOOP;
	}
	if (at_look(fd, &a->st, &a->fs) < 0 || a->fs == FS_PROC || a->fs == FS_AUTO) {
		close(fd);
		return PERFORM_CANNOT;
	}
	if (!S_ISDIR(a->st.st_mode) && (!w->last || w->slash)) {
		close(fd);
		return -ENOTDIR;
	}
	if (w->last) {
		w->found = fd;
		return 1;
	}
	move_to(w, fd, true);
	w->st = a->st;
	w->proc = NOT;
	return 0;
}

static int follow(struct walk *w, struct at *a, int fd)
{
	char text[PATH_MAX];
	ssize_t n;
	int rc;

	if (a->fs == FS_PROC) {
		rc = proc_link(w, fd, text, sizeof(text));
		if (rc)
			return rc < 0 ? rc : jump(w, a);
		return put_link(w, text);
	}
	if (!may_follow(w, fd, &a->st))
		return PERFORM_CANNOT;
	n = readlinkat(fd, "", text, sizeof(text) - 1);
	if (n < 0)
		return PERFORM_CANNOT;
	text[n] = '\0';
	return put_link(w, text);
}

/* What the path ends in. The texts of proc's own links are not the task's. */
static int end(const struct walk *w, const struct at *a)
{
	if (w->slash && !S_ISDIR(a->st.st_mode))
		return -ENOTDIR;
	if (a->fs == FS_PROC && w->proc == AT_ROOT && S_ISLNK(a->st.st_mode))
		return PERFORM_CANNOT;
	return 0;
}

/* One name. 1: it is the path's end, `found`; 0: go on; or -errno, or PERFORM_CANNOT. */
static int step(struct walk *w, struct at *a)
{
	int fd, rc;

	if (!not_us(w))
		return PERFORM_CANNOT;
	fd = openat(w->dir, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return w->proc == NOT || errno == ENOENT || errno == ENOTDIR ? -errno : PERFORM_CANNOT;
	rc = at_look(fd, &a->st, &a->fs);
	if (rc == 0 && (a->fs == FS_AUTO || (a->fs == FS_PROC && w->proc == NOT && a->st.st_ino != PROC_ROOT_INO)))
		rc = PERFORM_CANNOT;
	if (rc == 0 && S_ISLNK(a->st.st_mode) && (!w->last || w->slash || !w->nofollow)) {
		rc = follow(w, a, fd);
		close(fd);
		return rc;
	}
	if (rc == 0 && w->last) {
		rc = end(w, a);
		w->found = fd;
		if (rc == 0)
			return 1;
	} else if (rc == 0 && !S_ISDIR(a->st.st_mode)) {
		rc = -ENOTDIR;
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	move_to(w, fd, true);
	w->st = a->st;
	w->proc = a->fs != FS_PROC ? NOT : a->st.st_ino == PROC_ROOT_INO ? AT_ROOT : INSIDE;
	return 0;
}

static int dots(struct walk *w)
{
	int fd;

	if (strcmp(w->name, "..") == 0)
		return climb(w);
	fd = openat(w->dir, ".", O_PATH | O_CLOEXEC | O_DIRECTORY); /* the right to search is asked for here, too */
	if (fd < 0)
		return -errno;
	move_to(w, fd, true);
	return 0;
}

static int walk_all(struct walk *w, struct at *a)
{
	int rc;

	while ((rc = next_name(w)) > 0) {
		if (strcmp(w->name, ".") == 0 || strcmp(w->name, "..") == 0)
			rc = dots(w);
		else
			rc = step(w, a);
		if (rc != 0)
			return rc < 0 ? rc : w->found;
	}
	if (rc < 0)
		return rc;
	/* It ended in "/", "." or "..". */
	rc = fcntl(w->dir, F_DUPFD_CLOEXEC, 0);
	if (rc < 0)
		return PERFORM_CANNOT;
	if (at_look(rc, &a->st, &a->fs) < 0) {
		close(rc);
		return PERFORM_CANNOT;
	}
	return rc;
}

/* A descriptor to be kept, with a->st and a->fs; or -errno, or PERFORM_CANNOT. */
int perform_walk(struct perform *p, struct at *a, bool nofollow)
{
	struct walk w;
	int rc;

	memset(&w, 0, offsetof(struct walk, name));
	w.p = p;
	w.nofollow = nofollow;
	strcpy(w.rest, a->path);
	w.next = w.rest;
	rc = jump_to(&w, a->base, false);
	if (rc == 0)
		rc = walk_all(&w, a);
	if (w.owned)
		close(w.dir);
	if (rc == -EMFILE || rc == -ENFILE)
		rc = PERFORM_CANNOT;
	return rc;
}
