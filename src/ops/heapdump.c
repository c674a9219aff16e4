/* The heap of a runtime as that writes it itself, passed on as it comes. */
#include "base/clock.h"
#include "ops/dump_compress.h"
#include "ops/dump_name.h"
#include "ops/heap.h"
#include "ops/table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct heapdump {
    struct heap_target target;
    struct dump_compression compression;
    uint64_t maximum; /* bytes before they are compressed */
    struct answer *answer;
    struct answer_head head;
    struct heap_output output;
    struct sink *sink;       /* the answer's; NULL until the first bytes */
    struct sink *compressed; /* owned; NULL: not compressed */
    struct error *error;
    uint64_t written;
};

static void heapdump_release(struct heapdump *dump)
{
    sink_free(dump->compressed);
    heap_target_release(&dump->target);
}

/* Only with the first bytes is it certain that there will be a dump. */
static int begin(struct heapdump *dump)
{
    int r;

    if (!dump->compression.sink_new)
        dump->head.length = dump->output.length;
    r = dump->answer->begin(dump->answer, &dump->head, &dump->sink, dump->error);
    if (r < 0 || !dump->compression.sink_new)
        return r;
    return dump->compression.sink_new(dump->sink, dump->compression.level, 0, &dump->compressed);
}

static int take(void *to, const char *bytes, size_t size)
{
    struct heapdump *dump = to;
    int r = dump->sink ? 0 : begin(dump);

    if (r < 0)
        return r;
    dump->written += size;
    if (dump->maximum && dump->written > dump->maximum)
        return error_set(dump->error, EFBIG,
                         "The heap dump has more than the %" PRIu64 " bytes of max-dump-bytes.",
                         dump->maximum);
    return sink_write(dump->compressed ? dump->compressed : dump->sink, bytes, size);
}

static int write_dump(const struct operation_context *context, struct heapdump *dump, struct error *error)
{
    int r = dump->target.how->dump(context, &dump->target, &dump->output, error);

    if (r == 0 && dump->compressed)
        r = sink_finish(dump->compressed, error);
    return error_ensure(error, r, "The heap dump could not be sent");
}

static int read_compression(const struct request *request, struct heapdump *dump, struct error *error)
{
    const char *name = request_string(request, "compress");

    if (name && strcasecmp(name, "gzip") != 0)
        return error_set(error, EINVAL, "A heap dump is compressed with gzip, not '%.60s'.", name);
    return dump_compression_read(request, false, &dump->compression, error);
}

static int answer_heapdump(const struct operation_context *context, const struct request *request,
                           struct heapdump *dump, struct error *error)
{
    _cleanup_fields_ struct fields extra = {0};
    const struct heap_runtime *how = dump->target.how;
    char process[256], name[DUMP_NAME_SIZE], file[DUMP_NAME_SIZE + 32], runtime[RUNTIME_TEXT_MAX];
    int r;

    operation_target_name(&dump->target.process, process, sizeof process);
    dump_name(process, context->instance_id, clock_realtime_ns(), name);
    (void)snprintf(file, sizeof file, "%s%s%s", name, how->ending, dump->compression.ending); /* fits */
    dump->head = (struct answer_head){
        .content_type = dump->compression.sink_new ? dump->compression.content_type : how->content_type,
        .file_name = file,
        .length = -1,
        .extra = &extra,
        .holds = how->holds};
    dump->output = (struct heap_output){.take = take, .to = dump, .extra = &extra, .length = -1};
    runtime_text(&dump->target.runtime, runtime);
    r = fields_add(&extra, "X-Heap-Runtime", runtime);
    if (r == 0)
        r = fields_add(&extra, "X-Heap-Objects", dump->target.live ? "live" : "all");
    if (r < 0)
        return error_ensure(error, r, "The heap dump could not be described");
    return request->head_only ? dump->answer->begin(dump->answer, &dump->head, &dump->sink, error)
                              : write_dump(context, dump, error);
}

int operation_heapdump(const struct operation_context *context, const struct request *request,
                       struct answer *answer, struct error *error)
{
    _cleanup_(heapdump_release) struct heapdump dump = {
        .target = HEAP_TARGET_INIT, .maximum = context->max_dump_bytes, .answer = answer, .error = error};
    int r = read_compression(request, &dump, error);

    if (r == 0)
        r = heap_target_open(context, request, &dump.target, error);
    if (r == 0)
        r = heap_target_read_live(&dump.target, request, error);
    return r < 0 ? r : answer_heapdump(context, request, &dump, error);
}
