/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * racer.c - for tests/system/race.sh: DIR MS. One thread opens a path again and
 * again for so long while another changes its last letter between 'a' and 'b'.
 * Says how often it was refused, and whether it ever read what is in DIR/b. What
 * lies at both ends is opened without a race first: the layer must be at work.
 */
#include "tests/guest/guest.h"

static char path[300];

static volatile bool over;

static void *flip(void *last)
{
	volatile char *c = last;

	while (!over) {
		*c = 'b';
		for (volatile int i = 0; i < 50; i++)
			;
		*c = 'a';
		for (volatile int i = 0; i < 50; i++)
			;
	}
	return NULL;
}

/* What is in the file, or the errno as a letter that no file has. */
static char look(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0)
		return errno == EACCES ? '-' : errno == EPERM ? '!' : '?';
	if (read(fd, &c, 1) != 1)
		c = '?';
	close(fd);
	return c;
}

int main(int argc, char **argv)
{
	long seen[256] = {0};
	char still[3] = "";
	pthread_t thread;
	int64_t end;
	size_t n;

	if (argc != 3)
		return 8;
	n = (size_t)snprintf(path, sizeof(path), "%s/a", argv[1]);
	still[0] = look();
	path[n - 1] = 'b';
	still[1] = look();
	if (pthread_create(&thread, NULL, flip, path + n - 1) != 0)
		return 9;
	end = now_ms() + atoi(argv[2]);
	while (now_ms() < end)
		seen[(unsigned char)look()]++;
	over = true;
	pthread_join(thread, NULL);
	say("still %s", still);
	say("opened %s", seen['a'] ? "some" : "none");
	say("refused %s", seen['-'] ? "some" : "none");
	say("broken %s", seen['!'] ? "some" : "none");
	say("other %ld", seen['?']);
	say("lost %s", seen['b'] ? "yes" : "no");
	fprintf(stderr, "%ld opened, %ld refused, %ld lost\n", seen['a'], seen['-'] + seen['!'], seen['b']);
	return 0;
}
