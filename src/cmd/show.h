/* Answers of operations, which are JSON, for people. */
#pragma once

#include "cmd/format.h"
#include "cmd/table.h"

#include <jansson.h>

/* Processes: an array of summaries. */
enum show_list_what { SHOW_HEADER = 1, SHOW_RUNTIMES = 2 };
int show_list(FILE *out, const struct terminal *terminal, unsigned what,
              const json_t *processes) _must_check_;

/* Members of an object as text for a cell; "" where there is none. The texts live as long as the object, or
 * in the given room. */
const char *member_text(const json_t *object, const char *name);
const char *member_number(const json_t *object, const char *name, char text[FORMAT_SIZE]);
const char *member_bytes(const json_t *object, const char *name, char text[FORMAT_SIZE]); /* -1: unknown */
const char *member_span(const json_t *object, const char *name, char text[FORMAT_SIZE]);
const char *member_date(const json_t *object, const char *name, char text[FORMAT_SIZE]);
void member_runtime(const json_t *process, char text[FORMAT_SIZE]); /* with its version */
const char *uri_last_segment(const char *uri);                      /* the id in it */

/* A sheet of facts: one "label  value" a line. Lines whose value is empty are left out. */
extern const struct column sheet_columns[2];
#define SHEET_INIT ((struct table){.columns = sheet_columns, .column_count = 2, .flowing = true, .indent = 2})
void sheet_line(struct table *sheet, const char *label, const char *value);
