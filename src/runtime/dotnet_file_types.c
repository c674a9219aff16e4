#include "runtime/dotnet_file_types.h"

#include <errno.h>

int dotnet_file_types_init(struct dotnet_file_types *types, const struct dotnet_heap *heap)
{
    types->count = 1 + (uint32_t)heap->groups.count;
    types->firsts = calloc(heap->types.count + 1, sizeof *types->firsts);
    if (!types->firsts)
        return -ENOMEM;
    for (size_t i = 0; i < heap->types.count; i++) {
        types->firsts[i] = types->count;
        types->count += (uint32_t)__builtin_popcount(heap->types.items[i].classes);
    }
    return 0;
}

void dotnet_file_types_release(struct dotnet_file_types *types)
{
    if (!types)
        return;
    free(types->firsts);
    *types = (struct dotnet_file_types){0};
}
