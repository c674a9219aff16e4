/* Where the facts of the mapped files of one process come from: its files, in its own mount namespace, or its
 * memory. Private to module.c. */
#pragma once

#include "capture/module_cache.h"
#include "memory/memory.h"
#include "proc/maps.h"
#include "proc/pidref.h"

struct module_source {
    const struct pidref *process; /* borrowed */
    int root_fd;                  /* the process's root directory, -1 not to be had */
    bool map_files_denied;        /* following them takes a capability: asked once */
    bool memory_denied;
    struct memory *memory; /* of the process; NULL until it is needed */
};

void module_source_init(struct module_source *source, const struct pidref *process);
void module_source_release(struct module_source *source);
#define _cleanup_module_source_ _cleanup_(module_source_release)

/* map: the first mapping (offset 0) of a file, or the vdso. ret_replaced: another file stands at its path
 * now. -ENODATA: nothing could be read, it may be a module or not. */
int module_facts_read(struct module_source *source, const struct map *map, struct module_facts *ret_facts,
                      bool *ret_replaced) _must_check_;
int module_vdso_read(struct module_source *source, const struct map *map,
                     struct module_facts *ret_facts) _must_check_;
