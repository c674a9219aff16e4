/* Code that a runtime has made, by address. It is made, thrown away and made elsewhere: of several at one
 * address the one that was added last counts. */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

struct code_range {
    uint64_t start, size; /* bytes; start + size does not wrap */
    uint32_t value;       /* the owner's */
    uint32_t number;      /* in the order in which they were added */
};

struct code_ranges {
    struct code_range *items;
    size_t count, capacity;
    uint64_t longest; /* size of the largest */
};

/* Of what has no size or would wrap, nothing is added. -ENOMEM; -ENOBUFS past LIMIT_PERF_MAP_ENTRIES. */
int code_ranges_add(struct code_ranges *ranges, uint64_t start, uint64_t size, uint32_t value) _must_check_;
/* Once, when all are there. */
void code_ranges_sort(struct code_ranges *ranges);
/* NULL: there is none. */
const struct code_range *code_ranges_find(const struct code_ranges *ranges, uint64_t address);
void code_ranges_release(struct code_ranges *ranges);
