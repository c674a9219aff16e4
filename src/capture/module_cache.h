/* What was learnt of ELF files, kept for the next process that has them mapped: on a host nearly all
 * processes share their libraries. One for the whole program, bounded, safe to use from several threads. */
#pragma once

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct module_facts {
    bool is_elf; /* an executable or a shared object; else the rest says nothing */
    bool is_debug;
    uint64_t load_size; /* bytes from the base to behind the last segment, .bss and all */
    uint8_t build_id[LIMIT_BUILD_ID];
    size_t build_id_size;
    char soname[256];
};

/* A state of a file: changed in any way it is another. Times are ns. */
struct file_state {
    dev_t device; /* device and inode as in maps */
    ino_t inode;
    dev_t found_on; /* the device of the file that was looked at: where map_files may not be read, that of the
                       same inode by its path, which a mount can have put there */
    uint64_t size;
    int64_t modified, changed;
};

bool module_cache_get(const struct file_state *state, struct module_facts *ret_facts);
void module_cache_put(const struct file_state *state, const struct module_facts *facts);
