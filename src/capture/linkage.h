/* The pages through which a debugger finds out what is loaded where, and so how to walk the stacks: each
 * module's ELF header and dynamic section, the vdso, and ld.so's list of link maps with their names (gABI
 * "Dynamic Linking"; glibc's and musl's <link.h>). */
#pragma once

#include "capture/capture.h"
#include "memory/memory.h"

/* Appends them to ret_pages, which is then ascending and without overlaps. Needs maps, modules and auxv. What
 * can't be read or is broken is left out. */
int linkage_find(const struct capture *capture, const struct memory *memory,
                 struct range_list *ret_pages) _must_check_;

/* Fills capture->linkage with their bytes, within LIMIT_LINKAGE. */
int linkage_copy(struct capture *capture, const struct memory *memory) _must_check_;

/* Calls named for each link map of the list: the address of the dynamic section, which lies in its module,
 * and the name that ld.so opened it by, "" for the program. Stops where that returns other than 0, and
 * returns it. The memory may be of a process that runs: what is torn is left out. */
int linkage_names(const struct capture *capture, const struct memory *memory,
                  int (*named)(void *data, uint64_t dynamic, const char *name), void *data) _must_check_;
