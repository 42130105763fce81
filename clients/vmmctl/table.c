// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * table.c - rows of JSON as a table for people.
 *
 * libsmartcols does widths, cutting and makes control characters of hostile
 * values visible; colours only where the output is a terminal.
 */
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clients/vmmctl/table.h"

#define MAX_COLUMNS 32

static char *join(const json_t *value)
{
	char *text = NULL;
	size_t len = 0, i;
	FILE *f = open_memstream(&text, &len);
	json_t *item;
	const char *key;

	if (!f)
		return NULL;
	if (json_is_array(value)) {
		json_array_foreach((json_t *)value, i, item) {
			char *t = table_text(item);

			fprintf(f, "%s%s", i ? " " : "", t ? t : "");
			free(t);
		}
	} else {
		json_object_foreach((json_t *)value, key, item) {
			char *t = table_text(item);

			fprintf(f, "%s%s=%s", ftell(f) ? " " : "", key, t ? t : "");
			free(t);
		}
	}
	fclose(f);
	return text;
}

char *table_text(const json_t *value)
{
	char buf[64];

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		return strdup(json_string_value(value));
	case JSON_INTEGER:
		snprintf(buf, sizeof(buf), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return strdup(buf);
	case JSON_REAL:
		snprintf(buf, sizeof(buf), "%.3g", json_real_value(value));
		return strdup(buf);
	case JSON_TRUE:
		return strdup("yes");
	case JSON_FALSE:
		return strdup("no");
	case JSON_ARRAY:
	case JSON_OBJECT:
		return join(value);
	default:
		return strdup("");
	}
}

static const json_t *lookup(const json_t *row, const char *key)
{
	const char *dot = strchr(key, '.');
	char outer[64];

	if (!dot)
		return json_object_get(row, key);
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - key), key);
	return json_object_get(json_object_get(row, outer), dot + 1);
}

static void columns_of(const json_t *rows, struct table_column *columns)
{
	size_t n = 0;
	const char *key;
	json_t *value;

	json_object_foreach(json_array_get(rows, 0), key, value) {
		if (n == MAX_COLUMNS)
			break;
		columns[n++] = (struct table_column){.key = key, .title = key, .right = json_is_number(value)};
	}
	columns[n].key = NULL;
}

static void add_rows(struct libscols_table *tb, const json_t *rows, const struct table_column *columns)
{
	size_t i, k;
	json_t *row;

	json_array_foreach((json_t *)rows, i, row) {
		struct libscols_line *line = scols_table_new_line(tb, NULL);

		for (k = 0; line && columns[k].key; k++) {
			char *text = table_text(lookup(row, columns[k].key));

			if (text && scols_line_refer_data(line, k, text))
				free(text);
		}
	}
}

void table_print(FILE *f, const json_t *rows, const struct table_column *columns)
{
	struct table_column own[MAX_COLUMNS + 1];
	struct libscols_table *tb = scols_new_table();
	bool tty = isatty(fileno(f));
	size_t k;

	if (!tb)
		return;
	if (!columns) {
		columns_of(rows, own);
		columns = own;
	}
	scols_table_set_stream(tb, f);
	/* Cut for a terminal only: what goes to a file or pipe is whole. */
	scols_table_enable_maxout(tb, 0);
	scols_table_enable_colors(tb, tty);
	for (k = 0; columns[k].key; k++) {
		int flags = (columns[k].right ? SCOLS_FL_RIGHT : 0) | (columns[k].cut && tty ? SCOLS_FL_TRUNC : 0);
		struct libscols_column *c = scols_table_new_column(tb, columns[k].title, columns[k].cut ? 0.2 : 0, flags);

		if (c && tty)
			scols_cell_set_color(scols_column_get_header(c), "bold");
	}
	add_rows(tb, rows, columns);
	scols_print_table(tb);
	scols_unref_table(tb);
}
