/* A heap put in order once all of it was told. Objects are told generation by generation, in each by
 * ascending address: nearly sorted, and not quite. */
#include "base/limits.h"

#include "runtime/dotnet_heap_parts.h"

#include "base/sorted.h"

#include <errno.h>

static void insertion_sort(struct dotnet_node *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct dotnet_node node = nodes[i];
        size_t place = i;

        for (; place > 0 && nodes[place - 1].address > node.address; place--)
            nodes[place] = nodes[place - 1];
        nodes[place] = node;
    }
}

static bool is_sorted(const struct dotnet_node *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (nodes[i - 1].address > nodes[i].address)
            return false;
    return true;
}

/* By the digit at `shift` and those below it, in place: a second copy is what the memory is not there for. */
static void radix_sort(struct dotnet_node *nodes, size_t count, int shift)
{
    enum { DIGITS = 256, FEW = 32 };
    size_t begins[DIGITS + 1] = {0}, next[DIGITS];

    if (count <= FEW) {
        insertion_sort(nodes, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        begins[(nodes[i].address >> shift & 0xff) + 1]++;
    for (size_t digit = 0; digit < DIGITS; digit++) {
        begins[digit + 1] += begins[digit];
        next[digit] = begins[digit];
    }
    for (size_t digit = 0; digit < DIGITS; digit++)
        while (next[digit] < begins[digit + 1]) {
            struct dotnet_node *here = &nodes[next[digit]], moved = *here;
            size_t belongs = moved.address >> shift & 0xff;

            *here = nodes[next[belongs]];
            nodes[next[belongs]++] = moved;
        }
    for (size_t digit = 0; shift > 0 && digit < DIGITS; digit++)
        if (!is_sorted(nodes + begins[digit], begins[digit + 1] - begins[digit]))
            radix_sort(nodes + begins[digit], begins[digit + 1] - begins[digit], shift - 8);
}

size_t dotnet_heap_find(const struct dotnet_heap *heap, uint64_t address)
{
    size_t place = SORTED_UP_TO(heap->nodes.items, heap->nodes.count, address, address);

    return place > 0 && heap->nodes.items[place - 1].address == address ? place - 1 : heap->nodes.count;
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
    uint64_t span = nodes[count - 1].address - nodes[0].address;

    *index = (struct index){.base = nodes[0].address};
    while (span >> index->shift > count / 4 + 1)
        index->shift++;
    index->count = (size_t)(span >> index->shift) + 1;
    index->firsts = calloc(index->count + 1, sizeof *index->firsts);
    if (!index->firsts)
        return -ENOMEM;
    for (size_t bucket = 0; bucket <= index->count; bucket++) {
        while (at < count && (nodes[at].address - index->base) >> index->shift < bucket)
            at++;
        index->firsts[bucket] = (uint32_t)at;
    }
    return 0;
}

static size_t find_by(const struct index *index, const struct dotnet_heap *heap, uint64_t address)
{
    uint64_t bucket = (address - index->base) >> index->shift;
    size_t first, place;

    if (address < index->base || bucket >= index->count)
        return heap->nodes.count;
    first = index->firsts[bucket];
    place =
        first + SORTED_UP_TO(heap->nodes.items + first, index->firsts[bucket + 1] - first, address, address);
    return place > first && heap->nodes.items[place - 1].address == address ? place - 1 : heap->nodes.count;
}

/* In the memory of the addresses themselves, from its beginning, so that each is read before its place is
 * written. What leads nowhere is left out. */
static void resolve_edges(struct dotnet_heap *heap, const struct index *index)
{
    char *bytes = (char *)heap->edges.items;

    for (size_t i = 0; i < heap->edges.count; i++) {
        uint64_t address;
        uint32_t place;

        memcpy(&address, bytes + i * sizeof address, sizeof address);
        place = (uint32_t)find_by(index, heap, address);
        heap->unknown_edges += place == heap->nodes.count && address != 0;
        memcpy(bytes + i * sizeof place, &place, sizeof place);
    }
    /* half of it is free again; where that fails it stays as it is */
    bytes = heap->edges.count ? realloc(heap->edges.items, heap->edges.count * sizeof(uint32_t)) : NULL;
    if (bytes)
        heap->edges.items = (uint64_t *)(void *)bytes;
    heap->targets = (const uint32_t *)heap->edges.items;
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
    for (size_t i = 0; i < heap->nodes.count; i++) {
        struct dotnet_node *node = &heap->nodes.items[i];
        struct dotnet_type *type;
        unsigned class = dotnet_size_class(node->size);

        node->type = heap->types.items[node->type].same;
        type = &heap->types.items[node->type];
        if (!(type->classes >> class & 1))
            type->sizes[class] = node->size;
        type->classes |= (uint8_t)(1 << class);
    }
}

int dotnet_heap_finish(struct dotnet_heap *heap)
{
    enum { TOP_DIGIT = 56 };
    struct index index;
    int r;

    if (!heap->is_complete)
        return -ENODATA;
    if (heap->is_lossy || heap->told_edges != heap->came_edges)
        return -EAGAIN;
    if (heap->counts_only)
        return dotnet_heap_name(heap);
    if (!is_sorted(heap->nodes.items, heap->nodes.count))
        radix_sort(heap->nodes.items, heap->nodes.count, TOP_DIGIT);
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
