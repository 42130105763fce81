/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_listener.c - a seccomp notification listener of the program's own. Differs inside: see expect/listener.inside. */
#include "guest.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

int main(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { 1, &allow };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	say("plain filter: %s", outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)));
	say("filter with a listener: %s",
	    outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog)));
	return guest_end();
}
