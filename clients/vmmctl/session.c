// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * session.c - vmmctl show, trace, answer and kill: one running session.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clients/vmmctl/cmd.h"
#include "clients/vmmctl/table.h"

/* Ask the session called `who` and get its reply; NULL after saying why. `fields` is stolen. */
static json_t *ask(const struct ctl *ctl, const char *who, const char *op, json_t *fields)
{
	json_t *reply = NULL;
	struct vmmctl *c;
	char *id;

	if (cmd_open_session(ctl, who, &c, &id)) {
		json_decref(fields);
		return NULL;
	}
	if (!fields)
		fields = json_object();
	json_object_set_new(fields, "session", json_string(id));
	if (vmmctl_call(c, op, fields, &reply))
		cmd_fail("%s: %s", who, vmmctl_error(c));
	vmmctl_close(c);
	free(id);
	return reply;
}

/* ---------------------------------------------------------------------- show */

static const char show_help[] =
	"Usage: vmmctl show [--json] SESSION\n"
	"Show the stack, the counters of each layer, the latency and the tasks of a\n"
	"session. SESSION is its number or its name, see vmmctl ps.\n"
	"\n"
	"      --json    as JSON\n"
	"      --help    show this text\n";

int cmd_show(const struct ctl *ctl, int argc, char **argv)
{
	bool json = false;
	int ret = cmd_options(argc, argv, show_help, 1, 1, &json, NULL);
	json_t *reply;

	if (ret >= 0)
		return ret;
	reply = ask(ctl, argv[optind], "show", NULL);
	if (!reply)
		return CMD_FAILED;
	json_object_del(reply, "id");
	json_object_del(reply, "ok");
	if (json)
		return cmd_print_json(reply);
	report_print(stdout, reply);
	json_decref(reply);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

/* --------------------------------------------------------------------- trace */

static const char trace_help[] =
	"Usage: vmmctl trace [-l KEY=VALUE[,…]] [--format text|json] SESSION\n"
	"Watch a running session from its outermost place, until interrupted. The\n"
	"session goes on as before.\n"
	"\n"
	"  -l, --layer KEY=VALUE[,…]  options of the trace layer, as\n"
	"                             syscalls=openat+close; see vmmctl plugins trace\n"
	"      --format FORMAT        lines of text or of JSON\n"
	"      --help                 show this text\n";

static int print_stream(struct vmmctl *c, const char *who)
{
	json_t *msg;
	int ret;

	while ((ret = vmmctl_next(c, &msg)) == 1) {
		const char *line = json_string_value(json_object_get(msg, "line"));

		if (line) {
			cmd_print(stdout, line);
			putchar('\n');
		}
		json_decref(msg);
		if (fflush(stdout)) /* nobody reads any more */
			return CMD_FAILED;
	}
	json_decref(msg);
	/* The end of the session is the usual end of a trace. */
	if (ret < 0 && ret != -ECONNRESET)
		return cmd_fail("%s: %s", who, vmmctl_error(c));
	return CMD_OK;
}

int cmd_trace(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"layer", required_argument, NULL, 'l'},
		{"format", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *layer = "", *format = NULL;
	struct vmmctl *c;
	char *id;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "hl:", options, NULL)) != -1) {
		if (opt == 'l')
			layer = optarg;
		else if (opt == 'f')
			format = optarg;
		else
			return opt == 'h' ? cmd_help(trace_help) : cmd_bad_option(argv);
	}
	if (argc - optind != 1)
		return cmd_usage("trace", "trace: one session is wanted");
	if (format && strcmp(format, "text") && strcmp(format, "json"))
		return cmd_usage("trace", "trace: --format is text or json, not '%s'", format);
	if (cmd_open_session(ctl, argv[optind], &c, &id))
		return CMD_FAILED;
	ret = vmmctl_send(c, "trace",
			  json_pack("{s:s, s:o, s:s*}", "session", id, "options", vmmctl_text(layer, 65536), "format",
				    format),
			  -1);
	ret = ret ? cmd_fail("%s: %s", argv[optind], vmmctl_error(c)) : print_stream(c, argv[optind]);
	vmmctl_close(c);
	free(id);
	return ret;
}

/* -------------------------------------------------------------------- answer */

static const char answer_help[] =
	"Usage: vmmctl answer [-q | --json]\n"
	"       vmmctl answer SESSION.QUESTION allow|deny[=ERRNO]\n"
	"List what waits for an answer in the `ask` layers of all sessions, or answer\n"
	"one question; its name is in the first column of the list.\n"
	"\n"
	"  -q, --quiet   only the names of the questions\n"
	"      --json    the list as JSON\n"
	"      --help    show this text\n";

/* Add the questions of one session to `all`. */
static void add_pending(const json_t *session, json_t *all)
{
	const char *path = json_string_value(json_object_get(session, "instance"));
	const char *id = json_string_value(json_object_get(session, "session"));
	json_t *reply = NULL, *row;
	struct vmmctl *c;
	size_t i;

	if (!path || !id || vmmctl_open(&c, path, true))
		return;
	vmmctl_timeout(c, 5);
	/* Sessions without such a layer, and those that just ended, have nothing to say. */
	vmmctl_call(c, "command", json_pack("{s:s, s:s, s:s}", "session", id, "name", "pending", "text", ""), &reply);
	json_array_foreach(json_object_get(reply, "rows"), i, row) {
		char *question = table_text(json_object_get(row, "question"));
		json_t *full = json_object();

		json_object_set_new(full, "id", json_sprintf("%s.%s", id, question ? question : "?"));
		json_object_update(full, row);
		json_object_set_new(full, "session", json_string(id));
		json_object_del(full, "question");
		json_array_append_new(all, full);
		free(question);
	}
	json_decref(reply);
	vmmctl_close(c);
}

static const struct table_column pending_columns[] = {
	{"id", "QUESTION", false, false}, {"tid", "TID", true, false},
	{"syscall", "CALL", false, false}, {"path", "PATH", false, false},
	{"seconds", "SECONDS", true, false}, {NULL, NULL, false, false},
};

static int list_pending(const struct ctl *ctl, bool json, bool quiet)
{
	json_t *sessions = cmd_sessions(ctl), *all = json_array(), *row;
	size_t i;

	if (!sessions) {
		json_decref(all);
		return CMD_FAILED;
	}
	json_array_foreach(sessions, i, row)
		add_pending(row, all);
	json_decref(sessions);
	if (json)
		return cmd_print_json(all);
	json_array_foreach(all, i, row) {
		if (quiet) {
			cmd_print(stdout, json_string_value(json_object_get(row, "id")));
			putchar('\n');
		}
	}
	if (!quiet)
		table_print(stdout, all, pending_columns);
	json_decref(all);
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

int cmd_answer(const struct ctl *ctl, int argc, char **argv)
{
	bool json = false, quiet = false;
	int ret = cmd_options(argc, argv, answer_help, 0, 2, &json, &quiet);
	json_t *reply;
	char *dot;

	if (ret >= 0)
		return ret;
	if (optind == argc)
		return list_pending(ctl, json, quiet);
	if (argc - optind != 2)
		return cmd_usage("answer", "answer: say allow or deny");
	dot = strrchr(argv[optind], '.');
	if (!dot || dot == argv[optind] || !dot[1] || dot[1 + strspn(dot + 1, "0123456789")])
		return cmd_usage("answer", "answer: '%s' is not SESSION.QUESTION", argv[optind]);
	if (strcmp(argv[optind + 1], "allow") && strcmp(argv[optind + 1], "deny") &&
	    strncmp(argv[optind + 1], "deny=", 5) != 0)
		return cmd_usage("answer", "answer: allow, deny or deny=ERRNO, not '%s'", argv[optind + 1]);
	*dot = '\0';
	reply = ask(ctl, argv[optind], "command",
		    json_pack("{s:s, s:o}", "name", "answer", "text",
			      json_sprintf("%s %s", dot + 1, argv[optind + 1])));
	json_decref(reply);
	return reply ? CMD_OK : CMD_FAILED;
}

/* ---------------------------------------------------------------------- kill */

static const char kill_help[] =
	"Usage: vmmctl kill SESSION…\n"
	"Kill (SIGKILL) all tasks of sessions; so the sessions end.\n"
	"\n"
	"      --help    show this text\n";

int cmd_kill(const struct ctl *ctl, int argc, char **argv)
{
	int ret = cmd_options(argc, argv, kill_help, 1, argc, NULL, NULL);

	if (ret >= 0)
		return ret;
	ret = CMD_OK;
	for (int i = optind; i < argc; i++) {
		json_t *reply = ask(ctl, argv[i], "kill", NULL);

		if (!reply)
			ret = CMD_FAILED;
		json_decref(reply);
	}
	return ret;
}
