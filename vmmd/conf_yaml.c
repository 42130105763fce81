/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_yaml.c - reading a session file.
 *
 * The file is read as a stream of libfyaml events, each with its position, and
 * not as a libfyaml document: the first event that a session file cannot have
 * ends the reading, so hostile input builds no tree, and depth is bounded by
 * the grammar below and not by the text. Before libfyaml sees a byte the text
 * is known to be small, valid UTF-8 without control characters.
 *
 * A struct yaml lives for one conf_parse(). What has been read completely is
 * in the struct conf; a layer that is half read is freed by yaml_layers().
 */
#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmmd/conf_impl.h"

/* One reading. `event` is the current one; `line` and `col` (from 1) are where it is. */
struct yaml {
	const char *file;
	const char *input;
	size_t input_len;
	char *why;
	size_t len;
	struct fy_diag *diag;
	struct fy_parser *parser;
	struct fy_event *event;
	char *text; /* of the current scalar */
	int line, col;
	char where[320];
};

/* Where the current event is, for messages; valid until the next call. */
static const char *here(struct yaml *y)
{
	snprintf(y->where, sizeof(y->where), "%.256s:%d:%d: ", y->file, y->line, y->col);
	return y->where;
}

#define yaml_fail(y, ...) conf_fail((y)->why, (y)->len, here(y), __VA_ARGS__)

/* Where byte `at` of the text is; columns count characters as libfyaml does. */
static void yaml_locate(struct yaml *y, const char *text, size_t at)
{
	y->line = y->col = 1;
	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n') {
			y->line++;
			y->col = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			y->col++;
		}
	}
}

/* What libfyaml is spared, and the reader of a message too: see the top of this file. */
static int yaml_vet(struct yaml *y, const char *text, size_t len)
{
	y->line = y->col = 1;
	if (len > CONF_MAX_TEXT)
		return yaml_fail(y, "the file has %zu bytes; at most %u are read", len, CONF_MAX_TEXT);
	for (size_t n, i = 0; i < len; i += n) {
		n = conf_utf8_len((const unsigned char *)text + i, len - i);
		if (!n && (text[i] == '\n' || text[i] == '\t' || text[i] == '\r'))
			n = 1;
		if (!n) {
			yaml_locate(y, text, i);
			return yaml_fail(y, "byte 0x%02x is not text; write the file in UTF-8 without control characters",
					 (unsigned char)text[i]);
		}
	}
	return 0;
}

/* libfyaml's own words about what it could not read; the first is the cause. */
static int yaml_syntax(struct yaml *y)
{
	struct fy_diag_error *e;
	void *iter = NULL;

	while ((e = fy_diag_errors_iterate(y->diag, &iter))) {
		if (e->type < FYET_ERROR || !e->msg)
			continue;
		if (e->line > 0 && e->column > 0) {
			y->line = e->line;
			y->col = e->column;
		}
		return yaml_fail(y, "not valid YAML: %.200s", e->msg);
	}
	return yaml_fail(y, "not valid YAML");
}

static void yaml_drop(struct yaml *y)
{
	if (y->event)
		fy_parser_event_free(y->parser, y->event);
	y->event = NULL;
	free(y->text);
	y->text = NULL;
}

/*
 * libfyaml 0.7 reads 'a''''b' as a'''b and not as a''b: two quotes in a row inside
 * single quotes cannot be had from it, nor can its mistake be told from its result.
 */
static bool yaml_misread(const struct yaml *y, struct fy_token *t)
{
	const struct fy_mark *start = fy_token_start_mark(t), *end = fy_token_end_mark(t);

	if (fy_token_scalar_style(t) != FYSS_SINGLE_QUOTED)
		return false;
	if (!start || !end || start->input_pos > end->input_pos || end->input_pos > y->input_len)
		return true;
	return memmem(y->input + start->input_pos, end->input_pos - start->input_pos, "''''", 4);
}

/* Copy the text of a scalar; escapes in it can say what yaml_vet() has kept out. */
static int yaml_text(struct yaml *y)
{
	struct fy_token *token = y->event->scalar.value;
	const char *s;
	size_t len = 0;

	if (yaml_misread(y, token))
		return yaml_fail(y, "two quotes in a row inside single quotes are not read; use double quotes around the text");
	s = fy_token_get_text(token, &len);
	if (!s)
		len = 0;
	for (size_t n, i = 0; i < len; i += n) {
		n = conf_utf8_len((const unsigned char *)s + i, len - i);
		if (!n)
			return yaml_fail(y, "the text holds a line break or a control character; write one line of plain text");
	}
	y->text = strndup(s ? s : "", len);
	return y->text ? 0 : conf_no_memory(y->why, y->len);
}

/* What has no mark of its own is where the last thing was. */
static void yaml_at(struct yaml *y, const struct fy_mark *mark)
{
	if (!mark)
		return;
	y->line = mark->line + 1;
	y->col = mark->column + 1;
}

/* Go to the next event: its type (> 0), or -errno with a line. */
static int yaml_next(struct yaml *y)
{
	struct fy_token *anchor, *tag;
	int rc;

	yaml_drop(y);
	y->event = fy_parser_parse(y->parser);
	if (!y->event)
		return yaml_syntax(y);
	yaml_at(y, fy_event_start_mark(y->event));
	if (y->event->type == FYET_ALIAS)
		return yaml_fail(y, "aliases (*name) are not used in session files; write the text out");
	anchor = fy_event_get_anchor_token(y->event);
	if (anchor) {
		yaml_at(y, fy_token_start_mark(anchor));
		return yaml_fail(y, "anchors (&name) are not used in session files; remove it");
	}
	tag = fy_event_get_tag_token(y->event);
	if (tag) {
		yaml_at(y, fy_token_start_mark(tag));
		return yaml_fail(y, "tags (!name) are not used in session files; remove it");
	}
	if (y->event->type == FYET_SCALAR) {
		rc = yaml_text(y);
		if (rc)
			return rc;
	}
	return y->event->type;
}

/* Is the current scalar YAML's null: nothing at all, or an unquoted word for it? */
static bool yaml_is_null(const struct yaml *y)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	if (fy_token_scalar_style(y->event->scalar.value) != FYSS_PLAIN)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(y->text, words[i]))
			return true;
	return false;
}

static const char *yaml_kind(const struct yaml *y)
{
	switch ((int)y->event->type) {
	case FYET_MAPPING_START:
		return "a mapping";
	case FYET_SEQUENCE_START:
		return "a list";
	default:
		return yaml_is_null(y) ? "nothing" : "a text";
	}
}

/* The current event must be a text that says something. `what` names it. */
static int yaml_want_text(struct yaml *y, const char *what)
{
	if (y->event->type == FYET_SCALAR && !yaml_is_null(y))
		return 0;
	if (y->event->type == FYET_SCALAR)
		return yaml_fail(y, "%s has no value; write one (in quotes if it is empty or \"null\")", what);
	return yaml_fail(y, "%s is %s; expected a text", what, yaml_kind(y));
}

/* The value of an option: a text, or a list of them. */
static int yaml_option_value(struct yaml *y, struct conf_option *o)
{
	char what[CONF_MAX_NAME + 32];
	int rc;

	snprintf(what, sizeof(what), "option %s", o->name);
	rc = yaml_next(y);
	if (rc < 0)
		return rc;
	if (rc == FYET_MAPPING_START)
		return yaml_fail(y, "%s is a mapping; expected a text or a list of texts", what);
	if (rc == FYET_SCALAR) {
		rc = yaml_want_text(y, what);
		if (rc)
			return rc;
		return conf_option_add(o, y->text, strlen(y->text)) ? conf_no_memory(y->why, y->len) : 0;
	}
	o->is_list = true;
	snprintf(what, sizeof(what), "an item of option %s", o->name);
	while ((rc = yaml_next(y)) > 0 && rc != FYET_SEQUENCE_END) {
		rc = yaml_want_text(y, what);
		if (rc)
			return rc;
		if (conf_option_add(o, y->text, strlen(y->text)))
			return conf_no_memory(y->why, y->len);
	}
	return rc < 0 ? rc : 0;
}

/* Behind the name of a layer: a mapping of options, or nothing. */
static int yaml_options(struct yaml *y, struct conf_layer *l)
{
	struct conf_option *o = NULL;
	int rc = yaml_next(y);

	if (rc < 0 || (rc == FYET_SCALAR && yaml_is_null(y)))
		return rc < 0 ? rc : 0;
	if (rc != FYET_MAPPING_START)
		return yaml_fail(y, "the options of layer %.*s are %s; expected a mapping, such as {option: value}",
				 CONF_SHOWN, l->plugin, yaml_kind(y));
	while ((rc = yaml_next(y)) > 0 && rc != FYET_MAPPING_END) {
		rc = yaml_want_text(y, "the name of an option");
		if (!rc)
			rc = conf_layer_add(l, here(y), y->text, &o, y->why, y->len);
		if (!rc)
			rc = yaml_option_value(y, o);
		if (rc)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

/* One item of `layers`: NAME, or {NAME: {option: value…}}. The current event begins it. */
static int yaml_layer(struct yaml *y, struct conf_layer *l)
{
	bool mapping = y->event->type == FYET_MAPPING_START;
	int rc = mapping ? yaml_next(y) : 0;

	if (rc < 0)
		return rc;
	/* `null` unquoted is the name of a layer here. */
	if (y->event->type != FYET_SCALAR || !y->text[0] || !strcmp(y->text, "~"))
		return yaml_fail(y, "expected the name of a layer, or \"NAME: {option: value}\"");
	rc = conf_layer_init(l, here(y), y->text, y->why, y->len);
	if (rc || !mapping)
		return rc;
	rc = yaml_options(y, l);
	if (rc)
		return rc;
	rc = yaml_next(y);
	if (rc < 0 || rc == FYET_MAPPING_END)
		return rc < 0 ? rc : 0;
	return yaml_fail(y, "a second name in the item of layer %.*s; indent its options deeper, and begin each layer with '-'",
			 CONF_SHOWN, l->plugin);
}

static int yaml_layers(struct yaml *y, struct conf *c)
{
	int rc;

	if (y->event->type != FYET_SEQUENCE_START)
		return yaml_fail(y, "layers is %s; expected a list, innermost layer first", yaml_kind(y));
	while ((rc = yaml_next(y)) > 0 && rc != FYET_SEQUENCE_END) {
		struct conf_layer l = { .plugin = NULL };

		rc = yaml_layer(y, &l);
		if (!rc)
			rc = conf_push(c, &l, y->why, y->len);
		if (rc) {
			conf_layer_fini(&l);
			return rc;
		}
	}
	return rc < 0 ? rc : 0;
}

/* The keys of a session file, in the order of conf.h. */
enum key { KEY_ENGINE, KEY_ON_FAILURE, KEY_FOREIGN, KEY_BROKEN, KEY_TIMEOUT, KEY_AT_EXIT, KEY_LAYERS, KEY_COUNT };

static const struct {
	const char *name;
	const char *choices[4];
} keys[KEY_COUNT] = {
	[KEY_ENGINE] = { "engine", { NULL } },
	[KEY_ON_FAILURE] = { "on-failure", { "kill", "release", "restart", NULL } },
	[KEY_FOREIGN] = { "foreign-abi", { "refuse", "native", NULL } },
	[KEY_BROKEN] = { "broken-layer", { "refuse", "pass", NULL } },
	[KEY_TIMEOUT] = { "layer-timeout", { NULL } },
	[KEY_AT_EXIT] = { "at-exit", { "keep", "kill", NULL } },
	[KEY_LAYERS] = { "layers", { NULL } },
};

static int yaml_key(struct yaml *y, unsigned *seen)
{
	struct conf_advice a = { .used = 0 };
	char hint[CONF_HINT_LEN];
	int rc = yaml_want_text(y, "a key");

	if (rc)
		return rc;
	for (int k = 0; k < KEY_COUNT; k++) {
		conf_advise(&a, y->text, keys[k].name);
		if (strcmp(y->text, keys[k].name))
			continue;
		if (*seen & 1u << k)
			return yaml_fail(y, "key %s is there twice; remove one", y->text);
		*seen |= 1u << k;
		return k;
	}
	return yaml_fail(y, "unknown key \"%.*s\"%s (keys: %s)", CONF_SHOWN, y->text,
			 conf_hint(&a, hint, sizeof(hint)), a.text);
}

/* The current event begins the value of key `k`. */
static int yaml_value(struct yaml *y, struct conf *c, enum key k)
{
	int rc, pick = 0;

	if (k == KEY_LAYERS)
		return yaml_layers(y, c);
	rc = yaml_want_text(y, keys[k].name);
	if (rc)
		return rc;
	if (k == KEY_ENGINE) {
		rc = conf_engine(c, y->text);
		if (rc == -EINVAL)
			return yaml_fail(y, "engine is \"%.*s\"; expected auto or the name of an engine", CONF_SHOWN, y->text);
		return rc ? conf_no_memory(y->why, y->len) : 0;
	}
	if (k == KEY_TIMEOUT) {
		if (conf_duration(y->text, &c->layer_timeout_ms))
			return yaml_fail(y, "layer-timeout is \"%.*s\"; expected " CONF_DURATION_FORM "; 0 is never",
					 CONF_SHOWN, y->text);
		return 0;
	}
	pick = conf_choose(y->text, keys[k].choices, here(y), keys[k].name, y->why, y->len);
	if (pick < 0)
		return pick;
	if (k == KEY_ON_FAILURE)
		c->on_failure = (enum conf_policy)pick;
	else if (k == KEY_FOREIGN)
		c->foreign_abi = pick ? CONF_FOREIGN_NATIVE : CONF_FOREIGN_REFUSE;
	else if (k == KEY_BROKEN)
		c->broken_layer = pick ? CONF_BROKEN_PASS : CONF_BROKEN_REFUSE;
	else
		c->kill_at_exit = pick;
	return 0;
}

static int yaml_document(struct yaml *y, struct conf *c)
{
	struct fy_document_state *state = y->event->document_start.document_state;
	unsigned seen = 0;
	int rc, k;

	if (state && (fy_document_state_version_explicit(state) || fy_document_state_tags_explicit(state)))
		return yaml_fail(y, "directives (%%YAML, %%TAG) are not used in session files; remove them");
	rc = yaml_next(y);
	if (rc < 0)
		return rc;
	if (rc != FYET_MAPPING_START)
		return yaml_fail(y, "the file holds %s; expected a mapping with keys such as \"layers:\"", yaml_kind(y));
	while ((rc = yaml_next(y)) > 0 && rc != FYET_MAPPING_END) {
		k = yaml_key(y, &seen);
		rc = k < 0 ? k : yaml_next(y);
		if (rc >= 0)
			rc = yaml_value(y, c, k);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

/* A stream of exactly one document. */
static int yaml_stream(struct yaml *y, struct conf *c)
{
	int rc = yaml_next(y);

	if (rc == FYET_STREAM_START)
		rc = yaml_next(y);
	if (rc == FYET_STREAM_END)
		return yaml_fail(y, "the file is empty; expected a mapping with keys such as \"layers:\"");
	if (rc > 0)
		rc = yaml_document(y, c);
	if (!rc)
		rc = yaml_next(y); /* the end of the document */
	if (rc > 0)
		rc = yaml_next(y);
	if (rc > 0 && rc != FYET_STREAM_END)
		return yaml_fail(y, "a second document begins; a session file is one document");
	return rc < 0 ? rc : 0;
}

/* libfyaml prints what is not collected; nothing of it is for the terminal. */
static void no_output(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	(void)diag, (void)user, (void)buf, (void)len;
}

int conf_parse(struct conf *c, const char *file, const char *text, size_t len, char *why, size_t whylen)
{
	struct fy_diag_cfg dcfg;
	struct fy_parse_cfg pcfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
					      FYPCF_DEFAULT_VERSION_1_2 };
	struct yaml y = { .file = file, .why = why, .len = whylen };
	int rc = yaml_vet(&y, text, len);

	if (rc)
		return rc;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark */
		text += 3;
		len -= 3;
	}
	y.input = text;
	y.input_len = len;
	y.line = y.col = 1;
	fy_diag_cfg_default(&dcfg);
	dcfg.fp = NULL;
	dcfg.output_fn = no_output;
	dcfg.colorize = false;
	y.diag = fy_diag_create(&dcfg);
	if (y.diag) {
		fy_diag_set_collect_errors(y.diag, true);
		pcfg.diag = y.diag;
		y.parser = fy_parser_create(&pcfg);
	}
	if (!y.parser || fy_parser_set_string(y.parser, text, len))
		rc = conf_no_memory(why, whylen);
	else
		rc = yaml_stream(&y, c);
	if (y.parser) {
		yaml_drop(&y);
		fy_parser_destroy(y.parser);
	}
	if (y.diag) /* not fy_diag_unref(): that leaks what was collected */
		fy_diag_destroy(y.diag);
	return rc;
}
