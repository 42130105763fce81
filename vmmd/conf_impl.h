/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_impl.h - what the files of the configuration share; for conf*.c only.
 *
 * conf.c       struct conf and the command line's `-l`
 * conf_yaml.c  the session file
 * conf_check.c options against the schema of a plugin
 * conf_text.c  messages, names, durations
 */
#ifndef VMMD_CONF_IMPL_H
#define VMMD_CONF_IMPL_H

#include <errno.h>

#include "vmmd/conf.h"

#define CONF_MAX_TEXT (256u * 1024) /* bytes of a file or of one `-l` */
#define CONF_MAX_OPTIONS 64u	    /* of one layer; duplicates are searched linearly */
#define CONF_MAX_NAME 31u	    /* bytes of the name of a plugin, engine or option */
#define CONF_SHOWN 60		    /* bytes of foreign text in a message */

/* -- conf_text.c */

/* The length of the UTF-8 sequence at `s` (left > 0); 0 if it is none, or a control character. */
size_t conf_utf8_len(const unsigned char *s, size_t left);
/* Write the line "WHERE" "TEXT" to `why`. */
void conf_say(char *why, size_t len, const char *where, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same, with the error that goes with it as value: macros, so that an analyzer sees that it is not 0. */
#define conf_fail(...) (conf_say(__VA_ARGS__), -EINVAL)
#define conf_no_memory(why_, len_) (conf_say(why_, len_, "", "out of memory"), -ENOMEM)
/* Lower-case letters, digits and '-', at most CONF_MAX_NAME. */
bool conf_is_name(const char *);

/* Advice about an unknown word: the nearest known one, and all of them. Starts as zero. */
struct conf_advice {
	char text[512]; /* all, "a, b, c" */
	size_t used;
	unsigned nearest;
	char best[CONF_MAX_NAME + 1];
};
#define CONF_HINT_LEN (CONF_MAX_NAME + 32)

void conf_advise(struct conf_advice *, const char *unknown, const char *known);
/* "; did you mean "BEST"?" or nothing, in `buf`. */
const char *conf_hint(const struct conf_advice *, char *buf, size_t len);
/* The index of `text` in `choices`, or -EINVAL with a line. `what` is what has that value. */
int conf_choose(const char *text, const char *const *choices, const char *where, const char *what, char *why,
		size_t len);
/* A duration in milliseconds; a little above 0 never becomes 0. */
int conf_duration(const char *text, int64_t *ms);
#define CONF_DURATION_FORM "a duration, such as 250ms, 5s, 2m, 1h or 0.5 (seconds)"

/* -- conf.c; 0 or -errno, with a line where `why` is a parameter */

/* Begin a layer; the caller gives it to conf_push() or, after failure too, to conf_layer_fini(). */
int conf_layer_init(struct conf_layer *, const char *where, const char *plugin, char *why, size_t len);
void conf_layer_fini(struct conf_layer *);
/* Begin an option of a layer; `*out` is valid until the next one begins. */
int conf_layer_add(struct conf_layer *, const char *where, const char *name, struct conf_option **out, char *why,
		   size_t len);
/* Add an item to the value of an option. */
int conf_option_add(struct conf_option *, const char *text, size_t len);
/* Make it the outermost layer. Takes what the layer owns, on success only. */
int conf_push(struct conf *, const struct conf_layer *, char *why, size_t len);
/*
 * Read items joined with '+' from `*s` up to one of `stops` or the end, where
 * `*s` is left. A backslash before ',', '+', '=' or '\' makes it a plain character.
 */
int conf_split(struct conf_option *, const char **s, const char *stops);
void conf_option_fini(struct conf_option *);

#endif
