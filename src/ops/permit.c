/* Nothing: for what the front knows itself, and answers to those who may ask for it. Who may stands in the
 * table; that is all there is to say. */
#include "ops/table.h"

int operation_permit(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct json json = JSON_INIT(&text);

    (void)context, (void)request;
    json_object_begin(&json);
    json_object_end(&json);
    return operation_answer_json(answer, &json, error);
}
