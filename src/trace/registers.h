/* The registers of one thread, as the kernel's regsets give them. The architecture's own layout stays opaque
 * outside src/trace/arch_*.c and src/dump/context_*.c; everybody else uses the accessors. */
#pragma once

#include "base/cleanup.h"

#include <stdint.h>
#include <sys/user.h>

struct registers {
#if defined(__x86_64__)
    struct user_regs_struct general;    /* NT_PRSTATUS */
    struct user_fpregs_struct floating; /* NT_PRFPREG: the FXSAVE area */
#elif defined(__aarch64__)
    struct user_regs_struct general;
    struct user_fpsimd_struct floating;
#else
#error "no registers for this machine yet: add an arch file"
#endif
};

uint64_t registers_program_counter(const struct registers *registers);
uint64_t registers_stack_pointer(const struct registers *registers);
/* For registers that were not read off a thread: all others stay as they are. */
void registers_set_position(struct registers *registers, uint64_t program_counter, uint64_t stack_pointer);
