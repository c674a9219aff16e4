/* One thread in full. */
#include "ops/table.h"

#include <errno.h>

int operation_thread(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct thread_info thread;
    struct host host;
    struct kudu_style style;
    int r = operation_answer_style(context, request, &host, &style, error);

    if (r == 0)
        r = operation_target(context, request, &target, error);
    if (r < 0)
        return r;
    if (request->child <= 0 || request->child > (int64_t)LIMIT_PROCESSES)
        return error_set(error, ENOENT, "Thread with an Id of %lld is not part of process %d.",
                         (long long)request->child, (int)target.pid);
    r = thread_read(&target, &host, (pid_t)request->child, true, &thread, error);
    if (r < 0)
        return error_ensure(error, r, "The thread could not be read");
    kudu_thread(&json, &style, target.pid, &thread, true);
    return operation_answer_json(answer, &json, error);
}
