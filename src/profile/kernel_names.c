#include "profile/kernel_names.h"

#include "base/array.h"
#include "base/buffer.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/sorted.h"

#include <fcntl.h>
#include <string.h>

struct kernel_symbol {
    uint64_t address;
    uint32_t name; /* in text */
};

struct kernel_names {
    struct kernel_symbol *items;
    size_t count, capacity;
    struct buffer text; /* the names, NUL behind each */
};

void kernel_names_free(struct kernel_names *names)
{
    if (!names)
        return;
    free(names->items);
    buffer_release(&names->text);
    free(names);
}

static int by_address(const void *left, const void *right)
{
    const struct kernel_symbol *a = left, *b = right;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return (a->name > b->name) - (a->name < b->name); /* of several names the first that is listed */
}

/* Functions only. 0: passed over. */
static int add_line(struct kernel_names *names, const char *line, const char *end)
{
    const char *name;
    struct kernel_symbol symbol;
    int r;

    if (!scan_hex(&line, end, &symbol.address) || symbol.address == 0 || end - line < 4 || line[0] != ' ' ||
        !strchr("tTwW", line[1]) || line[2] != ' ')
        return 0;
    name = line + 3;
    for (line = name; line < end && *line != '\t' && *line != ' ';)
        line++;
    r = ARRAY_RESERVE(names, 1, LIMIT_KERNEL_NAMES);
    if (r < 0)
        return r;
    symbol.name = (uint32_t)names->text.size;
    r = buffer_append(&names->text, name, (size_t)(line - name));
    if (r == 0)
        r = buffer_append(&names->text, "", 1);
    if (r == 0)
        names->items[names->count++] = symbol;
    return r;
}

struct kernel_names *kernel_names_parse(const char *text, uint64_t size)
{
    struct kernel_names *names = calloc(1, sizeof *names);
    const char *end = text + size;
    int r = 0;

    if (!names)
        return NULL;
    names->text.limit = LIMIT_KERNEL_NAMES_TEXT;
    while (text < end && r == 0) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));

        if (!line_end)
            break; /* cut */
        r = add_line(names, text, line_end);
        text = line_end + 1;
    }
    if (names->count == 0) {
        kernel_names_free(names);
        return NULL;
    }
    qsort(names->items, names->count, sizeof names->items[0], by_address);
    return names;
}

struct kernel_names *kernel_names_read(void)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_KERNEL_NAMES_TEXT);

    if (io_read_file_at(AT_FDCWD, "/proc/kallsyms", &text) < 0)
        return NULL;
    return kernel_names_parse(buffer_string(&text), text.size);
}

bool kernel_names_find(const struct kernel_names *names, uint64_t address, const char **ret_name)
{
    size_t begun = SORTED_UP_TO(names->items, names->count, address, address);

    if (begun == 0)
        return false;
    while (begun > 1 && names->items[begun - 2].address == names->items[begun - 1].address)
        begun--;
    *ret_name = names->text.data + names->items[begun - 1].name;
    return true;
}
