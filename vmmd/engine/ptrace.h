/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptrace.h - the engine that needs nothing but ptrace(2) and a seccomp filter. */
#ifndef VMMD_ENGINE_PTRACE_H
#define VMMD_ENGINE_PTRACE_H

#include "vmmd/engine/engine.h"

extern const struct engine_ops engine_ptrace;

#endif
