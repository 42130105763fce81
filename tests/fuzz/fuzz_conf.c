/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_conf.c - session files and `-l` from nowhere.
 *
 * Whatever comes in: it is taken, or refused with one printable line that
 * begins with its place, and nothing is left behind.
 */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmmd/conf.h"

static int check_text(const char *text, char *why, size_t len)
{
	if (strlen(text) % 2)
		return 0;
	snprintf(why, len, "even: %s", text);
	return -1;
}

static const char *const choices[] = { "text", "json", NULL };

static const struct vmmd_option schema[] = {
	{ .name = "syscalls", .type = VMMD_OPT_SYSCALLS, .def = "@all" },
	{ .name = "exit", .type = VMMD_OPT_BOOL, .def = "false" },
	{ .name = "strings", .type = VMMD_OPT_INT, .def = "32", .min = 0, .max = 4096 },
	{ .name = "file", .type = VMMD_OPT_STRING, .def = "-" },
	{ .name = "format", .type = VMMD_OPT_CHOICE, .def = "text", .choices = choices },
	{ .name = "timeout", .type = VMMD_OPT_DURATION },
	{ .name = "map", .type = VMMD_OPT_LIST },
	{ .name = "label", .type = VMMD_OPT_STRING, .check = check_text },
	{ .name = NULL },
};

static void good_line(const char *why)
{
	FUZZ_CHECK(why[0] && strchr(why, ':'));
	for (; *why; why++)
		FUZZ_CHECK((unsigned char)*why >= 0x20 && *why != 0x7f);
}

static void check_layers(const struct conf *c)
{
	for (size_t i = 0; i < c->nlayers; i++) {
		struct conf_values v;
		char why[256] = "";
		int rc = conf_check_layer(&c->layers[i], schema, &v, why, sizeof(why));

		FUZZ_CHECK(rc == 0 || rc == -EINVAL);
		if (rc)
			good_line(why);
		else
			FUZZ_CHECK(v.v[0].given && v.v[0].set && v.v[3].text);
		conf_values_free(&v);
	}
}

static void conf_one(const uint8_t *data, size_t size)
{
	struct conf *c = conf_new();
	char why[256] = "";
	int rc;

	FUZZ_CHECK(c);
	rc = conf_parse(c, "f.yaml", (const char *)data, size, why, sizeof(why));
	FUZZ_CHECK(rc == 0 || rc == -EINVAL);
	if (rc) {
		FUZZ_CHECK(!strncmp(why, "f.yaml:", 7));
		good_line(why);
	}
	check_layers(c);
	conf_free(c);
}

static void spec_one(const uint8_t *data, size_t size)
{
	struct conf *c = conf_new();
	char *text = strndup((const char *)data, size), why[256] = "";
	int rc;

	FUZZ_CHECK(c && text);
	rc = conf_layer(c, text, why, sizeof(why));
	FUZZ_CHECK(rc == 0 || rc == -EINVAL);
	FUZZ_CHECK(c->nlayers == (rc == 0));
	if (rc)
		good_line(why);
	free(text);
	check_layers(c);
	conf_free(c);
}

static const char *const conf_seeds[] = {
	"engine: auto\non-failure: kill\nforeign-abi: refuse\nbroken-layer: refuse\nlayer-timeout: 0\n"
	"at-exit: keep\nlayers:                 # innermost first\n"
	"  - trace: {file: /tmp/inner.log, label: inner}\n  - remap:\n      map: [/data=/srv/data]\n  - null\n",
	"layers:\n- t: {exit: true, strings: 12, format: json, timeout: 250ms}\n- t:\n    syscalls:\n    - \"@path\"\n"
	"    - '!stat'\n    - 17\n",
	"{\"engine\": \"ptrace\", \"layers\": [\"null\", {\"t\": {\"map\": [\"a=b\", \"c\"]}}]}",
	"%YAML 1.2\n---\nengine: &x !!str \"a\\u00e9\\x41\\n\"\nat-exit: *x\n...\n---\n- |\n  a\n- >-\n  b\n",
	"? layers\n: ? t\n  : ~\n<<: {engine: 'it''s'}\n",
	NULL,
};

static const char *const conf_words[] = {
	"layers:", "- ", ": ", "? ", "[", "]", "{", "}", ", ", "\n", "\n  ", "\t", "\r\n", "\"", "'", "\\", "|", ">-",
	"&a ", "*a", "!!str ", "!", "%TAG ! x:\n", "---\n", "...\n", "# ", "~", "null", "\xef\xbb\xbf", "\xff\xfe",
	"\xe2\x80\xa8", "\xc2\x85", "\\x00", "\\ud800", "\\\n", "engine", "t: {", "syscalls: ", "\"@all\"", "0.5h", "true",
	"99999999999999999999", "=", "@", "`", "<<", NULL,
};

static const char *const spec_seeds[] = {
	"null", "t,syscalls=openat+getppid+@net+!socket,exit", "t,file=/tmp/a\\,b+c,format=json,strings=5",
	"./a/b.so,map=/a=/b+/c=/d,timeout=0.5m", "t,exit=no,label=abc,syscalls=", NULL,
};

static const char *const spec_words[] = {
	",", "=", "+", "\\", "\\,", ",,", "syscalls=", "exit", "map=", "@all", "!", "-1", "512", "9223372036854775808",
	"\n", "\x1b[", "\xc3", "%s%n", "/", NULL,
};

const struct fuzz_target fuzz_conf = { "conf", conf_one, conf_seeds, conf_words };
const struct fuzz_target fuzz_spec = { "spec", spec_one, spec_seeds, spec_words };
