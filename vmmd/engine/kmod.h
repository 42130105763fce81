/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmod.h - the engine of the kernel module. */
#ifndef VMMD_ENGINE_KMOD_H
#define VMMD_ENGINE_KMOD_H

#include "vmmd/engine/engine.h"

extern const struct engine_ops engine_kmod;

#endif
