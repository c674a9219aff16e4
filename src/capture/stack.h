/* Which piece of each thread's stack goes into a dump, and copying them while the process is held. */
#pragma once

#include "capture/capture.h"

/* From the page of the red zone below a stack pointer to the end of the mapping, LIMIT_STACK_MAX at most.
 * False: it is in no mapping. */
bool stack_piece_at(const struct capture *capture, uint64_t pointer, struct range *ret_piece);

/* Sets stack_start and stack_size of every thread as above, within
 * LIMIT_STACK_BUDGET for all together. Returns how
 * many stack pointers are in no mapping (these threads have no stack then). */
size_t stacks_choose(struct capture *capture);

/* Copies the chosen pieces into capture->stacks, which brings its limit. What overlaps is copied once. */
int stacks_copy(struct capture *capture, const struct memory *memory) _must_check_;
