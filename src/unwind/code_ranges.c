#include "unwind/code_ranges.h"

#include "base/array.h"
#include "base/limits.h"

enum { TRIES = 64 };

int code_ranges_add(struct code_ranges *ranges, uint64_t start, uint64_t size, uint32_t value)
{
    int r;

    if (size == 0 || start > UINT64_MAX - size)
        return 0;
    r = ARRAY_RESERVE(ranges, 1, LIMIT_PERF_MAP_ENTRIES);
    if (r < 0)
        return r;
    ranges->items[ranges->count] =
        (struct code_range){.start = start, .size = size, .value = value, .number = (uint32_t)ranges->count};
    ranges->count++;
    ranges->longest = size > ranges->longest ? size : ranges->longest;
    return 0;
}

static int by_start(const void *left, const void *right)
{
    const struct code_range *a = left, *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

void code_ranges_sort(struct code_ranges *ranges)
{
    if (ranges->count > 0)
        qsort(ranges->items, ranges->count, sizeof ranges->items[0], by_start);
}

const struct code_range *code_ranges_find(const struct code_ranges *ranges, uint64_t address)
{
    const struct code_range *found = NULL;
    size_t low = 0, high = ranges->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ranges->items[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* those before may reach this far, too; not for ever, whatever was added */
    for (unsigned tries = 0;
         low > 0 && tries < TRIES && address - ranges->items[low - 1].start < ranges->longest; tries++) {
        const struct code_range *range = &ranges->items[--low];

        if (address - range->start < range->size && (!found || range->number > found->number))
            found = range;
    }
    return found;
}

void code_ranges_release(struct code_ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct code_ranges){0};
}
