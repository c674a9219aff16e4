#include "elf/symbols.h"

#include "base/array.h"
#include "elf/format.h"

#include <errno.h>
#include <string.h>

enum {
    CHUNK = 64 * 1024, /* tables are read in pieces of this size */
    NAME_MAX_LENGTH = 255,
    NAME_PLACES_MAX = 64, /* strings of one table that end in the name */
};

#define SYMBOLS_MAX (16u * 1024 * 1024)   /* of one table; the largest browsers have some 3 million */
#define STRINGS_MAX (1024u * 1024 * 1024) /* bytes of one string table */

/* The places in a string table where the name stands, NUL and all. A linker lets names share their ends
 * ("pthread_start" in "__pthread_start"), so one can stand in the middle of another. */
struct places {
    uint32_t *items;
    size_t count, capacity;
};

static void places_release(struct places *places)
{
    free(places->items);
}

static int places_find(const struct memory *file, const struct elf_section *strings, const char *name,
                       struct places *places)
{
    size_t size = strlen(name) + 1, kept = 0;
    uint64_t at = 0, end = strings->size < STRINGS_MAX ? strings->size : STRINGS_MAX;
    _cleanup_free_ char *chunk = malloc(CHUNK + NAME_MAX_LENGTH + 1);

    if (!chunk)
        return -ENOMEM;
    while (at < end) {
        size_t wanted = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
        ssize_t n = memory_read(file, strings->offset + at, chunk + kept, wanted);
        const char *found = chunk, *limit;

        if (n <= 0)
            break;
        limit = chunk + kept + n;
        while ((found = memmem(found, (size_t)(limit - found), name, size))) {
            int r = ARRAY_RESERVE(places, 1, NAME_PLACES_MAX);
            if (r < 0)
                return r;
            places->items[places->count++] = (uint32_t)(at - kept + (uint64_t)(found - chunk));
            found++;
        }
        at += (uint64_t)n;
        /* the name may stand across two pieces: its length less one byte is kept */
        kept = (size_t)(limit - chunk) < size - 1 ? (size_t)(limit - chunk) : size - 1;
        memmove(chunk, limit - kept, kept);
    }
    return places->count ? 0 : -ENOENT;
}

static bool symbol_matches(const struct elf_symbol *symbol, const struct places *places)
{
    unsigned type = ELF64_ST_TYPE(symbol->info); /* the same in both classes */

    if (symbol->section == SHN_UNDEF || (type != STT_FUNC && type != STT_OBJECT && type != STT_GNU_IFUNC))
        return false;
    for (size_t i = 0; i < places->count; i++)
        if (places->items[i] == symbol->name)
            return true;
    return false;
}

static int table_search(const struct memory *file, bool is_64, const struct elf_section *table,
                        const struct places *places, uint64_t *ret_value)
{
    size_t size = elf_symbol_size(is_64), most = CHUNK / size;
    uint64_t count = table->size / size;
    _cleanup_free_ char *chunk = malloc(CHUNK);

    if (!chunk)
        return -ENOMEM;
    if (count > SYMBOLS_MAX)
        count = SYMBOLS_MAX;
    for (uint64_t at = 0; at < count;) {
        size_t wanted = count - at < most ? (size_t)(count - at) : most, whole;
        ssize_t n = memory_read(file, table->offset + at * size, chunk, wanted * size);

        if (n < (ssize_t)size)
            break;
        whole = (size_t)n / size;
        for (size_t i = 0; i < whole; i++) {
            struct elf_symbol symbol = elf_symbol_decode(is_64, chunk + i * size);
            if (symbol_matches(&symbol, places)) {
                *ret_value = symbol.value;
                return 0;
            }
        }
        at += whole;
    }
    return -ENOENT;
}

static int section_search(const struct memory *file, const struct elf_header *header,
                          const struct elf_section *table, const char *name, uint64_t *ret_value)
{
    _cleanup_(places_release) struct places places = {0};
    struct elf_section strings;
    int r;

    if (table->link >= header->section_count || !elf_section_read(file, header, table->link, &strings) ||
        strings.type != SHT_STRTAB)
        return -ENOENT;
    r = places_find(file, &strings, name, &places);
    if (r < 0)
        return r;
    return table_search(file, header->is_64, table, &places, ret_value);
}

int elf_symbol_find(const struct memory *file, const char *name, uint64_t *ret_value)
{
    static const uint32_t types[] = {SHT_SYMTAB, SHT_DYNSYM};
    struct elf_header header;
    int r = elf_header_read(file, 0, true, &header);

    if (r < 0)
        return r;
    if (!*name || strlen(name) > NAME_MAX_LENGTH)
        return -ENOENT;
    for (size_t t = 0; t < ELEMENTS_OF(types); t++) {
        for (uint64_t i = 1; i < header.section_count; i++) {
            struct elf_section table;

            if (!elf_section_read(file, &header, i, &table))
                break;
            if (table.type != types[t])
                continue;
            r = section_search(file, &header, &table, name, ret_value);
            if (r != -ENOENT)
                return r;
            break; /* an object has at most one of each kind */
        }
    }
    return -ENOENT;
}
