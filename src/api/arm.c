#include "api/arm.h"

#include "api/answer_source.h"
#include "api/ask.h"
#include "api/permit.h"
#include "service/instances.h"
#include "view/arm.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

const char *const arm_roots[] = {
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Web/sites/{name}",
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Web/sites/{name}"
    "/slots/{slot}",
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Web/sites/{name}"
    "/instances/{instanceId}",
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Web/sites/{name}"
    "/slots/{slot}/instances/{instanceId}",
    NULL,
};

const struct route arm_routes[] = {
    {HTTP_GET, "/", "instance"},
    {HTTP_GET, "/instances", "instances"},
    {HTTP_GET, "/processes", "list"},
    {HTTP_GET, "/processes/{id:int}", "show"},
    {HTTP_DELETE, "/processes/{id:int}", "stop"},
    {HTTP_GET, "/processes/{id:int}/dump", "dump"},
    {HTTP_GET, "/processes/{id:int}/gcdump", "gcdump"},
    {HTTP_GET, "/processes/{id:int}/threads", "threads"},
    {HTTP_GET, "/processes/{id:int}/threads/{tid:int}", "thread"},
    {HTTP_GET, "/processes/{id:int}/threads/{tid:int}/stack", "stack"},
    {HTTP_GET, "/processes/{id:int}/modules", "modules"},
    {HTTP_GET, "/processes/{id:int}/modules/{base:hex}", "module"},
    {0},
};

/* What stands before the routes. */
struct arm_path {
    const char *site, *slot, *instance; /* NULL: not named */
    size_t next;                        /* the first segment behind them */
};

static bool is_word(const struct target *target, size_t at, const char *word)
{
    return at < target->segment_count && strcasecmp(target->segments[at], word) == 0;
}

/* The value behind a word, which moves *at behind both; NULL: it is not there. */
static const char *take_pair(const struct target *target, size_t *at, const char *word)
{
    const char *value;

    if (!is_word(target, *at, word) || *at + 1 >= target->segment_count)
        return NULL;
    value = target->segments[*at + 1];
    if (!*value)
        return NULL;
    *at += 2;
    return value;
}

static bool parse_path(const struct target *target, size_t first, struct arm_path *ret_path)
{
    struct arm_path path = {.next = first};
    const char *provider;

    if (!take_pair(target, &path.next, "subscriptions") || !take_pair(target, &path.next, "resourceGroups"))
        return false;
    provider = take_pair(target, &path.next, "providers");
    if (!provider || strcasecmp(provider, "Microsoft.Web") != 0)
        return false;
    path.site = take_pair(target, &path.next, "sites");
    if (!path.site)
        return false;
    path.slot = take_pair(target, &path.next, "slots");
    path.instance = take_pair(target, &path.next, "instances");
    *ret_path = path;
    return true;
}

/* Whoever ends a process of one site must not end one of another that happens to be there. */
static int check_names(const struct caller *caller, const struct arm_path *path, struct error *error)
{
    static const char production[] = "production"; /* the slot that a path without one means */
    const struct config *config = caller->config;
    const char *slot = path->slot ? path->slot : production;
    struct instances instances;
    const struct instance *instance;

    if (*config->site_name && strcasecmp(config->site_name, path->site) != 0)
        return error_set(error, ENOENT, "The site '%.100s' is not here: this is '%.100s'.", path->site,
                         config->site_name);
    if (*config->slot_name && strcasecmp(config->slot_name, slot) != 0)
        return error_set(error, ENOENT,
                         "The slot '%.100s' of the site '%.100s' is not here: this is '%.100s'.", slot,
                         path->site, config->slot_name);
    if (!path->instance)
        return 0;
    instances_read(config, &instances);
    instance = instances_find(&instances, path->instance);
    if (!instance || !instance->is_own)
        return error_set(error, ENOENT,
                         "The instance '%.100s' is not here: this is '%.100s'. GET .../instances lists those "
                         "that can be asked.",
                         path->instance, config->instance_id);
    return 0;
}

/* The path as it came, from segment `first` on and so many of them: what hrefs and ids are made of is what
 * the client wrote, escapes and all. */
static const char *raw_path(const struct http_exchange *exchange, size_t first, size_t count,
                            size_t *ret_size)
{
    const char *path = http_exchange_target(exchange), *end;

    if (*path != '/') { /* http://host/path: target_parse() has seen that there is one */
        path = strstr(path, "//") + 2;
        path += strcspn(path, "/");
    }
    for (; first > 0; first--)
        path = strchr(path + 1, '/');
    for (end = path; count > 0; count--)
        end += 1 + strcspn(end + 1, "/?");
    *ret_size = (size_t)(end - path);
    return path;
}

static int set_resource(const char *path, size_t size, struct request *request, struct error *error)
{
    while (size > 1 && path[size - 1] == '/')
        size--;
    if (size >= sizeof request->resource)
        return error_set(error, EINVAL, "The path of the resource is longer than %zu bytes.",
                         sizeof request->resource - 1);
    memcpy(request->resource, path, size);
    request->resource[size] = 0;
    return 0;
}

/* Only a front end that we were told of knows who its client is. It can take rights away, and none come from
 * it: what a request may do at all is decided without it. */
bool arm_is_for_reader(const struct caller *caller, const struct http_exchange *exchange)
{
    const char *contributor = http_exchange_header(exchange, "X-MS-CLIENT-ROLEBASED-CONTRIBUTOR");
    const char *source = http_exchange_header(exchange, "X-MS-CLIENT-AUTHORIZATION-SOURCE");
    bool may_all =
        (contributor && strcmp(contributor, "1") == 0) || (source && strcasecmp(source, "legacy") == 0);

    return !may_all && networks_hold(&caller->front_ends, http_exchange_peer(exchange));
}

const char *arm_instance(const struct target *target, size_t first)
{
    struct arm_path path = {0};

    return parse_path(target, first, &path) ? path.instance : NULL;
}

int arm_check_reader(const struct request *request, const struct operation *operation, struct error *error)
{
    static const char *const allowed[] = {"list",    "show",   "threads",    "thread",
                                          "modules", "module", "environment"};

    for (size_t i = 0; i < ELEMENTS_OF(allowed); i++)
        if (strcmp(allowed[i], operation->name) == 0)
            return 0;
    if (!request->for_reader)
        return 0;
    return error_set(
        error, EACCES,
        "The front end says that this client may only read (no X-MS-CLIENT-ROLEBASED-CONTRIBUTOR: "
        "1), which is not enough for '%s'.",
        operation->name);
}

bool arm_is_wanted(const struct http_exchange *exchange)
{
    return http_exchange_header(exchange, "x-ms-geo-location");
}

/* A Referer that is an address has the id that the client knows. */
static const char *path_of_referer(const struct http_exchange *exchange)
{
    const char *referer = http_exchange_header(exchange, "Referer"), *path;

    path = referer ? strstr(referer, "://") : NULL;
    path = path ? strchr(path + 3, '/') : NULL;
    for (const char *c = path; c && *c; c++)
        if (*c <= 0x20 || *c >= 0x7f)
            return NULL;
    return path;
}

int arm_prepare_enveloped(const struct caller *caller, const struct http_exchange *exchange,
                          struct request *request, struct error *error)
{
    const char *location = http_exchange_header(exchange, "x-ms-geo-location");
    const char *path = path_of_referer(exchange);
    size_t size;

    if (!path)
        path = raw_path(exchange, 0, 0, &size);
    request->dialect = DIALECT_ENVELOPED;
    (void)snprintf(request->location, sizeof request->location, "%s", location ? location : ""); /* cut */
    request->for_reader = arm_is_for_reader(caller, exchange);
    return set_resource(path, strcspn(path, "?#"), request, error);
}

static void write_instance(struct json *json, const struct arm_style *style, const struct instance *instance)
{
    arm_object_begin(json, style, instance->id);
    json_member_string(json, "state", "READY");
    json_member_string(json, "machineName", instance->machine_name);
    arm_object_end(json, style);
}

/* All of them, by the process that knows the others. */
static int ask_for_instances(const struct caller *caller, struct http_exchange *exchange,
                             struct request *request, struct error *error)
{
    int fd, r;

    (void)snprintf(request->operation, sizeof request->operation, "instance-list"); /* fits */
    r = ask_inspector(caller->channel, exchange, request, &fd, error);
    return r < 0 ? r : answer_source_start(exchange, fd, 200, NULL);
}

static int write_instances(const struct caller *caller, struct http_exchange *exchange,
                           const struct request *request, const char *id, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct arm_style style = {.id = request->resource, .is_short = true}, element;
    struct json json = JSON_INIT(&text);
    struct instances instances;
    int r;

    instances_read(caller->config, &instances);
    if (id) {
        write_instance(&json, &style, instances_find(&instances, id));
    } else {
        element = arm_array_begin(&json, &style);
        for (size_t i = 0; i < instances.count; i++)
            write_instance(&json, &element, &instances.items[i]);
        arm_array_end(&json, &style);
    }
    r = json_finish(&json);
    if (r < 0)
        return error_ensure(error, r, "The instances could not be written");
    http_answer_buffer(exchange, 200, "application/json; charset=utf-8", &text);
    return 0;
}

/* A permit_function: from memory, one or all of them. */
static void answer_instances(void *context, struct http_exchange *exchange, const struct target *target,
                             size_t first, struct buffer *said)
{
    struct request request = {0};
    struct arm_path path = {0};
    struct error error = {0};
    size_t size;
    const char *raw = raw_path(exchange, first, target->segment_count - first, &size);
    int r = set_resource(raw, size, &request, &error);

    (void)said;                                      /* nothing */
    if (r == 0 && !parse_path(target, first, &path)) /* it was one before */
        r = error_set(&error, ENOENT, "There is no such resource.");
    if (r == 0)
        r = write_instances(context, exchange, &request, path.instance, &error);
    if (r < 0)
        http_answer_error(exchange, &error);
}

static int call(const struct caller *caller, struct http_exchange *exchange, const struct target *target,
                size_t first, const struct arm_path *path, const struct route_match *match,
                struct error *error)
{
    _cleanup_request_ struct request request = {.dialect = DIALECT_ARM};
    const struct operation *operation = operation_find(match->route->name);
    const char *raw;
    size_t size;
    int r;

    raw = raw_path(exchange, first, target->segment_count - first, &size);
    r = set_resource(raw, size, &request, error);
    if (r == 0 && strcmp(operation->name, "instances") == 0 && *caller->config->registry)
        return ask_for_instances(caller, exchange, &request, error);
    if (r == 0 && strncmp(operation->name, "instance", strlen("instance")) == 0)
        return permit_ask(caller, exchange, operation, first, answer_instances,
                          (void *)(uintptr_t)caller->lasting, error);
    if (r < 0)
        return r;
    request.for_reader = arm_is_for_reader(caller, exchange);
    raw = raw_path(exchange, first, path->next - first + 1, &size); /* up to "processes" */
    r = call_set_base(caller, exchange, raw, size, &request, error);
    if (r == 0)
        r = arm_check_reader(&request, operation, error);
    if (r == 0)
        r = call_add_captures(match, &request);
    if (r < 0)
        return r;
    return call_operation(caller, exchange, operation, target, &request,
                          match->route->method == HTTP_DELETE ? 204 : 200, NULL, error);
}

const struct route *arm_find(const struct target *target, size_t first, enum http_method method)
{
    struct arm_path path = {0};
    struct route_match match = {0};

    if (parse_path(target, first, &path))
        route_find(arm_routes, target, path.next, method, &match);
    return match.route;
}

bool arm_handle(const struct caller *caller, struct http_exchange *exchange, const struct target *target,
                size_t first)
{
    struct arm_path path = {0};
    struct route_match match = {0};
    struct error error = {0};

    if (!is_word(target, first, "subscriptions"))
        return false;
    http_problem_form(exchange, PROBLEM_ARM);
    if (parse_path(target, first, &path))
        route_find(arm_routes, target, path.next, http_exchange_method(exchange), &match);
    /* a site has instances and no state of its own here, an instance the reverse */
    if (path.next == target->segment_count ? !path.instance
                                           : path.instance && is_word(target, path.next, "instances"))
        match = (struct route_match){0};
    if (match.route)
        http_exchange_set_route(exchange, arm_roots[(path.slot ? 1 : 0) + (path.instance ? 2 : 0)],
                                match.route);
    if (!match.route)
        call_answer_unmatched(exchange, &match);
    else if (check_names(caller, &path, &error) < 0 ||
             call(caller, exchange, target, first, &path, &match, &error) < 0)
        http_answer_error(exchange, &error);
    return true;
}
