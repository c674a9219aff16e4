/* A mapped ELF file (or the vdso): one module of a process. */
#pragma once

#include "base/limits.h"
#include "proc/maps.h"
#include "proc/pidref.h"

struct module {
    uint64_t base,
        size;      /* of the mappings of this file, from the first to behind the last that belongs to it */
    char *path;    /* owned, as in maps; "[vdso]" ; never NULL */
    bool deleted;  /* the file was removed or replaced since */
    bool is_debug; /* has .debug_info or .gnu_debuglink */
    uint8_t build_id[LIMIT_BUILD_ID];
    size_t build_id_size; /* 0: none */
    char soname[256];     /* "" none */
    char version[64];     /* "" unknown */
};

struct module_list {
    struct module *items; /* ascending base */
    size_t count, capacity;
};

void module_list_release(struct module_list *list);
#define _cleanup_module_list_ _cleanup_(module_list_release)

/* Finds the modules among maps. Files are read through the target's own mount namespace (/proc/PID/map_files,
 * then /proc/PID/root/PATH checked by device and inode), what can't be reached through the mapped image
 * (/proc/PID/mem where permitted). What was learnt of a file is remembered by device, inode, size and times
 * (bounded). identify false: only base, size, path and the version from the names; opens nothing. */
int modules_read(const struct pidref *process, const struct map_list *maps, bool identify,
                 struct module_list *ret_list) _must_check_;
const struct module *modules_find(const struct module_list *list, uint64_t address);
