// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * scenario.c - runs the scenarios, each in a guarded child.
 *
 *	scenario [-t TEXT] FILE.scn…
 *
 * A file holds scenarios, each begun by a line `scenario "TITLE"`; lines that
 * begin with '#' are comments. -t runs only those with TEXT in the title.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenario/fake.h"
#include "tests/scenario/script.h"

#define SECONDS 20

/* The page that a child tells its failure through. */
struct page {
	bool done;
	char why[2000];
};

struct totals {
	unsigned passed, failed;
};

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void child(const struct script *s, const char *plugin, struct page *page)
{
	unsigned fds = open_fds();

	alarm(SECONDS);
	if (!script_run(s, plugin, page->why, sizeof(page->why)) && open_fds() != fds)
		snprintf(page->why, sizeof(page->why), "%s: a descriptor is left open", s->file);
	page->done = true;
	exit(0);
}

static void run(const struct script *s, const char *plugin, struct page *page, struct totals *t)
{
	const char *base = strrchr(s->file, '/');
	int status = 0;
	pid_t pid;

	memset(page, 0, sizeof(*page));
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(s, plugin, page);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		snprintf(page->why, sizeof(page->why), "%s", strerror(errno));
	else if (WIFSIGNALED(status))
		snprintf(page->why, sizeof(page->why), "killed by SIG%s",
			 sigabbrev_np(WTERMSIG(status)));
	else if (!page->why[0] && (!page->done || WEXITSTATUS(status)))
		snprintf(page->why, sizeof(page->why), "exit status %d", WEXITSTATUS(status));
	if (page->why[0]) {
		t->failed++;
		printf("not ok %s/%s: %s\n", base ? base + 1 : s->file, s->title, page->why);
	} else {
		t->passed++;
		printf("ok %s/%s\n", base ? base + 1 : s->file, s->title);
	}
}

/* ------------------------------------------------------------------- reading */

static int add_line(struct script *s, char *text, int number)
{
	struct script_line *lines = reallocarray(s->lines, s->count + 1, sizeof(*lines));
	size_t n = strlen(text);

	if (!lines)
		return -ENOMEM;
	while (n && isspace((unsigned char)text[n - 1]))
		text[--n] = 0;
	s->lines = lines;
	lines[s->count].text = text;
	lines[s->count++].number = number;
	return 0;
}

/* The whole file as a string, or NULL with errno set. */
static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t len = 0;
	ssize_t n;

	if (!f)
		return NULL;
	n = getdelim(&text, &len, 0, f);
	fclose(f);
	if (n < 0) {
		free(text);
		errno = ENODATA;
		return NULL;
	}
	return text;
}

/* "scenario "TITLE"" → TITLE in place, or NULL. */
static char *title_of(char *line)
{
	char *begin, *end;

	if (strncmp(line, "scenario ", 9))
		return NULL;
	begin = strchr(line, '"');
	end = begin ? strchr(begin + 1, '"') : NULL;
	if (!end)
		return NULL;
	*end = 0;
	return begin + 1;
}

struct runner {
	const char *plugin, *filter;
	unsigned left; /* out, for this engine cannot play them */
	struct page *page;
	struct totals totals;
};

static bool can_play(const struct script *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!fake_plays(s->lines[i].text))
			return false;
	return true;
}

static void flush(struct runner *r, struct script *s)
{
	bool chosen = s->title && s->count && (!r->filter || strstr(s->title, r->filter));

	if (chosen && can_play(s))
		run(s, r->plugin, r->page, &r->totals);
	else if (chosen)
		r->left++;
	s->title = NULL;
	s->count = 0;
}

static int run_file(struct runner *r, const char *path)
{
	char *text = slurp(path), *rest = text, *line;
	struct script s = { .file = path };
	int number = 0, rc = 0;

	if (!text)
		return -errno;
	while (!rc && (line = strsep(&rest, "\n"))) {
		char *title = title_of(line);

		number++;
		if (title) {
			flush(r, &s);
			s.title = title;
		} else if (line[0] != '#' && line[strspn(line, " \t")]) {
			rc = s.title ? add_line(&s, line, number) : -EINVAL;
		}
	}
	flush(r, &s);
	free(s.lines);
	free(text);
	return rc;
}

/* The plugin lies beside this program. */
static int find_plugin(char *path, size_t len)
{
	ssize_t n = readlink("/proc/self/exe", path, len - 1);
	char *slash;

	if (n < 0)
		return -errno;
	path[n] = 0;
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) + sizeof("/script.so") > len)
		return -ENAMETOOLONG;
	strcpy(slash, "/script.so");
	return 0;
}

int main(int argc, char **argv)
{
	char plugin[2048];
	struct runner r = { .plugin = plugin };
	int i = 1, rc = find_plugin(plugin, sizeof(plugin));

	if (argc > 2 && !strcmp(argv[1], "-t")) {
		r.filter = argv[2];
		i = 3;
	}
	r.page = mmap(NULL, sizeof(*r.page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (rc || r.page == MAP_FAILED || i >= argc) {
		fprintf(stderr, "usage: scenario [-t TEXT] FILE.scn...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; i < argc; i++) {
		rc = run_file(&r, argv[i]);
		if (rc) {
			printf("not ok %s: %s\n", argv[i], strerror(-rc));
			r.totals.failed++;
		}
	}
	munmap(r.page, sizeof(*r.page));
	if (r.left)
		printf("# %u are for other engines\n", r.left);
	printf("scenario: %u passed, %u failed, 0 skipped\n", r.totals.passed, r.totals.failed);
	return r.totals.failed != 0;
}
