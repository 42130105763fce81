/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libfuzzer.c - one target as a libFuzzer program: -DFUZZ_TARGET=fuzz_conf.
 */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FUZZ_TARGET.one(data, size);
	return 0;
}
