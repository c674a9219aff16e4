/* DWARF expressions as they stand in call frame information: DWARF 5, 2.5 and 6.4.2. */
#pragma once

#include "base/cleanup.h"
#include "memory/memory.h"
#include "unwind/cfi.h"

#include <stdbool.h>

/* General registers by their numbers of DWARF. */
struct walk_registers {
    uint64_t values[CFI_REGISTERS];
    uint64_t known; /* bit i: values[i] is what it was */
};

static inline bool walk_registers_has(const struct walk_registers *registers, uint64_t number)
{
    return number < CFI_REGISTERS && (registers->known >> number & 1);
}

static inline void walk_registers_set(struct walk_registers *registers, unsigned number, uint64_t value)
{
    registers->values[number] = value;
    registers->known |= 1ull << number;
}

/* first: what stands on the stack at the beginning (the CFA, for registers' rules); NULL: nothing does.
 * -EINVAL: broken, or nothing that has a place there; -ENODATA: it takes a register that is not known; -EIO:
 * memory that can't be read. */
int expression_evaluate(const uint8_t *bytes, size_t size, const uint64_t *first,
                        const struct walk_registers *registers, const struct memory *memory,
                        uint64_t *ret_value) _must_check_;
