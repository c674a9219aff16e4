/* The frames that an address stands for, with their names: looked up once, and then remembered, since threads
 * wait in the same places. Private to stack.c. */
#pragma once

#include "base/string_pool.h"
#include "unwind/stack.h"

struct named { /* of one address: `count` of the frames from `first` on */
    uint64_t address;
    uint32_t first;
    uint16_t count; /* 0: an empty place */
    bool is_return;
};

struct stack_names {
    struct images *images;       /* borrowed */
    struct string_pool *strings; /* borrowed */
    bool lines;
    struct named *table; /* by a hash of the address; capacity is a power of two */
    size_t count, capacity;
    struct name_frames {
        struct frame *items;
        size_t count, capacity;
    } frames;
};

void stack_names_release(struct stack_names *names);

/* *ret_frames: good until the next call. -ENOMEM; -ENOBUFS past LIMIT_FRAMES_ALL. */
int stack_names_get(struct stack_names *names, const struct walked_frame *walked,
                    const struct frame **ret_frames, size_t *ret_count) _must_check_;
