/* The managed heap of a .NET process, which its runtime tells itself. It collects all generations for it, and
 * its threads pause as for any such collection, for as long as it takes to tell the objects. */
#include "ops/dump_name.h"
#include "ops/table.h"

#include "base/clock.h"
#include "runtime/dotnet_collect.h"
#include "runtime/dotnet_gcdump.h"
#include "stream/compress.h"
#include "stream/diagsession.h"
#include "stream/zip.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct form {
    const char *name, *suffix, *content_type;
    int (*write)(const void *gcdump, struct sink *sink);
};

struct gcdump {
    const struct form *form;
    struct pidref target;
    struct dotnet dotnet;
    struct dotnet_collection collection;
    struct dotnet_gcdump_facts facts;
    uint64_t size; /* of the .gcdump */
    struct fields extra;
    char version[DOTNET_VERSION_SIZE];
    char process[256];
    char log[512];
    char name[DUMP_NAME_SIZE + 16];
};

static void gcdump_release(struct gcdump *gcdump)
{
    dotnet_collection_release(&gcdump->collection);
    dotnet_release(&gcdump->dotnet);
    fields_release(&gcdump->extra);
    pidref_close(&gcdump->target);
}

/* Some time is left to write what was told; without a deadline the runtime is given as long as a wait may
 * take. */
static uint64_t collect_until(const struct operation_context *context)
{
    uint64_t whole_ms = context->heavy_ms ? context->heavy_ms : LIMIT_WAIT_MS;

    return clock_monotonic_ms() + whole_ms / 4 * 3;
}

static int collect(const struct operation_context *context, struct gcdump *gcdump, struct error *error)
{
    const struct dotnet_heap *heap = &gcdump->collection.heap;
    int r;

    gcdump->facts = (struct dotnet_gcdump_facts){.machine = context->machine_name,
                                                 .process = gcdump->process,
                                                 .log = gcdump->log,
                                                 .pid = (int)gcdump->target.pid,
                                                 .time = clock_realtime_ns()};
    r = dotnet_collect(&gcdump->dotnet, collect_until(context), &gcdump->collection, error);
    if (r < 0)
        return r;
    (void)snprintf(gcdump->log, sizeof gcdump->log,
                   "procscope " PROCSCOPE_VERSION ", .NET %s: %zu objects, %" PRIu64 " bytes, %" PRIu64
                   " references that led nowhere; paused for %" PRIu64 " us",
                   gcdump->version, heap->nodes.count, heap->total_size, heap->unknown_edges,
                   gcdump->collection.pause_us); /* fits */
    r = dotnet_gcdump_size(heap, &gcdump->facts, &gcdump->size);
    if (r == -EFBIG)
        return error_set(error, EFBIG, "The %zu objects of process %d are more than a .gcdump can hold.",
                         heap->nodes.count, (int)gcdump->target.pid);
    return error_ensure(error, r, "The dump could not be measured");
}

static int describe(struct gcdump *gcdump)
{
    const struct dotnet_collection *collection = &gcdump->collection;
    int r = fields_add(&gcdump->extra, "X-Gcdump-Runtime", gcdump->version);

    if (r == 0)
        r = fields_add_format(&gcdump->extra, "X-Gcdump-Objects", "%zu", collection->heap.nodes.count);
    if (r == 0)
        r = fields_add_format(&gcdump->extra, "X-Gcdump-Bytes", "%" PRIu64, collection->heap.total_size);
    if (r == 0)
        r = fields_add_format(&gcdump->extra, "X-Gcdump-Pause-Microseconds", "%" PRIu64,
                              collection->pause_us);
    return r;
}

static int write_raw(const void *data, struct sink *sink)
{
    const struct gcdump *gcdump = data;

    return dotnet_gcdump_write(&gcdump->collection.heap, &gcdump->facts, sink);
}

static int write_zip(const void *data, struct sink *sink)
{
    const struct gcdump *gcdump = data;
    _cleanup_zip_ struct zip *zip = NULL;
    char name[DUMP_NAME_SIZE + 16];
    struct sink *entry;
    int r = zip_new(sink, gzip_levels.otherwise, &zip);

    (void)snprintf(name, sizeof name, "%.*s", (int)(strlen(gcdump->name) - strlen(".zip")),
                   gcdump->name); /* fits */
    if (r == 0)
        r = zip_entry(zip, name, gcdump->size, gcdump->facts.time, &entry);
    if (r == 0)
        r = write_raw(gcdump, entry);
    if (r == 0)
        r = sink_finish(entry, NULL);
    return r == 0 ? zip_finish(zip) : r;
}

static int write_diagsession(const void *data, struct sink *sink)
{
    const struct gcdump *gcdump = data;
    const struct diagsession_resource resource = {
        .type = "Microsoft.Diagnostics.GcDump",
        .extension = "gcdump",
        .name = gcdump->process,
        .pid = gcdump->facts.pid,
        .id = {(uint64_t)gcdump->facts.time, (uint64_t)gcdump->facts.pid << 32 ^ gcdump->size},
        .most = gcdump->size,
        .time = gcdump->facts.time,
        .write = write_raw,
        .data = gcdump};

    return diagsession_write(&resource, sink);
}

/* The first is for who names none, as in Kudu. */
static const struct form forms[] = {
    {"diagsession", ".diagsession", "application/octet-stream", write_diagsession},
    {"raw", ".gcdump", "application/octet-stream", write_raw},
    {"zip", ".gcdump.zip", "application/zip", write_zip},
};

static int read_arguments(const struct request *request, struct gcdump *gcdump, struct error *error)
{
    const char *format = request_string(request, "format");
    uint64_t thousands;
    int r = request_u64(request, "maxDumpCountK", 0, UINT32_MAX, &thousands, error);

    if (r == 0 && thousands > 0)
        r = error_set(error, EOPNOTSUPP,
                      "A sample of the objects (maxDumpCountK) is not supported: without it all are dumped.");
    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTS_OF(forms); i++)
        if (strcasecmp(format ? format : forms[0].name, forms[i].name) == 0) {
            gcdump->form = &forms[i];
            return 0;
        }
    return error_set(error, EINVAL,
                     "The format of a dump of the managed heap is raw, zip or diagsession, not '%.60s'.",
                     format);
}

static int answer_with(struct gcdump *gcdump, struct answer *answer, struct error *error)
{
    struct answer_head head = {.content_type = gcdump->form->content_type,
                               .file_name = gcdump->name,
                               .length = gcdump->form->write == write_raw ? (int64_t)gcdump->size : -1,
                               .extra = &gcdump->extra};
    struct sink *sink;
    int r = describe(gcdump);

    if (r < 0)
        return error_ensure(error, r, "The dump could not be described");
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0)
        return r;
    return error_ensure(error, gcdump->form->write(gcdump, sink), "The dump could not be sent");
}

/* HEAD asks nothing of the runtime but its version. */
static int answer_head_only(struct gcdump *gcdump, struct answer *answer, struct error *error)
{
    struct answer_head head = {.content_type = gcdump->form->content_type,
                               .file_name = gcdump->name,
                               .length = -1,
                               .extra = &gcdump->extra};
    struct sink *sink;
    int r = fields_add(&gcdump->extra, "X-Gcdump-Runtime", gcdump->version);

    return r < 0 ? error_ensure(error, r, "The dump could not be described")
                 : answer->begin(answer, &head, &sink, error);
}

int operation_gcdump(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    _cleanup_(gcdump_release) struct gcdump gcdump = {.target = PIDREF_INIT, .dotnet = DOTNET_INIT};
    int r = read_arguments(request, &gcdump, error);

    if (r == 0)
        r = operation_target(context, request, &gcdump.target, error);
    if (r == 0)
        r = dotnet_find(&gcdump.target, &gcdump.dotnet, error);
    if (r == 0)
        r = dotnet_version(&gcdump.dotnet, clock_monotonic_ms() + LIMIT_DOTNET_MS, gcdump.version, error);
    if (r < 0)
        return r;
    operation_target_name(&gcdump.target, gcdump.process, sizeof gcdump.process);
    if (!request->head_only)
        r = collect(context, &gcdump, error);
    if (r < 0)
        return r;
    dump_name(gcdump.process, context->instance_id,
              gcdump.facts.time ? gcdump.facts.time : clock_realtime_ns(), gcdump.name);
    (void)snprintf(gcdump.name + strlen(gcdump.name), sizeof gcdump.name - strlen(gcdump.name), "%s",
                   gcdump.form->suffix); /* fits */
    return request->head_only ? answer_head_only(&gcdump, answer, error)
                              : answer_with(&gcdump, answer, error);
}
