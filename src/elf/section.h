/* One section of a file by its name, and what a file holds of an address. */
#pragma once

#include "memory/memory.h"

struct elf_place {
    uint64_t address; /* as linked */
    uint64_t size;
};

/* The first section of that name that is mapped when the file is. -ENOENT. */
int elf_section_find(const struct memory *file, const char *name, struct elf_place *ret_place) _must_check_;
/* The bytes that the file has for an address, as linked. -ENOENT: it has none. */
int elf_bytes_read(const struct memory *file, uint64_t address, void *bytes, size_t size) _must_check_;
