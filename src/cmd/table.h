/* Aligned tables. Cells are escaped as they come in, so what stands in a table can't do anything to a
 * terminal; an empty cell is "-", so that every line has the same number of words for awk.
 *
 * Errors are sticky, as in base/json.h: callers check once, with table_print. */
#pragma once

#include "base/buffer.h"
#include "cmd/terminal.h"

enum column_flags {
    COLUMN_RIGHT = 1,    /* numbers */
    COLUMN_CUT = 2,      /* may be cut where the terminal is too narrow */
    COLUMN_OPTIONAL = 4, /* not shown while it holds nothing at all */
};

struct column {
    const char *title;
    unsigned flags;
    enum style style;
};

struct table_cell {
    size_t offset; /* in texts */
    enum style style;
};

struct table {
    const struct column *columns; /* borrowed */
    size_t column_count;
    bool flowing;    /* lines may be longer than the terminal is wide: nothing is cut */
    unsigned indent; /* blanks before each line */
    int error;
    struct buffer texts;
    struct table_cell *items; /* row by row */
    size_t count, capacity;
};

#define TABLE_INIT(of) ((struct table){.columns = (of), .column_count = ELEMENTS_OF(of)})

void table_release(struct table *table);
#define _cleanup_table_ _cleanup_(table_release)

/* The next cell, from left to right; NULL or "" is an empty one. style STYLE_PLAIN means the column's. */
void table_cell(struct table *table, const char *text);
void table_cell_styled(struct table *table, enum style style, const char *text);
void table_cell_format(struct table *table, const char *format, ...) _printf_(2, 3);

/* Writes all rows (and the titles). 0 or the first failure. What could not be written stays in ferror(out).
 */
int table_print(const struct table *table, FILE *out, const struct terminal *terminal,
                bool header) _must_check_;
