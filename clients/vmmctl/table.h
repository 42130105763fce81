/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - rows of JSON as a table for people.
 */
#ifndef VMMCTL_TABLE_H
#define VMMCTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct table_column {
	const char *key;   /* in a row; "a.b" is b of the object a */
	const char *title;
	bool right;	   /* numbers */
	bool cut;	   /* may be cut to the width of the terminal */
};

/* `columns` is closed by key == NULL. `columns` NULL: one for each key of the first row. */
void table_print(FILE *, const json_t *rows, const struct table_column *columns);

/* A value in a cell; free it. */
char *table_text(const json_t *value);

#endif
