#include "perf/perf.h"

#include <asm/perf_regs.h>

/* x0 to x30, the stack pointer and the program counter. */
const uint64_t perf_register_mask = (1ull << (PERF_REG_ARM64_PC + 1)) - 1;
