/* Numbers and who keeps what: System V ABI, AMD64 supplement, 3.2.1 and figure 3.36. */
#include "unwind/walk_machine.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, RIP, NUMBERS };

enum { CALL_MAX = 7, CALL_DIRECT = 5 };

#define BIT(number) (1ull << (number))

const struct walk_machine walk_machine = {
    .stack_pointer = RSP,
    .frame_pointer = RBP,
    .program_counter = RIP,
    .link = NO_REGISTER,
    .kept = BIT(RBX) | BIT(RBP) | BIT(R12) | BIT(R13) | BIT(R14) | BIT(R15),
    .code_before_return = CALL_MAX,
    .leaf_size = 8,
    .pair_ends_frame = true,
};

void walk_machine_load(const struct registers *registers, struct walk_registers *ret_registers)
{
    const struct user_regs_struct *from = &registers->general;
    const uint64_t values[NUMBERS] = {
        from->rax, from->rdx, from->rcx, from->rbx, from->rsi, from->rdi, from->rbp, from->rsp, from->r8,
        from->r9,  from->r10, from->r11, from->r12, from->r13, from->r14, from->r15, from->rip,
    };

    *ret_registers = (struct walk_registers){.known = BIT(NUMBERS) - 1};
    memcpy(ret_registers->values, values, sizeof values);
}

uint64_t walk_machine_address(uint64_t address)
{
    return address;
}

/* Intel SDM volume 2: how long an operand is that begins with this ModRM byte. */
static size_t operand_size(uint8_t modrm, uint8_t sib)
{
    unsigned mode = modrm >> 6, base = modrm & 7;

    if (mode == 3)
        return 1;
    if (base == 4) /* a SIB byte follows */
        return mode == 1 ? 3 : mode == 2 || (sib & 7) == 5 ? 6 : 2;
    if (mode == 0)
        return base == 5 ? 5 : 1; /* 5: relative to rip */
    return mode == 1 ? 2 : 5;
}

bool walk_machine_is_call(const uint8_t *bytes, uint64_t address, uint64_t *ret_target)
{
    const uint8_t *end = bytes + CALL_MAX;
    int32_t distance;

    if (end[-CALL_DIRECT] == 0xe8) {
        memcpy(&distance, end - sizeof distance, sizeof distance);
        *ret_target = address + (uint64_t)(int64_t)distance;
        return true;
    }
    *ret_target = 0;
    for (size_t size = 2; size <= CALL_MAX; size++) { /* ff /2: through a register or memory */
        const uint8_t *at = end - size;

        if (at[0] == 0xff && (at[1] >> 3 & 7) == 2 && 1 + operand_size(at[1], size > 2 ? at[2] : 0) == size)
            return true;
    }
    return false;
}

/* push %rbp; mov %rsp, %rbp. Assemblers spell the second in two ways; endbr64 may stand before the first. */
bool walk_machine_at_edge(const struct memory *memory, uint64_t address, uint64_t *ret_pushed)
{
    static const uint8_t landing[] = {0xf3, 0x0f, 0x1e, 0xfa},
                         moves[][3] = {{0x48, 0x89, 0xe5}, {0x48, 0x8b, 0xec}};
    enum { PUSH = 0x55, RETURN = 0xc3, BEFORE = 1, AFTER = 5 };
    uint8_t bytes[BEFORE + AFTER], *at = bytes + BEFORE;

    if (memory_read_exactly(memory, address - BEFORE, bytes, sizeof bytes) < 0)
        return false;
    *ret_pushed = 0;
    if (at[0] == PUSH || at[0] == RETURN ||
        (memcmp(at, landing, sizeof landing) == 0 && at[sizeof landing] == PUSH))
        return true;
    *ret_pushed = sizeof(uint64_t);
    return at[-BEFORE] == PUSH &&
           (memcmp(at, moves[0], sizeof moves[0]) == 0 || memcmp(at, moves[1], sizeof moves[1]) == 0);
}

/* arch/x86/kernel/signal_64.c: at rt_sigreturn the stack pointer stands at the ucontext. */
int walk_machine_interrupted(const struct memory *memory, uint64_t address,
                             const struct walk_registers *registers, struct walk_registers *ret_registers,
                             uint64_t *ret_address)
{
    static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}; /* mov $15,%rax; syscall */
    static const uint8_t numbers[] = {
        [REG_R8] = R8,   [REG_R9] = R9,   [REG_R10] = R10, [REG_R11] = R11, [REG_R12] = R12, [REG_R13] = R13,
        [REG_R14] = R14, [REG_R15] = R15, [REG_RDI] = RDI, [REG_RSI] = RSI, [REG_RBP] = RBP, [REG_RBX] = RBX,
        [REG_RDX] = RDX, [REG_RAX] = RAX, [REG_RCX] = RCX, [REG_RSP] = RSP, [REG_RIP] = RIP};
    uint8_t found[sizeof code];
    uint64_t values[NUMBERS];

    if (memory_read_exactly(memory, address, found, sizeof found) < 0 ||
        memcmp(found, code, sizeof code) != 0)
        return -ENOENT;
    if (memory_read_exactly(memory, registers->values[RSP] + offsetof(ucontext_t, uc_mcontext.gregs), values,
                            sizeof values) < 0)
        return -EIO;
    *ret_registers = (struct walk_registers){.known = BIT(NUMBERS) - 1};
    for (size_t i = 0; i < NUMBERS; i++)
        ret_registers->values[numbers[i]] = values[i];
    *ret_address = ret_registers->values[RIP];
    return 0;
}
