/* Functions and lines of programs in Go, which have them for their own stack traces, also where they were
 * stripped: .gopclntab, in the forms since Go 1.2 (runtime/symtab.go, debug/gosym). Lines since 1.16, and not
 * of code that was inlined: whose it is stands elsewhere. */
#pragma once

#include "unwind/elf_file.h"

struct gopclntab;

/* The file may be closed afterwards. NULL: it has none that can be read. */
struct gopclntab *gopclntab_open(const struct elf_file *file);
void gopclntab_free(struct gopclntab *table); /* accepts NULL */

struct go_place {
    const char *function; /* the table's, as the next */
    const char *file;     /* NULL: unknown */
    unsigned line;        /* 0: unknown */
    uint64_t start;       /* of the function; an address of the file */
};
/* False: no function of Go is there. lines: look for these, too. */
bool gopclntab_find(const struct gopclntab *table, uint64_t address, bool lines, struct go_place *ret_place);
size_t gopclntab_size(const struct gopclntab *table); /* bytes that it takes */
