/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_nnp.c - the marks that a filter leaves and that no engine hides yet. Differs inside: see expect/nnp.inside. */
#include "guest.h"

int main(void)
{
	char buf[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(buf, sizeof(buf), f)) {
		buf[strcspn(buf, "\n")] = 0;
		if (!strncmp(buf, "NoNewPrivs:", 11) || !strncmp(buf, "Seccomp:", 8))
			say("%s", buf);
		if (!strncmp(buf, "TracerPid:", 10))
			say("traced %d", atoi(buf + 10) != 0);
	}
	say("PR_GET_NO_NEW_PRIVS %d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("PR_GET_SECCOMP %d", prctl(PR_GET_SECCOMP));
	return guest_end();
}
