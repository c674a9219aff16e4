/* Where a value belongs in an array that ascends in one of its members, of 64 unsigned bits.
 *
 *     n = SORTED_UP_TO(ranges, count, start, address)   n - 1 is the last that starts at or before address
 *     i = SORTED_UP_TO(ranges, count, end, address)     i is the first that ends behind it; count: none */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many keys are at most key; each is `stride` bytes behind the one before. */
static inline size_t sorted_up_to(const char *keys, size_t count, size_t stride, uint64_t key)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t found;

        memcpy(&found, keys + middle * stride, sizeof found);
        if (found <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* items may be NULL where count is 0. */
#define SORTED_UP_TO(items, count, member, key)                                                              \
    ({                                                                                                       \
        _Static_assert(sizeof(items)[0].member == sizeof(uint64_t), "a key of another size");                \
        sorted_up_to((count) ? (const char *)&(items)[0].member : NULL, (count), sizeof(items)[0], (key));   \
    })
