/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - what reads hostile bytes, as targets of the fuzzers.
 *
 * A target takes any bytes, leaves nothing behind (memory, descriptors), and
 * aborts when something is wrong that does not crash by itself. fuzz_main.c
 * runs all targets on mutated seeds for a short time, for `make check`;
 * libfuzzer.c makes one of them a libFuzzer program.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct fuzz_target {
	const char *name;
	void (*one)(const uint8_t *data, size_t size);
	const char *const *seeds; /* valid and nearly valid inputs, closed by NULL */
	const char *const *words; /* what mutations put in, closed by NULL */
};

extern const struct fuzz_target fuzz_conf, fuzz_spec, fuzz_control, fuzz_record;

/* What must hold for every input. */
#define FUZZ_CHECK(cond_)                                                                          \
	do {                                                                                       \
		if (!(cond_)) {                                                                    \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond_);                \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
