// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - the command line of vmmd.
 *
 * Chooses the instance (system, user or private) and its socket; parent.c does
 * the rest. Stays in the foreground: service managers want that.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "proto/paths.h"
#include "vmmd/listen.h"
#include "vmmd/log.h"
#include "vmmd/parent.h"
#include "vmmd/worker.h"

#define EXIT_USAGE 2

enum { OPT_SOCKET = 256, OPT_MODE, OPT_PRIVATE, OPT_USER, OPT_SYSTEM, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"mode", required_argument, NULL, OPT_MODE},
	{"private", required_argument, NULL, OPT_PRIVATE},
	{"user", no_argument, NULL, OPT_USER},
	{"system", no_argument, NULL, OPT_SYSTEM},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char help[] =
	"Usage: vmmd [--system | --user] [--socket PATH] [--mode OCTAL]\n"
	"Serve sandboxes of layered virtual machine monitors to vmmctl(1).\n"
	"\n"
	"  --system        listen on " VMMD_SYSTEM_SOCKET " for all users (default for root)\n"
	"  --user          listen in $XDG_RUNTIME_DIR/" VMMD_USER_SUBDIR " for one user (the default\n"
	"                  for others)\n"
	"  --socket PATH   listen on PATH instead\n"
	"  --mode OCTAL    permissions of the socket (system: 666, user: 600)\n"
	"  --private FD    serve the connection FD, end with its session (for vmmctl)\n"
	"  -v, --verbose   log more; twice: for debugging\n"
	"      --help      show this text\n"
	"      --version   show the version\n"
	"\n"
	"vmmd stays in the foreground and logs to its standard error. SIGTERM ends it;\n"
	"what happens to running sessions is then up to their on-failure policy.\n"
	"`vmmctl run` needs no vmmd to be running. See vmmd(8).\n";

struct arguments {
	struct parent_config cfg;
	bool have_mode;
	int verbose;
};

static int usage(const char *fmt, const char *arg)
{
	fputs("vmmd: ", stderr);
	fprintf(stderr, fmt, arg);
	fputs("; see vmmd --help\n", stderr);
	return EXIT_USAGE;
}

static int parse_number(const char *text, int base, long max, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, base);
	return errno || end == text || *end || *value < 0 || *value > max ? -EINVAL : 0;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct arguments *a)
{
	long number;
	int opt;

	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		switch (opt) {
		case OPT_SOCKET:
			a->cfg.socket = optarg;
			break;
		case OPT_MODE:
			if (parse_number(optarg, 8, 0777, &number))
				return usage("--mode wants an octal number up to 777, not '%s'", optarg);
			a->cfg.mode = (mode_t)number;
			a->have_mode = true;
			break;
		case OPT_PRIVATE:
			if (parse_number(optarg, 10, INT_MAX, &number))
				return usage("--private wants a descriptor, not '%s'", optarg);
			a->cfg.private_fd = (int)number;
			a->cfg.instance = PARENT_PRIVATE;
			break;
		case OPT_USER:
			a->cfg.instance = PARENT_USER;
			break;
		case OPT_SYSTEM:
			a->cfg.instance = PARENT_SYSTEM;
			break;
		case 'v':
			a->verbose++;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
		case OPT_VERSION:
			puts("vmmd " VMMD_VERSION);
			return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return usage("unexpected argument '%s'", argv[optind]);
	return -1;
}

/* The path to listen on, made in `path` if none was given. */
static int choose_socket(struct parent_config *cfg, char *path, size_t len)
{
	char dir[PATH_MAX], why[PATH_MAX + 128] = "";
	int ret, n;

	if (cfg->socket)
		return 0;
	if (cfg->instance == PARENT_SYSTEM) {
		snprintf(dir, sizeof(dir), "%s", VMMD_SYSTEM_DIR);
		ret = listen_check_dir(dir, 0755, why, sizeof(why));
	} else {
		ret = listen_user_dir(dir, sizeof(dir), why, sizeof(why));
	}
	if (ret && cfg->instance == PARENT_PRIVATE) {
		/* The session can do without; it is only not listed. */
		log_warning("%s: this session cannot be listed", why);
		return 0;
	}
	if (ret) {
		log_error("%s", why);
		return ret;
	}
	if (cfg->instance == PARENT_PRIVATE)
		n = snprintf(path, len, "%s/" VMMD_PRIVATE_PREFIX "%d" VMMD_PRIVATE_SUFFIX, dir, (int)getpid());
	else
		n = snprintf(path, len, "%s/" VMMD_SERVICE_NAME, dir);
	if (n < 0 || (size_t)n >= len)
		return -ENAMETOOLONG;
	cfg->socket = path;
	return 0;
}

/* Descriptors 0 to 2 must exist: else a socket would get one of their numbers. */
static int have_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* One descriptor a connection, two a session, five with on-failure: restart; a private instance has its client's limit, made for select(2). */
static void raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

int main(int argc, char **argv)
{
	struct arguments a = {.cfg = {.private_fd = -1, .instance = geteuid() ? PARENT_USER : PARENT_SYSTEM}};
	char path[PATH_MAX];
	sigset_t none;
	int ret;

	if (argc == 4 && strcmp(argv[1], "--worker") == 0)
		worker_resume(argv[2], argv[3]);
	ret = parse(argc, argv, &a);
	if (ret >= 0)
		return ret;
	if (have_standard_fds())
		return EXIT_FAILURE;
	log_setup(2, "vmmd", a.verbose > 1 ? VMMD_LOG_DEBUG : a.verbose ? VMMD_LOG_INFO : VMMD_LOG_WARNING);

	/* A client may have left anything to a private instance. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();

	if (!a.have_mode)
		a.cfg.mode = a.cfg.instance == PARENT_SYSTEM ? 0666 : 0600;
	if (a.cfg.private_fd >= 0)
		fcntl(a.cfg.private_fd, F_SETFD, FD_CLOEXEC);
	if (choose_socket(&a.cfg, path, sizeof(path)))
		return EXIT_FAILURE;
	return parent_run(&a.cfg) ? EXIT_FAILURE : EXIT_SUCCESS;
}
