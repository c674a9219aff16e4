/* The body of the operation `events`: frames, one behind the other, for as long as they are read.
 *
 * A frame is u32 little-endian size, u32 kind, u64 number, then so many bytes of JSON (view/events.h). Every
 * sample gives a tick with the next number; now and then a snapshot follows it with the same number: whoever
 * has it and all ticks from then on knows all. The first frame is a snapshot. */
#pragma once

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum events_kind { EVENTS_SNAPSHOT = 1, EVENTS_TICK = 2 };

struct events_frame {
    uint32_t size;
    uint32_t kind;
    uint64_t number;
};

/* A snapshot with every so manyth tick. */
enum { EVENTS_SNAPSHOT_EVERY = 16 };

/* Or earlier, where the ticks since the last one, this one with them, are so large that who keeps them would
 * soon have no room. */
static inline bool events_snapshot_is_due(uint64_t number, size_t ticks_size)
{
    return number % EVENTS_SNAPSHOT_EVERY == 0 || ticks_size > LIMIT_EVENTS_KEPT / 2;
}
