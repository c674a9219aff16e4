#include "api/call.h"

#include "api/ask.h"
#include "http/accept.h"
#include "http/origin.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { FORMS_MAX = 16 }; /* of one operation */

/* Where the client of the instance that passed the request on sees us. Whoever makes it up fools himself, as
 * with a Host. */
static const char *instance_base(const struct http_exchange *exchange)
{
    const char *base = http_exchange_header(exchange, "X-Procscope-Base");

    if (!base || !http_exchange_header(exchange, "X-Procscope-Hop"))
        return NULL;
    if (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0)
        return NULL;
    for (const unsigned char *c = (const unsigned char *)base; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f || strchr("\"'<>\\", *c))
            return NULL;
    return base;
}

/* TLS may end in a proxy, which says so. Again he fools himself who makes it up. */
static bool is_https(const struct http_exchange *exchange)
{
    const char *proto = http_exchange_header(exchange, "X-Forwarded-Proto");

    return http_exchange_listener(exchange)->tls || (proto && strcasecmp(proto, "https") == 0);
}

int call_set_base(const struct caller *caller, const struct http_exchange *exchange, const char *path,
                  size_t path_size, struct request *request, struct error *error)
{
    const struct listener *listener = http_exchange_listener(exchange);
    const char *host = http_exchange_header(exchange, "Host");
    const char *base = instance_base(exchange);
    int size;

    if (base)
        size = snprintf(request->base, sizeof request->base, "%s%.*s", base, (int)path_size, path);
    else if (host && *host)
        size = snprintf(request->base, sizeof request->base, "http%s://%s%s%.*s",
                        is_https(exchange) ? "s" : "", host, caller->prefix, (int)path_size, path);
    else
        size = snprintf(request->base, sizeof request->base, "%s%s%.*s",
                        listener->is_unix ? "http://localhost" : listener->url, caller->prefix,
                        (int)path_size, path);
    if (size < 0 || (size_t)size >= sizeof request->base)
        return error_set(error, EINVAL, "The Host header and the path are longer than %zu bytes together.",
                         sizeof request->base - 1);
    return 0;
}

/* KuduLite's page and dotnet-monitor's clients say it so. */
const struct call_alias call_aliases[] = {
    {"profile", "durationSeconds", "seconds"},
    {"profile-start", "durationSeconds", "duration"},
    {0},
};

static bool is_argument(const struct operation *operation, const char *name)
{
    /* what Azure's clients and front ends add to every request */
    static const char *const others[] = {"api-version", "instance", "_"};

    for (const struct operation_argument *argument = operation->arguments; argument && argument->name;
         argument++) {
        if (strcasecmp(argument->name, name) == 0)
            return true;
    }
    for (const struct call_alias *alias = call_aliases; alias->operation; alias++) {
        if (strcmp(alias->operation, operation->name) == 0 && strcasecmp(alias->name, name) == 0)
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

    for (const struct call_alias *alias = call_aliases; alias->operation && r == 0; alias++) {
        const char *value = target_query(target, alias->name);
        if (strcmp(alias->operation, operation->name) == 0 && value && *value)
            r = fields_add(&request->arguments, alias->argument, value);
    }
    for (const struct operation_argument *argument = operation->arguments;
         argument && argument->name && r == 0; argument++) {
        const char *value = target_query(target, argument->name);
        /* an empty one is as good as none, as ASP.NET binds it */
        if (value && *value)
            r = fields_add(&request->arguments, argument->name, value);
    }
    return r;
}

/* ?format= is stronger than Accept: it can be typed into a browser. Who takes the first form gets what the
 * operation gives whom it knows nothing of: with other arguments that may be another one. */
static int add_form(struct http_exchange *exchange, const struct operation *operation,
                    struct request *request)
{
    const char *types[FORMS_MAX], *accept = http_exchange_header(exchange, "Accept");
    size_t count = 0, chosen;

    if (!operation->forms || !accept || request_string(request, "format"))
        return 0;
    while (count < FORMS_MAX && operation->forms[count].format) {
        types[count] = operation->forms[count].type;
        count++;
    }
    http_header(exchange, "Vary", "Accept");
    chosen = accept_choose(accept, types, count);
    return chosen == 0 ? 0 : fields_add(&request->arguments, "format", operation->forms[chosen].format);
}

int call_add_captures(const struct route_match *match, struct request *request)
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

/* A link of a stranger's page that the user follows may show him something; it may not have a process held,
 * or dumped into his downloads. */
static int check_site(const struct http_exchange *exchange, const struct operation *operation,
                      struct error *error)
{
    const char *site = http_exchange_header(exchange, "Sec-Fetch-Site");

    if (!origin_is_foreign_site(site) || operation->role < ROLE_OPERATOR ||
        http_exchange_is_of_allowed_origin(exchange))
        return 0;
    return error_set(
        error, EACCES,
        "A link of another site may show what is here, and not take or change anything; open the "
        "address by itself.");
}

int call_operation(const struct caller *caller, struct http_exchange *exchange,
                   const struct operation *operation, const struct target *target, struct request *request,
                   unsigned status, struct answer_watcher *watcher, struct error *error)
{
    int fd, r;

    (void)snprintf(request->operation, sizeof request->operation, "%s", operation->name); /* fits: our own */
    request->head_only = http_exchange_method(exchange) == HTTP_HEAD;
    r = check_site(exchange, operation, error);
    if (r == 0)
        r = add_arguments(operation, target, request, error);
    if (r == 0)
        r = add_form(exchange, operation, request);
    if (r == 0)
        r = ask_inspector(caller->channel, exchange, request, &fd, error);
    if (r == 0)
        r = answer_source_start(exchange, fd, status, watcher);
    return error_ensure(error, r, "The request could not be passed on");
}

void call_answer_unmatched(struct http_exchange *exchange, const struct route_match *match)
{
    char allow[HTTP_ALLOW_SIZE];

    if (!match->allowed) {
        http_answer_problem(exchange, 404,
                            "There is nothing at this address; GET /openapi.json lists what is.");
        return;
    }
    http_method_allow(match->allowed, allow);
    http_header(exchange, "Allow", allow);
    http_answer_problem(exchange, 405, "The requested resource does not support this method.");
}
