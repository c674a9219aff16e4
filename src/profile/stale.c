#include "profile/stale.h"

#include "base/sorted.h"

static void take_out(struct stale *stale, size_t from, size_t to)
{
    memmove(&stale->items[from], &stale->items[to], (stale->count - to) * sizeof stale->items[0]);
    stale->count -= to - from;
}

static void join_nearest(struct stale *stale)
{
    size_t best = 0;
    uint64_t gap = UINT64_MAX;

    for (size_t i = 0; i + 1 < stale->count; i++)
        if (stale->items[i + 1].start - stale->items[i].end < gap) {
            gap = stale->items[i + 1].start - stale->items[i].end;
            best = i;
        }
    stale->items[best].end = stale->items[best + 1].end;
    take_out(stale, best + 1, best + 2);
}

void stale_add(struct stale *stale, uint64_t start, uint64_t end)
{
    size_t at = SORTED_UP_TO(stale->items, stale->count, end, start), next = at;

    if (end <= start)
        return;
    for (; next < stale->count && stale->items[next].start <= end; next++) {
        start = stale->items[next].start < start ? stale->items[next].start : start;
        end = stale->items[next].end > end ? stale->items[next].end : end;
    }
    if (next > at) {
        take_out(stale, at + 1, next);
    } else {
        memmove(&stale->items[at + 1], &stale->items[at], (stale->count - at) * sizeof stale->items[0]);
        stale->count++;
    }
    stale->items[at].start = start;
    stale->items[at].end = end;
    if (stale->count > STALE_MAX)
        join_nearest(stale);
}

bool stale_has(const struct stale *stale, uint64_t address)
{
    size_t at = SORTED_UP_TO(stale->items, stale->count, end, address);

    return at < stale->count && stale->items[at].start <= address;
}
