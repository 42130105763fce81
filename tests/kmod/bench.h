/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h - the measurements that run in the place of the self tests.
 */
#ifndef VMMD_TESTS_KMOD_BENCH_H
#define VMMD_TESTS_KMOD_BENCH_H

/* Prints its lines; loads the module itself. */
void bench(void);

#endif
