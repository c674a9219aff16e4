/* Numbers: "DWARF for the Arm 64-bit Architecture"; who keeps what: "Procedure Call Standard for the Arm
 * 64-bit Architecture", 6.1. */
#include "unwind/walk_machine.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

enum { X19 = 19, X28 = 28, X29 = 29, X30 = 30, SP = 31, NUMBERS = 32 };

enum { INSTRUCTION = 4, ADDRESS_BITS = 48 };

#define BIT(number) (1ull << (number))

const struct walk_machine walk_machine = {
    .stack_pointer = SP,
    .frame_pointer = X29,
    .program_counter = NO_REGISTER,
    .link = X30,
    .kept = (BIT(X30) - BIT(X19)) | BIT(X30), /* x19 to x29, and the one where the return address is */
    .code_before_return = INSTRUCTION,
    .leaf_size = 0,
    .pair_ends_frame = false, /* it lies where the compiler likes, as a rule at the bottom */
};

void walk_machine_load(const struct registers *registers, struct walk_registers *ret_registers)
{
    *ret_registers = (struct walk_registers){.known = BIT(NUMBERS) - 1};
    memcpy(ret_registers->values, registers->general.regs, sizeof registers->general.regs);
    ret_registers->values[SP] = registers->general.sp;
}

/* Pointer authentication signs in the bits above an address; those of programs have zeros there (kernel,
 * Documentation/arch/arm64/pointer-authentication.rst). */
uint64_t walk_machine_address(uint64_t address)
{
    return address & (BIT(ADDRESS_BITS) - 1);
}

/* Arm ARM, C6.2: BL, and BLR with its authenticating forms. */
bool walk_machine_is_call(const uint8_t *bytes, uint64_t address, uint64_t *ret_target)
{
    uint32_t instruction;

    memcpy(&instruction, bytes, sizeof instruction);
    *ret_target = 0;
    if ((instruction & 0xfc000000) == 0x94000000) {
        /* 26 bits of words, signed */
        *ret_target = address - INSTRUCTION + (uint64_t)((int64_t)((uint64_t)instruction << 38) >> 36);
        return true;
    }
    return (instruction & 0xfffffc1f) == 0xd63f0000 || (instruction & 0xfefff800) == 0xd63f0800;
}

/* stp x29, x30, [sp, #-N]!, by which a frame begins; ret. Until then, and then, the return address is in x30.
 */
bool walk_machine_at_edge(const struct memory *memory, uint64_t address, uint64_t *ret_pushed)
{
    uint32_t instruction;

    *ret_pushed = 0;
    return memory_read_u32(memory, address, &instruction) == 0 &&
           ((instruction & 0xffc07fff) == 0xa9807bfd || instruction == 0xd65f03c0);
}

/* arch/arm64/kernel/signal.c: struct rt_sigframe, at which the stack pointer stands, is a siginfo and a
 * ucontext. */
int walk_machine_interrupted(const struct memory *memory, uint64_t address,
                             const struct walk_registers *registers, struct walk_registers *ret_registers,
                             uint64_t *ret_address)
{
    static const uint32_t code[] = {0xd2801168, 0xd4000001}; /* mov x8, #139; svc #0 */
    uint32_t found[ELEMENTS_OF(code)];
    struct {
        uint64_t x[31], sp, pc;
    } values;
    _Static_assert(offsetof(mcontext_t, sp) - offsetof(mcontext_t, regs) == sizeof values.x, "mcontext_t");

    if (memory_read_exactly(memory, address, found, sizeof found) < 0 ||
        memcmp(found, code, sizeof code) != 0)
        return -ENOENT;
    if (memory_read_exactly(memory,
                            registers->values[SP] + sizeof(siginfo_t) + offsetof(ucontext_t, uc_mcontext) +
                                offsetof(mcontext_t, regs),
                            &values, sizeof values) < 0)
        return -EIO;
    *ret_registers = (struct walk_registers){.known = BIT(NUMBERS) - 1};
    memcpy(ret_registers->values, values.x, sizeof values.x);
    ret_registers->values[SP] = values.sp;
    *ret_address = values.pc;
    return 0;
}
