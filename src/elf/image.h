/* What an ELF image says of itself: read through a memory (a file at its offsets, or a mapped image at its
 * addresses), every offset and count checked, since targets and their files may be hostile. gABI "ELF-64
 * Object File Format"; notes: Linux elf.h. */
#pragma once

#include "base/error.h"
#include "base/limits.h"
#include "memory/memory.h"

#include <stdbool.h>

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, address, file_size, memory_size;
};

struct elf_image {
    bool is_64, is_mapped;
    uint16_t machine, type;
    uint64_t entry;
    struct elf_segment *segments;
    size_t segment_count;
    uint64_t load_address; /* lowest p_vaddr of PT_LOAD, rounded down to its page */
    uint64_t load_size;    /* bytes from there to behind the last */
    uint8_t build_id[LIMIT_BUILD_ID];
    size_t build_id_size;                /* 0: none */
    char soname[256];                    /* "" : none */
    bool has_debug_info, has_debug_link; /* files only: section .debug_info / .gnu_debuglink */
};

/* base: where the image starts in memory (file: 0, mapped: its address). mapped: addresses instead of file
 * offsets count. -ENOEXEC: not ELF or broken. What is broken beyond the program headers is left out, not an
 * error. */
int elf_image_read(const struct memory *memory, uint64_t base, bool mapped,
                   struct elf_image *ret_image) _must_check_;
void elf_image_release(struct elf_image *image);
#define _cleanup_elf_image_ _cleanup_(elf_image_release)

/* "1.2.3" out of a soname or a file name (a path will do): what follows ".so." (libfoo.so.1.2.3), else what
 * stands between '-' and ".so" and has a dot (libfoo-1.2.so). The one with more components wins, of equals
 * the file name's, since a soname tells only with what it is compatible: libz.so.1 and libz.so.1.2.13 give
 * "1.2.13". "" where there is none, or it does not fit. */
void elf_version_of(const char *soname, const char *file_name, char *ret_version, size_t size);
