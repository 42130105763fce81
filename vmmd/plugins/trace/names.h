/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.h - numbers in words: flags, commands, signals.
 */
#ifndef TRACE_NAMES_H
#define TRACE_NAMES_H

#include "text.h"

#include <vmmd/plugin.h>

/* Argument `i` of a call, as a number, or as names where its kind has a table. */
void names_arg(struct text *, const struct vmmd_syscall *, const struct vmmd_call *, unsigned i);
/* A result of the kind `kind`. */
void names_result(struct text *, unsigned kind, int64_t result);
/* "[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]" */
void names_wait_status(struct text *, int status);
/* "AF_INET", "99" */
void names_socket_domain(struct text *, unsigned domain);

#endif
