/* SPDX-License-Identifier: GPL-2.0-or-later */
/* g_vsyscall.c - a call through the vsyscall page, where there is one, and the system call after it. */
#include "guest.h"

static bool has_page(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[256];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found |= strncmp(line, "ffffffffff600000-", 17) == 0;
	if (f)
		fclose(f);
	return found;
}

int main(void)
{
	time_t (*vtime)(time_t *) = (time_t (*)(time_t *))0xffffffffff600400ul;
	char c = 'x', d = 0;
	int fds[2];

	CHECK(pipe(fds) == 0);
	for (int i = 0; has_page() && i < 10; i++) {
		time_t t = vtime(NULL);

		CHECK(write(fds[1], &c, 1) == 1);
		CHECK(llabs((long long)(time(NULL) - t)) < 5);
		CHECK(read(fds[0], &d, 1) == 1 && d == 'x');
	}
	return guest_end();
}
