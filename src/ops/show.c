/* One process in full. */
#include "ops/table.h"

static bool is_profiled(const struct operation_context *context, pid_t pid)
{
    for (size_t i = 0; i < context->profiled_count; i++)
        if (context->profiled[i] == pid)
            return true;
    return false;
}

static int write_process(const struct operation_context *context, const struct kudu_style *style,
                         const struct pidref *target, struct json *json, struct error *error)
{
    _cleanup_process_info_ struct process_info info = {0};
    int r = process_info_read(context->procfs, target, style->host, &info, error);

    if (r < 0)
        return error_ensure(error, r, "The process could not be read");
    struct kudu_style masked = *style;
    info.is_profiled = is_profiled(context, target->pid);
    masked.mask = operation_mask(context, info.status.uid[1]);
    kudu_process(json, &masked, &info);
    return 0;
}

int operation_show_json(const struct operation_context *context, const struct request *request,
                        const struct pidref *target, struct json *json, struct error *error)
{
    struct host host;
    struct kudu_style style;
    int r = operation_style(context, request, &host, &style, error);

    return r < 0 ? r : write_process(context, &style, target, json, error);
}

int operation_show(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct host host;
    struct kudu_style style;
    int r = operation_answer_style(context, request, &host, &style, error);

    if (r == 0)
        r = operation_target(context, request, &target, error);
    if (r == 0)
        r = write_process(context, &style, &target, &json, error);
    return r < 0 ? r : operation_answer_json(answer, &json, error);
}
