/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_text.c - the texts of the configuration: messages, names, durations.
 *
 * Every message is made by conf_say(), which leaves one line of valid UTF-8
 * without control characters whatever was quoted in it. No state.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmmd/conf_impl.h"

size_t conf_utf8_len(const unsigned char *s, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0;
	uint32_t c;

	if (n == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (!n || n > left)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[n] || c < 0xa0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

/* A message quotes what others wrote and goes to terminals and into JSON: make it one clean line. */
static void clean(char *text)
{
	for (size_t n, left = strlen(text); left; left -= n, text += n) {
		n = conf_utf8_len((unsigned char *)text, left);
		if (!n) {
			*text = '?';
			n = 1;
		}
	}
}

void conf_say(char *why, size_t len, const char *where, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!len)
		return;
	n = snprintf(why, len, "%s", where);
	if (n >= 0 && (size_t)n < len) {
		va_start(ap, fmt);
		vsnprintf(why + n, len - n, fmt, ap);
		va_end(ap);
	}
	clean(why);
}

bool conf_is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= CONF_MAX_NAME && !s[n];
}

/* How many characters apart two names are; anything too long is far away. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[CONF_MAX_NAME + 2], n = strlen(b);

	if (n > CONF_MAX_NAME || strlen(a) > CONF_MAX_NAME)
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

void conf_advise(struct conf_advice *a, const char *unknown, const char *known)
{
	unsigned d = distance(unknown, known);
	int n;

	if (a->used < sizeof(a->text)) {
		n = snprintf(a->text + a->used, sizeof(a->text) - a->used, "%s%s", a->used ? ", " : "", known);
		a->used += n > 0 ? n : 0;
	}
	if (d <= 2 && d < strlen(known) && (!a->best[0] || d < a->nearest)) {
		a->nearest = d;
		snprintf(a->best, sizeof(a->best), "%s", known);
	}
}

const char *conf_hint(const struct conf_advice *a, char *buf, size_t len)
{
	buf[0] = '\0';
	if (a->best[0])
		snprintf(buf, len, "; did you mean \"%s\"?", a->best);
	return buf;
}

int conf_choose(const char *text, const char *const *choices, const char *where, const char *what, char *why,
		size_t len)
{
	struct conf_advice a = { .used = 0 };
	char hint[CONF_HINT_LEN];

	for (int i = 0; choices[i]; i++) {
		if (!strcmp(text, choices[i]))
			return i;
		conf_advise(&a, text, choices[i]);
	}
	return conf_fail(why, len, where, "%s is \"%.*s\"%s (choose one of: %s)", what, CONF_SHOWN, text,
			 conf_hint(&a, hint, sizeof(hint)), a.text);
}

int conf_duration(const char *text, int64_t *ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	int64_t whole = 0, part = 0, scale = 1;
	const char *s = text;
	size_t n = strspn(s, "0123456789"), u;

	/* Nine digits of hours are a hundred thousand years, and fit. */
	if (!n || n > 9)
		return -EINVAL;
	for (; n; n--)
		whole = whole * 10 + (*s++ - '0');
	if (*s == '.') {
		n = strspn(++s, "0123456789");
		if (!n || n > 9)
			return -EINVAL;
		for (; n; n--, scale *= 10)
			part = part * 10 + (*s++ - '0');
	}
	for (u = 0; u < sizeof(units) / sizeof(units[0]); u++)
		if (!strcmp(s, units[u].name))
			break;
	if (u == sizeof(units) / sizeof(units[0]))
		return -EINVAL;
	*ms = whole * units[u].ms + part * units[u].ms / scale;
	if (!*ms && (whole || part))
		*ms = 1;
	return 0;
}
