#include "ops/operation.h"

#include "base/parse.h"
#include "ops/monitor_answer.h"

#include <errno.h>
#include <string.h>

const struct operation *operation_find_in(const struct operation *table, const char *name)
{
    for (const struct operation *operation = table; operation->name; operation++)
        if (strcmp(operation->name, name) == 0)
            return operation;
    return NULL;
}

const struct operation *operation_find(const char *name)
{
    return operation_find_in(operations, name);
}

/* Only the form; bounds are the operation's own. */
static int check_argument(const struct operation_argument *argument, const struct request *request,
                          struct error *error)
{
    uint64_t number;
    bool flag;

    switch (argument->type) {
    case ARGUMENT_STRING:
        return 0;
    case ARGUMENT_NUMBER:
        return request_u64(request, argument->name, 0, UINT64_MAX, &number, error);
    case ARGUMENT_BOOLEAN:
        return request_bool(request, argument->name, false, &flag, error);
    case ARGUMENT_SIZE:
        return request_size(request, argument->name, 0, &number, error);
    case ARGUMENT_DURATION:
        return request_duration_ms(request, argument->name, 0, UINT64_MAX, &number, error);
    case ARGUMENT_ADDRESS:
        if (parse_hex(request_string(request, argument->name), &number) < 0)
            return error_set(error, EINVAL, "%s is not an address in hex: '%.100s'.", argument->name,
                             request_string(request, argument->name));
        return 0;
    }
    return -EINVAL;
}

static int check_arguments(const struct operation *operation, const struct request *request,
                           struct error *error)
{
    for (size_t i = 0; i < request->arguments.count; i++) {
        const struct operation_argument *known = operation->arguments;
        const char *name = request->arguments.items[i].name;
        int r;

        while (known && known->name && strcmp(known->name, name) != 0)
            known++;
        if (!known || !known->name)
            return error_set(error, EINVAL, "%s has no argument '%.100s'.", operation->name, name);
        r = check_argument(known, request, error);
        if (r < 0)
            return r;
    }
    return 0;
}

unsigned operation_request_flags(const struct operation *operation, const struct request *request)
{
    bool looks = request->head_only;

    /* what is no boolean is refused before the operation runs */
    if (!looks && operation->light && request_bool(request, operation->light, false, &looks, NULL) < 0)
        looks = true;
    if (looks && operation->flags & OPERATION_ENDLESS) /* only whether it would begin */
        return operation->flags & ~(unsigned)(OPERATION_ENDLESS | OPERATION_OWN_WORKER);
    return looks ? operation->flags & ~(unsigned)OPERATION_HEAVY : operation->flags;
}

int operation_check_role(const struct principal *principal, enum role least, const char *what,
                         struct error *error)
{
    if (least == ROLE_NONE) /* nobody said */
        least = ROLE_ADMIN;
    if (!principal || principal->role >= least)
        return 0;
    return error_set(error, EACCES, "%s takes the role '%s'; %s has '%s'.", what, role_name(least),
                     principal->name, role_name(principal->role));
}

int operation_call(const struct operation *operation, const struct operation_context *context,
                   const struct request *request, struct answer *answer, struct error *error)
{
    int r = operation_check_role(context->principal, operation->role, operation->name, error);

    if (r == 0)
        r = check_arguments(operation, request, error);
    /* routes lead no HEAD there; this is the last door */
    if (r == 0 && request->head_only && operation->flags & OPERATION_CHANGES)
        r = error_set(error, EINVAL, "%s changes something, so it has no head alone.", operation->name);
    if (r == 0 && request->dialect == DIALECT_MONITOR)
        r = monitor_run(operation, context, request, answer, error);
    else if (r == 0)
        r = operation->run(context, request, answer, error);
    if (r < 0)
        return error_ensure(error, r, operation->name);
    return 0;
}

int operation_run(const struct operation_context *context, const struct request *request,
                  struct answer *answer, struct error *error)
{
    const struct operation *operation = operation_find(request->operation);
    if (!operation)
        return error_set(error, EOPNOTSUPP, "There is no operation '%s'.", request->operation);
    return operation_call(operation, context, request, answer, error);
}

int operation_answer_json(struct answer *answer, struct json *json, struct error *error)
{
    struct answer_head head = {.content_type = JSON_CONTENT_TYPE};
    struct sink *sink;
    int r = json_finish(json);

    if (r == -ENOBUFS)
        return error_set(error, EFBIG, "The answer is larger than %u MiB.", LIMIT_JSON_ANSWER >> 20);
    if (r < 0)
        return error_ensure(error, r, "The answer could not be written as JSON");
    head.length = (int64_t)json->out->size;
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0)
        return r;
    return error_ensure(error, sink_write(sink, buffer_string(json->out), json->out->size),
                        "The answer could not be sent");
}
