/* /proc/PID/smaps: what each mapping takes of memory, counted by the kernel by walking the page tables (about
 * 20 ms a GiB that is there). The process runs on; what maps or unmaps memory meanwhile waits for the mapping
 * that is just being counted. Sizes are bytes. Format: the kernel's Documentation/filesystems/proc.rst. */
#pragma once

#include "proc/maps.h"

struct memory_use {
    uint64_t size;          /* of the addresses */
    uint64_t rss;           /* in memory now; all below but swap and locked are parts of it */
    uint64_t pss;           /* of which this process's share, where a page belongs to several */
    uint64_t private_clean; /* pages that no other process has; clean can be read from the file again */
    uint64_t private_dirty;
    uint64_t shared; /* with other processes, just now */
    uint64_t huge;   /* in pages larger than the usual ones */
    uint64_t swap;   /* written out */
    uint64_t locked; /* mlock(2) */
};

void memory_use_add(struct memory_use *sum, const struct memory_use *use);

/* One mapping; both are valid during the call. A negative errno ends the reading and is returned. */
typedef int (*smaps_taker)(void *context, const struct map *map, const struct memory_use *use);

/* In the order of addresses. Lines that are not understood are passed over. */
int smaps_parse(const char *text, size_t size, smaps_taker take, void *context) _must_check_;
/* directory_fd: /proc/PID. Read in pieces, so that any number of mappings takes the same memory. Nothing is
 * taken of who has no memory (zombies, kernel threads). -EACCES without the right, -ESRCH. */
int smaps_read(int directory_fd, smaps_taker take, void *context) _must_check_;
