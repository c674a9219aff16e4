/* CONTEXT of ARM64: winnt.h as documented by Microsoft. */
#include "dump/context.h"

#include <stddef.h>
#include <string.h>

struct context_arm64 {
    uint32_t flags, cpsr;
    uint64_t x[31], sp, pc;
    uint8_t v[32][16];
    uint32_t fpcr, fpsr;
    uint32_t breakpoint_control[8];
    uint64_t breakpoint_value[8];
    uint32_t watchpoint_control[2];
    uint64_t watchpoint_value[2];
};

_Static_assert(sizeof(struct context_arm64) == CONTEXT_SIZE, "CONTEXT");
_Static_assert(offsetof(struct context_arm64, v) == 0x110, "CONTEXT.V");

/* CONTEXT_ARM64 with control, integer and floating-point registers */
#define CONTEXT_FLAGS 0x00400007u

void context_fill(const struct registers *registers, void *bytes)
{
    struct context_arm64 context = {
        .flags = CONTEXT_FLAGS,
        .cpsr = (uint32_t)registers->general.pstate,
        .sp = registers->general.sp,
        .pc = registers->general.pc,
        .fpcr = registers->floating.fpcr,
        .fpsr = registers->floating.fpsr,
    };

    memcpy(context.x, registers->general.regs, sizeof context.x);
    memcpy(context.v, registers->floating.vregs, sizeof context.v);
    memcpy(bytes, &context, sizeof context);
}

/* TPIDR_EL0 is in a register set of its own, which is not read. */
uint64_t context_thread_pointer(const struct registers *registers)
{
    (void)registers;
    return 0;
}
