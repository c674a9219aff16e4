/* The sections of DWARF of one file in libdw's hands: read, within bounds, into an ELF file in memory that
 * has nothing else. So the file itself can be closed, what is not wanted takes no memory (locations of
 * variables are the most of it), and libdw finds no names of further files in there, which it would open by
 * itself. */
#pragma once

#include "unwind/elf_file.h"

#include <elfutils/libdw.h>

struct debug_sections {
    Dwarf *dwarf;
    Elf *elf;
    void *bytes; /* of the file in memory */
    size_t size; /* bytes that all of it takes */
};

/* names: NULL behind the last. NULL: the file has none of them, or none that libdw takes. */
struct debug_sections *debug_sections_open(const struct elf_file *file, const char *const *names);
void debug_sections_free(struct debug_sections *sections); /* accepts NULL */

/* A section's contents, not compressed. False: it is not there. */
bool debug_sections_find(const struct debug_sections *sections, const char *name, const uint8_t **ret_bytes,
                         size_t *ret_size);
