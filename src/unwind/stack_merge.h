/* The frames of one thread put together: C functions with what is inlined into them, and in the place of an
 * interpreter's evaluation function the functions that it runs. Private to stack.c. */
#pragma once

#include "unwind/stack_names.h"

struct stack_merge {
    struct stack_names *names;
    struct string_pool *strings;
    const struct python *python; /* NULL: none */
    const struct map_list *maps;
    size_t most;           /* frames */
    struct merged_frames { /* what comes out, innermost first */
        struct frame *items;
        size_t count, capacity;
    } frames; /* owned */
};

void stack_merge_release(struct stack_merge *merge);

/* Into merge->frames, anew. *end: is changed where not all frames are there. -ENOMEM. */
int stack_merge(struct stack_merge *merge, pid_t thread, const struct walked_frame *walked, size_t count,
                enum walk_end *end) _must_check_;
