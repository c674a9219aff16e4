/* Which files were mapped where, as a core's NT_FILE note says: count, page size, {start, end, offset in
 * pages} for each, then the names. Private to capture/core_*.c. */
#pragma once

#include "capture/capture.h"

/* Gives the mappings of capture, which are there, their paths and offsets. What is broken is left out.
 * -ENOMEM. */
int core_files_read(struct capture *capture, const uint8_t *note, size_t size) _must_check_;
/* The ELF files among them, and the vdso: what their images say as far as they are in the core. */
int core_modules_find(struct capture *capture, const struct memory *memory) _must_check_;
