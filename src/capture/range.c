#include "capture/range.h"

#include "base/limits.h"

#include <stdlib.h>

int range_list_add(struct range_list *list, uint64_t start, uint64_t end)
{
    int r = ARRAY_RESERVE(list, 1, (size_t)4 * LIMIT_MAPS);

    if (r < 0)
        return r;
    list->items[list->count++] = (struct range){.start = start, .end = end};
    return 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range *left = a, *right = b;

    return left->start < right->start ? -1 : left->start > right->start;
}

void range_list_merge(struct range_list *list)
{
    size_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->items, list->count, sizeof list->items[0], compare_ranges);
    for (size_t i = 1; i < list->count; i++) {
        struct range *last = &list->items[kept];

        if (list->items[i].start > last->end)
            list->items[++kept] = list->items[i];
        else if (list->items[i].end > last->end)
            last->end = list->items[i].end;
    }
    list->count = kept + 1;
}

uint64_t range_list_common(const struct range_list *left, const struct range_list *right)
{
    uint64_t size = 0;

    for (size_t i = 0, j = 0; i < left->count && j < right->count;) {
        const struct range *a = &left->items[i], *b = &right->items[j];
        uint64_t start = a->start > b->start ? a->start : b->start, end = a->end < b->end ? a->end : b->end;

        size += start < end ? end - start : 0;
        if (a->end < b->end)
            i++;
        else
            j++;
    }
    return size;
}

void range_list_release(struct range_list *list)
{
    free(list->items);
    *list = (struct range_list){0};
}
