/* /proc/PID/smaps, which holds paths of the target's choice, and the sums that are made of it. */
#include "capture/memory_kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_memory_kinds_ struct memory_kinds kinds = {0};
    size_t mappings = 0;

    if (smaps_parse((const char *)data, size, memory_kinds_add, &kinds) < 0 ||
        memory_kinds_finish(&kinds) < 0)
        return 0;
    for (size_t i = 0; i < kinds.count; i++)
        mappings += kinds.items[i].mappings;
    if (mappings != kinds.total.mappings)
        __builtin_trap();
    return 0;
}
