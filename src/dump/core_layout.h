/* What stands where in a core:
 *
 *     ELF header
 *     program headers    PT_NOTE, then every mapping in PT_LOADs: made while writing
 *     section header     one, only with 65,535 program headers and more
 *     process notes      built in memory
 *     thread notes       made while writing
 *     contents           from a page's boundary on
 *
 * Whatever grows with threads or mappings is made twice, for its size and while writing, and never stored. */
#pragma once

#include "dump/core.h"
#include "dump/stack_bytes.h"

struct core {
    const struct capture *capture;
    const struct memory *memory;
    void (*when_read)(void *data); /* may be NULL */
    void *when_read_data;
    uint32_t type;
    struct range_list ranges;        /* whose contents go in: ascending, apart from each other */
    struct memory_piece_list pieces; /* what the capture itself holds of them: ascending starts */
    struct buffer process_notes;
    uint64_t segment_count; /* with PT_NOTE */
    uint64_t notes_offset, notes_size, contents_offset, size, memory_bytes;
};

/* A piece of one mapping that goes in whole or not at all. */
struct core_segment {
    const struct map *map;
    uint64_t start, end;
    uint64_t offset; /* in the file */
    bool has_contents;
};

struct core_walk {
    const struct core *core;
    size_t map, range;
    uint64_t address, offset;
};

/* The segments in order, the same ones each time; false: no more. */
static inline struct core_walk core_walk_begin(const struct core *core)
{
    return (struct core_walk){.core = core, .offset = core->contents_offset};
}
bool core_walk_next(struct core_walk *walk, struct core_segment *ret_segment);
