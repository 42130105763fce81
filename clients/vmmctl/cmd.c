// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd.c - what the subcommands of vmmctl share.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "clients/vmmctl/cmd.h"

/* ------------------------------------------------------------------ messages */

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

/* One write: the line may share its terminal with the program's output. */
static void message(const char *fmt, va_list ap, const char *tail)
{
	char line[2048];
	size_t i, len;

	vsnprintf(line, sizeof(line), fmt, ap);
	len = strlen(line);
	for (i = 0; i < len; i++)
		if (is_control((unsigned char)line[i]))
			line[i] = '?';
	fprintf(stderr, "vmmctl: %s%s\n", line, tail);
}

int cmd_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap, "");
	va_end(ap);
	return CMD_FAILED;
}

int cmd_usage(const char *command, const char *fmt, ...)
{
	char tail[64];
	va_list ap;

	snprintf(tail, sizeof(tail), "; see vmmctl %s%s--help", command ? command : "", command ? " " : "");
	va_start(ap, fmt);
	message(fmt, ap, tail);
	va_end(ap);
	return CMD_USAGE;
}

int cmd_bad_option(char **argv)
{
	return cmd_usage(argv[0], "%s: unknown option '%s', or its argument is missing", argv[0], argv[optind - 1]);
}

int cmd_help(const char *text)
{
	fputs(text, stdout);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

int cmd_options(int argc, char **argv, const char *help, int min, int max, bool *json, bool *quiet)
{
	const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{json ? "json" : "help", no_argument, NULL, json ? 'j' : 'h'},
		{quiet ? "quiet" : "help", no_argument, NULL, quiet ? 'q' : 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, quiet ? "hq" : "h", options, NULL)) != -1) {
		if (opt == 'h')
			return cmd_help(help);
		if (opt == 'j' && json)
			*json = true;
		else if (opt == 'q' && quiet)
			*quiet = true;
		else
			return cmd_bad_option(argv);
	}
	if (argc - optind < min)
		return cmd_usage(argv[0], "%s: an argument is missing", argv[0]);
	if (argc - optind > max)
		return cmd_usage(argv[0], "%s: unexpected argument '%s'", argv[0], argv[optind + max]);
	return -1;
}

void cmd_print(FILE *f, const char *text)
{
	for (; *text; text++)
		fputc(is_control((unsigned char)*text) && *text != '\t' ? '?' : *text, f);
}

int cmd_print_json(json_t *value)
{
	int ret = !value || json_dumpf(value, stdout, JSON_INDENT(2)) ? CMD_FAILED : CMD_OK;

	putchar('\n');
	json_decref(value);
	return fflush(stdout) ? CMD_FAILED : ret;
}

/* ------------------------------------------------------------------- daemons */

static int collect(struct vmmctl *c, const char *path, void *arg)
{
	json_t *reply, *row;
	size_t i;

	int ret = vmmctl_call(c, "ps", NULL, &reply);

	if (ret) {
		if (ret != -ECONNRESET) /* else it has ended meanwhile, and its session with it */
			cmd_fail("%s: %s", path, vmmctl_error(c));
		return 0; /* the others may do */
	}
	json_array_foreach(json_object_get(reply, "sessions"), i, row) {
		if (!json_is_object(row))
			continue;
		json_object_set_new(row, "instance", vmmctl_text(path, 4096));
		json_array_append(arg, row);
	}
	json_decref(reply);
	return 0;
}

/* Connect to the one daemon that the user named. */
static int open_named(const struct ctl *ctl, struct vmmctl **c)
{
	int ret = vmmctl_open(c, ctl->socket, true);

	if (ret)
		cmd_fail("%s: %s", ctl->socket, ret == -EPERM ? "its daemon belongs to another user" : strerror(-ret));
	return ret ? -1 : 0;
}

json_t *cmd_sessions(const struct ctl *ctl)
{
	json_t *all = json_array();
	struct vmmctl *c;

	if (!ctl->socket) {
		vmmctl_each(collect, all);
		return all;
	}
	if (open_named(ctl, &c)) {
		json_decref(all);
		return NULL;
	}
	collect(c, ctl->socket, all);
	vmmctl_close(c);
	return all;
}

/* The row of the session called `who`; NULL after saying why. */
static const json_t *pick(const json_t *all, const char *who)
{
	const json_t *found = NULL;
	json_t *row;
	size_t i;
	int n = 0;

	json_array_foreach((json_t *)all, i, row) {
		const char *id = json_string_value(json_object_get(row, "session"));
		const char *name = json_string_value(json_object_get(row, "name"));

		if (id && !strcmp(id, who))
			return row;
		if (name && !strcmp(name, who)) {
			found = row;
			n++;
		}
	}
	if (n > 1)
		cmd_fail("%d sessions are called '%s': use the number (vmmctl ps)", n, who);
	else if (n == 0)
		cmd_fail("no session '%s'", who);
	return n == 1 ? found : NULL;
}

int cmd_open_session(const struct ctl *ctl, const char *who, struct vmmctl **c, char **id)
{
	json_t *all = cmd_sessions(ctl);
	const json_t *row = all ? pick(all, who) : NULL;
	const char *path = json_string_value(json_object_get(row, "instance"));
	const char *number = json_string_value(json_object_get(row, "session"));
	int ret = -1;

	if (path && number) {
		ret = vmmctl_open(c, path, true);
		if (ret)
			cmd_fail("%s: %s", path, strerror(-ret));
		else
			*id = strdup(number);
	}
	json_decref(all);
	return ret ? -1 : 0;
}

int cmd_open_any(const struct ctl *ctl, struct vmmctl **c)
{
	char why[512];

	if (ctl->socket)
		return open_named(ctl, c);
	if (vmmctl_open_service(c) == 0)
		return 0;
	if (vmmctl_open_private(c, why, sizeof(why)) == 0)
		return 0;
	cmd_fail("%s", why);
	return -1;
}
