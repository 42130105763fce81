/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_main.c - a short run of every fuzz target on mutated seeds.
 *
 *	fuzz [-t SECONDS] [-n INPUTS] [-s SEED] [NAME...]	run targets
 *	fuzz -f FILE NAME					run one input
 *
 * The inputs follow from SEED alone, so that a failure can be made again. Each
 * target runs in a child; its current input is in shared memory, and saved to
 * a file when the child crashes, hangs or leaks descriptors. A build with
 * AddressSanitizer looks for leaked memory when the child ends.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 65536
#define HANG_SECONDS 10

/* What parent and child share. */
struct shared {
	uint64_t inputs;
	size_t size;
	uint8_t data[INPUT_MAX];
};

struct options {
	double seconds;
	uint64_t inputs;
	uint64_t seed;
	const char *file;
};

static const struct fuzz_target *const targets[] = { &fuzz_conf, &fuzz_spec, &fuzz_control, &fuzz_record };

#define TARGETS (sizeof(targets) / sizeof(targets[0]))

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---------------------------------------------------------------- mutation */

static uint64_t rnd(uint64_t *state, uint64_t below)
{
	/* splitmix64 */
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return below ? (z ^ z >> 31) % below : 0;
}

static const char *pick(const char *const *texts, uint64_t *state)
{
	size_t n = 0;

	while (texts[n])
		n++;
	return texts[rnd(state, n)];
}

/* Put `len` bytes in at `at`; what does not fit is left away. */
static void put_in(struct shared *sh, size_t at, const void *bytes, size_t len)
{
	if (len > INPUT_MAX - sh->size)
		len = INPUT_MAX - sh->size;
	memmove(sh->data + at + len, sh->data + at, sh->size - at);
	memcpy(sh->data + at, bytes, len);
	sh->size += len;
}

static void mutate(struct shared *sh, const struct fuzz_target *t, uint64_t *state)
{
	size_t at = rnd(state, sh->size + 1), len = rnd(state, sh->size - at + 1), n;
	uint8_t copy[256], byte = (uint8_t)rnd(state, 256);
	const char *text;

	if (len > sizeof(copy))
		len = sizeof(copy);
	memcpy(copy, sh->data + at, len);
	switch (rnd(state, 9)) {
	case 0: /* one bit */
		if (at < sh->size)
			sh->data[at] ^= (uint8_t)(1u << byte % 8);
		break;
	case 1: /* one byte */
		if (at < sh->size)
			sh->data[at] = byte;
		break;
	case 2:
		put_in(sh, at, &byte, 1);
		break;
	case 3: /* away with some */
		memmove(sh->data + at, sh->data + at + len, sh->size - at - len);
		sh->size -= len;
		break;
	case 4: /* the same somewhere else */
		put_in(sh, rnd(state, sh->size + 1), copy, len);
		break;
	case 5: /* the same many times */
		for (n = rnd(state, 40) * rnd(state, 40); n; n--)
			put_in(sh, at, copy, len % 16);
		break;
	case 6: /* a piece of another seed */
		text = pick(t->seeds, state);
		n = rnd(state, strlen(text) + 1);
		put_in(sh, at, text + n, rnd(state, strlen(text + n) + 1));
		break;
	default:
		text = pick(t->words, state);
		put_in(sh, at, text, strlen(text));
	}
}

static void make_input(struct shared *sh, const struct fuzz_target *t, uint64_t *state)
{
	sh->size = 0;
	for (const char *s = pick(t->seeds, state); *s && sh->size < INPUT_MAX; s++)
		sh->data[sh->size++] = (uint8_t)*s;
	for (uint64_t n = 1 + rnd(state, 8); n; n--)
		mutate(sh, t, state);
}

/* ------------------------------------------------------------------ running */

/* The target gets a copy of exactly that size, so that a sanitizer sees what reads behind it. */
static void run_one(const struct fuzz_target *t, const struct shared *sh)
{
	uint8_t *copy = malloc(sh->size ? sh->size : 1);

	FUZZ_CHECK(copy);
	memcpy(copy, sh->data, sh->size);
	alarm(HANG_SECONDS);
	t->one(copy, sh->size);
	free(copy);
}

static size_t descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void run_child(const struct fuzz_target *t, const struct options *o, struct shared *sh)
{
	double end = now() + o->seconds;
	uint64_t state = o->seed;
	size_t fds;

	/* Once for what is allocated at first use and kept. */
	for (const char *const *s = t->seeds; *s; s++) {
		sh->size = strlen(*s);
		memcpy(sh->data, *s, sh->size);
		run_one(t, sh);
	}
	fds = descriptors();
	for (; sh->inputs < o->inputs && now() < end; sh->inputs++) {
		make_input(sh, t, &state);
		run_one(t, sh);
		if (sh->inputs % 256 == 0)
			FUZZ_CHECK(descriptors() == fds);
	}
	FUZZ_CHECK(descriptors() == fds);
}

static void report(const struct fuzz_target *t, const struct shared *sh, int status)
{
	char name[64], what[64];
	FILE *f;

	if (WIFSIGNALED(status))
		snprintf(what, sizeof(what), "%s", WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
	else
		snprintf(what, sizeof(what), "exit status %d", WEXITSTATUS(status));
	snprintf(name, sizeof(name), "/tmp/fuzz-%s-XXXXXX", t->name);
	f = fdopen(mkstemp(name), "w");
	if (f) {
		fwrite(sh->data, 1, sh->size, f);
		fclose(f);
	}
	printf("not ok %s: %s at input %llu; again with: fuzz -f %s %s\n", t->name, what,
	       (unsigned long long)sh->inputs, f ? name : "(not saved)", t->name);
}

static bool run_target(const struct fuzz_target *t, const struct options *o)
{
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid;

	FUZZ_CHECK(sh != MAP_FAILED);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		run_child(t, o, sh);
		exit(0); /* not _exit(): a sanitizer looks for leaks here */
	}
	FUZZ_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (status)
		report(t, sh, status);
	else
		printf("ok %s (%llu inputs)\n", t->name, (unsigned long long)sh->inputs);
	munmap(sh, sizeof(*sh));
	return !status;
}

static int run_file(const struct fuzz_target *t, const char *file)
{
	static struct shared sh;
	FILE *f = fopen(file, "r");

	if (!f) {
		perror(file);
		return 1;
	}
	sh.size = fread(sh.data, 1, sizeof(sh.data), f);
	fclose(f);
	run_one(t, &sh);
	printf("%s: %zu bytes, nothing happened\n", t->name, sh.size);
	return 0;
}

static bool named(const char *name, char **names)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct options o = { .seconds = 3, .inputs = UINT64_MAX, .seed = 1 };
	unsigned failed = 0, ran = 0;
	int opt;

	while ((opt = getopt(argc, argv, "t:n:s:f:")) != -1) {
		if (opt == 't')
			o.seconds = strtod(optarg, NULL);
		else if (opt == 'n')
			o.inputs = strtoull(optarg, NULL, 10);
		else if (opt == 's')
			o.seed = strtoull(optarg, NULL, 10);
		else if (opt == 'f')
			o.file = optarg;
		else
			return 2;
	}
	for (size_t i = 0; i < TARGETS; i++) {
		if (argv[optind] && !named(targets[i]->name, argv + optind))
			continue;
		if (o.file)
			return run_file(targets[i], o.file);
		ran++;
		failed += !run_target(targets[i], &o);
	}
	if (!ran) {
		fprintf(stderr, "fuzz: no such target\n");
		return 2;
	}
	printf("fuzz: %u passed, %u failed, 0 skipped\n", ran - failed, failed);
	return failed != 0;
}
