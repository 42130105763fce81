/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.h - what a session is told to be: configuration files and command line.
 *
 * conf_parse() reads a session file (YAML 1.2 through libfyaml); conf_layer()
 * adds what one `-l` names. Both only collect; what a layer's options mean is
 * checked by conf_check_layer() against the schema of its plugin. Every error
 * is one line that begins with where it is ("FILE:LINE:COL: " or "-l TEXT: ").
 */
#ifndef VMMD_CONF_H
#define VMMD_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vmmd/plugin.h>

/* One option as written; its value is one text or a list. */
struct conf_option {
	char *name;
	char **items;
	size_t count;
	bool is_list; /* written as a YAML sequence, or joined with '+' */
	char *where;  /* "FILE:LINE:COL: " */
};

struct conf_layer {
	char *plugin;
	struct conf_option *options;
	size_t count;
	char *where;
};

enum conf_policy { CONF_KILL, CONF_RELEASE, CONF_RESTART };
enum conf_foreign { CONF_FOREIGN_REFUSE, CONF_FOREIGN_NATIVE };
enum conf_broken { CONF_BROKEN_REFUSE, CONF_BROKEN_PASS };

struct conf {
	char *engine;			   /* engine: auto | ptrace | …           (auto) */
	enum conf_policy on_failure;	   /* on-failure: kill | release | restart (kill) */
	enum conf_foreign foreign_abi;	   /* foreign-abi: refuse | native        (refuse) */
	enum conf_broken broken_layer;	   /* broken-layer: refuse | pass         (refuse) */
	int64_t layer_timeout_ms;	   /* layer-timeout: DURATION, 0 = never  (0) */
	bool kill_at_exit;		   /* at-exit: keep | kill; the tasks left when the first process ends (keep) */
	bool dry;			   /* only checked: layers open, but their outputs go nowhere */
	bool again;			   /* a worker before this one has begun: outputs are continued */
	struct conf_layer *layers;	   /* layers: innermost first */
	size_t nlayers;
};

/* Option values of one layer, checked; owned by the layer. Index as in the plugin's schema. */
struct conf_values {
	struct vmmd_value *v;
	size_t count;
	void *mem; /* what the values point to */
};

struct conf *conf_new(void);
void conf_free(struct conf *);
/* Add what `text` says. `file` is its name in messages. 0 or -EINVAL with a line in `why`. */
int conf_parse(struct conf *, const char *file, const char *text, size_t len, char *why, size_t whylen);
/* Add an outermost layer: "NAME[,key=value[+value]…]…". A key without '=' is a true bool. */
int conf_layer(struct conf *, const char *spec, char *why, size_t whylen);
/* Set conf->engine from a command line; checked later by engine_choose(). */
int conf_engine(struct conf *, const char *name);

/*
 * The options of `layer` as the schema wants them, defaults filled in. Unknown
 * names, duplicates, wrong types, values out of range and a failed check() are
 * errors. 0 or -EINVAL with a line in `why`.
 */
int conf_check_layer(const struct conf_layer *, const struct vmmd_option *schema, struct conf_values *,
		     char *why, size_t whylen);
void conf_values_free(struct conf_values *);

#endif
