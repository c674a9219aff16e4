/* The tables of an ELF object in one form for 32 and 64 bits. Private to src/elf. Everything is read through
 * a memory, piece by piece: nothing that a file says is used as a size without a bound. gABI, chapters 4
 * and 5. */
#pragma once

#include "elf/image.h"

#include <elf.h>

struct elf_header {
    bool is_64;
    uint16_t type, machine;
    uint64_t entry, program_offset, section_offset;
    uint64_t program_count, section_count; /* the true ones, also where they do not fit the header */
    uint32_t section_names;                /* index of the section that holds the names */
};

struct elf_section {
    uint32_t name, type, link;
    uint64_t offset, size, entry_size, align, address;
};

struct elf_dynamic_entry {
    int64_t tag;
    uint64_t value;
};

struct elf_symbol {
    uint32_t name;
    uint8_t info;
    uint16_t section;
    uint64_t value;
};

/* with_sections: the section table can be read (of a file; it is not mapped). -ENOEXEC: not ELF of this
 * machine's byte order, or sizes that can't be. Counts past the limits are -ENOEXEC for segments; for
 * sections they count as 0. */
int elf_header_read(const struct memory *memory, uint64_t base, bool with_sections,
                    struct elf_header *ret_header) _must_check_;

/* Entry `index` of a table of them; false where it can't be read. */
bool elf_segment_read(const struct memory *memory, uint64_t base, const struct elf_header *header,
                      uint64_t index, struct elf_segment *ret_segment, uint64_t *ret_align);
bool elf_section_read(const struct memory *memory, const struct elf_header *header, uint64_t index,
                      struct elf_section *ret_section);

static inline size_t elf_dynamic_size(bool is_64)
{
    return is_64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
}

static inline size_t elf_symbol_size(bool is_64)
{
    return is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

/* Out of raw bytes of at least that size. */
struct elf_dynamic_entry elf_dynamic_decode(bool is_64, const void *bytes);
struct elf_symbol elf_symbol_decode(bool is_64, const void *bytes);
