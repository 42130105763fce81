/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_perform.h - in the place of vmmd/perform.c: calls are told, not run.
 *
 * perform() notes the call with its paths as text and has the result that the
 * scenario has set. Only one scenario runs in a process.
 */
#ifndef TESTS_FAKE_PERFORM_H
#define TESTS_FAKE_PERFORM_H

/* What perform() gives from now on: a number, "fd", "fd-cloexec", or "unable". */
void fake_perform_set(const char *result);
/* The oldest call that was not taken yet, "open(/etc/passwd, 0x241, 0x1a4)", or NULL. */
const char *fake_perform_take(void);

#endif
