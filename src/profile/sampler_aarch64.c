#include "profile/sampler_parts.h"

#include <asm/perf_regs.h>

/* x0 to x29, lr, sp, pc: as they stand in struct user_pt_regs, too. */
void sampler_registers(const uint64_t *values, struct registers *ret_registers)
{
    *ret_registers = (struct registers){0};
    for (unsigned i = 0; i < ELEMENTS_OF(ret_registers->general.regs); i++)
        ret_registers->general.regs[i] = values[i];
    ret_registers->general.sp = values[PERF_REG_ARM64_SP];
    ret_registers->general.pc = values[PERF_REG_ARM64_PC];
}
