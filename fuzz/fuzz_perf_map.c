/* A perf map of a target, as hostile as can be: what is found at each address that a number of its own may
 * name. */
#include "unwind/perf_map.h"

#include "base/parse.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct perf_map *map, uint64_t address)
{
    const char *name;
    uint64_t offset;

    if (perf_map_find(map, address, &name, &offset) && (offset > address || strlen(name) == SIZE_MAX))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *end = text + size;
    struct perf_map *map = perf_map_parse(text, size);

    for (const char *at = text; map && at < end; at++) {
        const char *number = at;
        uint64_t address;

        if (!scan_hex(&number, end, &address))
            continue;
        look(map, address);
        look(map, address + 1);
        look(map, address - 1);
    }
    perf_map_free(map);
    return 0;
}
