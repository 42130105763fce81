// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * list.c - vmmctl ps, status and version.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "clients/vmmctl/cmd.h"
#include "clients/vmmctl/table.h"

/* ------------------------------------------------------------------------ ps */

static const char ps_help[] =
	"Usage: vmmctl ps [-q | --json]\n"
	"List the sessions that you may see, of all daemons that can be reached.\n"
	"\n"
	"  -q, --quiet   only the numbers\n"
	"      --json    as JSON\n"
	"      --help    show this text\n";

static const struct table_column ps_columns[] = {
	{"session", "SESSION", true, false}, {"name", "NAME", false, false},
	{"user", "USER", false, false},	     {"engine", "ENGINE", false, false},
	{"since", "STARTED", false, false},  {"pid", "PID", true, false},
	{"layers", "LAYERS", false, true},   {"command", "COMMAND", false, true},
	{NULL, NULL, false, false},
};

/* What is for people only: the user's name and the time as text. */
static void add_readable(json_t *row)
{
	uid_t uid = (uid_t)json_integer_value(json_object_get(row, "uid"));
	time_t started = (time_t)json_integer_value(json_object_get(row, "started"));
	struct passwd *pw = getpwuid(uid);
	struct tm tm;
	char buf[64];

	snprintf(buf, sizeof(buf), "%u", (unsigned int)uid);
	json_object_set_new(row, "user", vmmctl_text(pw ? pw->pw_name : buf, 64));
	if (localtime_r(&started, &tm) &&
	    strftime(buf, sizeof(buf), time(NULL) - started < 86400 ? "%H:%M:%S" : "%Y-%m-%d", &tm))
		json_object_set_new(row, "since", json_string(buf));
}

int cmd_ps(const struct ctl *ctl, int argc, char **argv)
{
	bool json = false, quiet = false;
	int ret = cmd_options(argc, argv, ps_help, 0, 0, &json, &quiet);
	json_t *all, *row;
	size_t i;

	if (ret >= 0)
		return ret;
	all = cmd_sessions(ctl);
	if (!all)
		return CMD_FAILED;
	if (json)
		return cmd_print_json(all);
	json_array_foreach(all, i, row) {
		const char *id = json_string_value(json_object_get(row, "session"));

		if (quiet && id) {
			cmd_print(stdout, id);
			putchar('\n');
		} else {
			add_readable(row);
		}
	}
	if (!quiet)
		table_print(stdout, all, ps_columns);
	json_decref(all);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

/* -------------------------------------------------------------------- status */

static const char status_help[] =
	"Usage: vmmctl status [--json]\n"
	"Show the daemons that can be reached, and which engines this host can use.\n"
	"\n"
	"      --json    as JSON\n"
	"      --help    show this text\n";

static const struct table_column daemon_columns[] = {
	{"instance", "DAEMON", false, false}, {"version", "VERSION", false, false},
	{"pid", "PID", true, false},	      {"uid", "UID", true, false},
	{"sessions", "SESSIONS", true, false}, {"socket", "SOCKET", false, false},
	{NULL, NULL, false, false},
};

static const struct table_column engine_columns[] = {
	{"name", "ENGINE", false, false},
	{"usable", "USABLE", false, false},
	{"why", "WHY NOT", false, false},
	{"features", "FEATURES", false, true},
	{NULL, NULL, false, false},
};

static int collect_status(struct vmmctl *c, const char *path, void *arg)
{
	json_t *reply;

	if (vmmctl_call(c, "status", NULL, &reply)) {
		cmd_fail("%s: %s", path, vmmctl_error(c));
		return 0;
	}
	json_object_del(reply, "id");
	json_object_del(reply, "ok");
	json_array_append_new(arg, reply);
	return 0;
}

int cmd_status(const struct ctl *ctl, int argc, char **argv)
{
	bool json = false;
	int ret = cmd_options(argc, argv, status_help, 0, 0, &json, NULL);
	json_t *all = json_array();
	struct vmmctl *c;

	if (ret >= 0) {
		json_decref(all);
		return ret;
	}
	if (!ctl->socket)
		vmmctl_each(collect_status, all);
	/* Engines can be told without a running daemon: a private one looks. */
	if (json_array_size(all) == 0) {
		if (cmd_open_any(ctl, &c)) {
			json_decref(all);
			return CMD_FAILED;
		}
		collect_status(c, ctl->socket ? ctl->socket : "private daemon", all);
		vmmctl_close(c);
	}
	if (json_array_size(all) == 0) {
		json_decref(all);
		return CMD_FAILED;
	}
	if (json)
		return cmd_print_json(all);
	table_print(stdout, all, daemon_columns);
	putchar('\n');
	table_print(stdout, json_object_get(json_array_get(all, 0), "engines"), engine_columns);
	json_decref(all);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

/* ------------------------------------------------------------------- version */

static const char version_help[] =
	"Usage: vmmctl version [--json]\n"
	"Show the version of vmmctl and of the daemons that can be reached.\n"
	"\n"
	"      --json    as JSON\n"
	"      --help    show this text\n";

static int collect_version(struct vmmctl *c, const char *path, void *arg)
{
	json_t *reply;

	if (vmmctl_call(c, "version", NULL, &reply)) {
		cmd_fail("%s: %s", path, vmmctl_error(c));
		return 0;
	}
	json_object_del(reply, "id");
	json_object_del(reply, "ok");
	json_object_set_new(reply, "socket", vmmctl_text(path, 4096));
	json_array_append_new(arg, reply);
	return 0;
}

static void print_daemon(const json_t *row)
{
	char *version = table_text(json_object_get(row, "version"));
	char *protocol = table_text(json_object_get(row, "protocol"));
	char *path = table_text(json_object_get(row, "socket"));

	fputs("vmmd ", stdout);
	cmd_print(stdout, version);
	fputs(" (protocol ", stdout);
	cmd_print(stdout, protocol);
	fputs(") at ", stdout);
	cmd_print(stdout, path);
	putchar('\n');
	free(version);
	free(protocol);
	free(path);
}

int cmd_version(const struct ctl *ctl, int argc, char **argv)
{
	bool json = false;
	int ret = cmd_options(argc, argv, version_help, 0, 0, &json, NULL);
	json_t *daemons, *row;
	struct vmmctl *c;
	size_t i;

	if (ret >= 0)
		return ret;
	daemons = json_array();
	if (!ctl->socket) {
		vmmctl_each(collect_version, daemons);
	} else if (vmmctl_open(&c, ctl->socket, true) == 0) {
		collect_version(c, ctl->socket, daemons);
		vmmctl_close(c);
	}
	if (json)
		return cmd_print_json(json_pack("{s:s, s:o}", "version", VMMD_VERSION, "daemons", daemons));
	puts("vmmctl " VMMD_VERSION);
	json_array_foreach(daemons, i, row)
		print_daemon(row);
	json_decref(daemons);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}
