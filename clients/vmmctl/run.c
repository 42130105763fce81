// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run.c - vmmctl run: become a program in a session.
 *
 * Without --summary this process is the program: nothing is forked, nothing is
 * set up that it would inherit. With it the child is, and this process waits
 * for it and for the end of the session.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "clients/vmmctl/cmd.h"

static const char run_help[] =
	"Usage: vmmctl run [OPTION]… [--] COMMAND [ARGUMENT]…\n"
	"Run a program under layers, by a running daemon or else by one of its own.\n"
	"\n"
	"  -c, --config FILE               session file, see vmmd.conf(5)\n"
	"  -l, --layer NAME[,KEY=VALUE]…   add an outermost layer; lists are joined with\n"
	"                                  +, @all is every call; see vmmctl plugins\n"
	"  -e, --engine NAME               auto, ptrace, …; see vmmctl status\n"
	"  -n, --name NAME                 of the session, for vmmctl ps\n"
	"      --private                   use no running daemon\n"
	"      --summary                   wait for the whole session, show its counters\n"
	"      --help                      show this text\n"
	"\n"
	"The program has the terminal, descriptors, process group and exit status of a\n"
	"bare run. Status 125: the session was refused; 126: COMMAND cannot be executed;\n"
	"127: it was not found.\n";

static int launch(struct vmmctl *c, const struct vmmctl_launch *l)
{
	char why[1024];
	int ret = vmmctl_launch(c, l, why, sizeof(why));

	cmd_fail("%s", why);
	return ret;
}

/* ------------------------------------------------------------------- summary */

/* The terminal's keys are for the program; what stops it stops us, so that a shell sees it. */
static int wait_for(pid_t child)
{
	int status;

	for (;;) {
		if (waitpid(child, &status, WUNTRACED) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (!WIFSTOPPED(status))
			return status;
		raise(SIGSTOP);
		kill(child, SIGCONT);
	}
}

static void print_summary(struct vmmctl *c, const struct vmmctl_launch *l)
{
	json_t *msg = NULL;
	int ret;

	vmmctl_take_over(c);
	while ((ret = vmmctl_next(c, &msg)) == 1)
		json_decref(msg);
	if (ret < 0)
		cmd_fail("no summary: %s", vmmctl_error(c));
	else
		cmd_session_summary(l, l->argv[0], msg);
	json_decref(msg);
}

/* End as the program did. */
static int end_like(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return cmd_die_of(WTERMSIG(status)); /* without a core: the program has left its own */
}

static int run_and_wait(struct vmmctl *c, const struct vmmctl_launch *l)
{
	static const int keys[] = {SIGINT, SIGQUIT, SIGTSTP};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old[3];
	struct sigaction dfl = {.sa_handler = SIG_DFL}, old_chld;
	pid_t child;
	size_t i;
	int status;

	/* An ignored SIGCHLD would hide the child's status; the child gets back what was inherited. */
	sigaction(SIGCHLD, &dfl, &old_chld);
	child = fork();
	if (child < 0) {
		cmd_fail("cannot fork: %s", strerror(errno));
		return VMMCTL_REFUSED;
	}
	if (child == 0) {
		int ret;

		sigaction(SIGCHLD, &old_chld, NULL);
		ret = launch(c, l);
		/* Without a session there is no end to be told of: let the parent see that. */
		if (ret == VMMCTL_REFUSED)
			shutdown(vmmctl_fd(c), SHUT_RDWR);
		_exit(ret);
	}
	for (i = 0; i < 3; i++)
		sigaction(keys[i], &ignore, &old[i]);
	status = wait_for(child);
	for (i = 0; i < 3; i++)
		sigaction(keys[i], &old[i], NULL);
	if (status < 0)
		return VMMCTL_REFUSED;
	if (!(WIFEXITED(status) && WEXITSTATUS(status) == VMMCTL_REFUSED))
		print_summary(c, l);
	return end_like(status);
}

int cmd_run(const struct ctl *ctl, int argc, char **argv)
{
	struct cmd_session a = {0};
	struct vmmctl *c;
	int ret = cmd_session_options(argc, argv, run_help, &a);

	if (ret >= 0)
		return ret;
	if (optind == argc)
		return cmd_usage("run", "run: a command is missing");
	a.launch.argv = argv + optind;
	if (cmd_session_open(ctl, &a, &c))
		return VMMCTL_REFUSED;
	if (a.launch.summary) {
		ret = run_and_wait(c, &a.launch);
		vmmctl_close(c);
		return ret;
	}
	/* What failed may have failed as a task of the session: no more calls than must be. */
	_exit(launch(c, &a.launch));
}
