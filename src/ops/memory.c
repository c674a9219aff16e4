/* What takes the memory of a process. */
#include "ops/table.h"

#include "view/kudu_member.h"
#include "view/memory.h"

struct reading {
    struct memory_kinds kinds;
    struct json *json; /* the array of mappings; NULL: not asked for */
};

static int take(void *context, const struct map *map, const struct memory_use *use)
{
    struct reading *reading = context;

    if (reading->json)
        view_mapping(reading->json, map, use);
    return memory_kinds_add(&reading->kinds, map, use);
}

/* The mappings come first: they are written as they are read. */
static int read_memory(const struct pidref *target, bool details, struct json *json, struct reading *reading)
{
    int r;

    if (details) {
        json_key(json, "mappings");
        json_array_begin(json);
        reading->json = json;
    }
    r = smaps_read(target->dir_fd, take, reading);
    if (details)
        json_array_end(json);
    return r < 0 ? r : memory_kinds_finish(&reading->kinds);
}

int operation_memory(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct reading reading = {0};
    struct host host;
    struct kudu_style style;
    bool details = false;
    int r = operation_style(context, request, &host, &style, error);

    if (r == 0)
        r = request_bool(request, "details", false, &details, error);
    if (r == 0 && details) /* the files that it has open */
        r = operation_check_role(context->principal, ROLE_OPERATOR, "memory with details", error);
    if (r == 0)
        r = operation_target_with_memory(context, request, &target, error);
    if (r < 0)
        return r;
    json_object_begin(&json);
    kudu_member_href(&json, &style, "process", target.pid, "");
    r = read_memory(&target, details, &json, &reading);
    if (r == 0)
        view_memory_kinds(&json, &reading.kinds);
    memory_kinds_release(&reading.kinds);
    json_object_end(&json);
    if (r < 0)
        return operation_denied(context, &target, r, "The memory", error);
    return operation_answer_json(answer, &json, error);
}
