// SPDX-License-Identifier: GPL-2.0-or-later
/* below.c - the directories below which paths concern somebody. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/below.h"

/* Absolute, and such that cleaning would not change it. */
static bool is_clean(const char *path)
{
	if (strcmp(path, "/") == 0)
		return true;
	while (*path == '/') {
		size_t n = strcspn(++path, "/");

		if (!n || (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += n;
		if (!*path)
			return true;
	}
	return false;
}

int below_add(struct below *b, const char *dir)
{
	char **more;

	if (strnlen(dir, PATH_MAX) == PATH_MAX)
		return -ENAMETOOLONG;
	if (!is_clean(dir))
		return -EINVAL;
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->dir[i], dir) == 0)
			return 0;
	more = realloc(b->dir, (b->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	b->dir = more;
	more[b->n] = strdup(dir);
	if (!more[b->n])
		return -ENOMEM;
	b->n++;
	b->root |= strcmp(dir, "/") == 0;
	return 0;
}

bool below_is_narrow(const struct below *b)
{
	return b->n && !b->root;
}

void below_fini(struct below *b)
{
	while (b->n)
		free(b->dir[--b->n]);
	free(b->dir);
	*b = (struct below){0};
}
