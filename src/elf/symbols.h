/* Names of functions: .symtab and .dynsym of one image. */
#pragma once

#include "memory/memory.h"

/* The value of the first defined function or object symbol called `name` in the file (as linked, without load
 * bias). -ENOENT. */
int elf_symbol_find(const struct memory *file, const char *name, uint64_t *ret_value) _must_check_;
