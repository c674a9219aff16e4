#include "cmd/table.h"

#include "base/array.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum {
    COLUMNS_MAX = 16,
    CELLS_MAX = 16 * 1024 * 1024,
    GAP = 2,        /* blanks between columns */
    CUT_LEAST = 12, /* a column is not cut below this */
};

void table_release(struct table *table)
{
    buffer_release(&table->texts);
    free(table->items);
    table->items = NULL;
    table->count = table->capacity = 0;
}

void table_cell_styled(struct table *table, enum style style, const char *text)
{
    if (table->error)
        return;
    table->texts.limit = SIZE_MAX / 2; /* what fills it was bounded where it was read */
    size_t offset = table->texts.size;
    int r = ARRAY_RESERVE(table, 1, CELLS_MAX);
    if (r >= 0)
        r = text_escape(text && *text ? text : "-", &table->texts);
    if (r >= 0)
        r = buffer_append(&table->texts, "", 1);
    if (r < 0) {
        table->error = r;
        return;
    }
    table->items[table->count++] = (struct table_cell){.offset = offset, .style = style};
}

void table_cell(struct table *table, const char *text)
{
    table_cell_styled(table, STYLE_PLAIN, text);
}

void table_cell_format(struct table *table, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* numbers and short words: they fit */
    va_end(arguments);
    table_cell(table, text);
}

static const char *text_of(const struct table *table, size_t row, size_t column)
{
    return table->texts.data + table->items[row * table->column_count + column].offset;
}

struct layout {
    size_t widths[COLUMNS_MAX];
    bool shown[COLUMNS_MAX];
    size_t last;  /* the last column that is shown */
    size_t limit; /* columns of a line; SIZE_MAX: no end */
};

static size_t layout_total(const struct table *table, const struct layout *layout)
{
    size_t total = table->indent;
    for (size_t c = 0; c < table->column_count; c++)
        total += layout->shown[c] ? layout->widths[c] + (c == layout->last ? 0 : GAP) : 0;
    return total;
}

/* Takes from the widest column that may be cut until the lines fit or there is none. */
static void layout_narrow(const struct table *table, struct layout *layout)
{
    size_t total = layout_total(table, layout);
    while (total > layout->limit) {
        size_t widest = COLUMNS_MAX, next = CUT_LEAST;
        for (size_t c = 0; c < table->column_count; c++) {
            if (!layout->shown[c] || !(table->columns[c].flags & COLUMN_CUT) ||
                layout->widths[c] <= CUT_LEAST)
                continue;
            if (widest == COLUMNS_MAX || layout->widths[c] > layout->widths[widest])
                widest = c;
        }
        if (widest == COLUMNS_MAX)
            return;
        for (size_t c = 0; c < table->column_count; c++)
            if (c != widest && layout->shown[c] && (table->columns[c].flags & COLUMN_CUT) &&
                layout->widths[c] > next && layout->widths[c] < layout->widths[widest])
                next = layout->widths[c];
        size_t room = layout->widths[widest] - next, wanted = total - layout->limit;
        size_t less = wanted < room ? wanted : room ? room : 1;
        layout->widths[widest] -= less;
        total -= less;
    }
}

static void layout_make(const struct table *table, const struct terminal *terminal, bool header,
                        struct layout *layout)
{
    size_t rows = table->count / table->column_count;
    *layout = (struct layout){.limit = SIZE_MAX};
    for (size_t c = 0; c < table->column_count; c++) {
        layout->widths[c] = header ? text_width(table->columns[c].title) : 1;
        layout->shown[c] = !(table->columns[c].flags & COLUMN_OPTIONAL);
        for (size_t r = 0; r < rows; r++) {
            const char *text = text_of(table, r, c);
            size_t width = text_width(text);
            if (width > layout->widths[c])
                layout->widths[c] = width;
            if (strcmp(text, "-") != 0)
                layout->shown[c] = true;
        }
        if (layout->shown[c])
            layout->last = c;
    }
    if (terminal->columns && !table->flowing) {
        layout->limit = terminal->columns;
        layout_narrow(table, layout);
    }
}

static void put_blanks(FILE *out, size_t count)
{
    (void)fprintf(out, "%*s", (int)count, ""); /* seen by ferror at the end, as all below */
}

/* Writes one cell into `width` columns. */
static void put_cell(FILE *out, const struct terminal *terminal, const char *text, enum style style,
                     const struct column *column, size_t width, bool last)
{
    size_t own = 0;
    size_t bytes = text_fit(text, width, &own);
    bool cut = text[bytes] != '\0';
    if (cut)
        bytes = text_fit(text, width ? width - 1 : 0, &own);
    size_t padding = width - own - (cut && width ? 1 : 0);
    if (column->flags & COLUMN_RIGHT)
        put_blanks(out, padding);
    const char *begin = style != STYLE_PLAIN ? terminal_style(terminal, style) : "";
    (void)fprintf(out, "%s%.*s%s%s", begin, (int)bytes, text, cut && width ? "…" : "",
                  *begin ? terminal_style(terminal, STYLE_PLAIN) : "");
    if (!(column->flags & COLUMN_RIGHT) && !last)
        put_blanks(out, padding);
}

/* row SIZE_MAX: the titles. */
static void put_row(const struct table *table, const struct layout *layout, FILE *out,
                    const struct terminal *terminal, size_t row)
{
    size_t left = layout->limit == SIZE_MAX ? SIZE_MAX : layout->limit - table->indent;
    put_blanks(out, table->indent);
    for (size_t c = 0; c < table->column_count && left > 0; c++) {
        if (!layout->shown[c])
            continue;
        const struct column *column = &table->columns[c];
        const char *text = row == SIZE_MAX ? column->title : text_of(table, row, c);
        enum style style = row == SIZE_MAX ? STYLE_TITLE : table->items[row * table->column_count + c].style;
        if (style == STYLE_PLAIN)
            style = column->style;
        size_t width = layout->widths[c] < left ? layout->widths[c] : left;
        put_cell(out, terminal, text, style, column, width, c == layout->last);
        left -= width;
        if (c == layout->last)
            break;
        size_t gap = left < GAP ? left : GAP;
        put_blanks(out, gap);
        left -= gap;
    }
    (void)fputc('\n', out);
}

int table_print(const struct table *table, FILE *out, const struct terminal *terminal, bool header)
{
    struct layout layout;
    if (table->error)
        return table->error;
    if (table->column_count == 0 || table->column_count > COLUMNS_MAX || table->count % table->column_count)
        return -EINVAL;
    layout_make(table, terminal, header, &layout);
    if (header)
        put_row(table, &layout, out, terminal, SIZE_MAX);
    for (size_t row = 0; row < table->count / table->column_count; row++)
        put_row(table, &layout, out, terminal, row);
    return 0;
}
