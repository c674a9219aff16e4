/* The environment variables of a process, all or those whose names hold a text. */
#include "ops/table.h"

#include "proc/living.h"

int operation_environment(const struct operation_context *context, const struct request *request,
                          struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_buffer_ struct buffer block = BUFFER_INIT(LIMIT_ENVIRON);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    _cleanup_living_ struct pidref living = PIDREF_INIT;
    const struct pidref *memory_of;
    struct json json = JSON_INIT(&text);
    const char *filter = request_string(request, "filter");
    struct host host;
    struct kudu_style style;
    int r = operation_answer_style(context, request, &host, &style, error);

    if (r == 0)
        r = operation_target(context, request, &target, error);
    if (r < 0)
        return r;
    memory_of = living_open(&target, &living) == 0 ? &living : &target;
    r = proc_environ_read(memory_of->dir_fd, &block);
    if (r < 0)
        return operation_denied(context, &target, r, "The environment", error);
    style.mask = operation_mask(context, (uid_t)-1);
    kudu_environment(&json, &style, &block, filter && filter[0] ? filter : "all");
    return operation_answer_json(answer, &json, error);
}
