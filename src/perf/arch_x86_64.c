#include "perf/perf.h"

#include <asm/perf_regs.h>

/* All general registers, the program counter and the flags. The kernel has no segment registers for us in
 * 64-bit mode. */
const uint64_t perf_register_mask =
    ((1ull << PERF_REG_X86_64_MAX) - 1) &
    ~(1ull << PERF_REG_X86_CS | 1ull << PERF_REG_X86_SS | 1ull << PERF_REG_X86_DS | 1ull << PERF_REG_X86_ES |
      1ull << PERF_REG_X86_FS | 1ull << PERF_REG_X86_GS);
