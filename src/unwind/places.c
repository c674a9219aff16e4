#include "unwind/places.h"

#include "base/array.h"
#include "base/limits.h"

#include <string.h>

enum { ENTRIES_FIRST = 64 };

struct places_entry {
    uint64_t address;
    uint32_t first; /* in items */
    uint16_t count;
    bool lines, taken;
};

void places_release(struct places *places)
{
    free(places->entries);
    free(places->items);
    *places = (struct places){0};
}

size_t places_size(const struct places *places)
{
    return places->entry_count * sizeof places->entries[0] + places->capacity * sizeof places->items[0];
}

static struct places_entry *entry_of(struct places_entry *entries, size_t count, uint64_t address, bool lines)
{
    size_t at = (size_t)((address * 2 + lines) * 0x9e3779b97f4a7c15u >> 32) & (count - 1);

    while (entries[at].taken && (entries[at].address != address || entries[at].lines != lines))
        at = (at + 1) & (count - 1);
    return &entries[at];
}

bool places_get(const struct places *places, uint64_t address, bool lines,
                const struct image_place **ret_items, size_t *ret_count)
{
    const struct places_entry *entry;

    if (!places->entry_count)
        return false;
    entry = entry_of(places->entries, places->entry_count, address, lines);
    if (!entry->taken)
        return false;
    *ret_items = places->items + entry->first;
    *ret_count = entry->count;
    return true;
}

static bool entries_reserve(struct places *places)
{
    size_t count = places->entry_count ? places->entry_count * 2 : ENTRIES_FIRST;
    struct places_entry *entries;

    if (places->used * 2 < places->entry_count)
        return true;
    entries = calloc(count, sizeof entries[0]);
    if (!entries)
        return false;
    for (size_t i = 0; i < places->entry_count; i++)
        if (places->entries[i].taken)
            *entry_of(entries, count, places->entries[i].address, places->entries[i].lines) =
                places->entries[i];
    free(places->entries);
    places->entries = entries;
    places->entry_count = count;
    return true;
}

void places_put(struct places *places, uint64_t address, bool lines, const struct image_place *items,
                size_t count)
{
    if (places->used == LIMIT_IMAGE_PLACES)
        places_release(places);
    if (!entries_reserve(places) ||
        ARRAY_RESERVE(places, count, (size_t)LIMIT_IMAGE_PLACES * LIMIT_INLINED) < 0)
        return;
    *entry_of(places->entries, places->entry_count, address, lines) =
        (struct places_entry){address, (uint32_t)places->count, (uint16_t)count, lines, true};
    if (count)
        memcpy(places->items + places->count, items, count * sizeof items[0]);
    places->count += count;
    places->used++;
}
