/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.h - a system call, its result, a signal in words.
 *
 * The arguments of a call are decoded in two parts: at entry those before the
 * first one that the kernel fills in, when the call has returned the rest.
 * What the program gave is read once, at entry; nothing is read again.
 *
 * In text the arguments are as in C, in JSON each is an array member: strings
 * and buffers as they are, vectors as arrays, all else the text as a string.
 */
#ifndef TRACE_DECODE_H
#define TRACE_DECODE_H

#include "text.h"

#include <vmmd/plugin.h>

#define DECODE_PATH_MAX 4096 /* paths are never cut below this */
#define DECODE_STRING_MAX 4096
#define DECODE_BYTES (DECODE_PATH_MAX + 8)
#define DECODE_VECTOR_MAX 32 /* strings shown of a vector */

struct decode {
	const struct vmmd_host *host;
	size_t strings; /* most bytes shown of what is no path, at most DECODE_STRING_MAX */
	bool json;
	char *bytes; /* the owner's, DECODE_BYTES of room for what is read from a task */
};

/* How a call went on. */
struct decode_end {
	struct vmmd_req *req; /* NULL: the task cannot be read any more */
	bool returned;
	int64_t result;
};

/* Appends the arguments known at entry; returns the number of the first one that is not. */
unsigned decode_entry(const struct decode *, struct vmmd_req *, const struct vmmd_call *,
		      struct text *);
/* The number of the first argument that is not known at entry. */
unsigned decode_split(const struct decode *, const struct vmmd_call *);
/* Appends the arguments from number `from` on. */
void decode_rest(const struct decode *, const struct decode_end *, const struct vmmd_call *,
		 unsigned from, struct text *);

/* "openat"; for a number that no call has "syscall", whose first argument is then the number. */
const char *decode_name(const struct decode *, int64_t nr);
/* "3", "-1 ENOENT (No such file or directory)", "? ERESTARTSYS". */
void decode_result(const struct decode *, int64_t nr, int64_t result, struct text *);
/* "ENOENT" for -2, "ERESTARTSYS" for -512; NULL if the result is no such number. */
const char *decode_errno_name(int64_t result);

/* "SIGINT"; "SIGRT_3" and numbers that are no signal are written to `buf`. */
const char *decode_signal_name(int signo, char *buf, size_t len);
/* "{si_code=SI_USER, si_pid=1, si_uid=0}" */
void decode_siginfo(const siginfo_t *, struct text *);
/* The name of si_code, or NULL. */
const char *decode_si_code(const siginfo_t *);

#endif
