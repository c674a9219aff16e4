/* What walk.c has to know of the machine, one file each. Private to it. */
#pragma once

#include "trace/registers.h"
#include "unwind/expression.h"

enum { NO_REGISTER = 0xff };

struct walk_machine {
    uint8_t stack_pointer, frame_pointer;
    uint8_t program_counter;    /* its number, where the machine's ABI gives it one */
    uint8_t link;               /* holds the return address until it is saved */
    uint64_t kept;              /* bits of the registers that a function gives back as it got them */
    uint8_t code_before_return; /* bytes at most of a call instruction */
    uint64_t leaf_size;         /* what a return address takes on the stack */
    bool pair_ends_frame; /* behind the pair of saved frame pointer and return address the caller's begins */
};
extern const struct walk_machine walk_machine;

void walk_machine_load(const struct registers *registers, struct walk_registers *ret_registers);

/* Without what the machine adds to return addresses. */
uint64_t walk_machine_address(uint64_t address);

/* bytes: walk_machine.code_before_return of them that end at the return address. Is it a call? *ret_target:
 * what it calls; 0: that stands in a register or in memory. */
bool walk_machine_is_call(const uint8_t *bytes, uint64_t address, uint64_t *ret_target);

/* Where a handler returns to and there is no CFI for it (musl, Go), the kernel's frame is told by its code,
 * and what was interrupted by the frame. ret_address: where that goes on. -ENOENT: it is none; -EIO. */
int walk_machine_interrupted(const struct memory *memory, uint64_t address,
                             const struct walk_registers *registers, struct walk_registers *ret_registers,
                             uint64_t *ret_address) _must_check_;

/* Is the thread about to set up the frame of a function, or to leave it by a return? Then the chain of frame
 * pointers doesn't have the caller. *ret_pushed: bytes of the frame that are on the stack already. */
bool walk_machine_at_edge(const struct memory *memory, uint64_t address, uint64_t *ret_pushed);
