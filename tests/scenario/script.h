/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * script.h - one scenario: its lines, and carrying them out.
 */
#ifndef TESTS_SCRIPT_H
#define TESTS_SCRIPT_H

#include <stddef.h>

struct script_line {
	char *text; /* without the newline and without white space at its end */
	int number;
};

struct script {
	const char *file;
	const char *title;
	struct script_line *lines;
	size_t count;
};

/*
 * Run it. `plugin` is the path of script.so. 0, or -1 with "FILE:LINE: what" in
 * `why`. The language is described in tests/scenario/README.md.
 */
int script_run(const struct script *, const char *plugin, char *why, size_t len);

#endif
