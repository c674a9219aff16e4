#include "ops/heap_file.h"

#include "base/clock.h"
#include "ops/dump_name.h"
#include "ops/table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void heap_file_release(struct heap_file *file)
{
    file->wrap->release(file);
    heap_target_release(&file->target);
}

static int begin(struct heap_file *file)
{
    struct sink *out;
    int r;

    if (file->wrap == &heap_wrap_none)
        file->head.length = file->output.length;
    r = file->answer->begin(file->answer, &file->head, &out, file->error);
    return r < 0 ? r : file->wrap->begin(file, out, &file->sink);
}

static int take(void *to, const char *bytes, size_t size)
{
    struct heap_file *file = to;
    int r = file->sink ? 0 : begin(file);

    if (r < 0)
        return r;
    file->written += size;
    if (file->maximum && file->written > file->maximum)
        return error_set(file->error, EFBIG,
                         "The heap dump has more than the %" PRIu64 " bytes of max-dump-bytes.",
                         file->maximum);
    return sink_write(file->sink, bytes, size);
}

static int write_file(const struct operation_context *context, struct heap_file *file, struct error *error)
{
    int r = file->target.how->dump(context, &file->target, &file->output, error);

    if (r == 0 && !file->sink)
        r = begin(file); /* an empty one */
    if (r == 0)
        r = file->wrap->finish(file);
    return error_ensure(error, r, "The heap dump could not be sent");
}

static int answer_head(const struct request *request, struct heap_file *file, struct error *error)
{
    char runtime[RUNTIME_TEXT_MAX];
    int r = 0;

    runtime_text(&file->target.runtime, runtime);
    if (*runtime)
        r = fields_add(file->output.extra, "X-Heap-Runtime", runtime);
    if (r == 0)
        r = fields_add(file->output.extra, "X-Heap-Objects", file->target.live ? "live" : "all");
    if (r < 0)
        return error_ensure(error, r, "The heap dump could not be described");
    return request->head_only && file->target.how->look
               ? file->target.how->look(&file->target, file->output.extra, error)
               : 0;
}

int heap_file_send(const struct operation_context *context, const struct request *request,
                   struct heap_file *file, struct answer *answer, struct error *error)
{
    _cleanup_fields_ struct fields extra = {0};
    const struct heap_runtime *how = file->target.how;
    const struct heap_wrap *wrap = file->wrap;
    const char *type = wrap->content_type, *ending = wrap->ending;
    char name[DUMP_NAME_SIZE], whole[DUMP_NAME_SIZE + 32];
    struct sink *nothing;
    int r;

    if (wrap == &heap_wrap_compressed) {
        type = file->compression.content_type;
        ending = file->compression.ending;
    }
    file->time = clock_realtime_ns();
    operation_target_name(&file->target.process, file->process, sizeof file->process);
    dump_name(file->process, context->instance_id, file->time, name);
    (void)snprintf(file->own_name, sizeof file->own_name, "%s%s", name, how->ending); /* fit, both */
    (void)snprintf(whole, sizeof whole, "%s%s%s", name, wrap->replaces ? "" : how->ending, ending);
    file->maximum = context->max_dump_bytes;
    file->answer = answer;
    file->error = error;
    file->head = (struct answer_head){.content_type = type ? type : how->content_type,
                                      .file_name = whole,
                                      .length = -1,
                                      .extra = &extra,
                                      .holds = how->holds};
    file->output = (struct heap_output){.take = take, .to = file, .extra = &extra, .length = -1};
    r = answer_head(request, file, error);
    if (r < 0)
        return r;
    return request->head_only ? answer->begin(answer, &file->head, &nothing, error)
                              : write_file(context, file, error);
}
