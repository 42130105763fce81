/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errname.h - error numbers by name.
 */
#ifndef VMMD_PLUGINS_ERRNAME_H
#define VMMD_PLUGINS_ERRNAME_H

#include <stddef.h>

/* The number of "EPERM" or "1"; 0 if there is no such error. */
int errname_parse(const char *text);
/* The same for struct vmmd_option. */
int errname_check(const char *text, char *why, size_t len);

#endif
