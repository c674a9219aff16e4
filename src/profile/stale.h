/* Where a process has mapped something since its mappings were read: stretches of addresses, a bounded number
 * of them. Past it the nearest two become one: more counts as stale than is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STALE_MAX = 512 };

struct stale {
    struct {
        uint64_t start, end; /* end is behind the last */
    } items[STALE_MAX + 1];  /* ascending, apart from each other */
    size_t count;
};

void stale_add(struct stale *stale, uint64_t start, uint64_t end);
bool stale_has(const struct stale *stale, uint64_t address);
