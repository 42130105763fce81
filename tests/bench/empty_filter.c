/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * empty_filter.c - become a command under a seccomp filter that allows everything.
 *
 *   empty_filter CMD [ARG]...
 *
 * What such a filter costs, any filter costs.
 */
#include "tests/bench/bare.h"

#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct bare_set none;
	int r = bare_set_parse(&none, "@none");

	if (argc < 2) {
		fprintf(stderr, "usage: empty_filter CMD [ARG]...\n");
		return 2;
	}
	if (!r)
		r = bare_filter(&none, SECCOMP_RET_ALLOW, 0);
	if (r < 0) {
		fprintf(stderr, "empty_filter: %s\n", strerror(-r));
		return 125;
	}
	execvp(argv[1], argv + 1);
	return 127;
}
