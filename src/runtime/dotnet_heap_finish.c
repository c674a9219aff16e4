/* A heap put in order once all of it was told: references and roots are looked up. */
#include "base/limits.h"

#include "runtime/dotnet_heap_parts.h"

#include "base/sorted.h"

#include <errno.h>

/* The place among nodes that ascend, of which some stand before. */
static size_t find_among(const struct dotnet_heap *heap, size_t first, size_t end, uint64_t address)
{
    const struct dotnet_node *nodes = heap->nodes.items;
    size_t place = first + SORTED_UP_TO(nodes + first, end - first, key, address << 16 | DOTNET_MANY_EDGES);

    return place > first && dotnet_node_address(&nodes[place - 1]) == address ? place - 1 : heap->nodes.count;
}

size_t dotnet_heap_find(const struct dotnet_heap *heap, uint64_t address)
{
    return address >> 48 ? heap->nodes.count : find_among(heap, 0, heap->nodes.count, address);
}

/* Where to begin to look for an address: objects that refer to one another are near each other, but not all;
 * a table of places narrows it down to a few. */
struct index {
    uint32_t *firsts;
    size_t count;
    uint64_t base;
    unsigned shift;
};

static int index_init(struct index *index, const struct dotnet_heap *heap)
{
    const struct dotnet_node *nodes = heap->nodes.items;
    size_t count = heap->nodes.count, at = 0;
    uint64_t base = dotnet_node_address(&nodes[0]), span = dotnet_node_address(&nodes[count - 1]) - base;

    *index = (struct index){.base = base};
    while (span >> index->shift > count / 4 + 1)
        index->shift++;
    index->count = (size_t)(span >> index->shift) + 1;
    index->firsts = calloc(index->count + 1, sizeof *index->firsts);
    if (!index->firsts)
        return -ENOMEM;
    for (size_t bucket = 0; bucket <= index->count; bucket++) {
        while (at < count && (dotnet_node_address(&nodes[at]) - base) >> index->shift < bucket)
            at++;
        index->firsts[bucket] = (uint32_t)at;
    }
    return 0;
}

static size_t find_by(const struct index *index, const struct dotnet_heap *heap, uint64_t address)
{
    uint64_t bucket = (address - index->base) >> index->shift;

    if (address < index->base || bucket >= index->count)
        return heap->nodes.count;
    return find_among(heap, index->firsts[bucket], index->firsts[bucket + 1], address);
}

static uint64_t address_of(const char *bytes, size_t i)
{
    struct dotnet_reference reference;

    memcpy(&reference, bytes + i * sizeof reference, sizeof reference);
    return (uint64_t)reference.parts[2] << 32 | (uint64_t)reference.parts[1] << 16 | reference.parts[0];
}

/* Several at a time: what is looked up is all over the memory, and their waits for it are then one. */
static void find_several(const struct index *index, const struct dotnet_heap *heap, const uint64_t *addresses,
                         size_t count, uint32_t *ret_places)
{
    for (size_t k = 0; k < count; k++) {
        uint64_t bucket = (addresses[k] - index->base) >> index->shift;

        __builtin_prefetch(&index->firsts[bucket < index->count ? bucket : 0]);
    }
    for (size_t k = 0; k < count; k++) {
        uint64_t bucket = (addresses[k] - index->base) >> index->shift;
        size_t first = index->firsts[bucket < index->count ? bucket : 0];

        __builtin_prefetch(&heap->nodes.items[first]);
    }
    for (size_t k = 0; k < count; k++)
        ret_places[k] = (uint32_t)find_by(index, heap, addresses[k]);
}

/* In the memory of the addresses themselves, from its beginning, so that each is read before its place is
 * written. */
static void resolve_edges(struct dotnet_heap *heap, const struct index *index)
{
    enum { SEVERAL = 16 };
    char *bytes = (char *)heap->edges.items;

    for (size_t i = 0, count; i < heap->edges.count; i += count) {
        uint64_t addresses[SEVERAL];
        uint32_t places[SEVERAL];

        count = heap->edges.count - i < SEVERAL ? heap->edges.count - i : SEVERAL;
        for (size_t k = 0; k < count; k++)
            addresses[k] = address_of(bytes, i + k);
        find_several(index, heap, addresses, count, places);
        for (size_t k = 0; k < count; k++)
            heap->unknown_edges += places[k] == heap->nodes.count && addresses[k] != 0;
        memcpy(bytes + i * sizeof *places, places, count * sizeof *places);
    }
    /* a third of it is free again; where that fails it stays as it is */
    bytes = heap->edges.count ? realloc(heap->edges.items, heap->edges.count * sizeof(uint32_t)) : NULL;
    if (bytes)
        heap->edges.items = (struct dotnet_reference *)(void *)bytes;
    heap->targets = (const uint32_t *)(const void *)heap->edges.items;
}

static int compare_roots(const void *a, const void *b)
{
    const struct dotnet_root *left = a, *right = b;

    if (left->group != right->group)
        return left->group < right->group ? -1 : 1;
    return (left->address > right->address) - (left->address < right->address);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct dotnet_pair *left = a, *right = b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return (left->value > right->value) - (left->value < right->value);
}

/* One that two handles keep alive is there once. */
static void resolve_roots(struct dotnet_heap *heap, const struct index *index)
{
    size_t kept = 0;

    for (size_t i = 0; i < heap->roots.count; i++) {
        struct dotnet_root root = heap->roots.items[i];

        root.address = find_by(index, heap, root.address);
        if (root.address < heap->nodes.count)
            heap->roots.items[kept++] = root;
    }
    if (kept > 0)
        qsort(heap->roots.items, kept, sizeof *heap->roots.items, compare_roots);
    heap->roots.count = 0;
    for (size_t i = 0; i < kept; i++) {
        struct dotnet_root root = heap->roots.items[i], *before = heap->roots.items + heap->roots.count - 1;
        struct dotnet_group *group = &heap->groups.items[root.group];

        if (heap->roots.count > 0 && compare_roots(&root, before) == 0)
            continue;
        if (group->root_count++ == 0)
            group->first_root = (uint32_t)heap->roots.count;
        heap->roots.items[heap->roots.count++] = root;
    }
}

static void resolve_pairs(struct dotnet_heap *heap, const struct index *index)
{
    size_t kept = 0;

    for (size_t i = 0; i < heap->pairs.count; i++) {
        struct dotnet_pair pair = heap->pairs.items[i];

        pair = (struct dotnet_pair){find_by(index, heap, pair.key), find_by(index, heap, pair.value)};
        if (pair.key < heap->nodes.count && pair.value < heap->nodes.count)
            heap->pairs.items[kept++] = pair;
    }
    heap->pairs.count = kept;
    if (kept > 0)
        qsort(heap->pairs.items, kept, sizeof *heap->pairs.items, compare_pairs);
}

unsigned dotnet_size_class(uint32_t size)
{
    unsigned class = 0;

    for (uint64_t least = 1000; class + 1 < DOTNET_SIZE_CLASSES && size > least; least *= 10)
        class ++;
    return class;
}

/* Which classes of size there are of each type, and the size that the first object of each has: that of most
 * of them, in the first class. */
static void measure_types(struct dotnet_heap *heap)
{
    for (size_t i = 0; i < heap->shapes.count; i++) {
        struct dotnet_shape *shape = &heap->shapes.items[i];
        struct dotnet_type *type;
        unsigned class = dotnet_size_class(shape->size);

        shape->type = heap->types.items[shape->type].same;
        type = &heap->types.items[shape->type];
        if (!(type->classes >> class & 1))
            type->sizes[class] = shape->size;
        type->classes |= (uint8_t)(1 << class);
    }
}

int dotnet_heap_finish(struct dotnet_heap *heap)
{
    struct index index;
    int r;

    if (!heap->is_complete)
        return -ENODATA;
    if (heap->is_lossy || heap->told_edges != heap->came_edges)
        return -EAGAIN;
    if (heap->counts_only)
        return dotnet_heap_name(heap);
    dotnet_heap_sort(heap);
    r = dotnet_heap_name(heap);
    if (r == 0)
        r = index_init(&index, heap);
    if (r < 0)
        return r;
    measure_types(heap);
    resolve_edges(heap, &index);
    resolve_roots(heap, &index);
    resolve_pairs(heap, &index);
    free(index.firsts);
    return 0;
}
