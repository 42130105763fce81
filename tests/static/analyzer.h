/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * analyzer.h - what the static analyzers cannot know. They include this before
 * each file; no compiler does. It says less than the truth, never more:
 *
 *  - after a call that failed, errno is positive, so that "return -errno" is an
 *    error. The values are those by which the code decides and one for all others:
 *    the analyzer cannot negate a number that it does not know;
 *  - taking an element out of a list changes the head of the list. The analyzers
 *    do not follow the pointers by which utlist.h and sys/queue.h do that, and
 *    would see the freed element at the head again.
 */
#ifndef TESTS_STATIC_ANALYZER_H
#define TESTS_STATIC_ANALYZER_H

#include <errno.h>
#include <sys/queue.h>
#include <uthash.h>
#include <utlist.h>

void *analyzer_unknown(void);

static inline int *analyzer_errno(void)
{
	int *e = __errno_location();

	switch (*e) {
	case EPERM: case ENOENT: case ESRCH: case EINTR: case EAGAIN: case ENOSYS: case EIO:
		return e;
	default:
		__builtin_unreachable();
	}
}
#undef errno
#define errno (*analyzer_errno())

#undef DL_DELETE
#define DL_DELETE(head, del) \
	((void)(del), (head) = (__typeof__(head))analyzer_unknown())
#undef LIST_FIRST
#define LIST_FIRST(head) ((void)(head), (__typeof__((head)->lh_first))analyzer_unknown())
#undef LIST_EMPTY
#define LIST_EMPTY(head) (LIST_FIRST(head) == NULL)

#endif
