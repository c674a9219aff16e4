/* CONTEXT of AMD64: winnt.h as documented by Microsoft. */
#include "dump/context.h"

#include <stddef.h>
#include <string.h>

struct context_amd64 {
    uint64_t home[6];
    uint32_t flags, mxcsr;
    uint16_t cs, ds, es, fs, gs, ss;
    uint32_t eflags;
    uint64_t debug[6];
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, rip;
    uint8_t fxsave[512];
    uint8_t vector[26][16];
    uint64_t vector_control, debug_control[5];
};

_Static_assert(sizeof(struct context_amd64) == CONTEXT_SIZE, "CONTEXT");
_Static_assert(offsetof(struct context_amd64, fxsave) == 0x100, "CONTEXT.FltSave");
_Static_assert(sizeof(struct user_fpregs_struct) == 512, "FXSAVE");

/* CONTEXT_AMD64 with control, integer, segment and floating-point registers; debug registers are not read */
#define CONTEXT_FLAGS 0x0010000fu

void context_fill(const struct registers *registers, void *bytes)
{
    const struct user_regs_struct *from = &registers->general;
    struct context_amd64 context = {
        .flags = CONTEXT_FLAGS,
        .mxcsr = registers->floating.mxcsr,
        .cs = (uint16_t)from->cs,
        .ds = (uint16_t)from->ds,
        .es = (uint16_t)from->es,
        .fs = (uint16_t)from->fs,
        .gs = (uint16_t)from->gs,
        .ss = (uint16_t)from->ss,
        .eflags = (uint32_t)from->eflags,
        .rax = from->rax,
        .rcx = from->rcx,
        .rdx = from->rdx,
        .rbx = from->rbx,
        .rsp = from->rsp,
        .rbp = from->rbp,
        .rsi = from->rsi,
        .rdi = from->rdi,
        .r8 = from->r8,
        .r9 = from->r9,
        .r10 = from->r10,
        .r11 = from->r11,
        .r12 = from->r12,
        .r13 = from->r13,
        .r14 = from->r14,
        .r15 = from->r15,
        .rip = from->rip,
    };

    memcpy(context.fxsave, &registers->floating, sizeof context.fxsave);
    memcpy(bytes, &context, sizeof context);
}

uint64_t context_thread_pointer(const struct registers *registers)
{
    return registers->general.fs_base;
}
