/* From the registers of a stopped thread to the addresses of all functions that it is in. By call frame
 * information (cfi.h), and where there is none by the chain of frame pointers. What registers stand for: the
 * psABI of each machine. */
#pragma once

#include "memory/memory.h"
#include "proc/maps.h"
#include "trace/registers.h"
#include "unwind/images.h"

/* How a frame was found. */
enum walked_by {
    WALKED_BY_REGISTERS,     /* the innermost: where the thread is */
    WALKED_BY_CFI,           /* by what the compiler says, or the kernel's frame of a signal */
    WALKED_BY_FRAME_POINTER, /* likely */
    WALKED_BY_GUESS /* a leaf function without CFI: the return address where a call leaves it. Likely */
};

enum walk_end {
    WALK_OUTERMOST, /* the whole stack: the compiler says that this is the first function */
    WALK_LOST,      /* no way on from the last frame */
    WALK_NO_MEMORY, /* the stack's bytes are not there: it was copied in part */
    WALK_TOO_DEEP,  /* as many as were asked for */
    WALK_LOOP       /* the next frame would not be further out */
};

struct walked_frame {
    uint64_t address;  /* program counter, or the return address */
    uint64_t position; /* of its frame: all that is its own stands from here on, and below the next one's */
    bool is_return;    /* the call is the instruction before it: names are those of address - 1 */
    bool is_signal;    /* the kernel's frame for a signal handler: the next was interrupted where it stands */
    enum walked_by by;
};

/* What all threads of a process share; all borrowed. */
struct walk_process {
    struct images *images;
    const struct map_list *maps;
    const struct memory *memory; /* stacks and, if it is there, all else */
};

/* Fills up to size frames, innermost first, and returns how many: at least one, if size is. Terminates
 * whatever is in there: every frame is further out than the one before, but for WALK_SWITCHES_MAX signals
 * that came in on a stack of their own. */
enum { WALK_SWITCHES_MAX = 16 };
size_t walk_stack(const struct walk_process *process, const struct registers *registers,
                  struct walked_frame *frames, size_t size, enum walk_end *ret_end);
