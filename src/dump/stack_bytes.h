/* The stacks of a capture in address order. For the writers of dumps. */
#pragma once

#include "capture/capture.h"
#include "memory/memory.h"

enum { STACK_ALIGNMENT = 16 };

/* The piece of one thread's stack, in address order of all, or of one that it has left (capture.interrupted).
 */
struct stack_piece {
    uint64_t start, end;
    const uint8_t *bytes; /* NULL: to be read */
    size_t thread;        /* index in the capture; SIZE_MAX: one that was left */
};

/* Pieces that touch or overlap (threads of Go share one mapping) are one region of the file: readers refuse
 * a MemoryList with overlaps. */
struct stack_run {
    uint64_t start, end;
    uint64_t offset;                 /* of its bytes behind the begin of all stacks */
    size_t first_piece, piece_count; /* of the pieces */
};

struct stack_bytes {
    const struct capture *capture;
    const struct memory *memory;
    struct stack_piece *pieces;
    size_t piece_count;
    struct stack_run *runs;
    size_t run_count;
    uint64_t size; /* of all runs, each on STACK_ALIGNMENT */
};

/* memory NULL: only what the capture holds. Both are borrowed. */
int stack_bytes_init(struct stack_bytes *stacks, const struct capture *capture,
                     const struct memory *memory) _must_check_;
void stack_bytes_release(struct stack_bytes *stacks);
/* The run that holds address; NULL: none. */
const struct stack_run *stack_bytes_find(const struct stack_bytes *stacks, uint64_t address);
/* Calls visit with every word of every stack. */
int stack_bytes_scan(const struct stack_bytes *stacks, void (*visit)(void *context, uint64_t word),
                     void *context) _must_check_;
