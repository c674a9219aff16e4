/* The body of the operation `events`: frames, one behind the other, for as long as they are read.
 *
 * A frame is u32 little-endian size, u32 kind, u64 number, then so many bytes of JSON (view/events.h). Every
 * sample gives a tick with the next number; now and then a snapshot follows it with the same number: whoever
 * has it and all ticks from then on knows all. The first frame is a snapshot. */
#pragma once

#include <stdint.h>

enum events_kind { EVENTS_SNAPSHOT = 1, EVENTS_TICK = 2 };

struct events_frame {
    uint32_t size;
    uint32_t kind;
    uint64_t number;
};

/* A snapshot with every so manyth tick. */
enum { EVENTS_SNAPSHOT_EVERY = 16 };
