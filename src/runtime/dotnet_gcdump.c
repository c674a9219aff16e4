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

/* Seven bits a byte, the highest first; the first byte has the sign. Places and sizes have 32 bits. */
static void put_packed(struct writer *writer, int64_t value)
{
    enum { MOST = 5 };
    int bits = 65 - __builtin_clzll((uint64_t)(value ^ value >> 63) | 1), count = (bits + 6) / 7;
    uint8_t *bytes = writer->bytes + writer->used;

    writer->at += (uint64_t)count;
    if (!writer->sink)
        return;
    for (int i = 0; i < count; i++)
        bytes[i] = (uint8_t)((value >> 7 * (count - 1 - i) & 0x7f) | (i + 1 < count ? 0x80 : 0));
    writer->used += (size_t)count;
    if (writer->used > sizeof writer->bytes - MOST)
        flush(writer);
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

static void put_types(struct writer *writer, const struct dotnet_heap *heap,
                      const struct dotnet_file_types *types)
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

/* What the graph is made of. */
struct graph {
    const struct dotnet_heap *heap;
    const struct dotnet_sample *sample; /* NULL: all of it */
    struct dotnet_file_types types;
};

static void graph_release(struct graph *graph)
{
    dotnet_file_types_release(&graph->types);
}

static bool is_there(const struct graph *graph, size_t target)
{
    return target < graph->heap->nodes.count && dotnet_sample_has(graph->sample, target);
}

static void put_place(struct writer *writer, const struct graph *graph, size_t id, size_t self)
{
    put_packed(writer, (int64_t)dotnet_sample_place(graph->sample, id) - (int64_t)self);
}

static void put_node(struct writer *writer, const struct graph *graph, size_t i, size_t self,
                     size_t *next_pair)
{
    const struct dotnet_heap *heap = graph->heap;
    const struct dotnet_node *node = &heap->nodes.items[i];
    const struct dotnet_shape *shape = dotnet_node_shape(heap, node);
    bool usual = shape->size == heap->types.items[shape->type].sizes[dotnet_size_class(shape->size)];
    const uint32_t *targets = heap->targets + node->first_edge;
    uint32_t edges = dotnet_node_edges(heap, node);
    size_t pairs = pairs_of(heap, i, next_pair), known = 0;

    put_packed(writer, (int64_t)dotnet_file_type(&graph->types, heap, shape) << 1 | !usual);
    if (!usual)
        put_packed(writer, shape->size);
    for (uint32_t k = 0; k < edges; k++)
        known += is_there(graph, targets[k]);
    for (size_t k = 0; k < pairs; k++)
        known += is_there(graph, heap->pairs.items[*next_pair + k].value);
    put_packed(writer, (int64_t)known);
    for (uint32_t k = 0; k < edges; k++)
        if (is_there(graph, targets[k]))
            put_place(writer, graph, targets[k], self);
    for (; pairs > 0; pairs--, (*next_pair)++)
        if (is_there(graph, heap->pairs.items[*next_pair].value))
            put_place(writer, graph, heap->pairs.items[*next_pair].value, self);
}

/* Groups stand behind the objects, as their own nodes. */
static void put_group(struct writer *writer, const struct graph *graph, size_t i, size_t self)
{
    const struct dotnet_heap *heap = graph->heap;
    const struct dotnet_group *group = &heap->groups.items[i];
    const struct dotnet_root *roots = heap->roots.items + group->first_root;
    bool has_groups =
        i == DOTNET_ROOT || i == DOTNET_STATICS || i == DOTNET_THREAD_STATICS || i == DOTNET_OTHERS;
    size_t groups = has_groups ? heap->groups.count : 0, objects = heap->nodes.count;
    int64_t children = 0;

    for (size_t k = 0; k < groups; k++)
        children += heap->groups.items[k].parent == i && dotnet_sample_has(graph->sample, objects + k);
    for (uint32_t k = 0; k < group->root_count; k++)
        children += is_there(graph, roots[k].address);
    put_packed(writer, (int64_t)(1 + i) << 1);
    put_packed(writer, children);
    for (size_t k = 0; k < groups; k++)
        if (heap->groups.items[k].parent == i && dotnet_sample_has(graph->sample, objects + k))
            put_place(writer, graph, objects + k, self);
    for (uint32_t k = 0; k < group->root_count; k++)
        if (is_there(graph, roots[k].address))
            put_place(writer, graph, roots[k].address, self);
}

static size_t count_of(const struct graph *graph)
{
    return graph->sample ? graph->sample->count : graph->heap->nodes.count + graph->heap->groups.count;
}

/* offsets: gets where in nodes each begins; NULL: nobody asks. */
static void put_all_nodes(struct writer *nodes, struct writer *offsets, const struct graph *graph)
{
    const struct dotnet_heap *heap = graph->heap;
    size_t next_pair = 0, self = 0;

    for (size_t i = 0; i < heap->nodes.count + heap->groups.count; i++) {
        if (!dotnet_sample_has(graph->sample, i)) {
            if (i < heap->nodes.count)
                next_pair += pairs_of(heap, i, &next_pair);
            continue;
        }
        if (offsets)
            put_u32(offsets, (uint32_t)nodes->at);
        if (i < heap->nodes.count)
            put_node(nodes, graph, i, self, &next_pair);
        else
            put_group(nodes, graph, i - heap->nodes.count, self);
        self++;
    }
}

static void put_nodes(struct writer *writer, const struct graph *graph)
{
    _cleanup_free_ struct writer *sizes = calloc(1, sizeof *sizes);

    if (!sizes) {
        writer->failure = -ENOMEM;
        return;
    }
    put_u32(writer, (uint32_t)count_of(graph));
    put_all_nodes(sizes, writer, graph);
    if (sizes->at > LIMIT_DOTNET_GRAPH)
        writer->failure = -EFBIG;
    put_u32(writer, (uint32_t)sizes->at);
    if (writer->sink)
        put_all_nodes(writer, NULL, graph);
    else
        writer->at += sizes->at;
}

static void put_graph(struct writer *writer, const struct graph *graph)
{
    const struct dotnet_heap *heap = graph->heap;
    const struct dotnet_sample *sample = graph->sample;
    size_t count = count_of(graph);

    put_u8(writer, TAG_OBJECT);
    put_kind(writer, "Graphs.MemoryGraph", 1, 0);
    put_u64(writer, sample ? sample->size : heap->total_size);
    put_u32(writer, (uint32_t)dotnet_sample_place(sample, heap->nodes.count)); /* the root: the first group */
    put_types(writer, heap, &graph->types);
    put_nodes(writer, graph);
    put_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < heap->nodes.count; i++)
        if (dotnet_sample_has(sample, i)) {
            put_u64(writer, dotnet_node_address(&heap->nodes.items[i]));
            count--;
        }
    for (; count > 0; count--)
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

static void put_float(struct writer *writer, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_u32(writer, bits);
}

/* By how much what is there has to be multiplied for what there was. */
static void put_averages(struct writer *writer, const struct graph *graph)
{
    const struct dotnet_heap *heap = graph->heap;
    const struct dotnet_sample *sample = graph->sample;
    double count = (double)(heap->nodes.count + heap->groups.count);

    put_float(writer, sample ? (float)(count / (double)sample->count) : 1);
    put_float(writer, sample && sample->size ? (float)((double)heap->total_size / (double)sample->size) : 1);
}

static void put_factors(struct writer *writer, const struct graph *graph)
{
    put_u32(writer, graph->sample ? graph->types.count : 0);
    for (uint32_t i = 0; graph->sample && i < graph->types.count; i++)
        put_float(writer, graph->sample->factors[i]);
}

static void put_facts(struct writer *writer, const struct graph *graph,
                      const struct dotnet_gcdump_facts *facts)
{
    put_string(writer, facts->log);
    put_u64(writer, (uint64_t)(TICKS_OF_1970 + facts->time / 100));
    put_string(writer, facts->machine);
    put_string(writer, facts->process);
    put_u32(writer, (uint32_t)facts->pid);
    put_u64(writer, 0); /* committed memory and resident set: not told */
    put_u64(writer, 0);
    put_factors(writer, graph);
    put_u8(writer, TAG_STRING);
    put_string(writer, "procscope");
}

static void put_all(struct writer *writer, const struct graph *graph, const struct dotnet_gcdump_facts *facts)
{
    uint64_t table;

    put_string(writer, "!FastSerialization.1");
    put_u8(writer, TAG_OBJECT);
    put_kind(writer, "GCHeapDump", 10, 8);
    put_graph(writer, graph);
    put_u8(writer, 1); /* 64 bits, again */
    put_averages(writer, graph);
    put_u8(writer, TAG_NULL); /* no JavaScript */
    put_generations(writer);
    put_facts(writer, graph, facts);
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
    _cleanup_(graph_release) struct graph graph = {.heap = heap, .sample = facts->sample};
    int r = writer ? dotnet_file_types_init(&graph.types, heap) : -ENOMEM;

    if (r < 0)
        return r;
    writer->sink = sink;
    put_all(writer, &graph, facts);
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
