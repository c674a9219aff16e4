#include "base/limits.h"

#include "runtime/dotnet_heap.h"

#include "base/array.h"
#include "runtime/dotnet_bytes.h"
#include "runtime/dotnet_heap_parts.h"

#include <errno.h>

/* Events of the provider Microsoft-Windows-DotNETRuntime, by their numbers. */
enum {
    GC_START = 1,
    GC_END = 2,
    GC_RESTARTED = 3,
    GC_SUSPENDING = 9,
    BULK_TYPE = 15,
    BULK_ROOT = 16,
    BULK_DEPENDENT = 17,
    BULK_NODE = 18,
    BULK_EDGE = 19,
    BULK_STATIC = 38,
    MODULE_LOAD = 152,
    /* of the rundown's */
    RUNDOWN_MODULE = 154,
};

int dotnet_heap_init(struct dotnet_heap *heap)
{
    static const struct dotnet_group groups[DOTNET_GROUPS] = {
        [DOTNET_ROOT] = {.name = "[.NET Roots]", .parent = UINT32_MAX},
        [DOTNET_STATICS] = {.name = "[static vars]", .parent = DOTNET_ROOT},
        [DOTNET_THREAD_STATICS] = {.name = "[thread static vars]", .parent = DOTNET_ROOT},
        [DOTNET_LOCALS] = {.name = "[local vars]", .parent = DOTNET_ROOT},
        [DOTNET_OTHERS] = {.name = "[other roots]", .parent = DOTNET_ROOT},
        [DOTNET_FINALIZER] = {.name = "[finalizer Handles]", .parent = DOTNET_OTHERS},
        [DOTNET_STRONG] = {.name = "[strong Handles]", .parent = DOTNET_OTHERS},
        [DOTNET_PINNING] = {.name = "[pinning Handles]", .parent = DOTNET_OTHERS},
        [DOTNET_COUNTED] = {.name = "[COM/WinRT Objects]", .parent = DOTNET_OTHERS},
        [DOTNET_OTHER_HANDLES] = {.name = "[other Handles]", .parent = DOTNET_OTHERS},
        [DOTNET_DEPENDENT] = {.name = "[Dependent Handles]", .parent = DOTNET_OTHERS},
    };
    int r;

    *heap = (struct dotnet_heap){.text = BUFFER_INIT(LIMIT_NAME)};
    heap->strings = string_pool_new(LIMIT_DOTNET_STRINGS);
    r = heap->strings ? ARRAY_RESERVE(&heap->groups, DOTNET_GROUPS, LIMIT_DOTNET_FIELDS) : -ENOMEM;
    if (r < 0) {
        dotnet_heap_release(heap);
        return r;
    }
    memcpy(heap->groups.items, groups, sizeof groups);
    heap->groups.count = DOTNET_GROUPS;
    return 0;
}

void dotnet_heap_release(struct dotnet_heap *heap)
{
    if (!heap)
        return;
    free(heap->nodes.items);
    free(heap->shapes.items);
    free(heap->edges.items);
    free(heap->types.items);
    free(heap->groups.items);
    free(heap->roots.items);
    free(heap->pairs.items);
    free(heap->modules.items);
    dotnet_map_release(&heap->types_by_id);
    dotnet_map_release(&heap->types_by_name);
    dotnet_map_release(&heap->modules_by_id);
    dotnet_map_release(&heap->groups_by_name);
    dotnet_map_release(&heap->shapes_by_key);
    dotnet_map_release(&heap->many_edges);
    string_pool_free(heap->strings);
    buffer_release(&heap->text);
    *heap = (struct dotnet_heap){0};
}

/* Of all that grows with the heap no more than an eighth stands empty. */
static int grow(void **items, size_t count, size_t *capacity, size_t more, size_t size, size_t most)
{
    enum { LEAST = 4096 };
    size_t wanted = count + more;
    void *grown;

    if (more > most || count > most - more)
        return -EFBIG;
    if (wanted <= *capacity)
        return 0;
    wanted += wanted / 8 + LEAST;
    grown = reallocarray(*items, wanted, size);
    if (!grown)
        return -ENOMEM;
    *items = grown;
    *capacity = wanted;
    return 0;
}

#define GROW(list, more, most)                                                                               \
    ({                                                                                                       \
        void *_items = (list)->items;                                                                        \
        int _grown = grow(&_items, (list)->count, &(list)->capacity, (more), sizeof *(list)->items, (most)); \
        (list)->items = _items;                                                                              \
        _grown;                                                                                              \
    })

/* All lists begin with their place among their like and how many entries they have. False: something before
 * this one was lost. */
static bool take_list(struct dotnet_bytes *bytes, size_t entry, uint32_t *next, size_t *ret_count)
{
    uint32_t index = dotnet_u32(bytes);
    size_t count = dotnet_u32(bytes);
    bool follows = index == *next;

    (void)dotnet_u16(bytes); /* which runtime of the process */
    if (count * (uint64_t)entry > (uint64_t)(bytes->end - bytes->at))
        bytes->is_short = true;
    *ret_count = bytes->is_short ? 0 : count;
    *next = index + 1;
    return follows;
}

uint32_t dotnet_node_edges(const struct dotnet_heap *heap, const struct dotnet_node *node)
{
    uint32_t many = DOTNET_MANY_EDGES;

    if ((node->key & DOTNET_MANY_EDGES) < DOTNET_MANY_EDGES)
        return node->key & DOTNET_MANY_EDGES;
    (void)dotnet_map_find(&heap->many_edges, node->first_edge, &many); /* it is there */
    return many;
}

/* The objects of a type mostly come one behind the other. */
static int find_type(struct dotnet_heap *heap, uint64_t id, uint32_t *ret_type)
{
    if (heap->last_id != id + 1) {
        int r = dotnet_heap_type(heap, id, &heap->last_type);

        if (r < 0)
            return r;
        heap->last_id = id + 1;
    }
    *ret_type = heap->last_type;
    return 0;
}

static int find_shape(struct dotnet_heap *heap, uint32_t type, uint32_t size, uint32_t *ret_shape)
{
    uint64_t key = (uint64_t)type << 32 | size;
    int r = 0;

    if (heap->last_key != key + 1 && !dotnet_map_find(&heap->shapes_by_key, key, &heap->last_shape)) {
        r = ARRAY_RESERVE(&heap->shapes, 1, LIMIT_DOTNET_OBJECTS);
        if (r == 0)
            r = dotnet_map_add(&heap->shapes_by_key, key, (uint32_t)heap->shapes.count, LIMIT_DOTNET_OBJECTS);
        if (r < 0)
            return r == -ENOBUFS ? -EFBIG : r;
        heap->last_shape = (uint32_t)heap->shapes.count;
        heap->shapes.items[heap->shapes.count++] = (struct dotnet_shape){type, size};
    }
    heap->last_key = key + 1;
    *ret_shape = heap->last_shape;
    return 0;
}

static int keep_node(struct dotnet_heap *heap, uint64_t address, uint32_t type, uint64_t size, uint64_t edges)
{
    struct dotnet_node node = {.key = address << 16 | (edges < DOTNET_MANY_EDGES ? edges : DOTNET_MANY_EDGES),
                               .first_edge = (uint32_t)heap->told_edges};
    int r = address >> 48 == 0 ? 0 : -EBADMSG;

    if (r == 0 && edges >= DOTNET_MANY_EDGES)
        r = dotnet_map_add(&heap->many_edges, node.first_edge, (uint32_t)edges, LIMIT_DOTNET_OBJECTS);
    if (r == 0)
        r = find_shape(heap, type, size > INT32_MAX ? INT32_MAX : (uint32_t)size, &node.shape);
    if (r == 0)
        heap->nodes.items[heap->nodes.count++] = node;
    return r;
}

static int take_node(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    uint64_t address = dotnet_u64(bytes), size = dotnet_u64(bytes), id = dotnet_u64(bytes),
             edges = dotnet_u64(bytes);
    uint32_t type;
    int r = edges > LIMIT_DOTNET_REFERENCES - heap->told_edges ? -EFBIG : find_type(heap, id, &type);

    if (r == 0 && !heap->counts_only)
        r = keep_node(heap, address, type, size, edges);
    if (r < 0)
        return r;
    heap->types.items[type].count++;
    heap->types.items[type].bytes += size;
    heap->told_edges += edges;
    heap->total_size += size;
    heap->objects++;
    return 0;
}

static int take_nodes(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    enum { ENTRY = 32 };
    size_t count;
    int r;

    if (!take_list(bytes, ENTRY, &heap->next_node_event, &count))
        heap->is_lossy = true;
    r = heap->counts_only ? 0 : GROW(&heap->nodes, count, LIMIT_DOTNET_OBJECTS);
    for (size_t i = 0; i < count && r == 0; i++)
        r = take_node(heap, bytes);
    return r;
}

static int take_edges(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    enum { ENTRY = 12 };
    size_t count;
    int r;

    if (!take_list(bytes, ENTRY, &heap->next_edge_event, &count))
        heap->is_lossy = true;
    heap->came_edges += count;
    r = heap->counts_only ? 0 : GROW(&heap->edges, count, LIMIT_DOTNET_REFERENCES);
    for (size_t i = 0; i < count && r == 0 && !heap->counts_only; i++) {
        uint64_t address = dotnet_u64(bytes);

        if (address >> 48) /* no object is there */
            address = UINT64_MAX;
        heap->edges.items[heap->edges.count++] = (struct dotnet_reference){
            {(uint16_t)address, (uint16_t)(address >> 16), (uint16_t)(address >> 32)}};
        (void)dotnet_u32(bytes); /* the field that it is */
    }
    return r;
}

/* By what the runtime says of a root: its kind, and bits. */
static uint32_t group_of(uint8_t kind, uint32_t flags)
{
    enum { KIND_STACK = 0, KIND_FINALIZER = 1, KIND_HANDLE = 2, PINNING = 1, REFERENCE_COUNTED = 8 };

    if (kind == KIND_STACK)
        return DOTNET_LOCALS;
    if (flags & REFERENCE_COUNTED)
        return DOTNET_COUNTED;
    if (kind == KIND_FINALIZER)
        return DOTNET_FINALIZER;
    if (kind != KIND_HANDLE)
        return DOTNET_OTHER_HANDLES;
    return flags == PINNING ? DOTNET_PINNING : DOTNET_STRONG;
}

static int take_roots(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    enum { ENTRY = 21, WEAK = 2 };
    uint32_t any = 0;
    size_t count;
    int r;

    (void)take_list(bytes, ENTRY, &any, &count);
    r = GROW(&heap->roots, count, LIMIT_DOTNET_ROOTS);
    for (size_t i = 0; i < count && r == 0; i++) {
        uint64_t address = dotnet_u64(bytes);
        uint8_t kind = dotnet_u8(bytes);
        uint32_t flags = dotnet_u32(bytes);

        (void)dotnet_u64(bytes); /* the root itself */
        if (address != 0 && !(flags & WEAK))
            heap->roots.items[heap->roots.count++] =
                (struct dotnet_root){.address = address, .group = group_of(kind, flags)};
    }
    return r;
}

static int take_dependent(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    enum { ENTRY = 24 };
    uint32_t any = 0;
    size_t count;
    int r;

    (void)take_list(bytes, ENTRY, &any, &count);
    r = GROW(&heap->pairs, count, LIMIT_DOTNET_ROOTS);
    for (size_t i = 0; i < count && r == 0; i++) {
        struct dotnet_pair pair = {.key = dotnet_u64(bytes)};

        pair.value = dotnet_u64(bytes);
        (void)dotnet_u64(bytes); /* the handle itself */
        if (pair.key != 0 && pair.value != 0)
            heap->pairs.items[heap->pairs.count++] = pair;
    }
    return r;
}

static int take_statics(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    size_t count = dotnet_u32(bytes);

    (void)dotnet_u64(bytes); /* application domain */
    (void)dotnet_u16(bytes);
    for (size_t i = 0; i < count && !bytes->is_short; i++) {
        struct dotnet_root root = {0};
        int r;

        (void)dotnet_u64(bytes); /* the field itself */
        root.address = dotnet_u64(bytes);
        r = dotnet_heap_field(heap, bytes, &root.group);
        if (r == 0 && root.address != 0)
            r = GROW(&heap->roots, 1, LIMIT_DOTNET_ROOTS);
        if (r < 0)
            return r;
        if (root.address != 0)
            heap->roots.items[heap->roots.count++] = root;
    }
    return 0;
}

static void take_start(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    enum { GENERATION = 2, INDUCED = 1, BLOCKING = 0 };
    uint64_t number = dotnet_u32(bytes);
    uint32_t generation = dotnet_u32(bytes), reason = dotnet_u32(bytes), kind = dotnet_u32(bytes);

    heap->collections++;
    if (heap->is_complete || heap->is_inside || generation != GENERATION || reason != INDUCED ||
        kind != BLOCKING)
        return;
    heap->is_inside = true;
    heap->collection = number;
    heap->paused_from = heap->suspended_at;
}

/* A collection that the program asked for itself tells no objects. */
static void take_end(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    if (!heap->is_inside || dotnet_u32(bytes) != heap->collection)
        return;
    heap->is_inside = false;
    heap->is_complete = heap->objects > 0;
}

static int take_inside(struct dotnet_heap *heap, uint32_t id, struct dotnet_bytes *bytes)
{
    switch (id) {
    case BULK_NODE:
        return take_nodes(heap, bytes);
    case BULK_EDGE:
        return take_edges(heap, bytes);
    case BULK_ROOT:
        return heap->counts_only ? 0 : take_roots(heap, bytes);
    case BULK_DEPENDENT:
        return heap->counts_only ? 0 : take_dependent(heap, bytes);
    case BULK_STATIC:
        return heap->counts_only ? 0 : take_statics(heap, bytes);
    default:
        return 0;
    }
}

int dotnet_heap_take(void *data, const struct dotnet_event *event)
{
    struct dotnet_heap *heap = data;
    struct dotnet_bytes bytes = {.at = event->payload, .end = event->payload + event->size};
    int r = 0;

    if (event->source == DOTNET_RUNDOWN && event->id == RUNDOWN_MODULE)
        r = dotnet_heap_module(heap, &bytes);
    if (event->source != DOTNET_RUNTIME)
        return r;
    if (event->id == GC_START)
        take_start(heap, &bytes);
    else if (event->id == GC_END)
        take_end(heap, &bytes);
    else if (event->id == GC_SUSPENDING)
        heap->suspended_at = event->time;
    else if (event->id == GC_RESTARTED && heap->is_complete && heap->paused_to == 0)
        heap->paused_to = event->time;
    else if (event->id == BULK_TYPE)
        r = dotnet_heap_types(heap, &bytes);
    else if (event->id == MODULE_LOAD)
        r = dotnet_heap_module(heap, &bytes);
    else if (heap->is_inside)
        r = take_inside(heap, event->id, &bytes);
    return r < 0 ? r : bytes.is_short ? -EBADMSG : 0;
}
