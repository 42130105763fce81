// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * config.c - the command line of the commands that ask about a configuration.
 */
#include "clients/vmmctl/cmd.h"

/* -1: go on, else the exit status. */
static int parse(int argc, char **argv, const char *help, struct cmd_config *a)
{
	static const struct option options[] = {
		{"layer", required_argument, NULL, 'l'}, {"engine", required_argument, NULL, 'e'},
		{"json", no_argument, NULL, 'j'},	 {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "l:e:h", options, NULL)) != -1) {
		if (opt == 'h')
			return cmd_help(help);
		if (opt == 'l' && a->nlayers == CMD_LAYERS)
			return cmd_usage(argv[0], "%s: more than %d layers", argv[0], CMD_LAYERS);
		if (opt == 'l')
			a->layers[a->nlayers++] = optarg;
		else if (opt == 'e')
			a->engine = optarg;
		else if (opt == 'j')
			a->json = true;
		else
			return cmd_bad_option(argv);
	}
	if (optind < argc)
		a->file = argv[optind++];
	if (optind < argc)
		return cmd_usage(argv[0], "%s: unexpected argument '%s'", argv[0], argv[optind]);
	if (!a->file && !a->nlayers)
		return cmd_usage(argv[0], "%s: a file or a layer is missing", argv[0]);
	return -1;
}

json_t *cmd_ask_config(const struct ctl *ctl, int argc, char **argv, const char *help, struct cmd_config *a, int *ret)
{
	json_t *fields, *reply = NULL;
	struct vmmctl *c;
	char why[1024];

	*ret = parse(argc, argv, help, a);
	if (*ret >= 0)
		return NULL;
	*ret = CMD_FAILED;
	fields = vmmctl_config(a->file, a->layers, a->nlayers, why, sizeof(why));
	if (!fields) {
		cmd_fail("%s", why);
		return NULL;
	}
	if (a->engine)
		json_object_set_new(fields, "engine", vmmctl_text(a->engine, 64));
	if (cmd_open_any(ctl, &c)) {
		json_decref(fields);
		return NULL;
	}
	if (vmmctl_call(c, argv[0], fields, &reply)) {
		cmd_fail("%s", vmmctl_error(c));
		reply = NULL;
	}
	vmmctl_close(c);
	json_object_del(reply, "id");
	json_object_del(reply, "ok");
	return reply;
}
