/* Ranges of addresses. */
#pragma once

#include "base/array.h"

#include <stdint.h>

struct range {
    uint64_t start, end; /* end is behind the last */
};

struct range_list {
    struct range *items;
    size_t count, capacity;
};

int range_list_add(struct range_list *list, uint64_t start, uint64_t end) _must_check_;
/* Sorts; ranges that touch or overlap become one: readers search such lists from their start for every read.
 */
void range_list_merge(struct range_list *list);
/* Bytes that are in both. Both merged. */
uint64_t range_list_common(const struct range_list *left, const struct range_list *right);
void range_list_release(struct range_list *list);
#define _cleanup_range_list_ _cleanup_(range_list_release)
