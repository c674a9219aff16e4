/* The threads of a process, in short as Kudu has them; beyond Kudu each in full. */
#include "ops/table.h"

int operation_threads(const struct operation_context *context, const struct request *request,
                      struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_thread_list_ struct thread_list threads = {0};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct host host;
    struct kudu_style style;
    bool full = false;
    int r = operation_answer_style(context, request, &host, &style, error);

    if (r == 0)
        r = request_bool(request, "details", false, &full, error);
    if (r == 0)
        r = operation_target(context, request, &target, error);
    if (r < 0)
        return r;
    r = threads_read(&target, &host, full, &threads);
    if (r < 0)
        return operation_denied(context, &target, r, "The threads", error);
    kudu_threads(&json, &style, target.pid, &threads, full);
    return operation_answer_json(answer, &json, error);
}
