/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errname.c - error numbers by name.
 *
 * The C library names numbers; the other direction is a search, done only
 * when options and answers are read.
 */
#include "vmmd/plugins/common/errname.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRNAME_MAX EHWPOISON /* the last one */

int errname_parse(const char *text)
{
	/* The C library has one name a number; these are the second ones. */
	static const struct {
		const char *name;
		int num;
	} other[] = {{"EWOULDBLOCK", EAGAIN}, {"EDEADLOCK", EDEADLK}, {"ENOTSUP", ENOTSUP},
		     {"EOPNOTSUPP", EOPNOTSUPP}};

	if (text[0] >= '0' && text[0] <= '9') {
		char *end;
		unsigned long num = strtoul(text, &end, 10);

		return !*end && num <= ERRNAME_MAX && strerrorname_np((int)num) ? (int)num : 0;
	}
	for (int num = 1; num <= ERRNAME_MAX; num++) {
		const char *name = strerrorname_np(num);

		if (name && !strcmp(name, text))
			return num;
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (!strcmp(other[i].name, text))
			return other[i].num;
	return 0;
}

int errname_check(const char *text, char *why, size_t len)
{
	if (errname_parse(text))
		return 0;
	snprintf(why, len, "no error has this name or number (EPERM, ENOENT, 13, ...)");
	return -1;
}
