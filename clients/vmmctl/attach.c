// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attach.c - vmmctl attach: layers for a process that runs already.
 *
 * This process stays until the other and all its children have ended, or until
 * it is told to end itself: then the other goes on as before. If it is killed the
 * daemon sees the end of the connection, and does the same.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "clients/vmmctl/cmd.h"

static const char attach_help[] =
	"Usage: vmmctl attach [OPTION]… PID\n"
	"Put a running process, all its threads and the children that it makes from now\n"
	"on under layers, until it ends. Interrupted, vmmctl lets it go, unharmed.\n"
	"\n"
	"  -c, --config FILE               session file, see vmmd.conf(5)\n"
	"  -l, --layer NAME[,KEY=VALUE]…   add an outermost layer; lists are joined with\n"
	"                                  +, @all is every call; see vmmctl plugins\n"
	"  -e, --engine NAME               auto or kmod; see vmmctl status\n"
	"  -n, --name NAME                 of the session, for vmmctl ps\n"
	"      --private                   use no running daemon\n"
	"      --summary                   at the end, show the counters of the session\n"
	"      --help                      show this text\n"
	"\n"
	"Needs the kernel module, and the right to trace the process as for ptrace(2).\n";

/* For the handler: the connection, and the signal that came. */
static struct vmmctl *volatile attached;
static volatile sig_atomic_t told;

/* Once: the next kills us, if the daemon takes too long. */
static void on_signal(int sig)
{
	int saved = errno;

	told = sig;
	if (attached)
		vmmctl_detach(attached);
	errno = saved;
}

/* One that is ignored stays so: it is nohup(1)'s or the shell's. */
static void catch_signals(struct vmmctl *c)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND}, old;

	attached = c;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

/* Until the end of the session. */
static int stay(struct vmmctl *c, const struct vmmctl_launch *l, int pid)
{
	json_t *reply = NULL;
	char name[32];
	int ret;

	while ((ret = vmmctl_next(c, &reply)) == 1)
		json_decref(reply);
	if (ret < 0)
		ret = cmd_fail("%s", vmmctl_error(c));
	else if (told && !json_object_get(reply, "status")) /* else it has ended just now */
		fprintf(stderr, "vmmctl: process %d detached\n", pid);
	if (ret == 0 && l->summary) {
		snprintf(name, sizeof(name), "process %d", pid);
		cmd_session_summary(l, name, reply);
	}
	json_decref(reply);
	return ret;
}

static int attach(struct vmmctl *c, const struct vmmctl_launch *l, int pid)
{
	char why[1024];
	json_t *event;
	int ret;

	if (vmmctl_attach(c, l, pid, &event, why, sizeof(why)))
		return cmd_fail("%s", why);
	catch_signals(c);
	fprintf(stderr, "vmmctl: process %d attached: session %d, engine ", pid,
		(int)json_integer_value(json_object_get(event, "attached")));
	cmd_print(stderr, json_string_value(json_object_get(event, "engine")));
	fputc('\n', stderr);
	json_decref(event);
	ret = stay(c, l, pid);
	attached = NULL;
	vmmctl_close(c);
	return told ? cmd_die_of(told) : ret;
}

int cmd_attach(const struct ctl *ctl, int argc, char **argv)
{
	struct cmd_session a = {0};
	struct vmmctl *c;
	char *end;
	long pid;
	int ret = cmd_session_options(argc, argv, attach_help, &a);

	if (ret >= 0)
		return ret;
	if (argc - optind != 1)
		return cmd_usage("attach", "attach: one process is wanted");
	errno = 0;
	pid = strtol(argv[optind], &end, 10);
	if (errno || *end || end == argv[optind] || pid <= 0 || pid > INT_MAX)
		return cmd_usage("attach", "attach: '%s' is not the number of a process", argv[optind]);
	if (cmd_session_open(ctl, &a, &c))
		return CMD_FAILED;
	return attach(c, &a.launch, (int)pid);
}
