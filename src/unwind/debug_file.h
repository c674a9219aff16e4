/* The separate file with the symbols and debug information that were taken off another: by build id
 * (DIR/.build-id/ab/cdef.debug), else by the name in .gnu_debuglink. Both are gdb's conventions: "Debugging
 * Information in Separate Files". */
#pragma once

#include "unwind/elf_file.h"
#include "unwind/image.h"

/* Of file: with the same build id, or where it has none the CRC that the link tells. files: NULL: only what
 * stands in our own directories of debug files. NULL: it is not to be had, or (ret_is_late) took too long. */
struct elf_file *debug_file_find(const struct elf_file *file, const struct image_files *files,
                                 bool *ret_is_late);

/* The file with what several debug files have in common (dwz), which .gnu_debugaltlink of debug leads to.
 * NULL: as above. */
struct elf_file *debug_file_find_shared(const struct elf_file *debug);

/* Where debug files are: paths, NULL behind the last; borrowed for ever. At first /usr/lib/debug alone. */
void debug_file_set_directories(const char *const *directories);
/* Asked when nothing was found here: debuginfod, say. Nobody is, at first: a stack costs no network. 0 and a
 * descriptor, which is taken over; -ETIMEDOUT. */
typedef int debug_file_fetch(const uint8_t *build_id, size_t size, int *ret_fd);
void debug_file_set_fetch(debug_file_fetch *fetch);
