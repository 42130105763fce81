/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd.h - what the subcommands of vmmctl share.
 *
 * A subcommand gets its own name as argv[0] and returns an exit status.
 */
#ifndef VMMCTL_CMD_H
#define VMMCTL_CMD_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include "clients/lib/vmmctl.h"

enum { CMD_OK = 0, CMD_FAILED = 1, CMD_USAGE = 2 };

/* What was said before the subcommand. */
struct ctl {
	const char *socket; /* --socket or VMMD_SOCKET: this daemon only; NULL: all there are */
};

int cmd_run(const struct ctl *, int argc, char **argv);
int cmd_attach(const struct ctl *, int argc, char **argv);
int cmd_ps(const struct ctl *, int argc, char **argv);
int cmd_show(const struct ctl *, int argc, char **argv);
int cmd_trace(const struct ctl *, int argc, char **argv);
int cmd_answer(const struct ctl *, int argc, char **argv);
int cmd_kill(const struct ctl *, int argc, char **argv);
int cmd_plugins(const struct ctl *, int argc, char **argv);
int cmd_check(const struct ctl *, int argc, char **argv);
int cmd_explain(const struct ctl *, int argc, char **argv);
int cmd_status(const struct ctl *, int argc, char **argv);
int cmd_version(const struct ctl *, int argc, char **argv);

/* One clear line on standard error, made plain. Return CMD_FAILED and CMD_USAGE. */
int cmd_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cmd_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Show a help text. */
/* In a getopt loop with opterr 0: say which option was not understood. CMD_USAGE. */
int cmd_bad_option(char **argv);
int cmd_help(const char *text);

/*
 * Options of a command that takes only --json and --help (and -q if `quiet`),
 * and `min` to `max` other arguments, which are left from optind on. -1: go
 * on, else the exit status.
 */
int cmd_options(int argc, char **argv, const char *help, int min, int max, bool *json, bool *quiet);

/* Print text from elsewhere: control characters become '?'. */
void cmd_print(FILE *, const char *text);
/* --json output. Returns the exit status; takes `value`. */
int cmd_print_json(json_t *value);

/*
 * All sessions that can be seen, each with its "instance" (the daemon's path).
 * A new reference, or NULL after saying why.
 */
json_t *cmd_sessions(const struct ctl *);
/* Connect to the daemon of the session called `who` and make *id its number (free it). -1 after saying why. */
int cmd_open_session(const struct ctl *, const char *who, struct vmmctl **, char **id);
/* Connect to any daemon, a private one if there is no other. -1 after saying why. */
int cmd_open_any(const struct ctl *, struct vmmctl **);

/* What the commands about a configuration take. */
#define CMD_LAYERS 64
struct cmd_config {
	const char *file;
	const char *engine;
	const char *layers[CMD_LAYERS];
	size_t nlayers;
	bool json;
};
/* Read that, and give it to the daemon's operation called like the command. The reply; NULL: *ret is the exit status. */
json_t *cmd_ask_config(const struct ctl *, int argc, char **argv, const char *help, struct cmd_config *, int *ret);

/* What the commands that make a session take. */
struct cmd_session {
	struct vmmctl_launch launch;
	const char *layers[CMD_LAYERS];
	bool private;
};
/* Read the options of argv[0], up to the first other argument. -1: go on, at optind; else the exit status. */
int cmd_session_options(int argc, char **argv, const char *help, struct cmd_session *);
/* The daemon for it: the one that was named, a service, or a private one. 0, or -1 after saying why. */
int cmd_session_open(const struct ctl *, const struct cmd_session *, struct vmmctl **);
/* The summary in the reply at its end. */
void cmd_session_summary(const struct vmmctl_launch *, const char *name, const json_t *reply);
/* Die of a signal as if it had not been caught; the exit status where that is not to be had. */
int cmd_die_of(int sig);

/* What `show` and --summary have in common. */
void report_print(FILE *, const json_t *report);

#endif
