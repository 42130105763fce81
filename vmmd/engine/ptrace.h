/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptrace.h - the engines that trace with ptrace(2): `ptrace`, which needs nothing
 * else, and `hybrid`, where calls that need no more are seccomp notifications.
 */
#ifndef VMMD_ENGINE_PTRACE_H
#define VMMD_ENGINE_PTRACE_H

#include "vmmd/engine/engine.h"

extern const struct engine_ops engine_ptrace;
extern const struct engine_ops engine_hybrid;

#endif
