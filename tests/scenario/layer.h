/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layer.h - the plugin `script`: what its rules and deeds share.
 *
 * layer.c reads the rules and is called; deeds.c does what they say.
 */
#ifndef TESTS_LAYER_H
#define TESTS_LAYER_H

#include <vmmd/plugin.h>

#define MAX_TICKETS 256
#define MAX_WORDS 12

enum event {
	EV_ENTRY,
	EV_EXIT,
	EV_SIGNAL,
	EV_REFUSE,
	EV_EXEC,
	EV_NEW,
	EV_END,
	EV_CANCEL,
	EV_OPEN,
	EV_ADVISORY,
	EV_BELOW,
	EV_COUNT
};

/* A rule: its words point into `text`. */
struct rule {
	char *text;
	enum event event;
	bool any;	    /* @all or * */
	int64_t want, view; /* the call or signal it matches */
	bool unasked;
	const char *deed;
	char *word[MAX_WORDS];
	int words;
};

struct layer {
	const struct vmmd_host *host;
	struct vmmd_layer *layer;
	const char *name;
	int log;
	struct rule *rules;
	size_t count;
	uint64_t tickets[MAX_TICKETS + 1];
	struct vmmd_req *reqs[MAX_TICKETS + 1];
	int last;
	struct answer *answers; /* all that were ever on their way */
};

/* An answer on its way; freed with the layer, because its request may be cancelled before. */
struct answer {
	struct answer *next;
	struct layer *l;
	uint64_t ticket;
	enum vmmd_verdict verdict;
	int64_t result;
	int rc;
	struct vmmd_watch *watch;
	int fd[2];
};

/* layer.c: one line of the log; a number; a call's number from its name or number. */
void say(const struct layer *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int64_t number(const char *text);
int64_t call_number(const struct layer *, const char *text);
bool deed_is(const struct rule *, const char *const *names);

/* What a deed answers when it gives no verdict. */
#define GO_ON ((enum vmmd_verdict)-2)

/* deeds.c: a deed that answers, else GO_ON; one that changes or shows something: 0 or -errno. */
enum vmmd_verdict deed_answer(struct layer *, struct vmmd_req *, const struct rule *);
int deed_act(struct layer *, struct vmmd_req *, const struct rule *);
/* Resume the layer's INDEXth request; `how`: "thread", or "". */
int deed_resume(struct layer *, const char *how, int index, const char *verdict, const char *result);
void deed_answers_free(struct layer *);

#endif
