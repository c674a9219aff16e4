/* What walk.c and its two ways out of a function share. Private to them. */
#pragma once

#include "unwind/walk.h"
#include "unwind/walk_machine.h"

struct walk {
    const struct walk_process *process;
    struct walk_registers registers; /* as they were in the present frame */
    uint64_t address;                /* where it goes on */
    uint64_t position;               /* its frame lies from here on: the stack pointer, or below it */
    bool is_return;                  /* it made a call, and wasn't interrupted there */
    unsigned switches;
};

/* How to get to the caller. */
struct walk_step {
    struct walk_registers registers;
    uint64_t address, position;
    bool is_return;
    bool was_signal; /* the present frame is the kernel's */
    enum walked_by by;
};

/* Both: 0; -ENOENT: this way leads nowhere, another may; -ENODATA: there is no caller; -EIO: the stack can't
 * be read; -EINVAL: lost. */
int walk_by_cfi(struct walk *walk, struct walk_step *ret_step) _must_check_;
int walk_by_chain(struct walk *walk, struct walk_step *ret_step) _must_check_;
