#include "api/kudu.h"

#include "api/arm.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

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
    {HTTP_GET, "/{id:int}/profile/start", "profile"}, /* KuduLite's: the whole profile in one call */
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

static bool is_kudulites_profile(const struct route *route)
{
    return route->method == HTTP_GET && strcmp(route->pattern, "/{id:int}/profile/start") == 0;
}

static int call(const struct caller *caller, struct http_exchange *exchange, const char *root,
                const struct target *target, const struct route_match *match, struct error *error)
{
    _cleanup_request_ struct request request = {0};
    const struct operation *operation = operation_find(match->route->name);
    bool is_enveloped = arm_is_wanted(exchange);
    int r;

    if (!operation)
        return error_set(error, EOPNOTSUPP, "'%s' is not supported by this version of procscope.",
                         match->route->name);
    r = call_set_base(caller, exchange, root, strlen(root), &request, error);
    if (r == 0 && is_enveloped)
        r = arm_prepare_enveloped(caller, exchange, &request, error);
    if (r == 0)
        r = arm_check_reader(&request, operation, error);
    if (r == 0)
        r = call_add_captures(match, &request);
    if (r == 0 && is_kudulites_profile(match->route))
        r = fields_add(&request.arguments, "format", "nettrace"); /* a format of the query comes after it */
    if (r < 0)
        return error_ensure(error, r, "The request could not be passed on");
    /* ARM's clients take only 204 for a deletion that is done */
    return call_operation(caller, exchange, operation, target, &request,
                          is_enveloped && match->route->method == HTTP_DELETE ? 204 : 200, NULL, error);
}

const struct route *kudu_find(const struct target *target, size_t first, enum http_method method)
{
    struct route_match match = {0};

    for (const char *const *root = kudu_roots; *root && !match.route; root++) {
        size_t skip = match_root(*root, target, first);
        if (skip > 0)
            route_find(kudu_routes, target, first + skip, method, &match);
    }
    return match.route;
}

bool kudu_handle(const struct caller *caller, struct http_exchange *exchange, const struct target *target,
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
    if (arm_is_wanted(exchange))
        http_problem_form(exchange, PROBLEM_ARM);
    route_find(kudu_routes, target, first + skip, http_exchange_method(exchange), &match);
    if (match.route)
        http_exchange_set_route(exchange, root, match.route);
    if (!match.route)
        call_answer_unmatched(exchange, &match);
    else if (call(caller, exchange, root, target, &match, &error) < 0)
        http_answer_error(exchange, &error);
    return true;
}
