/* What the SystemInfo stream says of the processor, out of the text of /proc/cpuinfo (x86: kernel
 * arch/x86/kernel/cpu/proc.c). */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cpu_facts {
    unsigned count;                   /* of processors, at least 1 */
    unsigned family, model, stepping; /* of the first; 0 unknown */
    char vendor[12];                  /* of the first, not NUL-terminated; zeros unknown */
};

void cpu_facts_parse(const char *text, size_t size, struct cpu_facts *ret_facts);
