/* Addresses for a reader that names functions by address alone, as those of nettrace do: one address is one
 * function.
 *
 * A frame keeps its own where that tells: in a module that is mapped there, not inlined, and no other
 * function has been seen at it. All others get one that no process can have, in a mapping made up for their
 * module. */
#pragma once

#include "profile/symbols.h"

struct spot_range {
    uint64_t start, end; /* the last byte, which is in it */
    uint32_t module, symbol;
};

struct spot_ranges {
    struct spot_range *items;
    size_t count, capacity;
};

struct spots {
    struct symbols symbols;
    uint64_t *of_frame;          /* by frame */
    struct spot_ranges mappings; /* with the symbol unused; by address */
    struct spot_ranges named;    /* which addresses are which symbol */
};

int spots_of(const struct profile *profile, struct spots *ret_spots) _must_check_; /* -ENOMEM */
void spots_release(struct spots *spots);
#define _cleanup_spots_ _cleanup_(spots_release)
