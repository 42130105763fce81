/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_conf.c - session files, `-l`, and options against a schema.
 *
 * Most tests are tables: a text, and what must come of it. A message must
 * begin with its place, be one line, and name what it is about.
 */
#include "tests/unit/unit.h"
#include "vmmd/conf.h"
#include "vmmd/sysent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A text that is refused: where (line and column), and a piece of the message. */
struct bad {
	const char *text;
	const char *where;
	const char *piece;
};

static bool one_clean_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int parse(struct conf *c, const char *text, size_t len, char *why, size_t whylen)
{
	/* An allocation of exactly the size: what reads behind it is found by ASan. */
	char *copy = malloc(len ? len : 1);
	int rc;

	memcpy(copy, text, len);
	why[0] = '\0';
	rc = conf_parse(c, "f.yaml", copy, len, why, whylen);
	free(copy);
	return rc;
}

static void expect_bad(const struct bad *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char why[512], where[64];
		struct conf *c = conf_new();
		int rc = parse(c, b[i].text, strlen(b[i].text), why, sizeof(why));

		snprintf(where, sizeof(where), "f.yaml:%s: ", b[i].where);
		if (rc != -EINVAL || strncmp(why, where, strlen(where)) || !strstr(why, b[i].piece) ||
		    !one_clean_line(why)) {
			printf("text {%s}: rc %d, \"%s\"; expected %s…%s\n", b[i].text, rc, why, where, b[i].piece);
			CU_FAIL("refusal");
		}
		conf_free(c);
	}
}

#define FULL                                                                                       \
	"# a session\n"                                                                            \
	"engine: ptrace\n"                                                                         \
	"on-failure: release\n"                                                                    \
	"foreign-abi: native\n"                                                                    \
	"broken-layer: pass\n"                                                                     \
	"layer-timeout: 250ms\n"                                                                   \
	"at-exit: kill\n"                                                                          \
	"layers:                 # innermost first\n"                                              \
	"  - trace: {file: /tmp/inner.log, label: inner}\n"                                        \
	"  - remap:\n"                                                                             \
	"      map: [/data=/srv/data, \"/a,b=/c+d\"]\n"                                            \
	"  - \"null\":\n"                                                                          \
	"  - null\n"                                                                               \
	"  - ./own/layer.so: {}\n"

static void test_defaults(void)
{
	struct conf *c = conf_new();

	CU_ASSERT_STRING_EQUAL(c->engine, "auto");
	CU_ASSERT_EQUAL(c->on_failure, CONF_KILL);
	CU_ASSERT_EQUAL(c->foreign_abi, CONF_FOREIGN_REFUSE);
	CU_ASSERT_EQUAL(c->broken_layer, CONF_BROKEN_REFUSE);
	CU_ASSERT_EQUAL(c->layer_timeout_ms, 0);
	CU_ASSERT_FALSE(c->kill_at_exit);
	CU_ASSERT_EQUAL(c->nlayers, 0);
	conf_free(c);
	conf_free(NULL);
}

static void test_full_file(void)
{
	struct conf *c = conf_new();
	char why[512];

	CU_ASSERT_EQUAL_FATAL(parse(c, FULL, strlen(FULL), why, sizeof(why)), 0);
	CU_ASSERT_STRING_EQUAL(c->engine, "ptrace");
	CU_ASSERT_EQUAL(c->on_failure, CONF_RELEASE);
	CU_ASSERT_EQUAL(c->foreign_abi, CONF_FOREIGN_NATIVE);
	CU_ASSERT_EQUAL(c->broken_layer, CONF_BROKEN_PASS);
	CU_ASSERT_EQUAL(c->layer_timeout_ms, 250);
	CU_ASSERT_TRUE(c->kill_at_exit);
	CU_ASSERT_EQUAL_FATAL(c->nlayers, 5);
	CU_ASSERT_STRING_EQUAL(c->layers[0].plugin, "trace");
	CU_ASSERT_STRING_EQUAL(c->layers[0].where, "f.yaml:9:5: ");
	CU_ASSERT_EQUAL_FATAL(c->layers[0].count, 2);
	CU_ASSERT_STRING_EQUAL(c->layers[0].options[1].name, "label");
	CU_ASSERT_STRING_EQUAL(c->layers[0].options[1].where, "f.yaml:9:35: ");
	CU_ASSERT_STRING_EQUAL(c->layers[0].options[1].items[0], "inner");
	CU_ASSERT_FALSE(c->layers[0].options[1].is_list);
	CU_ASSERT_EQUAL_FATAL(c->layers[1].count, 1);
	CU_ASSERT_TRUE(c->layers[1].options[0].is_list);
	CU_ASSERT_EQUAL_FATAL(c->layers[1].options[0].count, 2);
	CU_ASSERT_STRING_EQUAL(c->layers[1].options[0].items[1], "/a,b=/c+d");
	CU_ASSERT_STRING_EQUAL(c->layers[2].plugin, "null");
	CU_ASSERT_STRING_EQUAL(c->layers[3].plugin, "null");
	CU_ASSERT_STRING_EQUAL(c->layers[4].plugin, "./own/layer.so");
	conf_free(c);
}

static void test_other_good_files(void)
{
	static const char *const good[] = {
		"engine: auto\n",
		"engine: auto",
		"engine: auto\r\nlayers: []\r\n",
		("\xef\xbb\xbf" "engine: auto\n"), /* a byte order mark */
		"---\nengine: auto\n...\n",
		"{engine: auto, layers: [null, {null: }, {null: {}}, null: ~]}",
		"{\"engine\": \"auto\", \"layers\": [\"null\"]}",
		"\n\n  # only then\nengine: |-\n  auto\n",
		"layers:\n- trace:\n    label: \"\"\n",
		"layers: [trace: {label: \"null\"}]",
		"layers: [trace: {label: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80}]",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		struct conf *c = conf_new();
		char why[512];

		if (parse(c, good[i], strlen(good[i]), why, sizeof(why))) {
			printf("text {%s}: %s\n", good[i], why);
			CU_FAIL("refused");
		}
		conf_free(c);
	}
}

/* Texts as YAML writes them, and what they are. libfyaml 0.7 gets one form wrong: it is refused. */
static void test_texts(void)
{
	static const struct {
		const char *yaml, *text; /* NULL: refused */
	} rows[] = {
		{ "it's", "it's" },
		{ "'it''s'", "it's" },
		{ "''''", "'" },
		{ "'a''b''c''d''e''f''g''h''i'", "a'b'c'd'e'f'g'h'i" },
		{ "'a''''b'", NULL },
		{ "'''''''''''''''''''''''''' ", NULL },
		{ "\"a''''b\"", "a''''b" },
		{ "\"\\x41\\u20ac\"", "A\xe2\x82\xac" },
		{ "\"a \\\n    b\"", "a b" },
		{ "a\n    b", "a b" },
		{ "'a\n    b'", "a b" },
		{ "\"null\"", "null" },
		{ "/usr/include/c++", "/usr/include/c++" },
		{ "a#b", "a#b" },
		{ "a #b", "a" },
		{ "a:b", "a:b" },
		{ "010", "010" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf *c = conf_new();
		char text[128], why[256];
		int n = snprintf(text, sizeof(text), "\xef\xbb\xbflayers:\n- t:\n   o: %s\n", rows[i].yaml);
		int rc = parse(c, text, n, why, sizeof(why));

		if (rows[i].text ? rc || strcmp(c->layers[0].options[0].items[0], rows[i].text) != 0 :
				   rc != -EINVAL || !strstr(why, "two quotes in a row")) {
			printf("{%s}: rc %d, \"%s\"\n", rows[i].yaml, rc, rc ? why : c->layers[0].options[0].items[0]);
			CU_FAIL("text");
		}
		conf_free(c);
	}
}

static void test_bad_structure(void)
{
	static const struct bad bad[] = {
		{ "", "1:1", "the file is empty" },
		{ "# nothing\n", "2:1", "the file is empty" },
		{ "---\n", "1:1", "the file holds nothing" },
		{ "foo", "1:1", "the file holds a text; expected a mapping" },
		{ "- trace\n", "1:1", "the file holds a list" },
		{ "engine: auto\n---\nengine: auto\n", "2:1", "a second document" },
		{ "engine: auto\n...\nengine: auto\n", "2:1", "a second document" },
		{ "%YAML 1.1\n---\nengine: auto\n", "2:1", "directives" },
		{ "%TAG ! tag:x,2000:\n---\nengine: auto\n", "2:1", "directives" },
		{ "engine: &a auto\n", "1:10", "anchors (&name)" },
		{ "engine: *a\n", "1:10", "aliases (*name)" },
		{ "engine: !!str auto\n", "1:9", "tags (!name)" },
		{ "&a engine: auto\n", "1:2", "anchors" },
		{ "layers: &l\n  - null\n", "1:10", "anchors" },
		{ "layers: [{null: !x {}}]\n", "1:17", "tags" },
		{ "layers: [{trace: {file: [a, &x b]}}]\n", "1:30", "anchors" },
		{ "<<: *x\n", "1:1", "unknown key" },
		{ "? [a]\n: b\n", "1:3", "a key is a list; expected a text" },
		{ ": x\n", "1:1", "a key has no value" },
		{ "[[[[[[[[[[[[[[[[[[", "1:1", "the file holds a list" },
	};

	expect_bad(bad, COUNT(bad));
}

static void test_bad_syntax(void)
{
	static const struct bad bad[] = {
		{ "engine: \"auto\n", "1:10", "not valid YAML: double-quoted scalar without closing quote" },
		{ "engine: auto\n@: x\n", "2:1", "not valid YAML" },
		{ "layers:\n\t- null\n", "2:1", "not valid YAML: tab" },
		{ "layers: [null\n", "2:1", "not valid YAML" },
		{ "layers: [null]]\n", "1:15", "not valid YAML" },
		{ "engine: a: b\n", "1:10", "not valid YAML" },
		{ "layers:\n  - trace:\n      file: a\n     label: b\n", "4:6", "not valid YAML" },
		{ "layers: [trace: {file: \"a\\ud800b\"}]\n", "1:26", "not valid YAML" },
	};

	expect_bad(bad, COUNT(bad));
}

static void test_bad_keys(void)
{
	static const struct bad bad[] = {
		{ "engin: auto\n", "1:1",
		  "unknown key \"engin\"; did you mean \"engine\"? (keys: engine, on-failure, foreign-abi, broken-layer, "
		  "layer-timeout, at-exit, layers)" },
		{ "zebra: 1\n", "1:1", "unknown key \"zebra\" (keys: " },
		{ "engine: auto\nat-exit: keep\nengine: auto\n", "3:1", "key engine is there twice" },
		{ "layers: [null]\nlayers: [null]\n", "2:1", "key layers is there twice" },
		{ "engine:\n", "1:1", "engine has no value" },
		{ "engine: ~\n", "1:9", "engine has no value" },
		{ "engine: [auto]\n", "1:9", "engine is a list; expected a text" },
		{ "engine: {a: b}\n", "1:9", "engine is a mapping" },
		{ "engine: Ptrace!\n", "1:9", "engine is \"Ptrace!\"" },
		{ "on-failure: kil\n", "1:13", "on-failure is \"kil\"; did you mean \"kill\"? (choose one of: kill, release, restart)" },
		{ "foreign-abi: yes\n", "1:14", "(choose one of: refuse, native)" },
		{ "broken-layer: [pass]\n", "1:15", "broken-layer is a list" },
		{ "at-exit: true\n", "1:10", "(choose one of: keep, kill)" },
		{ "layer-timeout: fast\n", "1:16", "layer-timeout is \"fast\"; expected a duration" },
		{ "layers: trace\n", "1:9", "layers is a text; expected a list" },
		{ "layers: {trace: {}}\n", "1:9", "layers is a mapping; expected a list" },
		{ "layers:\n", "1:1", "layers is nothing; expected a list" },
	};

	expect_bad(bad, COUNT(bad));
}

static void test_bad_layers(void)
{
	static const struct bad bad[] = {
		{ "layers: [[null]]\n", "1:10", "expected the name of a layer" },
		{ "layers: [~]\n", "1:10", "expected the name of a layer" },
		{ "layers:\n  -\n", "2:3", "expected the name of a layer" },
		{ "layers: [{}]\n", "1:11", "expected the name of a layer" },
		{ "layers: [{[a]: b}]\n", "1:11", "expected the name of a layer" },
		{ "layers: [Trace]\n", "1:10", "\"Trace\" is no name of a layer" },
		{ "layers: [\"trace,file=x\"]\n", "1:11", "is no name of a layer" },
		{ "layers: [abcdefghijklmnopqrstuvwxyz-012345]\n", "1:10", "is no name of a layer" },
		{ "layers: [trace: file]\n", "1:17", "the options of layer trace are a text; expected a mapping" },
		{ "layers: [trace: [file]]\n", "1:17", "the options of layer trace are a list" },
		{ "layers:\n  - trace:\n    file: x\n", "3:5", "a second name in the item of layer trace" },
		{ "layers: [{trace: {}, null: {}}]\n", "1:22", "a second name" },
		{ "layers: [trace: {file: a, file: b}]\n", "1:27", "layer trace has option file twice" },
		{ "layers: [trace: {file: }]\n", "1:18", "option file has no value" },
		{ "layers: [trace: {file: null}]\n", "1:24", "option file has no value" },
		{ "layers: [trace: {file: {a: b}}]\n", "1:24", "option file is a mapping" },
		{ "layers: [trace: {file: [a, [b]]}]\n", "1:28", "an item of option file is a list" },
		{ "layers: [trace: {file: [a, ~]}]\n", "1:28", "an item of option file has no value" },
		{ "layers: [trace: {File: a}]\n", "1:18", "\"File\" is no name of an option" },
		{ "layers: [trace: {file: \"a\\0b\"}]\n", "1:25", "a line break or a control character" },
		{ "layers: [trace: {file: \"a\\e[31mb\"}]\n", "1:25", "a line break or a control character" },
		{ "layers: [trace: {file: \"a\\nb\"}]\n", "1:25", "a line break or a control character" },
		{ "layers: [trace: {file: \"\\x85\"}]\n", "1:25", "a line break or a control character" },
	};

	expect_bad(bad, COUNT(bad));
}

/* Bytes that never reach the YAML library. */
static void test_bad_bytes(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *where;
	} bad[] = {
		{ "engine: au\0to\n", 14, "f.yaml:1:11: byte 0x00" },
		{ "\0", 1, "f.yaml:1:1: byte 0x00" },
		{ "engine: auto\n\n  \x1b[31m", 20, "f.yaml:3:3: byte 0x1b" },
		{ "engine: \x7f", 9, "f.yaml:1:9: byte 0x7f" },
		{ "# \xc3\xa9\xff", 5, "f.yaml:1:4: byte 0xff" },
		{ "\xff\xfe" "e\0n\0", 6, "f.yaml:1:1: byte 0xff" },
		{ "# \xc0\x80", 4, "f.yaml:1:3: byte 0xc0" },
		{ "# \xed\xa0\x80", 5, "f.yaml:1:3: byte 0xed" },
		{ "# \xf4\x90\x80\x80", 6, "f.yaml:1:3: byte 0xf4" },
		{ "# \xe2\x82", 4, "f.yaml:1:3: byte 0xe2" },
		{ "# \xc2\x9b", 4, "f.yaml:1:3: byte 0xc2" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct conf *c = conf_new();
		char why[512];

		CU_ASSERT_EQUAL(parse(c, bad[i].text, bad[i].len, why, sizeof(why)), -EINVAL);
		if (strncmp(why, bad[i].where, strlen(bad[i].where))) {
			printf("%s: \"%s\"\n", bad[i].where, why);
			CU_FAIL("place");
		}
		conf_free(c);
	}
}

static char *repeat(const char *head, const char *unit, size_t size, const char *tail)
{
	char *text = malloc(strlen(head) + size + strlen(unit) + strlen(tail) + 1), *p = stpcpy(text, head);

	while ((size_t)(p - text) < size)
		p = stpcpy(p, unit);
	strcpy(p, tail);
	return text;
}

/* Much of everything: refused or taken, but soon, and with the right message. */
static void test_much(void)
{
	static const struct {
		const char *head, *unit, *tail;
		size_t size;
		const char *piece; /* NULL: is taken */
	} much[] = {
		{ "#", "x", "\nengine: auto\n", 300000, "at most 262144 are read" },
		{ "#", "x", "\nengine: auto\n", 200000, NULL },
		{ "", "[", "", 200000, "the file holds a list" },
		{ "", "{", "", 200000, "a key is a mapping" },
		{ "layers: ", "[", "", 200000, "expected the name of a layer" },
		{ "layers: [a: {b: ", "[", "", 200000, "an item of option b is a list" },
		{ "layers:\n", "- ", "", 200000, "expected the name of a layer" },
		{ "layers: [", "null, ", "]", 200000, "more than 32 layers" },
		{ "layers: [a: {b: [", "x, ", "]}]", 200000, NULL },
		{ "layers: [a: {b: \"", "\\x41", "\"}]", 200000, NULL },
		{ "layers: [a: {b: \"", "x", "\"}]", 200000, NULL },
		{ "engine: ", "x", "", 200000, "engine is \"xxxx" },
		{ "", "x", ": y", 200000, "" },
		{ "", "? ", "", 200000, "" },
	};

	for (size_t i = 0; i < COUNT(much); i++) {
		char *text = repeat(much[i].head, much[i].unit, much[i].size, much[i].tail);
		struct conf *c = conf_new();
		char why[256];
		int rc = parse(c, text, strlen(text), why, sizeof(why));

		if (much[i].piece ? rc != -EINVAL || !strstr(why, much[i].piece) : rc != 0) {
			printf("%zu: rc %d, \"%s\"\n", i, rc, why);
			CU_FAIL("much");
		}
		conf_free(c);
		free(text);
	}
}

static void test_many_options(void)
{
	struct conf *c = conf_new();
	char text[4096] = "layers: [a: {", why[512], *p = text + strlen(text);

	for (int i = 0; i < 65; i++)
		p += sprintf(p, "o%d: x, ", i);
	strcpy(p, "}]");
	CU_ASSERT_EQUAL(parse(c, text, strlen(text), why, sizeof(why)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "layer a has more than 64 options"));
	CU_ASSERT_EQUAL(c->nlayers, 0);
	conf_free(c);
}

/* Every prefix of a good file is taken or refused with a line, also into little room. */
static void test_prefixes(void)
{
	for (size_t len = 0; len <= strlen(FULL); len++) {
		struct conf *c = conf_new();
		char why[300], small[12];

		if (parse(c, FULL, len, why, sizeof(why))) {
			CU_ASSERT_EQUAL(strncmp(why, "f.yaml:", 7), 0);
			CU_ASSERT_TRUE(one_clean_line(why));
		}
		conf_free(c);
		c = conf_new();
		parse(c, FULL, len, small, sizeof(small));
		CU_ASSERT(strlen(small) < sizeof(small));
		conf_free(c);
	}
}

/* What the YAML library has to say is in the message, and nowhere else. */
static void test_silence(void)
{
	struct conf *c = conf_new();
	int saved = dup(2), p[2];
	char why[256], c1;

	CU_ASSERT_EQUAL_FATAL(pipe2(p, O_NONBLOCK), 0);
	dup2(p[1], 2);
	parse(c, "engine: \"auto", 13, why, sizeof(why));
	parse(c, "engine: *a", 10, why, sizeof(why));
	parse(c, "\t@ [}", 5, why, sizeof(why));
	dup2(saved, 2);
	close(saved);
	close(p[1]);
	CU_ASSERT_EQUAL(read(p[0], &c1, 1), 0);
	close(p[0]);
	conf_free(c);
}

static void test_file_name(void)
{
	struct conf *c = conf_new();
	char why[64], name[1000];

	conf_parse(c, "a\nb\x1b", "x", 1, why, sizeof(why));
	CU_ASSERT_EQUAL(strncmp(why, "a?b?:1:1: ", 10), 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_EQUAL(conf_parse(c, name, "x", 1, why, sizeof(why)), -EINVAL);
	CU_ASSERT_EQUAL(strlen(why), sizeof(why) - 1);
	CU_ASSERT_EQUAL(conf_parse(c, name, "x", 1, NULL, 0), -EINVAL);
	conf_free(c);
}

static void test_durations(void)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} rows[] = {
		{ "0", 0 }, { "1", 1000 }, { "250ms", 250 }, { "5s", 5000 }, { "2m", 120000 }, { "1h", 3600000 },
		{ "0.5", 500 }, { "1.25s", 1250 }, { "0.5h", 1800000 }, { "0.0001ms", 1 }, { "0.000000001", 1 },
		{ "0.0", 0 }, { "999999999h", 3599999996400000 }, { "007", 7000 }, { "-1", -1 }, { "1 s", -1 },
		{ "s", -1 }, { ".5", -1 }, { "5.", -1 }, { "5.s", -1 }, { "1e3", -1 }, { "1d", -1 }, { "1S", -1 },
		{ "1000000000", -1 }, { "0.0000000001", -1 }, { "0x10", -1 }, { "\"\"", -1 }, { "inf", -1 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf *c = conf_new();
		char text[64], why[256];
		int n = snprintf(text, sizeof(text), "layer-timeout: %s\n", rows[i].text);
		int rc = parse(c, text, n, why, sizeof(why));

		if (rows[i].ms < 0 ? rc != -EINVAL : rc || c->layer_timeout_ms != rows[i].ms) {
			printf("%s: rc %d, %lld\n", rows[i].text, rc, (long long)c->layer_timeout_ms);
			CU_FAIL("duration");
		}
		conf_free(c);
	}
}

/* ----------------------------------------------------------------- -l */

static void test_spec(void)
{
	struct conf *c = conf_new();
	char why[256];
	const struct conf_layer *l;

	CU_ASSERT_EQUAL_FATAL(conf_layer(c, "null", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(conf_layer(c, "t,a=1+2,b,c=x=y,d=,e=p\\,q\\+r\\\\\\s\\=", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(conf_layer(c, "/p\\,q/x.so,a=+", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(c->nlayers, 3);
	CU_ASSERT_STRING_EQUAL(c->layers[0].plugin, "null");
	CU_ASSERT_STRING_EQUAL(c->layers[0].where, "-l null: ");
	CU_ASSERT_EQUAL(c->layers[0].count, 0);
	l = &c->layers[1];
	CU_ASSERT_EQUAL_FATAL(l->count, 5);
	CU_ASSERT_EQUAL(l->options[0].count, 2);
	CU_ASSERT_TRUE(l->options[0].is_list);
	CU_ASSERT_STRING_EQUAL(l->options[0].items[1], "2");
	CU_ASSERT_STRING_EQUAL(l->options[1].name, "b");
	CU_ASSERT_EQUAL(l->options[1].count, 0);
	CU_ASSERT_STRING_EQUAL(l->options[2].items[0], "x=y");
	CU_ASSERT_STRING_EQUAL(l->options[3].items[0], "");
	CU_ASSERT_STRING_EQUAL(l->options[4].items[0], "p,q+r\\\\s=");
	CU_ASSERT_EQUAL(l->options[4].count, 1);
	CU_ASSERT_STRING_EQUAL(c->layers[2].plugin, "/p,q/x.so");
	CU_ASSERT_EQUAL(c->layers[2].options[0].count, 2);
	conf_free(c);
}

static void test_bad_spec(void)
{
	static const struct bad bad[] = {
		{ "", "-l : ", "\"\" is no name of a layer" },
		{ ",a=b", "-l ,a=b: ", "\"\" is no name of a layer" },
		{ "Null", "-l Null: ", "\"Null\" is no name of a layer" },
		{ "null=x", "-l null=x: ", "no name of a layer" },
		{ "t,", "-l t,: ", "an option has no name" },
		{ "t,=x", "-l t,=x: ", "an option has no name" },
		{ "t,a=1,,b=2", "-l t,a=1,,b=2: ", "an option has no name" },
		{ "t,a=1,a=2", "-l t,a=1,a=2: ", "layer t has option a twice" },
		{ "t,A=1", "-l t,A=1: ", "\"A\" is no name of an option" },
		{ "t\n\x1b,A=1", "-l t??,A=1: ", "\"t??\" is no name of a layer" },
		{ "\xff", "-l ?: ", "\"?\" is no name of a layer" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct conf *c = conf_new();
		char why[256] = "";
		int rc = conf_layer(c, bad[i].text, why, sizeof(why));

		if (rc != -EINVAL || strncmp(why, bad[i].where, strlen(bad[i].where)) || !strstr(why, bad[i].piece)) {
			printf("-l {%s}: rc %d, \"%s\"\n", bad[i].text, rc, why);
			CU_FAIL("spec");
		}
		CU_ASSERT_EQUAL(c->nlayers, 0);
		conf_free(c);
	}
}

static void test_long_spec(void)
{
	struct conf *c = conf_new();
	char *text = repeat("t,a=", "x+", 200000, "x"), why[256];

	CU_ASSERT_EQUAL(conf_layer(c, text, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(strlen(c->layers[0].where), strlen("-l ") + 100 + strlen("...: "));
	free(text);
	text = repeat("t,a=", "x", 300000, "");
	CU_ASSERT_EQUAL(conf_layer(c, text, why, sizeof(why)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "longer than 262144 bytes"));
	free(text);
	while (c->nlayers < VMMD_MAX_LAYERS)
		CU_ASSERT_EQUAL_FATAL(conf_layer(c, "null", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(conf_layer(c, "null", why, sizeof(why)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "-l null: more than 32 layers");
	conf_free(c);
}

static void test_engine(void)
{
	struct conf *c = conf_new();

	CU_ASSERT_EQUAL(conf_engine(c, "ptrace"), 0);
	CU_ASSERT_STRING_EQUAL(c->engine, "ptrace");
	CU_ASSERT_EQUAL(conf_engine(c, ""), -EINVAL);
	CU_ASSERT_EQUAL(conf_engine(c, "a b"), -EINVAL);
	CU_ASSERT_STRING_EQUAL(c->engine, "ptrace");
	conf_free(c);
}

/* ------------------------------------------------------------- schema */

static int check_short(const char *text, char *why, size_t len)
{
	if (strlen(text) <= 3)
		return 0;
	snprintf(why, len, "longer\nthan 3");
	return -1;
}

static int check_mute(const char *text, char *why, size_t len)
{
	(void)text, (void)why, (void)len;
	return -1;
}

static const char *const colours[] = { "red", "green", NULL };

static const struct vmmd_option schema[] = {
	{ .name = "flag", .type = VMMD_OPT_BOOL, .def = "false" },
	{ .name = "count", .type = VMMD_OPT_INT, .def = "7", .min = -5, .max = 100 },
	{ .name = "free", .type = VMMD_OPT_INT },
	{ .name = "file", .type = VMMD_OPT_STRING },
	{ .name = "colour", .type = VMMD_OPT_CHOICE, .def = "green", .choices = colours },
	{ .name = "wait", .type = VMMD_OPT_DURATION, .min = 10, .max = 5000 },
	{ .name = "list", .type = VMMD_OPT_LIST, .check = check_short },
	{ .name = "calls", .type = VMMD_OPT_SYSCALLS, .def = "read+write" },
	{ .name = "short", .type = VMMD_OPT_STRING, .check = check_short },
	{ .name = "mute", .type = VMMD_OPT_STRING, .check = check_mute },
	{ .name = NULL },
};

enum { FLAG, COUNT_, FREE, FILE_, COLOUR, WAIT, LIST, CALLS, SHORT, MUTE };

/* Check "-l t,SPEC", or SPEC as the options in a file when it begins with '{'. */
static int check(const char *spec, struct conf_values *v, char *why, size_t len)
{
	struct conf *c = conf_new();
	char text[512];
	int rc;

	if (spec[0] == '{') {
		snprintf(text, sizeof(text), "layers: [t: %s]", spec);
		rc = conf_parse(c, "f.yaml", text, strlen(text), why, len);
	} else {
		snprintf(text, sizeof(text), "t%s%s", spec[0] ? "," : "", spec);
		rc = conf_layer(c, text, why, len);
	}
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	rc = conf_check_layer(&c->layers[0], schema, v, why, len);
	conf_free(c); /* the values must not need it */
	return rc;
}

static void test_values(void)
{
	static const char *const specs[] = {
		"flag,count=-5,free=-9223372036854775808,file=/a+b\\,c++,colour=red,wait=0.25,list=a+b\\+c,"
		"calls=@net+!socket+0,short=",
		"{flag: yes, count: -5, free: -9223372036854775808, file: \"/a+b,c++\", colour: red, wait: 250ms, "
		"list: [a, b+c], calls: [\"@net\", \"!socket\", 0], short: \"\"}",
	};
	struct conf_values v;
	char why[256] = "";

	for (size_t i = 0; i < COUNT(specs); i++) {
		CU_ASSERT_EQUAL_FATAL(check(specs[i], &v, why, sizeof(why)), 0);
		CU_ASSERT_EQUAL_FATAL(v.count, 10);
		CU_ASSERT(v.v[FLAG].given && v.v[FLAG].num == 1);
		CU_ASSERT_EQUAL(v.v[COUNT_].num, -5);
		CU_ASSERT_EQUAL(v.v[FREE].num, INT64_MIN);
		CU_ASSERT_STRING_EQUAL(v.v[FILE_].text, "/a+b,c++");
		CU_ASSERT_EQUAL(v.v[COLOUR].num, 0);
		CU_ASSERT_STRING_EQUAL(v.v[COLOUR].text, "red");
		CU_ASSERT_EQUAL(v.v[WAIT].num, 250);
		CU_ASSERT_EQUAL_FATAL(v.v[LIST].count, 2);
		CU_ASSERT_STRING_EQUAL(v.v[LIST].list[1], "b+c");
		CU_ASSERT_TRUE(sysent_set_has(v.v[CALLS].set, SYS_connect));
		CU_ASSERT_TRUE(sysent_set_has(v.v[CALLS].set, SYS_read));
		CU_ASSERT_FALSE(sysent_set_has(v.v[CALLS].set, SYS_socket));
		CU_ASSERT(v.v[SHORT].given && !v.v[SHORT].text[0]);
		CU_ASSERT_FALSE(v.v[MUTE].given);
		conf_values_free(&v);
		CU_ASSERT(!v.v && !v.count && !v.mem);
	}
}

static void test_default_values(void)
{
	struct conf_layer bare = { .plugin = (char *)"t", .where = (char *)"-l t: " };
	struct conf_values v;
	char why[256] = "";

	CU_ASSERT_EQUAL_FATAL(check("", &v, why, sizeof(why)), 0);
	CU_ASSERT(v.v[FLAG].given && v.v[FLAG].num == 0);
	CU_ASSERT_EQUAL(v.v[COUNT_].num, 7);
	CU_ASSERT_EQUAL(v.v[COLOUR].num, 1);
	CU_ASSERT_FALSE(v.v[FREE].given);
	CU_ASSERT_FALSE(v.v[LIST].given);
	CU_ASSERT(v.v[CALLS].given && sysent_set_has(v.v[CALLS].set, SYS_write));
	CU_ASSERT_FALSE(sysent_set_has(v.v[CALLS].set, SYS_close));
	conf_values_free(&v);
	CU_ASSERT_EQUAL(conf_check_layer(&bare, NULL, &v, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(v.count, 0);
	conf_values_free(&v);
}

static void test_empty_lists(void)
{
	static const char *const specs[] = { "list=,calls=", "{list: [], calls: []}" };
	struct conf_values v;
	char why[256] = "";

	for (size_t i = 0; i < COUNT(specs); i++) {
		CU_ASSERT_EQUAL_FATAL(check(specs[i], &v, why, sizeof(why)), 0);
		CU_ASSERT(v.v[LIST].given && v.v[LIST].count == 0);
		CU_ASSERT(v.v[CALLS].given && !sysent_set_has(v.v[CALLS].set, SYS_read));
		conf_values_free(&v);
	}
}

static void test_bad_values(void)
{
	static const struct bad bad[] = {
		{ "{fil: x}", "f.yaml:1:14: ", "layer t has no option \"fil\"; did you mean \"file\"? (options: flag, count, " },
		{ "zzz=1", "-l t,zzz=1: ", "layer t has no option \"zzz\" (options: " },
		{ "flag=maybe", "-l ", "option flag of layer t is \"maybe\"; expected true or false" },
		{ "{flag: [true]}", "f.yaml:1:14: ", "option flag of layer t is a list; expected one text" },
		{ "flag=true+false", "-l ", "is \"true+false\"" },
		{ "count=101", "-l ", "option count of layer t is \"101\"; expected -5 to 100" },
		{ "count=-6", "-l ", "expected -5 to 100" },
		{ "count=", "-l ", "expected a decimal number" },
		{ "count=+5", "-l ", "expected a decimal number" },
		{ "count=0x5", "-l ", "expected a decimal number" },
		{ "count= 5", "-l ", "expected a decimal number" },
		{ "count=5.0", "-l ", "expected a decimal number" },
		{ "free=9223372036854775808", "-l ", "expected a decimal number" },
		{ "count", "-l ", "option count of layer t has no value; write count=..." },
		{ "file", "-l ", "option file of layer t has no value" },
		{ "list", "-l ", "option list of layer t has no value; write list=item+item..." },
		{ "colour=rad", "-l ", "option colour of layer t is \"rad\"; did you mean \"red\"? (choose one of: red, green)" },
		{ "wait=9ms", "-l ", "expected 10ms to 5000ms" },
		{ "wait=6s", "-l ", "expected 10ms to 5000ms" },
		{ "wait=soon", "-l ", "expected a duration" },
		{ "list=a++b", "-l ", "has an empty item (\"\\+\" is a plain plus sign)" },
		{ "{list: [a, \"\"]}", "f.yaml:1:14: ", "has an empty item" },
		{ "list=a+long", "-l ", "option list of layer t is \"long\": longer?than 3" },
		{ "calls=red", "-l ", "option calls of layer t is \"red\": " },
		{ "calls=@nope", "-l ", "\"@nope\"" },
		{ "calls=99999999999999999999", "-l ", "option calls" },
		{ "{calls: read+write}", "f.yaml:1:14: ", "in a file write a list" },
		{ "short=long", "-l ", "option short of layer t is \"long\": longer?than 3" },
		{ "mute=x", "-l ", "option mute of layer t is \"x\": not accepted" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct conf_values v;
		char why[512] = "";
		int rc = check(bad[i].text, &v, why, sizeof(why));

		if (rc != -EINVAL || strncmp(why, bad[i].where, strlen(bad[i].where)) || !strstr(why, bad[i].piece) ||
		    !one_clean_line(why)) {
			printf("{%s}: rc %d, \"%s\"; expected …%s\n", bad[i].text, rc, why, bad[i].piece);
			CU_FAIL("value");
		}
		CU_ASSERT(!v.v && !v.mem);
	}
}

static void test_check_itself(void)
{
	static char *items[] = { (char *)"1" };
	struct conf_option twice[] = {
		{ .name = (char *)"count", .items = items, .count = 1, .where = (char *)"a: " },
		{ .name = (char *)"count", .items = items, .count = 1, .where = (char *)"b: " },
	};
	struct conf_layer l = { .plugin = (char *)"t", .where = (char *)"w: ", .options = twice, .count = 2 };
	static const struct vmmd_option broken[] = {
		{ .name = "n", .type = VMMD_OPT_INT, .def = "many" },
		{ .name = NULL },
	};
	struct conf_values v;
	char why[256];

	CU_ASSERT_EQUAL(conf_check_layer(&l, schema, &v, why, sizeof(why)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "b: layer t has option count twice; remove one");
	CU_ASSERT_EQUAL(conf_check_layer(&l, NULL, &v, why, sizeof(why)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "a: layer t has no option \"count\"; it takes none");
	l.count = 0;
	CU_ASSERT_EQUAL(conf_check_layer(&l, broken, &v, why, sizeof(why)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "w: option n of layer t is \"many\"; expected a decimal number");
}

UNIT_SUITE(conf, UNIT_TEST(test_defaults), UNIT_TEST(test_full_file), UNIT_TEST(test_other_good_files), UNIT_TEST(test_texts),
	   UNIT_TEST(test_bad_structure), UNIT_TEST(test_bad_syntax), UNIT_TEST(test_bad_keys), UNIT_TEST(test_bad_layers),
	   UNIT_TEST(test_bad_bytes), UNIT_TEST(test_much), UNIT_TEST(test_many_options), UNIT_TEST(test_prefixes),
	   UNIT_TEST(test_silence), UNIT_TEST(test_file_name), UNIT_TEST(test_durations), UNIT_TEST(test_spec),
	   UNIT_TEST(test_bad_spec), UNIT_TEST(test_long_spec), UNIT_TEST(test_engine), UNIT_TEST(test_values),
	   UNIT_TEST(test_default_values), UNIT_TEST(test_empty_lists), UNIT_TEST(test_bad_values),
	   UNIT_TEST(test_check_itself));
