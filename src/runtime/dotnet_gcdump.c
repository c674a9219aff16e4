#include "base/limits.h"

#include "runtime/dotnet_gcdump.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

enum { TAG_NULL = 1, TAG_OBJECT = 4, TAG_END = 6, TAG_BYTE = 8, TAG_STRING = 13 };

#define TICKS_OF_1970 621355968000000000 /* of 100 ns since the year 1 */

/* Bytes on their way to the sink; with none they are only counted. The first failure stays. */
struct writer {
    struct sink *sink;
    uint64_t at;
    size_t used;
    int failure;
    uint8_t bytes[32768];
};

static void flush(struct writer *writer)
{
    if (writer->sink && writer->used > 0 && writer->failure == 0)
        writer->failure = sink_write(writer->sink, writer->bytes, writer->used);
    writer->used = 0;
}

static void put(struct writer *writer, const void *bytes, size_t size)
{
    writer->at += size;
    while (writer->sink && size > 0) {
        size_t room = sizeof writer->bytes - writer->used, piece = size < room ? size : room;

        memcpy(writer->bytes + writer->used, bytes, piece);
        writer->used += piece;
        bytes = (const uint8_t *)bytes + piece;
        size -= piece;
        if (writer->used == sizeof writer->bytes)
            flush(writer);
    }
}

static void put_u8(struct writer *writer, uint8_t value)
{
    put(writer, &value, sizeof value);
}

static void put_u32(struct writer *writer, uint32_t value)
{
    value = htole32(value);
    put(writer, &value, sizeof value);
}

static void put_u64(struct writer *writer, uint64_t value)
{
    value = htole64(value);
    put(writer, &value, sizeof value);
}

static void put_string(struct writer *writer, const char *text)
{
    put_u32(writer, text ? (uint32_t)strlen(text) : UINT32_MAX);
    if (text)
        put(writer, text, strlen(text));
}

static void put_kind(struct writer *writer, const char *name, uint32_t version, uint32_t least_reader)
{
    put_u8(writer, TAG_OBJECT);
    put_u8(writer, TAG_NULL);
    put_u32(writer, version);
    put_u32(writer, least_reader);
    put_string(writer, name);
    put_u8(writer, TAG_END);
}

/* Seven bits a byte, the highest first; the first byte has the sign. */
static void put_packed(struct writer *writer, int64_t value)
{
    uint8_t bytes[5];
    int count = 1;

    while (count < (int)sizeof bytes &&
           (value < -(1ll << (7 * count - 1)) || value >= 1ll << (7 * count - 1)))
        count++;
    for (int i = 0; i < count; i++)
        bytes[i] = (uint8_t)((value >> 7 * (count - 1 - i) & 0x7f) | (i + 1 < count ? 0x80 : 0));
    put(writer, bytes, (size_t)count);
}

/* A name that stands for a type where it is several sizes. */
static void put_type(struct writer *writer, const char *name, const char *module, unsigned class,
                     uint32_t size)
{
    static const char *const ranges[DOTNET_SIZE_CLASSES] = {"",
                                                            " (Bytes > 1K)",
                                                            " (Bytes > 10K)",
                                                            " (Bytes > 100K)",
                                                            " (Bytes > 1M)",
                                                            " (Bytes > 10M)",
                                                            " (Bytes > 100M)"};
    size_t length = strlen(name), more = strlen(ranges[class]);

    put_u32(writer, (uint32_t)(length + more));
    put(writer, name, length);
    put(writer, ranges[class], more);
    put_u32(writer, size);
    put_string(writer, module);
}

/* Type 0 is for what is referred to and is not there: readers count on it. Then those of groups, which are
 * one each, then those of objects. */
struct types {
    uint32_t *firsts; /* of each type of the heap */
    uint32_t count;
};

static int number_types(const struct dotnet_heap *heap, struct types *types)
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

static uint32_t type_of(const struct dotnet_heap *heap, const struct types *types,
                        const struct dotnet_node *node)
{
    unsigned below = heap->types.items[node->type].classes & ((1u << dotnet_size_class(node->size)) - 1);

    return types->firsts[node->type] + (uint32_t)__builtin_popcount(below);
}

static void put_types(struct writer *writer, const struct dotnet_heap *heap, const struct types *types)
{
    put_u32(writer, types->count);
    put_type(writer, "UNDEFINED", NULL, 0, 0);
    for (size_t i = 0; i < heap->groups.count; i++)
        put_type(writer, heap->groups.items[i].name, NULL, 0, 0);
    for (size_t i = 0; i < heap->types.count; i++) {
        const struct dotnet_type *type = &heap->types.items[i];

        for (unsigned class = 0; class < DOTNET_SIZE_CLASSES; class ++)
            if (type->classes >> class & 1)
                put_type(writer, type->name, type->module_path, class, type->sizes[class]);
    }
}

/* Of the pairs, those whose key is the node or comes behind it. */
static size_t pairs_of(const struct dotnet_heap *heap, size_t node, size_t *next)
{
    size_t count = 0;

    while (*next + count < heap->pairs.count && heap->pairs.items[*next + count].key == node)
        count++;
    return count;
}

static void put_node(struct writer *writer, const struct dotnet_heap *heap, const struct types *types,
                     size_t i, size_t *next_pair)
{
    const struct dotnet_node *node = &heap->nodes.items[i];
    const struct dotnet_type *type = &heap->types.items[node->type];
    bool usual = node->size == type->sizes[dotnet_size_class(node->size)];
    size_t pairs = pairs_of(heap, i, next_pair), known = 0;

    put_packed(writer, (int64_t)type_of(heap, types, node) << 1 | !usual);
    if (!usual)
        put_packed(writer, node->size);
    for (uint32_t k = 0; k < node->edge_count; k++)
        known += heap->targets[node->first_edge + k] < heap->nodes.count;
    put_packed(writer, (int64_t)(known + pairs));
    for (uint32_t k = 0; k < node->edge_count; k++)
        if (heap->targets[node->first_edge + k] < heap->nodes.count)
            put_packed(writer, (int64_t)heap->targets[node->first_edge + k] - (int64_t)i);
    for (; pairs > 0; pairs--, (*next_pair)++)
        put_packed(writer, (int64_t)heap->pairs.items[*next_pair].value - (int64_t)i);
}

/* Groups stand behind the objects, as their own nodes. */
static void put_group(struct writer *writer, const struct dotnet_heap *heap, size_t i)
{
    const struct dotnet_group *group = &heap->groups.items[i];
    bool has_groups =
        i == DOTNET_ROOT || i == DOTNET_STATICS || i == DOTNET_THREAD_STATICS || i == DOTNET_OTHERS;
    int64_t self = (int64_t)(heap->nodes.count + i), children = group->root_count;

    for (size_t k = 0; has_groups && k < heap->groups.count; k++)
        children += heap->groups.items[k].parent == i;
    put_packed(writer, (int64_t)(1 + i) << 1);
    put_packed(writer, children);
    for (size_t k = 0; has_groups && k < heap->groups.count; k++)
        if (heap->groups.items[k].parent == i)
            put_packed(writer, (int64_t)(heap->nodes.count + k) - self);
    for (uint32_t k = 0; k < group->root_count; k++)
        put_packed(writer, (int64_t)heap->roots.items[group->first_root + k].address - self);
}

static void put_nodes(struct writer *writer, const struct dotnet_heap *heap, const struct types *types)
{
    struct writer sizes = {0};
    uint64_t count = heap->nodes.count + heap->groups.count;
    size_t next_pair = 0;

    put_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_u32(writer, (uint32_t)sizes.at);
        if (i < heap->nodes.count)
            put_node(&sizes, heap, types, i, &next_pair);
        else
            put_group(&sizes, heap, i - heap->nodes.count);
    }
    if (sizes.at > LIMIT_DOTNET_GRAPH)
        writer->failure = -EFBIG;
    put_u32(writer, (uint32_t)sizes.at);
    next_pair = 0;
    if (!writer->sink) {
        writer->at += sizes.at;
        return;
    }
    for (size_t i = 0; i < heap->nodes.count; i++)
        put_node(writer, heap, types, i, &next_pair);
    for (size_t i = 0; i < heap->groups.count; i++)
        put_group(writer, heap, i);
}

static void put_graph(struct writer *writer, const struct dotnet_heap *heap, const struct types *types)
{
    uint64_t count = heap->nodes.count + heap->groups.count;

    put_u8(writer, TAG_OBJECT);
    put_kind(writer, "Graphs.MemoryGraph", 1, 0);
    put_u64(writer, heap->total_size);
    put_u32(writer, (uint32_t)heap->nodes.count); /* the root's place: the first group */
    put_types(writer, heap, types);
    put_nodes(writer, heap, types);
    put_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < heap->nodes.count; i++)
        put_u64(writer, heap->nodes.items[i].address);
    for (size_t i = 0; i < heap->groups.count; i++)
        put_u64(writer, 0);
    put_u8(writer, TAG_BYTE);
    put_u8(writer, 1); /* addresses have 64 bits */
    put_u8(writer, TAG_END);
}

/* Where generations begin and end is told only along with all objects that moved, which is too much. */
static void put_generations(struct writer *writer)
{
    put_u8(writer, TAG_OBJECT);
    put_kind(writer, "DotNetHeapInfo", 0, 0);
    put_u64(writer, 0); /* bytes of all segments */
    put_u32(writer, 0); /* segments */
    put_u8(writer, TAG_END);
}

static void put_facts(struct writer *writer, const struct dotnet_gcdump_facts *facts)
{
    put_string(writer, facts->log);
    put_u64(writer, (uint64_t)(TICKS_OF_1970 + facts->time / 100));
    put_string(writer, facts->machine);
    put_string(writer, facts->process);
    put_u32(writer, (uint32_t)facts->pid);
    put_u64(writer, 0); /* committed memory and resident set: not told */
    put_u64(writer, 0);
    put_u32(writer, 0); /* no factors by type: all objects are there */
    put_u8(writer, TAG_STRING);
    put_string(writer, "procscope");
}

static void put_all(struct writer *writer, const struct dotnet_heap *heap, const struct types *types,
                    const struct dotnet_gcdump_facts *facts)
{
    static const uint8_t one[4] = {0, 0, 0x80, 0x3f}; /* 1.0: as many objects and bytes as there were */
    uint64_t table;

    put_string(writer, "!FastSerialization.1");
    put_u8(writer, TAG_OBJECT);
    put_kind(writer, "GCHeapDump", 10, 8);
    put_graph(writer, heap, types);
    put_u8(writer, 1); /* 64 bits, again */
    put(writer, one, sizeof one);
    put(writer, one, sizeof one);
    put_u8(writer, TAG_NULL); /* no JavaScript */
    put_generations(writer);
    put_facts(writer, facts);
    put_u8(writer, TAG_END);
    put_u8(writer, TAG_END); /* of all objects */
    /* no references forward; then where their table is, and where that is said */
    table = writer->at;
    put_u32(writer, 0);
    put_u32(writer, (uint32_t)table);
    put_u32(writer, (uint32_t)table + 4);
    /* places in the file have 32 bits, also those of what stands behind the graph */
    if (writer->at > UINT32_MAX)
        writer->failure = -EFBIG;
    flush(writer);
}

static int run(const struct dotnet_heap *heap, const struct dotnet_gcdump_facts *facts, struct sink *sink,
               uint64_t *ret_size)
{
    _cleanup_free_ struct writer *writer = calloc(1, sizeof *writer);
    struct types types = {0};
    int r = writer ? number_types(heap, &types) : -ENOMEM;

    if (r < 0)
        return r;
    writer->sink = sink;
    put_all(writer, heap, &types, facts);
    free(types.firsts);
    if (ret_size)
        *ret_size = writer->at;
    return writer->failure;
}

int dotnet_gcdump_size(const struct dotnet_heap *heap, const struct dotnet_gcdump_facts *facts,
                       uint64_t *ret_size)
{
    return run(heap, facts, NULL, ret_size);
}

int dotnet_gcdump_write(const struct dotnet_heap *heap, const struct dotnet_gcdump_facts *facts,
                        struct sink *sink)
{
    return run(heap, facts, sink, NULL);
}
