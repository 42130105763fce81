// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * begin.c - what the commands that make a session have in common: their options,
 * the daemon to ask, the summary, and the end by a signal.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include "clients/vmmctl/cmd.h"

int cmd_session_options(int argc, char **argv, const char *help, struct cmd_session *a)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"layer", required_argument, NULL, 'l'},
		{"engine", required_argument, NULL, 'e'}, {"name", required_argument, NULL, 'n'},
		{"private", no_argument, NULL, 'p'},	  {"summary", no_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0},
	};
	struct vmmctl_launch *l = &a->launch;
	int opt;

	while ((opt = getopt_long(argc, argv, "+c:l:e:n:h", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			if (l->config_file)
				return cmd_usage(argv[0], "%s: only one -c", argv[0]);
			l->config_file = optarg;
			break;
		case 'l':
			if (l->nlayers == CMD_LAYERS)
				return cmd_usage(argv[0], "%s: more than %d layers", argv[0], CMD_LAYERS);
			a->layers[l->nlayers++] = optarg;
			break;
		case 'e':
			l->engine = optarg;
			break;
		case 'n':
			l->name = optarg;
			break;
		case 'p':
			a->private = true;
			break;
		case 's':
			l->summary = true;
			break;
		case 'h':
			return cmd_help(help);
		default:
			return cmd_bad_option(argv);
		}
	}
	l->layers = a->layers;
	return -1;
}

int cmd_session_open(const struct ctl *ctl, const struct cmd_session *a, struct vmmctl **c)
{
	char why[512];
	int ret;

	if (ctl->socket && !a->private) {
		ret = vmmctl_open(c, ctl->socket, false);
		if (ret)
			cmd_fail("%s: %s", ctl->socket,
				 ret == -EPERM ? "its daemon belongs to another user" : strerror(-ret));
		return ret ? -1 : 0;
	}
	if (!a->private && vmmctl_open_service(c) == 0)
		return 0;
	if (vmmctl_open_private(c, why, sizeof(why))) {
		cmd_fail("%s", why);
		return -1;
	}
	return 0;
}

void cmd_session_summary(const struct vmmctl_launch *l, const char *name, const json_t *reply)
{
	setlocale(LC_ALL, "");
	fputs("\nvmmctl: summary of ", stderr);
	cmd_print(stderr, l->name ? l->name : name);
	fputs(": ", stderr);
	report_print(stderr, json_object_get(reply, "summary"));
}

int cmd_die_of(int sig)
{
	const struct rlimit no_core = {0, 0};
	sigset_t set;

	setrlimit(RLIMIT_CORE, &no_core);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	return 128 + sig;
}
