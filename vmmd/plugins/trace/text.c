/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.c - a line under construction.
 */
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void text_init(struct text *t, char *buf, size_t cap)
{
	*t = (struct text){ .buf = buf, .cap = cap };
}

void text_put(struct text *t, const char *bytes, size_t len)
{
	size_t room = t->cap - t->len;

	if (len > room)
		len = room;
	if (len) /* of nothing, `bytes` may be NULL */
		memcpy(t->buf + t->len, bytes, len);
	t->len += len;
}

void text_puts(struct text *t, const char *string)
{
	text_put(t, string, strlen(string));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (len > 0)
		text_put(t, buf, (size_t)len < sizeof(buf) ? (size_t)len : sizeof(buf) - 1);
}

/* Room for `len` more bytes of the program? Once there is none, all the rest is left out. */
static bool has_room(const struct text *t, size_t len)
{
	return t->len + len + TEXT_RESERVE <= t->cap;
}

static char c_letter(unsigned char c)
{
	switch (c) {
	case '\n': return 'n';
	case '\t': return 't';
	case '\r': return 'r';
	case '\v': return 'v';
	case '\f': return 'f';
	case '"':
	case '\\': return (char)c;
	default: return 0;
	}
}

/* Writes one byte as C does; `next` tells whether a short octal would swallow a digit. */
static size_t escape_c(char *out, unsigned char c, int next)
{
	char letter = c_letter(c);

	if (letter)
		return (size_t)sprintf(out, "\\%c", letter);
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	return (size_t)sprintf(out, next >= '0' && next <= '7' ? "\\%03o" : "\\%o", c);
}

/* The length of the UTF-8 character at p, or 0 if there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *p, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3
							: p[0] < 0xf8 ? 4 : 0;

	if (n < 2)
		return n;
	if (n > len)
		return 0;
	uint32_t c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

/* Writes one character as JSON does and says in *used how many bytes it had. */
static size_t escape_json(char *out, const unsigned char *p, size_t len, size_t *used)
{
	size_t n = utf8_length(p, len);

	*used = n ? n : 1;
	if (n == 0 || p[0] < 0x20 || p[0] == 0x7f)
		return (size_t)sprintf(out, "\\u%04x", p[0]);
	if (p[0] == '"' || p[0] == '\\')
		return (size_t)sprintf(out, "\\%c", p[0]);
	memcpy(out, p, n);
	return n;
}

void text_escaped(struct text *t, const char *bytes, size_t len, enum text_style style)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0; i < len;) {
		char out[8];
		size_t n, used = 1;

		if (style == TEXT_JSON)
			n = escape_json(out, p + i, len - i, &used);
		else
			n = escape_c(out, p[i], i + 1 < len ? p[i + 1] : 0);
		if (!has_room(t, n))
			return;
		text_put(t, out, n);
		i += used;
	}
}
