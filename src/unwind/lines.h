/* Source files and lines of a file's code, and the functions that are inlined there: DWARF 2 to 5, by libdw.
 */
#pragma once

#include "unwind/effort.h"
#include "unwind/elf_file.h"

struct lines;

/* One function at an address. Strings belong to the lines. */
struct line_place {
    const char *function; /* mangled, as the compiler wrote it; NULL: unknown */
    uint64_t offset;      /* from the first byte of its code here */
    const char *file;     /* NULL: unknown */
    unsigned line;        /* 0: unknown */
};

/* Of a file with .debug_info or .debug_line, which may be closed afterwards. NULL: it has none, or more than
 * is read, or there is no memory. effort: borrowed; calls are made between effort_begin() and effort_end().
 */
struct lines *lines_new(const struct elf_file *file, struct effort *effort);
void lines_free(struct lines *lines); /* accepts NULL */

/* Innermost first; the last is not inlined. 0: nothing is known; where the time is over, now and ever after.
 */
size_t lines_find(struct lines *lines, uint64_t address, struct line_place *places, size_t size);
bool lines_gave_up(const struct lines *lines);
size_t lines_size(const struct lines *lines); /* bytes that they take */
