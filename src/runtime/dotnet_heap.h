/* The objects of a .NET heap and what leads from one to another, out of the events of one collection: the
 * runtime, asked to collect all generations, tells each object that is left, its type, size and references,
 * then what keeps objects alive. 16 bytes an object, 6 a reference while they come and 4 once they are looked
 * up.
 *
 * Form: microsoft/perfview src/TraceEvent/Parsers/ClrTraceEventParser.cs; dotnet/runtime
 * src/coreclr/vm/ClrEtwAll.man. */
#pragma once

#include "base/string_pool.h"
#include "runtime/dotnet_events.h"
#include "runtime/dotnet_map.h"

/* What many objects have in common. */
struct dotnet_shape {
    uint32_t type;
    uint32_t size; /* INT32_MAX where it is more, which the format does not hold */
};

/* An object. */
enum { DOTNET_MANY_EDGES = 0xffff };
struct dotnet_node {
    uint64_t key; /* address and, in the lowest 16 bits, how many edges; DOTNET_MANY_EDGES: or more */
    uint32_t shape, first_edge;
};

/* An address that an object refers to, while it comes. */
struct dotnet_reference {
    uint16_t parts[3]; /* the lowest first */
};

/* Objects of 1,000 bytes and more are told apart by tens, as PerfView and dotnet-gcdump do. */
enum { DOTNET_SIZE_CLASSES = 7 };

struct dotnet_type {
    uint64_t id, module;
    const char *name; /* as people write it; NULL: it was not told */
    uint32_t same;    /* the first type of this name and module, whose fields below are filled */
    uint8_t classes;  /* of sizes: which there are, a bit each */
    uint32_t sizes[DOTNET_SIZE_CLASSES]; /* of the first object of each */
    uint64_t count, bytes;   /* of its objects; once finished all of those of its name and module */
    const char *module_path; /* NULL: not known */
};

/* What objects are kept alive by, as a tree: a field that is static, or all handles of a kind. */
enum dotnet_group_kind {
    DOTNET_ROOT,
    DOTNET_STATICS,
    DOTNET_THREAD_STATICS,
    DOTNET_LOCALS,
    DOTNET_OTHERS,
    DOTNET_FINALIZER,
    DOTNET_STRONG,
    DOTNET_PINNING,
    DOTNET_COUNTED,
    DOTNET_OTHER_HANDLES,
    DOTNET_DEPENDENT,
    DOTNET_GROUPS /* from here on fields */
};

struct dotnet_group {
    const char *name;
    uint64_t type; /* of a field, as the runtime tells it */
    uint32_t parent, first_root, root_count;
};

struct dotnet_root {
    uint64_t address; /* then, once looked up, the object's place */
    uint32_t group;
};

/* An object that lives as long as another one does, which doesn't refer to it. */
struct dotnet_pair {
    uint64_t key, value; /* addresses; then places */
};

struct dotnet_heap {
    struct {
        struct dotnet_node *items; /* once finished by ascending address */
        size_t count, capacity;
    } nodes;
    struct {
        struct dotnet_shape *items;
        size_t count, capacity;
    } shapes;
    struct {
        struct dotnet_reference *items; /* addresses; once finished places of nodes, 32 bits each */
        size_t count, capacity;
    } edges;
    const uint32_t *targets; /* those; nodes.count where nothing is there */
    struct {
        struct dotnet_type *items;
        size_t count, capacity;
    } types;
    struct {
        struct dotnet_group *items;
        size_t count, capacity;
    } groups;
    struct {
        struct dotnet_root *items; /* once finished by ascending group */
        size_t count, capacity;
    } roots;
    struct {
        struct dotnet_pair *items; /* once finished by ascending key */
        size_t count, capacity;
    } pairs;
    bool counts_only; /* set before the first event: objects are counted by type, and nothing else is kept */
    uint64_t objects;
    uint64_t total_size;             /* of all objects, bytes */
    uint64_t unknown_edges;          /* that led to no object that was told, and were left out */
    uint64_t collections;            /* that were seen to begin */
    uint64_t paused_from, paused_to; /* the program's threads, in ticks of the stream's clock; 0: not told */
    bool is_complete;                /* the collection has ended */
    bool is_lossy;                   /* events are missing */
    /* private */
    struct string_pool *strings;
    struct dotnet_map types_by_id, types_by_name, modules_by_id, groups_by_name;
    struct dotnet_map shapes_by_key, many_edges; /* the latter by first_edge */
    struct {
        const char **items;
        size_t count, capacity;
    } modules;
    struct buffer text;
    uint64_t suspended_at, collection;
    uint64_t last_id, last_key; /* of the type and the shape that were asked for last, plus 1 */
    uint32_t last_type, last_shape;
    uint64_t told_edges, came_edges; /* of the nodes so far; and themselves */
    uint32_t next_node_event, next_edge_event;
    bool is_inside;
};

int dotnet_heap_init(struct dotnet_heap *heap) _must_check_; /* -ENOMEM */
void dotnet_heap_release(struct dotnet_heap *heap);
#define _cleanup_dotnet_heap_ _cleanup_(dotnet_heap_release)

/* For struct dotnet_events. -EBADMSG an event is not of its form, -EFBIG more than our limits take, -ENOMEM.
 */
int dotnet_heap_take(void *heap, const struct dotnet_event *event) _must_check_;

/* Sorts and looks up; of one that only counts, adds up. -ENODATA there was no collection, -EAGAIN events were
 * lost. */
int dotnet_heap_finish(struct dotnet_heap *heap) _must_check_;

/* The place of the object at the address; nodes.count: there is none. Once finished. */
size_t dotnet_heap_find(const struct dotnet_heap *heap, uint64_t address);

uint32_t dotnet_node_edges(const struct dotnet_heap *heap, const struct dotnet_node *node);

static inline const struct dotnet_shape *dotnet_node_shape(const struct dotnet_heap *heap,
                                                           const struct dotnet_node *node)
{
    return &heap->shapes.items[node->shape];
}

static inline uint64_t dotnet_node_address(const struct dotnet_node *node)
{
    return node->key >> 16;
}

/* 0 to DOTNET_SIZE_CLASSES - 1. */
unsigned dotnet_size_class(uint32_t size);
