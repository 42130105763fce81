/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * who.h - everything that a program can run under: vmmd and what it is compared with.
 *
 * The list is made at run time: the engines are those that vmmctl names, the
 * other tools those that are installed. Who cannot be measured stays in the
 * list with the reason.
 */
#ifndef BENCH_WHO_H
#define BENCH_WHO_H

#include <stdbool.h>
#include <stddef.h>

#define WHO_MAX 48
#define WHO_WORDS 24
#define ENGINES_MAX 8

enum who_kind { WHO_NATIVE, WHO_FILTER, WHO_BARE, WHO_VMMD, WHO_PEER };

struct who {
	enum who_kind kind;
	char key[48];
	char what[64];
	char *prefix[WHO_WORDS]; /* the command line before that of the program, closed by NULL */
	int words;
	int engine;    /* of WHO_VMMD: index into engine[], else -1 */
	char stack;    /* … and 'a' to 'e': README.md */
	char why[200]; /* it is not measured, because; empty: it is */
};

struct engine_info {
	char name[32];
	char why[200]; /* not usable here, because; empty: usable */
	bool exit;     /* has exit stops */
};

struct who_list {
	struct engine_info engine[ENGINES_MAX];
	size_t engines;
	struct who who[WHO_MAX]; /* the first one is native */
	size_t count;
};

/* The engines of this build. 0 or a negative errno. */
int who_engines(struct who_list *, const char *vmmctl);
/* All of them, each tried once; `dir` holds our own programs, `elsewhere` is a directory to remap to. */
int who_all(struct who_list *, const char *dir, const char *vmmctl, const char *elsewhere);
void who_free(struct who_list *);

#endif
