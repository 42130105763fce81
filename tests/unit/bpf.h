/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf.h - a small interpreter of classic BPF that knows what seccomp(2) allows. */
#ifndef TESTS_BPF_H
#define TESTS_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define BPF_BROKEN 0xdeadbeefu /* what no filter returns */

/* What the program says to a call: SECCOMP_RET_*, or BPF_BROKEN. */
uint32_t bpf_run(const struct sock_filter *prog, size_t n, const struct seccomp_data *);

#endif
