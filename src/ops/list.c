/* Every process there is, as Kudu's summaries. */
#include "ops/listed.h"
#include "ops/table.h"

static int read_choice(const struct request *request, struct listed_choice *ret_choice, struct error *error)
{
    /* root sees all, as the service that runs as root is there for all */
    int r = request_bool(request, "allUsers", geteuid() == 0, &ret_choice->all_users, error);
    if (r == 0)
        r = request_bool(request, "kernel", false, &ret_choice->kernel, error);
    return r;
}

int operation_list(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    _cleanup_listed_ struct listed_processes listed = {0};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct listed_choice choice = {0};
    struct host host;
    struct kudu_style style, element;
    int r = read_choice(request, &choice, error);

    if (r == 0)
        r = operation_answer_style(context, request, &host, &style, error);
    if (r == 0)
        r = listed_read(context, &choice, &listed, error);
    if (r < 0)
        return r;
    element = kudu_array_begin(&json, &style);
    for (size_t i = 0; i < listed.count; i++) {
        const struct listed *item = &listed.items[i];
        kudu_summary(&json, &element, item->entry->pid, item->name, item->entry->user, &item->runtime);
    }
    kudu_array_end(&json, &style);
    return operation_answer_json(answer, &json, error);
}
