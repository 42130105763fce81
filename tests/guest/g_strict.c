/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_strict.c - seccomp's strict mode cannot follow a filter. Differs inside: see expect/strict.inside. */
#include "guest.h"
#include <linux/seccomp.h>

static int strict(void *arg)
{
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);

	(void)arg;
	say("strict mode: %s", outcome(r));
	if (r == 0)
		syscall(SYS_getppid);
	return 1;
}

int main(void)
{
	say("%s", status_text(in_child(strict, NULL)));
	return guest_end();
}
