#include "runtime/dotnet_histogram.h"

#include <errno.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct dotnet_type *left = *(const struct dotnet_type *const *)a,
                             *right = *(const struct dotnet_type *const *)b;
    int order;

    if (left->bytes != right->bytes)
        return left->bytes > right->bytes ? -1 : 1;
    order = strcmp(left->name, right->name);
    return order ? order : left < right ? -1 : 1; /* of another module: as they were told */
}

int dotnet_histogram(const struct dotnet_heap *heap, int (*take)(void *to, const struct heap_type *type),
                     void *to)
{
    _cleanup_free_ const struct dotnet_type **order = calloc(heap->types.count + 1, sizeof *order);
    size_t count = 0;
    int r = order ? 0 : -ENOMEM;

    for (size_t i = 0; i < heap->types.count && r == 0; i++)
        if (heap->types.items[i].count > 0)
            order[count++] = &heap->types.items[i];
    if (count > 0)
        qsort(order, count, sizeof *order, compare);
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct dotnet_type *one = order[i];
        struct heap_type type = {.name = one->name,
                                 .module = one->module_path,
                                 .name_size = strlen(one->name),
                                 .module_size = one->module_path ? strlen(one->module_path) : 0,
                                 .count = one->count,
                                 .bytes = one->bytes};

        r = take(to, &type);
    }
    return r;
}
