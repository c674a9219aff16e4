/* Call frame information of one ELF file: how to get from a function to its caller, for each address. Found by
 * libdw, remembered by address: threads of a pool all wait at the same one. */
#pragma once

#include "memory/memory.h"

#include <elfutils/libdw.h>

struct cfi;

/* elf: the file with .eh_frame; debug: the one with .debug_frame, or NULL, or the same. Borrowed. NULL: neither has
 * any, or there is no memory. */
struct cfi *cfi_new(Elf *elf, Dwarf *debug);
void cfi_free(struct cfi *cfi); /* accepts NULL */
