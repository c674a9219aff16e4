#include "unwind/gopclntab.h"

#include <string.h>

/* The magic number says which form it is. */
enum form { GO_2 = 0xfb, GO_16 = 0xfa, GO_18 = 0xf0, GO_20 = 0xf1 };

enum {
    HEADER = 8,           /* magic, two zeros, the least size of an instruction, the size of a pointer */
    INLINED = 2,          /* which table of a function's says what is inlined */
    VALUES_MAX = 1 << 20, /* steps of one table */
    VALUE_NONE = -1,
};

struct gopclntab {
    uint8_t *bytes; /* owned, with a NUL behind them */
    size_t size;
    enum form form;
    unsigned quantum;
    uint64_t count, text;
    /* where the parts begin */
    uint64_t names, units, files, values, functions;
};

/* What stands outside reads as 0. */
static uint64_t word(const struct gopclntab *table, uint64_t at, size_t size)
{
    uint64_t value = 0;

    if (at <= table->size && size <= table->size - at)
        memcpy(&value, table->bytes + at, size); /* little endian, as all machines that fit */
    return value;
}

static uint64_t header_word(const struct gopclntab *table, size_t number)
{
    return word(table, HEADER + number * 8, 8);
}

static const char *text_at(const struct gopclntab *table, uint64_t base, uint64_t offset)
{
    const char *text;

    if (base >= table->size || offset >= table->size - base)
        return NULL;
    text = (const char *)table->bytes + base + offset;
    return strnlen(text, LIMIT_NAME + 1) <= LIMIT_NAME && *text ? text : NULL;
}

/* The start of a function and where its description stands, from the two columns of the list. */
static size_t column_size(const struct gopclntab *table)
{
    return table->form == GO_18 || table->form == GO_20 ? 4 : 8;
}

static uint64_t start_of(const struct gopclntab *table, uint64_t number)
{
    size_t size = column_size(table);

    return table->text + word(table, table->functions + number * 2 * size, size);
}

static bool parts_find(struct gopclntab *table)
{
    size_t text = table->form == GO_18 || table->form == GO_20; /* one word more */

    table->count = header_word(table, 0);
    if (table->form == GO_2) {
        table->functions = HEADER + 8;
    } else {
        table->text = text ? header_word(table, 2) : 0;
        table->names = header_word(table, 2 + text);
        table->units = header_word(table, 3 + text);
        table->files = header_word(table, 4 + text);
        table->values = header_word(table, 5 + text);
        table->functions = header_word(table, 6 + text);
        /* of programs that may lie anywhere it is filled in when they are loaded */
        if (text && !table->text)
            return false;
    }
    return table->count > 0 && table->functions < table->size &&
           table->count < (table->size - table->functions) / (2 * column_size(table)) && start_of(table, 0);
}

static bool header_read(struct gopclntab *table)
{
    uint64_t magic = word(table, 0, 4);

    if (table->size < HEADER || magic >> 8 != 0xffffff || table->bytes[4] || table->bytes[5] ||
        table->bytes[7] != 8)
        return false;
    table->form = (enum form)(magic & 0xff);
    table->quantum = table->bytes[6];
    return (table->form == GO_2 || table->form == GO_16 || table->form == GO_18 || table->form == GO_20) &&
           parts_find(table);
}

struct gopclntab *gopclntab_open(const struct elf_file *file)
{
    static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
    struct gopclntab *table;
    GElf_Shdr header;
    bool is_there = false;

    for (size_t i = 0; i < ELEMENTS_OF(names) && !is_there; i++)
        is_there = elf_file_section(file, names[i], 0, &header);
    if (!is_there || gelf_getclass(file->elf) != ELFCLASS64)
        return NULL;
    table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    if (elf_file_read(file, &header, LIMIT_GO_TABLE, (char **)&table->bytes) == 0)
        table->size = header.sh_size;
    if (!table->bytes || !header_read(table)) {
        gopclntab_free(table);
        return NULL;
    }
    return table;
}

void gopclntab_free(struct gopclntab *table)
{
    if (!table)
        return;
    free(table->bytes);
    free(table);
}

size_t gopclntab_size(const struct gopclntab *table)
{
    return sizeof *table + table->size;
}

static uint64_t uleb(const struct gopclntab *table, uint64_t *at)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 35 && *at < table->size; shift += 7) {
        uint8_t byte = table->bytes[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    *at = table->size; /* broken, or the end */
    return 0;
}

/* A table of a function's: pairs of how much the value changes and how far it holds. */
static int64_t value_at(const struct gopclntab *table, uint64_t offset, uint64_t start, uint64_t address)
{
    uint64_t at = table->values + offset, until = start;
    int64_t value = VALUE_NONE;

    if (!offset)
        return VALUE_NONE;
    for (size_t i = 0; i < VALUES_MAX && at < table->size; i++) {
        uint64_t change = uleb(table, &at);

        if (change == 0 && i > 0)
            break;
        value += change & 1 ? (int64_t) ~(change >> 1) : (int64_t)(change >> 1);
        until += uleb(table, &at) * table->quantum;
        if (address < until)
            return value;
    }
    return VALUE_NONE;
}

/* The description of a function: its start, then words of 32 bits. */
struct description {
    const struct gopclntab *table;
    uint64_t at, start;
};

enum field { NAME = 1, FILES = 5, LINES = 6, TABLES = 7, UNIT = 8 };

static uint32_t field(const struct description *function, unsigned number)
{
    return (uint32_t)word(function->table, function->at + column_size(function->table) + (number - 1) * 4, 4);
}

/* Since Go 1.20 the first line stands before the list of tables. */
static bool is_inlined(const struct description *function, uint64_t address)
{
    unsigned first = UNIT + 2 + (function->table->form == GO_20);

    return field(function, TABLES) > INLINED && value_at(function->table, field(function, first + INLINED),
                                                         function->start, address) != VALUE_NONE;
}

static void line_find(const struct description *function, uint64_t address, struct go_place *place)
{
    const struct gopclntab *table = function->table;
    int64_t file, line;
    uint64_t name;

    if (table->form == GO_2 || is_inlined(function, address))
        return;
    file = value_at(table, field(function, FILES), function->start, address);
    line = value_at(table, field(function, LINES), function->start, address);
    if (file < 0 || file > INT32_MAX || line <= 0 || line > INT32_MAX)
        return;
    name = word(table, table->units + ((uint64_t)field(function, UNIT) + (uint64_t)file) * 4, 4);
    place->file = name == UINT32_MAX ? NULL : text_at(table, table->files, name);
    place->line = place->file ? (unsigned)line : 0;
}

bool gopclntab_find(const struct gopclntab *table, uint64_t address, bool lines, struct go_place *ret_place)
{
    size_t size = column_size(table);
    uint64_t low = 0, high = table->count + 1; /* behind the last stands where it ends */
    struct description function = {.table = table};
    struct go_place place = {0};

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (start_of(table, middle) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || low > table->count)
        return false;
    place.start = function.start = start_of(table, low - 1);
    function.at = word(table, table->functions + (low - 1) * 2 * size + size, size);
    if (function.at >= table->size)
        return false;
    if (table->form != GO_2)
        function.at += table->functions;
    place.function = text_at(table, table->names, field(&function, NAME));
    if (!place.function || function.start > address)
        return false;
    if (lines)
        line_find(&function, address, &place);
    *ret_place = place;
    return true;
}
