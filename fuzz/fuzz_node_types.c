/* A heap snapshot of V8, cut into pieces of the size that the first byte says: what is counted is of the
 * nodes in it, and every type has a name. */
#include "runtime/node_types.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(void *to, const struct heap_type *type)
{
    uint64_t *nodes = to;

    if (!type->name || strlen(type->name) != type->name_size || type->count == 0)
        __builtin_trap();
    *nodes += type->count;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_node_types_ struct node_types *types = NULL;
    size_t piece = size > 0 && data[0] ? data[0] : 1;
    uint64_t nodes = 0;
    int r = size > 0 ? node_types_new(&types) : -1;

    for (size_t at = 1; at < size && r == 0; at += piece)
        r = node_types_take(types, (const char *)data + at, size - at < piece ? size - at : piece);
    if (r == 0 && node_types_finish(types, take, &nodes) == 0 && nodes > size)
        __builtin_trap();
    return 0;
}
