/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_ns.c - namespaces and roots inside the program's own tree: pids start at 1 there, paths change under it. */
#include "guest.h"

static int inner(void *arg)
{
	pid_t pid;

	(void)arg;
	say("first: pid %d ppid %d", getpid(), getppid());
	pid = fork();
	if (pid == 0) {
		say("second: pid %d ppid %d tid %ld", getpid(), getppid(), syscall(SYS_gettid));
		_exit(4);
	}
	say("second: %s", status_text(reap(pid)));
	/* init of a namespace ignores signals from inside it. */
	raise(SIGTERM);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	int status;
	CHECK(wait_opt(pid, &status, WUNTRACED) == pid);
	say("third: %s", status_text(status));
	return 5; /* the third dies with its init */
}

static int pid_namespace(void *arg)
{
	if (unshare(CLONE_NEWPID) < 0) {
		say("no pid namespace: %s", strerrorname_np(errno));
		return 0;
	}
	say("init: %s", status_text(in_child(inner, arg)));
	return 0;
}

static int user_namespace(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWUSER) < 0) {
		say("no user namespace: %s", strerrorname_np(errno));
		return 0;
	}
	say("user namespace: uid %u", getuid());
	return 0;
}

static int change_root(void *arg)
{
	char cwd[128] = "";

	(void)arg;
	if (chroot("/proc") < 0 || chdir("/self") < 0) {
		say("no chroot: %s", strerrorname_np(errno));
		return 0;
	}
	say("chroot: cwd %d, /self %s", getcwd(cwd, sizeof(cwd)) && cwd[0] == '/', outcome(access("/self/stat", R_OK)));
	return 6;
}

static int by_clone(void *arg)
{
	struct { uint64_t flags, rest[10]; } a = { .flags = CLONE_NEWPID };
	long pid;

	(void)arg;
	a.rest[3] = SIGCHLD; /* exit_signal */
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (pid == 0)
		_exit(getpid() == 1 ? 7 : 8);
	if (pid < 0) {
		say("no clone3 with a pid namespace: %s", strerrorname_np(errno));
		return 0;
	}
	say("clone3: %s", status_text(reap((pid_t)pid)));
	return 0;
}

int main(void)
{
	say("%s", status_text(in_child(pid_namespace, NULL)));
	say("%s", status_text(in_child(user_namespace, NULL)));
	say("%s", status_text(in_child(change_root, NULL)));
	say("%s", status_text(in_child(by_clone, NULL)));
	return guest_end();
}
