/* A made-up process for tests of the dump writers: four threads, two of whose stacks overlap, modules,
 * mappings of every kind, and memory whose every word says where it stands. */
#pragma once

#include "dump/minidump.h"

enum { MADE_UP_THREADS = 4, MADE_UP_PAGE = 4096 };

struct made_up {
    struct capture capture;
    struct memory memory; /* reads as mapped in capture.maps; word at A is A * 3, but unreadable pages fail */
    uint64_t unreadable;  /* the page that can't be read; 0 none */
    bool gone;            /* the process ended */
};

/* with_stacks: the stacks are copied into the capture, as capture_live does it. */
void made_up_init(struct made_up *made, bool with_stacks);
void made_up_release(struct made_up *made);

/* What stands at an address (a multiple of 8). */
static inline uint64_t made_up_word(uint64_t address)
{
    return address * 3;
}
