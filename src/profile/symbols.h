/* A profile's functions: what is left of its frames without addresses and lines. Readers count by these. */
#pragma once

#include "profile/profile.h"

struct symbol {
    uint32_t function, file; /* strings */
    uint32_t frame;          /* the first of it: has the label, and the address where it has no name */
    uint32_t module;
};

struct symbols {
    struct symbol *items;
    size_t count, capacity;
    uint32_t *of_frame; /* by frame */
    struct index index;
};

int symbols_of(const struct profile *profile, struct symbols *ret_symbols) _must_check_; /* -ENOMEM */
void symbols_release(struct symbols *symbols);
#define _cleanup_symbols_ _cleanup_(symbols_release)
