/* The memory in a core file. Private to capture/core_*.c. */
#pragma once

#include "memory/memory.h"

struct core_segment {
    uint64_t start, size; /* address; size is what is in the file */
    uint64_t offset;
};

struct core_segment_list {
    struct core_segment *items;
    size_t count, capacity;
};

/* Takes the segments over, and sorts them; fd is borrowed. -ENOMEM. */
int core_memory_new(int fd, struct core_segment_list *segments, struct memory **ret_memory) _must_check_;
