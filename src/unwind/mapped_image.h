/* An ELF file as far as a process has it mapped: for when the file itself can't be had. */
#pragma once

#include "memory/memory.h"

/* The bytes of the segments, where they are in the file; without the section table, which is not mapped.
 * base: where its first page is. 64-bit only. -ENOEXEC, -EFBIG past LIMIT_MAPPED_IMAGE. The bytes are owned
 * by the caller. */
int mapped_image_read(const struct memory *memory, uint64_t base, char **ret_bytes,
                      size_t *ret_size) _must_check_;
