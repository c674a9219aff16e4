/* The managed heap of a .NET process, which its runtime tells itself. It collects all generations for it, and
 * its threads pause as for any such collection, for as long as it takes to tell the objects. */
#include "ops/heap.h"
#include "ops/table.h"

#include "base/clock.h"
#include "runtime/dotnet_collect.h"
#include "runtime/dotnet_gcdump.h"
#include "runtime/dotnet_histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct told {
    struct dotnet dotnet;
    struct dotnet_collection collection;
    struct dotnet_sample sample;
    bool is_sampled;
    char version[DOTNET_VERSION_SIZE];
};

static void told_release(struct told *told)
{
    dotnet_sample_release(&told->sample);
    dotnet_collection_release(&told->collection);
    dotnet_release(&told->dotnet);
}
#define _cleanup_told_ _cleanup_(told_release)
#define TOLD_INIT ((struct told){.dotnet = DOTNET_INIT})

/* Some time is left to write what was told; without a deadline the runtime is given as long as a wait may
 * take. */
static uint64_t collect_until(const struct operation_context *context)
{
    uint64_t whole_ms = context->heavy_ms ? context->heavy_ms : LIMIT_WAIT_MS;

    return clock_monotonic_ms() + whole_ms / 4 * 3;
}

static int find(const struct heap_target *target, struct told *told, struct error *error)
{
    int r = dotnet_find(&target->process, &told->dotnet, error);

    return r < 0
               ? r
               : dotnet_version(&told->dotnet, clock_monotonic_ms() + LIMIT_DOTNET_MS, told->version, error);
}

static int take(void *to, const struct heap_type *type)
{
    return view_heap_type(to, type->name, type->module, type->module_size, type->count, type->bytes);
}

/* Nothing is kept of the objects, so that it takes little memory whatever the heap. */
static int count(const struct operation_context *context, const struct heap_target *target,
                 struct view_heap *view, struct error *error)
{
    _cleanup_told_ struct told told = TOLD_INIT;
    int r = find(target, &told, error);

    if (r == 0)
        r = dotnet_collect(&told.dotnet, true, collect_until(context), &told.collection, error);
    if (r < 0)
        return r;
    view->pause_us = told.collection.pause_us;
    return dotnet_histogram(&told.collection.heap, take, view);
}

static int describe(const struct told *told, struct fields *extra)
{
    const struct dotnet_collection *collection = &told->collection;
    int r = fields_add(extra, "X-Gcdump-Runtime", told->version);

    if (r == 0)
        r = fields_add_format(extra, "X-Gcdump-Objects", "%" PRIu64, collection->heap.objects);
    if (r == 0)
        r = fields_add_format(extra, "X-Gcdump-Bytes", "%" PRIu64, collection->heap.total_size);
    if (r == 0)
        r = fields_add_format(extra, "X-Gcdump-Pause-Microseconds", "%" PRIu64, collection->pause_us);
    if (r == 0 && told->is_sampled)
        r = fields_add_format(extra, "X-Gcdump-Sampled-Objects", "%zu", told->sample.objects);
    return r;
}

/* Where the file may not have all of them. */
static int sample(const struct heap_target *target, struct told *told, struct error *error)
{
    _cleanup_dotnet_file_types_ struct dotnet_file_types types = {0};
    const struct dotnet_heap *heap = &told->collection.heap;
    int r;

    if (target->most_nodes == 0 || heap->nodes.count + heap->groups.count <= target->most_nodes)
        return 0;
    r = dotnet_file_types_init(&types, heap);
    if (r == 0)
        r = dotnet_sample_init(&told->sample, heap, &types, target->most_nodes);
    told->is_sampled = r == 0;
    return r < 0 ? error_set(error, EFBIG, "There is too little memory to choose among %zu objects.",
                             heap->nodes.count)
                 : 0;
}

/* What is written of the dump's making into it. */
struct story {
    struct dotnet_gcdump_facts facts;
    char process[256], log[640];
};

static void tell_story(const struct operation_context *context, const struct heap_target *target,
                       const struct told *told, struct story *story)
{
    const struct dotnet_heap *heap = &told->collection.heap;
    size_t used;

    operation_target_name(&target->process, story->process, sizeof story->process);
    (void)snprintf(story->log, sizeof story->log,
                   "procscope " PROCSCOPE_VERSION ", .NET %s: %" PRIu64 " objects, %" PRIu64
                   " bytes, %" PRIu64 " references that led nowhere; paused for %" PRIu64 " us",
                   told->version, heap->objects, heap->total_size, heap->unknown_edges,
                   told->collection.pause_us); /* fits, with what follows */
    used = strlen(story->log);
    if (told->is_sampled)
        (void)snprintf(story->log + used, sizeof story->log - used,
                       "; %zu of the objects are here: counts are to be multiplied by the factors of types",
                       told->sample.objects);
    story->facts = (struct dotnet_gcdump_facts){.machine = context->machine_name,
                                                .process = story->process,
                                                .log = story->log,
                                                .pid = (int)target->process.pid,
                                                .time = clock_realtime_ns(),
                                                .sample = told->is_sampled ? &told->sample : NULL};
}

static int measure(const struct told *told, const struct story *story, uint64_t *ret_size,
                   struct error *error)
{
    int r = dotnet_gcdump_size(&told->collection.heap, &story->facts, ret_size);

    if (r == -EFBIG)
        return error_set(error, EFBIG,
                         "The %" PRIu64 " objects of process %d are more than a .gcdump can hold.",
                         told->collection.heap.objects, story->facts.pid);
    return error_ensure(error, r, "The dump could not be measured");
}

struct take_sink {
    struct sink sink;
    struct heap_output *output;
};

static int take_write(struct sink *sink, const void *bytes, size_t size)
{
    struct heap_output *output = ((struct take_sink *)sink)->output;

    return output->take(output->to, bytes, size);
}

static int dump(const struct operation_context *context, const struct heap_target *target,
                struct heap_output *output, struct error *error)
{
    static const struct sink_ops ops = {.name = "take", .write = take_write};
    _cleanup_told_ struct told told = TOLD_INIT;
    struct take_sink sink = {.sink.ops = &ops, .output = output};
    struct story story;
    uint64_t size;
    int r = find(target, &told, error);

    if (r == 0)
        r = dotnet_collect(&told.dotnet, false, collect_until(context), &told.collection, error);
    if (r == 0)
        r = sample(target, &told, error);
    if (r < 0)
        return r;
    tell_story(context, target, &told, &story);
    r = measure(&told, &story, &size, error);
    if (r < 0)
        return r;
    output->length = (int64_t)size;
    r = describe(&told, output->extra);
    if (r < 0)
        return error_ensure(error, r, "The dump could not be described");
    return dotnet_gcdump_write(&told.collection.heap, &story.facts, &sink.sink);
}

/* Nothing but the version is asked for. */
static int look(const struct heap_target *target, struct fields *extra, struct error *error)
{
    _cleanup_told_ struct told told = TOLD_INIT;
    int r = find(target, &told, error);

    return r < 0 ? r
                 : error_ensure(error, fields_add(extra, "X-Gcdump-Runtime", told.version),
                                "The dump could not be described");
}

const struct heap_runtime heap_dotnet = {.kind = RUNTIME_DOTNET,
                                         .ending = ".gcdump",
                                         .content_type = "application/octet-stream",
                                         .samples = true,
                                         .resource = "Microsoft.Diagnostics.GcDump",
                                         .look = look,
                                         .count = count,
                                         .dump = dump};
