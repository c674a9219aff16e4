/* The types in a .gcdump: the first is for what is referred to and is not there, which readers count on; then
 * those of groups, which are one each; then those of objects, of each range of sizes one of its own. */
#pragma once

#include "runtime/dotnet_heap.h"

struct dotnet_file_types {
    uint32_t *firsts; /* of each type of the heap */
    uint32_t count;
};

/* heap: finished. -ENOMEM */
int dotnet_file_types_init(struct dotnet_file_types *types, const struct dotnet_heap *heap) _must_check_;
void dotnet_file_types_release(struct dotnet_file_types *types);
#define _cleanup_dotnet_file_types_ _cleanup_(dotnet_file_types_release)

static inline uint32_t dotnet_file_type(const struct dotnet_file_types *types, const struct dotnet_heap *heap,
                                        const struct dotnet_shape *shape)
{
    unsigned class = dotnet_size_class(shape->size),
             below = class ? heap->types.items[shape->type].classes & ((1u << class) - 1) : 0;

    return types->firsts[shape->type] + (below ? (uint32_t)__builtin_popcount(below) : 0);
}
