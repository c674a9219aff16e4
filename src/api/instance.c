#include "api/instance.h"

#include "api/answer_source.h"
#include "api/arm.h"
#include "api/ask.h"
#include "api/instance_forward.h"
#include "api/kudu.h"
#include "api/monitor.h"
#include "api/permit.h"
#include "service/instance_id.h"
#include "view/instance.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { REDIRECT_SIZE = INSTANCE_ID_MAX + 2 };

static bool is_ours(const struct caller *caller, const char *id)
{
    return strcasecmp(id, caller->config->instance_id) == 0;
}

bool instance_is_passed_on(const struct http_exchange *exchange)
{
    return http_exchange_header(exchange, "X-Procscope-Hop");
}

/* The value of our cookie in one header, into the context; false: there is none, or it is no id. */
static bool read_cookie(void *context, const char *text)
{
    static const char name[] = INSTANCE_COOKIE "=";
    char *id = context; /* of INSTANCE_ID_MAX + 1 */

    while (*text) {
        size_t size;
        text += strspn(text, "; ");
        size = strcspn(text, ";");
        if (size > sizeof name - 1 && strncmp(text, name, sizeof name - 1) == 0) {
            (void)snprintf(id, INSTANCE_ID_MAX + 1, "%.*s", (int)(size - (sizeof name - 1)),
                           text + sizeof name - 1); /* cut: no id of anybody */
            return instance_id_is_valid(id);
        }
        text += size;
    }
    return false;
}

/* Of what a client's choice by header, query or cookie is: what is asked of processes. The page, its files
 * and what is said of the service itself come from whoever is asked. */
static bool is_chosen_for(const struct target *target, size_t first)
{
    static const char *const own[] = {"assets", "routes", "healthz", "openapi.json", "metrics"};

    if (first >= target->segment_count)
        return false;
    for (size_t i = 0; i < ELEMENTS_OF(own); i++)
        if (strcasecmp(target->segments[first], own[i]) == 0)
            return false;
    return !(first + 1 < target->segment_count && strcasecmp(target->segments[first], "api") == 0 &&
             strcasecmp(target->segments[first + 1], "instances") == 0);
}

static bool is_named(const struct target *target, size_t at, const char *word)
{
    return at < target->segment_count && strcasecmp(target->segments[at], word) == 0;
}

static const char *operation_of(const struct target *target, size_t first, enum http_method method)
{
    const struct route *route = kudu_find(target, first, method);
    struct route_match match = {0};

    if (method & (HTTP_GET | HTTP_HEAD) && !is_chosen_for(target, first))
        return "-";
    if (is_named(target, first, "api") && is_named(target, first + 1, "events"))
        return "events";
    if (!route)
        route = arm_find(target, first, method);
    if (!route) {
        route_find(monitor_routes, target, first, method, &match);
        route = match.route;
    }
    return route ? route->name : NULL;
}

/* The id names nobody whom we know. */
static void answer_unknown(const struct caller *caller, struct http_exchange *exchange, const char *id)
{
    struct error error = {0};

    (void)error_set(&error, ENOENT,
                    "There is no instance '%.128s' here: this is '%.128s', and it has no registry.", id,
                    caller->config->instance_id);
    http_answer_error(exchange, &error);
}

static void pass_on(const struct caller *caller, struct http_exchange *exchange, const char *id,
                    const struct target *target, size_t first, bool remembers)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(3 * TARGET_SIZE_MAX);
    const char *raw = http_exchange_target(exchange);
    size_t size = strcspn(raw, "?");
    struct error error = {0};
    int r;

    if (arm_is_wanted(exchange) || arm_instance(target, first))
        http_problem_form(exchange, PROBLEM_ARM);
    if (!*caller->config->registry) {
        answer_unknown(caller, exchange, id);
        return;
    }
    r = target_write(target, first, size > 0 && raw[size - 1] == '/', "instance", &text);

    if (r < 0) {
        (void)error_ensure(&error, r, "The request could not be passed on");
        http_answer_error(exchange, &error);
    } else {
        instance_forward(caller, exchange, id, text.data, remembers,
                         operation_of(target, first, http_exchange_method(exchange)));
    }
}

/* /instances/ID/... : true where it was answered. */
static bool take_path(const struct caller *caller, struct http_exchange *exchange,
                      const struct target *target, size_t *first, struct caller *ret_caller)
{
    const char *raw = http_exchange_target(exchange), *id = target->segments[*first + 1];
    size_t size = strcspn(raw, "?");
    char *prefix;

    if (*first + 2 == target->segment_count && raw[size - 1] != '/') {
        char location[REDIRECT_SIZE];                         /* the page's addresses are relative */
        (void)snprintf(location, sizeof location, "%s/", id); /* cut: there is no such instance */
        http_header(exchange, "Location", location);
        http_answer_empty(exchange, instance_id_is_valid(id) ? 308 : 404);
        return true;
    }
    if (!instance_id_is_valid(id) || asprintf(&prefix, "%s/instances/%s", caller->prefix, id) < 0) {
        http_answer_problem(exchange, 404, "There is no such instance; GET /api/instances lists all.");
        return true;
    }
    *first += 2;
    ret_caller->prefix = prefix;
    if (is_ours(caller, id))
        return false;
    pass_on(ret_caller, exchange, id, target, *first, false);
    return true;
}

/* The id that the client has chosen otherwise; NULL: none. storage: room for it. */
static const char *chosen(const struct caller *caller, struct http_exchange *exchange,
                          const struct target *target, char storage[INSTANCE_ID_MAX + 1], bool *ret_remembers)
{
    const char *id = http_exchange_header(exchange, "X-Procscope-Instance");

    *ret_remembers = false;
    if (id)
        return id;
    id = target_query(target, "instance");
    if (id && *id) {
        *ret_remembers = instance_id_is_valid(id);
        return id;
    }
    /* without others it may be anybody's: a browser sends it to every port of a host. A proxy reads all
     * headers with cookies, and so do we. */
    if (*caller->config->registry && http_exchange_headers(exchange, "Cookie", read_cookie, storage))
        return storage;
    return NULL;
}

/* From another instance: it goes no further, and who it is for must be us. */
static bool take_passed_on(const struct caller *caller, struct http_exchange *exchange)
{
    const char *id = http_exchange_header(exchange, "X-Procscope-Instance");
    char message[INSTANCE_ID_MAX * 3 + 64];

    if (id && is_ours(caller, id))
        return false;
    (void)snprintf(message, sizeof message, "This is the instance '%.*s', not '%.*s'.", INSTANCE_ID_MAX,
                   caller->config->instance_id, INSTANCE_ID_MAX, id ? id : "");
    http_answer_problem(exchange, 421, message);
    return true;
}

bool instance_handle(const struct caller *caller, struct http_exchange *exchange, const struct target *target,
                     size_t *first, struct caller *ret_caller)
{
    char storage[INSTANCE_ID_MAX + 1], cookie[INSTANCE_COOKIE_SIZE];
    bool remembers = false;
    const char *id;

    *ret_caller = *caller;
    if (instance_is_passed_on(exchange))
        return take_passed_on(caller, exchange);
    if (*first + 1 < target->segment_count && strcmp(target->segments[*first], "instances") == 0)
        return take_path(caller, exchange, target, first, ret_caller);
    id = arm_instance(target, *first);
    if (id && !*caller->config->registry)
        return false; /* it says by itself who is here */
    if (!id)
        id = chosen(caller, exchange, target, storage, &remembers);
    if (id && !is_ours(caller, id) && is_chosen_for(target, *first)) {
        pass_on(caller, exchange, id, target, *first, remembers);
        return true;
    }
    if (remembers) {
        instance_cookie(caller, id, cookie);
        http_header(exchange, "Set-Cookie", cookie);
    }
    return false;
}

void instance_caller_release(struct caller *caller, const struct caller *original)
{
    if (caller->prefix && caller->prefix != original->prefix)
        free((void *)(uintptr_t)caller->prefix); /* take_path() made it */
    caller->prefix = NULL;
}

static struct instance_view own_view(const struct caller *caller)
{
    return (struct instance_view){.id = caller->config->instance_id,
                                  .name = caller->config->machine_name,
                                  .version = PROCSCOPE_VERSION,
                                  .url = caller->config->instance_url,
                                  .is_self = true};
}

static void answer_json(struct http_exchange *exchange, struct json *json, struct buffer *text)
{
    if (json_finish(json) < 0)
        http_answer_problem(exchange, 500, "The instances could not be written.");
    else
        http_answer_buffer(exchange, 200, "application/json; charset=utf-8", text);
}

void instance_answer_self(const struct caller *caller, struct http_exchange *exchange)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct json json = JSON_INIT(&text);
    struct instance_view view = own_view(caller);

    view.run = caller->config->run;
    view_instance(&json, &view);
    answer_json(exchange, &json, &text);
}

/* A permit_function. */
static void answer_alone(void *context, struct http_exchange *exchange, const struct target *target,
                         size_t first, struct buffer *said)
{
    const struct caller *caller = context;
    _cleanup_buffer_ struct buffer text = {0};
    struct json json = JSON_INIT(&text);
    struct instance_view view = own_view(caller);
    struct request request = {0};
    _cleanup_free_ char *href = NULL;

    (void)target, (void)first, (void)said; /* it is always the same */
    if (call_set_base(caller, exchange, "", 0, &request, NULL) == 0 &&
        asprintf(&href, "%s/instances/%s", request.base, view.id) < 0)
        href = NULL; /* left out */
    view.href = href;
    view.state = "running";
    json_array_begin(&json);
    view_instance(&json, &view);
    json_array_end(&json);
    answer_json(exchange, &json, &text);
}

void instance_answer_list(const struct caller *caller, struct http_exchange *exchange)
{
    _cleanup_request_ struct request request = {.operation = "instance-list"};
    struct error error = {0};
    int fd, r;

    request.head_only = http_exchange_method(exchange) == HTTP_HEAD;
    if (!*caller->config->registry) {
        r = permit_ask(caller, exchange, operation_find("instances"), 0, answer_alone,
                       (void *)(uintptr_t)caller->lasting, &error);
        if (r < 0)
            http_answer_error(exchange, &error);
        return;
    }
    r = call_set_base(caller, exchange, "", 0, &request, &error);
    if (r == 0)
        r = ask_inspector(caller->channel, exchange, &request, &fd, &error);
    if (r == 0)
        r = answer_source_start(exchange, fd, 200, NULL);
    if (r < 0) {
        (void)error_ensure(&error, r, "The instances could not be asked for");
        http_answer_error(exchange, &error);
    }
}
