/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_iouring.c - io_uring would get round the stops. Differs inside: see expect/iouring.inside. */
#include "guest.h"

int main(void)
{
	char params[256] = { 0 };
	long fd = syscall(SYS_io_uring_setup, 4, params);

	say("io_uring_setup: %s", outcome(fd));
	/* With a bad descriptor the kernel says EBADF unless the call is refused before. */
	say("io_uring_enter: %s", outcome(syscall(SYS_io_uring_enter, 999, 1, 0, 0, NULL, 0)));
	say("io_uring_register: %s", outcome(syscall(SYS_io_uring_register, 999, 0, NULL, 0)));
	return guest_end();
}
