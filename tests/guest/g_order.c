/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_order.c - for tests/system/order.sh: one creat, one getppid, a signal with a handler, an exec. Arguments: file, "again". */
#include "guest.h"

int main(int argc, char **argv)
{
	char *next[] = { argv[0], argv[1], (char *)"again", NULL };

	if (argc == 3)
		return 0;
	if (argc != 2 || syscall(SYS_creat, argv[1], 0640) < 0)
		return 1;
	syscall(SYS_getppid);
	on_signal(SIGUSR1, ignore_it, 0);
	raise(SIGUSR1);
	execv("/proc/self/exe", next);
	return 2;
}
