/* What the kernel puts on a stack when it calls a signal's handler: siginfo and ucontext, struct rt_sigframe
 * of arch/x86/include/asm/sigframe.h and arch/arm64/kernel/signal.c. In the ucontext stands the stack that
 * was in use, and uc_stack, what sigaltstack(2) had set then: for a handler that runs there both tell of each
 * other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a thread's stack, and where its stack pointer is, or was when it left that stack. */
struct stack_part {
    const uint8_t *bytes; /* from address on */
    size_t size;
    uint64_t address, pointer;
};

/* Looks from *at on, which moves along (0: from the pointer on), for a frame whose handler runs on the stack
 * that the pointer is in and that has interrupted another one. ret_pointer: that one's stack pointer. What
 * was left by a handler that has returned looks the same: more than one may be found. */
bool signal_frame_next(const struct stack_part *part, size_t *at, uint64_t *ret_pointer);
