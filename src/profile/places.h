/* Addresses for a reader that names functions by address alone, as those of nettrace do: one address is one
 * function.
 *
 * A frame keeps its own where that tells: in a module that is mapped there, not inlined, and no other
 * function has been seen at it. All others get one that no process can have, in a mapping made up for their
 * module. */
#pragma once

#include "profile/symbols.h"

struct place_range {
    uint64_t start, end; /* the last byte, which is in it */
    uint32_t module, symbol;
};

struct place_ranges {
    struct place_range *items;
    size_t count, capacity;
};

struct places {
    struct symbols symbols;
    uint64_t *of_frame;           /* by frame */
    struct place_ranges mappings; /* with the symbol unused; by address */
    struct place_ranges named;    /* which addresses are which symbol */
};

int places_of(const struct profile *profile, struct places *ret_places) _must_check_; /* -ENOMEM */
void places_release(struct places *places);
#define _cleanup_places_ _cleanup_(places_release)
