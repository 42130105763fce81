/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h - a line under construction.
 *
 * The buffer is the owner's and never grows: what does not fit is left out.
 * Bytes of the program (text_escaped) leave TEXT_RESERVE bytes free, so that
 * the frame around them (text_put, text_printf) still fits and a line that was
 * too long is cut inside a string, never in its syntax.
 */
#ifndef TRACE_TEXT_H
#define TRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_RESERVE 2048

struct text {
	char *buf; /* not closed by NUL */
	size_t len;
	size_t cap;
};

enum text_style {
	TEXT_C,	   /* as in a C string: \n, \", \303 */
	TEXT_JSON, /* JSON; bytes that are not UTF-8 become \u00XX each */
};

void text_init(struct text *, char *buf, size_t cap);
void text_put(struct text *, const char *bytes, size_t len);
void text_puts(struct text *, const char *string);
void text_printf(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_escaped(struct text *, const char *bytes, size_t len, enum text_style);

#endif
