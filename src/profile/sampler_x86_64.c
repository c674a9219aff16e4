#include "profile/sampler_parts.h"

#include "perf/perf.h"

#include <asm/perf_regs.h>

void sampler_registers(const uint64_t *values, struct registers *ret_registers)
{
    struct user_regs_struct *general = &ret_registers->general;
    const struct {
        unsigned number;
        unsigned long long *to;
    } places[] = {
        {PERF_REG_X86_AX, &general->rax},  {PERF_REG_X86_BX, &general->rbx},
        {PERF_REG_X86_CX, &general->rcx},  {PERF_REG_X86_DX, &general->rdx},
        {PERF_REG_X86_SI, &general->rsi},  {PERF_REG_X86_DI, &general->rdi},
        {PERF_REG_X86_BP, &general->rbp},  {PERF_REG_X86_SP, &general->rsp},
        {PERF_REG_X86_IP, &general->rip},  {PERF_REG_X86_R8, &general->r8},
        {PERF_REG_X86_R9, &general->r9},   {PERF_REG_X86_R10, &general->r10},
        {PERF_REG_X86_R11, &general->r11}, {PERF_REG_X86_R12, &general->r12},
        {PERF_REG_X86_R13, &general->r13}, {PERF_REG_X86_R14, &general->r14},
        {PERF_REG_X86_R15, &general->r15},
    };

    *ret_registers = (struct registers){0};
    for (size_t i = 0; i < ELEMENTS_OF(places); i++)
        *places[i].to = values[__builtin_popcountll(perf_register_mask & ((1ull << places[i].number) - 1))];
}
