/* What an image has found out, by address. Bounded: past LIMIT_IMAGE_PLACES addresses all are forgotten. */
#pragma once

#include "unwind/image.h"

struct places {
    struct places_entry *entries; /* open addressing; a power of two of them, at most half of them taken */
    size_t entry_count, used;
    struct image_place *items;
    size_t count, capacity;
};

void places_release(struct places *places); /* the struct may be used again */

/* False: that address was not asked for (in this way). ret_items is good until the next change. */
bool places_get(const struct places *places, uint64_t address, bool lines,
                const struct image_place **ret_items, size_t *ret_count);
/* Without memory nothing is remembered. */
void places_put(struct places *places, uint64_t address, bool lines, const struct image_place *items,
                size_t count);
size_t places_size(const struct places *places); /* bytes that they take */
