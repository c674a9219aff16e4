/* What pprof calls locations: an address with all functions that are there, those inlined into another and
 * the one that they are in. */
#pragma once

#include "profile/profile.h"

struct location {
    uint32_t outer; /* the location without its innermost function, + 1; 0: has one alone */
    uint32_t frame; /* the innermost */
};

struct locations {
    struct location *items;
    size_t count, capacity;
    uint32_t *of_node; /* by node */
    bool *is_used;     /* by location: it is in a stack that was counted */
    struct index index;
};

int locations_of(const struct profile *profile, struct locations *ret_locations) _must_check_; /* -ENOMEM */
void locations_release(struct locations *locations);
#define _cleanup_locations_ _cleanup_(locations_release)

/* The locations of the stack that ends in node, innermost first; returns how many, LIMIT_PROFILE_DEPTH + 1 at
 * most. */
size_t locations_stack(const struct profile *profile, const struct locations *locations, uint32_t node,
                       uint32_t *ret_stack);
