/* What the memory of a process is for: its mappings, summed by kind, and by kind and name. */
#pragma once

#include "proc/smaps.h"

enum memory_kind {
    MEMORY_HEAP,      /* [heap]: what malloc took by brk */
    MEMORY_STACK,     /* of the first thread; those of others are anonymous */
    MEMORY_ANONYMOUS, /* without a file: malloc's arenas, threads' stacks, heaps of runtimes */
    MEMORY_CODE,      /* of a file, executable */
    MEMORY_DATA,      /* of a file, but written into a copy: a library's variables */
    MEMORY_FILE,      /* of a file, read only or written back */
    MEMORY_SHARED,    /* with other processes: shm, memfd, shared anonymous memory */
    MEMORY_KERNEL,    /* [vdso] and its like */
    MEMORY_KINDS
};

struct memory_sum {
    enum memory_kind kind;
    char *name;   /* as in maps, "" anonymous; owned. NULL in the sums of a kind */
    bool deleted; /* the file was removed or replaced; code and data of old versions show so */
    size_t mappings;
    struct memory_use use;
};

struct memory_kinds {
    struct memory_sum total, kinds[MEMORY_KINDS];
    struct memory_sum *items; /* by kind and name; the ones that take most come first */
    size_t count, capacity;
    void *tree; /* private */
};

enum memory_kind memory_kind_of(const struct map *map);
const char *memory_kind_word(enum memory_kind kind); /* "heap" ... */

/* Is a smaps_taker; context: struct memory_kinds. */
int memory_kinds_add(void *context, const struct map *map, const struct memory_use *use) _must_check_;
/* After the last one: fills the items. */
int memory_kinds_finish(struct memory_kinds *kinds) _must_check_;
void memory_kinds_release(struct memory_kinds *kinds);
#define _cleanup_memory_kinds_ _cleanup_(memory_kinds_release)
