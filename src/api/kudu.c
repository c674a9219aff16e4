#include "api/kudu.h"

#include "api/answer_source.h"
#include "http/accept.h"
#include "ops/operation.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { FORMS_MAX = 16 }; /* of one operation */

const char *const kudu_roots[] = {"/api/processes", "/api/diagnostics/processes", "/diagnostics/processes",
                                  NULL};

const struct route kudu_routes[] = {
    {HTTP_GET, "/", "list"},
    {HTTP_GET, "/handles", "handles"},
    {HTTP_GET, "/{id:int}", "show"},
    {HTTP_DELETE, "/{id:int}", "stop"},
    {HTTP_POST, "/{id:int}/stop", "stop"},
    {HTTP_GET, "/{id:int}/dump", "dump"},
    {HTTP_GET, "/{id:int}/gcdump", "gcdump"},
    {HTTP_GET, "/{id:int}/heap", "heap"},
    {HTTP_GET, "/{id:int}/heapdump", "heapdump"},
    {HTTP_GET, "/{id:int}/profile", "profile"},
    {HTTP_POST, "/{id:int}/profile/start", "profile-start"},
    {HTTP_GET, "/{id:int}/profile/stop", "profile-stop"},
    {HTTP_GET, "/{id:int}/threads", "threads"},
    {HTTP_GET, "/{id:int}/threads/{tid:int}", "thread"},
    {HTTP_GET, "/{id:int}/threads/{tid:int}/stack", "stack"},
    {HTTP_GET, "/{id:int}/stacks", "stacks"},
    {HTTP_GET, "/{id:int}/modules", "modules"},
    {HTTP_GET, "/{id:int}/modules/{base:hex}", "module"},
    {HTTP_GET, "/{id:int}/memory", "memory"},
    {HTTP_GET, "/{id:int}/environments/{filter:text}", "environment"},
    {HTTP_GET, "/{id:int}/doctor", "doctor"},
    {0},
};

/* How many segments of target, from first on, are the root's; 0: it is not below it. */
static size_t match_root(const char *root, const struct target *target, size_t first)
{
    struct route_part part;
    size_t count = 0;

    while (route_part_next(&root, &part)) {
        const char *segment;
        if (first + count == target->segment_count)
            return 0;
        segment = target->segments[first + count++];
        if (strlen(segment) != part.size || strncasecmp(segment, part.text, part.size) != 0)
            return 0;
    }
    return count;
}

/* The absolute URI of the collection that hrefs begin with. */
static int set_base(const struct kudu_front *front, const struct http_exchange *exchange, const char *root,
                    struct request *request, struct error *error)
{
    const struct listener *listener = http_exchange_listener(exchange);
    const char *host = http_exchange_header(exchange, "Host");
    int size;

    if (host && *host)
        size = snprintf(request->base, sizeof request->base, "http://%s%s%s", host, front->prefix, root);
    else
        size = snprintf(request->base, sizeof request->base, "%s%s%s",
                        listener->is_unix ? "http://localhost" : listener->url, front->prefix, root);
    if (size < 0 || (size_t)size >= sizeof request->base)
        return error_set(error, EINVAL, "The Host header is too long.");
    return 0;
}

static bool is_argument(const struct operation *operation, const char *name)
{
    /* what Azure's clients and front ends add to every request */
    static const char *const others[] = {"api-version", "instance", "_"};

    for (const struct operation_argument *argument = operation->arguments; argument && argument->name;
         argument++) {
        if (strcasecmp(argument->name, name) == 0)
            return true;
    }
    for (size_t i = 0; i < ELEMENTS_OF(others); i++) {
        if (strcasecmp(others[i], name) == 0)
            return true;
    }
    return false;
}

/* Where something is ended, what is not understood must not be taken for nothing: ?dry-run=true, ?dryRun. */
static int check_arguments(const struct operation *operation, const struct target *target,
                           struct error *error)
{
    for (size_t i = 0; i < target->query_count; i++) {
        const char *name = target->query[i].name;
        if (!is_argument(operation, name))
            return error_set(error, EINVAL, "There is no argument '%.60s' here, and nothing was done.", name);
        if (!*target->query[i].value)
            return error_set(error, EINVAL, "The argument '%.60s' has no value, and nothing was done.", name);
    }
    return 0;
}

/* Only what the operation knows: clients send more (ARM's api-version), and Kudu ignores it. */
static int add_arguments(const struct operation *operation, const struct target *target,
                         struct request *request, struct error *error)
{
    int r = operation->flags & OPERATION_CHANGES ? check_arguments(operation, target, error) : 0;

    for (const struct operation_argument *argument = operation->arguments;
         argument && argument->name && r == 0; argument++) {
        const char *value = target_query(target, argument->name);
        /* an empty one is as good as none, as ASP.NET binds it */
        if (value && *value)
            r = fields_add(&request->arguments, argument->name, value);
    }
    return r;
}

/* ?format= is stronger than Accept: it can be typed into a browser. */
static int add_form(struct http_exchange *exchange, const struct operation *operation,
                    struct request *request)
{
    const char *types[FORMS_MAX], *accept = http_exchange_header(exchange, "Accept");
    size_t count = 0;

    if (!operation->forms || !accept || request_string(request, "format"))
        return 0;
    while (count < FORMS_MAX && operation->forms[count].format) {
        types[count] = operation->forms[count].type;
        count++;
    }
    http_header(exchange, "Vary", "Accept");
    return fields_add(&request->arguments, "format",
                      operation->forms[accept_choose(accept, types, count)].format);
}

static int add_captures(const struct route_match *match, struct request *request)
{
    const struct route_capture *second = &match->captures[1];

    if (match->capture_count > 0)
        request->id = match->captures[0].number;
    if (match->capture_count < 2)
        return 0;
    if (second->kind == CAPTURE_TEXT)
        return fields_add(&request->arguments, "filter", second->text);
    request->child = second->number;
    return 0;
}

static int call(const struct kudu_front *front, struct http_exchange *exchange, const char *root,
                const struct target *target, const struct route_match *match, struct error *error)
{
    _cleanup_request_ struct request request = {0};
    const struct operation *operation = operation_find(match->route->name);
    bool is_arm = http_exchange_header(exchange, "x-ms-geo-location");
    int fd, r;

    if (!operation)
        return error_set(error, EOPNOTSUPP, "'%s' is not supported by this version of procscope.",
                         match->route->name);
    (void)snprintf(request.operation, sizeof request.operation, "%s", operation->name); /* fits: our own */
    request.head_only = http_exchange_method(exchange) == HTTP_HEAD;
    r = set_base(front, exchange, root, &request, error);
    if (r == 0)
        r = add_arguments(operation, target, &request, error);
    if (r == 0)
        r = add_form(exchange, operation, &request);
    if (r == 0)
        r = add_captures(match, &request);
    if (r == 0)
        r = inspector_call(front->channel, &request, &fd, error);
    if (r < 0)
        return error_ensure(error, r, "The request could not be passed on");
    /* ARM's clients take only 204 for a deletion that is done */
    r = answer_source_start(exchange, fd, is_arm && match->route->method == HTTP_DELETE ? 204 : 200);
    return error_ensure(error, r, "The request could not be passed on");
}

bool kudu_handle(const struct kudu_front *front, struct http_exchange *exchange, const struct target *target,
                 size_t first)
{
    const char *root = NULL;
    struct route_match match;
    struct error error = {0};
    size_t skip = 0;

    for (const char *const *candidate = kudu_roots; *candidate && skip == 0; candidate++) {
        skip = match_root(*candidate, target, first);
        root = *candidate;
    }
    if (skip == 0)
        return false;
    if (http_exchange_header(exchange, "x-ms-geo-location"))
        http_problem_form(exchange, PROBLEM_ARM);
    route_find(kudu_routes, target, first + skip, http_exchange_method(exchange), &match);
    if (!match.allowed) {
        http_answer_problem(exchange, 404,
                            "There is nothing at this address; GET /openapi.json lists what is.");
    } else if (!match.route) {
        char allow[HTTP_ALLOW_SIZE];
        http_method_allow(match.allowed, allow);
        http_header(exchange, "Allow", allow);
        http_answer_problem(exchange, 405, "The requested resource does not support this method.");
    } else if (call(front, exchange, root, target, &match, &error) < 0) {
        http_answer_error(exchange, &error);
    }
    return true;
}
