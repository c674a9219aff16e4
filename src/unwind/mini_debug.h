/* The symbols that a stripped file carries compressed (.gnu_debugdata: gdb's "Debugging information in a
 * special section", on Fedora "MiniDebugInfo"): an ELF file in an .xz one. */
#pragma once

#include "unwind/elf_file.h"

/* -ENOENT: it has none, or it is broken or past LIMIT_MINI_DEBUG. */
int mini_debug_open(const struct elf_file *file, struct elf_file **ret_file) _must_check_;
