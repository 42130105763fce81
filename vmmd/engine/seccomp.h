/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seccomp.h - the engine that rests on seccomp notifications alone. */
#ifndef VMMD_ENGINE_SECCOMP_H
#define VMMD_ENGINE_SECCOMP_H

#include "vmmd/engine/engine.h"

extern const struct engine_ops engine_seccomp;

#endif
