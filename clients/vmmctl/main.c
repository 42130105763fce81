// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - vmmctl: find the subcommand and run it.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include "clients/vmmctl/cmd.h"

struct command {
	const char *name;
	int (*fn)(const struct ctl *, int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{"run", cmd_run, "run a program under layers"},
	{"attach", cmd_attach, "put a running process under layers"},
	{"ps", cmd_ps, "list sessions"},
	{"show", cmd_show, "tasks, stack, counters and latency of a session"},
	{"trace", cmd_trace, "watch a running session"},
	{"answer", cmd_answer, "list or answer what `ask` layers wait for"},
	{"kill", cmd_kill, "kill all tasks of a session"},
	{"plugins", cmd_plugins, "list plugins, or the options of one"},
	{"check", cmd_check, "check a configuration file"},
	{"explain", cmd_explain, "which engine a configuration gets, and why"},
	{"status", cmd_status, "daemons, and the engines of this host"},
	{"version", cmd_version, "versions of vmmctl and of running daemons"},
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static int help(void)
{
	size_t i;

	puts("Usage: vmmctl [--socket PATH] COMMAND [ARGUMENT]…\n"
	     "Run programs under layered, partial virtual machines.\n");
	for (i = 0; i < NCOMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	puts("\n      --socket PATH   speak to this daemon only (or set VMMD_SOCKET)\n"
	     "      --help          show this text; after a command, its own\n"
	     "      --version       as the command version\n"
	     "\n"
	     "  vmmctl run -l trace -- ls -l        watch the system calls of ls\n"
	     "  vmmctl run -l remap,map=/etc=/tmp/etc -l trace,file=log -- sh\n"
	     "\n"
	     "`vmmctl run` needs no daemon to be running. See vmmctl(1).");
	return fflush(stdout) ? CMD_FAILED : CMD_OK;
}

static int version(const struct ctl *ctl)
{
	char name[] = "version", *argv[] = {name, NULL};

	optind = 0;
	return cmd_version(ctl, 1, argv);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *env = getenv("VMMD_SOCKET");
	struct ctl ctl = {.socket = env && *env ? env : NULL};
	size_t i;
	int opt;

	opterr = 0; /* we say it ourselves */
	while ((opt = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (opt == 's')
			ctl.socket = optarg;
		else if (opt == 'h')
			return help();
		else if (opt == 'V')
			return version(&ctl);
		else
			return cmd_usage(NULL, "unknown option '%s', or its argument is missing", argv[optind - 1]);
	}
	if (optind == argc)
		return cmd_usage(NULL, "a command is missing");
	for (i = 0; i < NCOMMANDS; i++) {
		if (strcmp(commands[i].name, argv[optind]) != 0)
			continue;
		/* A program to be run gets a process in which nothing was set up. */
		if (commands[i].fn != cmd_run)
			setlocale(LC_ALL, "");
		argc -= optind;
		argv += optind;
		optind = 0; /* start afresh: a GNU extension of getopt(3) */
		return commands[i].fn(&ctl, argc, argv);
	}
	return cmd_usage(NULL, "unknown command '%s'", argv[optind]);
}
