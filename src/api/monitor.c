#include "api/monitor.h"

#include "api/permit.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>

const struct route monitor_routes[] = {
    {HTTP_GET, "/processes", "monitor-list"},
    {HTTP_GET, "/process", "monitor-show"},
    {HTTP_GET, "/env", "environment"},
    {HTTP_GET, "/dump", "dump"},
    {HTTP_GET, "/gcdump", "gcdump"},
    {HTTP_GET, "/trace", "monitor-trace"},
    {HTTP_POST, "/trace", "monitor-trace"},
    {HTTP_GET, "/stacks", "stacks"},
    {HTTP_GET, "/livemetrics", "livemetrics"},
    {HTTP_POST, "/livemetrics", "livemetrics"},
    {HTTP_GET, "/info", "monitor-info"},
    {HTTP_GET, "/operations", "monitor-operations"},
    {HTTP_GET, "/operations/{operationId:text}", "monitor-operation"},
    {HTTP_DELETE, "/operations/{operationId:text}", "monitor-cancel"},
    {0},
};

int monitor_init(struct monitor *monitor)
{
    return monitor_operations_init(&monitor->operations);
}

void monitor_release(struct monitor *monitor)
{
    monitor_operations_release(&monitor->operations);
}

/* What is an operation to dotnet-monitor, too: it leaves an artifact. */
static bool is_artifact(const struct route *route)
{
    static const char *const names[] = {"dump", "gcdump", "monitor-trace", "stacks", "livemetrics"};

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (strcmp(names[i], route->name) == 0)
            return true;
    return false;
}

static const char *given(const struct target *target, const char *name)
{
    const char *value = target_query(target, name);

    return value && *value ? value : NULL;
}

/* pid, uid and name; none of them is the default process. */
static int choose_process(const struct target *target, struct request *request, struct error *error)
{
    const char *pid = given(target, "pid"), *uid = given(target, "uid"), *name = given(target, "name");
    uint8_t guid[GUID_SIZE];

    if (pid && parse_i64(pid, &request->id) < 0)
        return error_set(error, EINVAL, "pid is not a number: '%.60s'.", pid);
    if (pid && request->id < 0)
        return error_set(error, ESRCH, "Process with an Id of %.60s is not running.", pid);
    if (uid && guid_parse(uid, guid) < 0)
        return error_set(error, EINVAL, "uid is not a GUID: '%.60s'.", uid);
    if (name && strlen(name) >= sizeof request->wanted_name)
        return error_set(error, ESRCH, "No process has a name as long as '%.60s...'.", name);
    if (!pid)
        request->id = uid || name ? REQUEST_ID_WANTED : REQUEST_ID_MAIN;
    (void)snprintf(request->wanted_uid, sizeof request->wanted_uid, "%s", uid ? uid : ""); /* fit: measured */
    (void)snprintf(request->wanted_name, sizeof request->wanted_name, "%s", name ? name : "");
    return 0;
}

static int check_artifact(const struct target *target, struct error *error)
{
    const char *tags = given(target, "tags");

    if (given(target, "egressProvider"))
        return error_set(error, EINVAL,
                         "There are no egress providers here: without egressProvider the artifact is the "
                         "answer's body.");
    if (tags && strlen(tags) >= MONITOR_TAGS_SIZE)
        return error_set(error, EINVAL, "The tags are longer than %d bytes.", MONITOR_TAGS_SIZE - 1);
    return 0;
}

/* What dotnet-monitor means where its client says nothing; what the query says comes after it. */
static int add_defaults(const struct route *route, const struct target *target, struct request *request)
{
    static const struct {
        const char *operation, *argument, *value, *unless;
    } defaults[] = {
        {"environment", "filter", "all", NULL},
        {"dump", "type", "WithHeap", "dumpType"},
        {"gcdump", "format", "raw", NULL},
        {"monitor-trace", "durationSeconds", "30", NULL},
        {"livemetrics", "durationSeconds", "30", NULL},
    };
    int r = 0;

    for (size_t i = 0; i < ELEMENTS_OF(defaults) && r == 0; i++)
        if (strcmp(defaults[i].operation, route->name) == 0 &&
            !(defaults[i].unless && given(target, defaults[i].unless)))
            r = fields_add(&request->arguments, defaults[i].argument, defaults[i].value);
    return r;
}

/* A body is an argument like others. */
static int add_body(const struct http_exchange *exchange, struct request *request, struct error *error)
{
    const char *body = NULL;
    int r = http_exchange_body(exchange, &body, error);

    if (r == 0 && !body)
        r = error_set(error, EINVAL,
                      "To POST is to say in a JSON body what is wanted; GET gives the default.");
    return r < 0 ? r : fields_add(&request->arguments, "configuration", body);
}

/* What is known of it by now, and its URI from what the client sees. */
static void describe(const struct caller *caller, const struct http_exchange *exchange,
                     const struct request *request, struct monitor_operation *operation)
{
    struct request_told *process = &operation->process;
    struct request base = {0};
    char path[64];
    int size = snprintf(path, sizeof path, "/operations/%s", operation->id); /* fits */

    process->pid = request->id > 0 && request->id <= LIMIT_PROCESSES ? (pid_t)request->id : 0;
    memcpy(process->uid, request->wanted_uid, sizeof process->uid);
    memcpy(process->name, request->wanted_name, sizeof process->name);
    /* one that is too long is left out */
    if (call_set_base(caller, exchange, path, (size_t)size, &base, NULL) == 0 &&
        strlen(base.base) < sizeof operation->location)
        (void)snprintf(operation->location, sizeof operation->location, "%.*s",
                       (int)sizeof operation->location - 1, base.base); /* fits: measured */
}

static int call(struct monitor *monitor, const struct caller *caller, struct http_exchange *exchange,
                const struct target *target, const struct route *route, struct error *error)
{
    _cleanup_request_ struct request request = {.dialect = DIALECT_MONITOR};
    struct monitor_operation *tracked = NULL;
    bool is_tracked = is_artifact(route) && http_exchange_method(exchange) != HTTP_HEAD;
    int r = choose_process(target, &request, error);

    if (r == 0 && is_artifact(route))
        r = check_artifact(target, error);
    if (r == 0)
        r = add_defaults(route, target, &request);
    if (r == 0 && route->method == HTTP_POST)
        r = add_body(exchange, &request, error);
    if (r == 0 && is_tracked)
        tracked = monitor_operations_begin(&monitor->operations, exchange, given(target, "tags"));
    if (tracked)
        describe(caller, exchange, &request, tracked);
    if (r == 0)
        r = call_operation(caller, exchange, operation_find(route->name), target, &request, 200,
                           tracked ? &tracked->watcher : NULL, error);
    if (r < 0)
        monitor_operations_forget(tracked);
    return error_ensure(error, r, "The request could not be passed on");
}

static void write_info(struct json *json)
{
    static const struct {
        const char *name;
        bool is_there;
    } capabilities[] = {{"exceptions", false},
                        {"parameters", false},
                        {"call_stacks", true},
                        {"metrics", true},
                        {"http_egress", true}};

    json_object_begin(json);
    json_member_string(json, "version", "procscope " PROCSCOPE_VERSION);
    json_key(json, "runtimeVersion");
    json_nothing(json);
    json_member_string(json, "diagnosticPortMode", "Connect");
    json_key(json, "diagnosticPortName");
    json_nothing(json);
    json_key(json, "capabilities");
    json_array_begin(json);
    for (size_t i = 0; i < ELEMENTS_OF(capabilities); i++) {
        json_object_begin(json);
        json_member_string(json, "name", capabilities[i].name);
        json_member_bool(json, "enabled", capabilities[i].is_there);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static int write_operations(const struct monitor *monitor, const struct target *target, struct json *json,
                            struct error *error)
{
    struct monitor_filter filter = {
        .uid = given(target, "uid"), .name = given(target, "name"), .tags = given(target, "tags")};
    const char *pid = given(target, "pid");

    if (pid && (parse_i64(pid, &filter.pid) < 0 || filter.pid <= 0))
        return error_set(error, EINVAL, "pid is not a number: '%.60s'.", pid);
    monitor_operations_write_all(&monitor->operations, &filter, json);
    return 0;
}

static int cancel(struct http_exchange *exchange, struct monitor_operation *operation, struct error *error)
{
    if (monitor_operations_cancel(operation) < 0)
        return error_set(error, EINVAL, "The operation '%s' does not run any more.", operation->id);
    http_answer_empty(exchange, 200);
    return 0;
}

/* What the front knows itself. */
static int answer_own(struct monitor *monitor, struct http_exchange *exchange, const struct target *target,
                      const struct route_match *match, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    const char *name = match->route->name, *id = match->capture_count ? match->captures[0].text : "";
    struct monitor_operation *operation = *id ? monitor_operations_find(&monitor->operations, id) : NULL;
    struct json json = JSON_INIT(&text);
    int r = 0;

    if (*id && !operation)
        return error_set(error, ENOENT, "There is no operation '%.60s'.", id);
    if (strcmp(name, "monitor-cancel") == 0)
        return cancel(exchange, operation, error);
    if (strcmp(name, "monitor-info") == 0)
        write_info(&json);
    else if (strcmp(name, "monitor-operations") == 0)
        r = write_operations(monitor, target, &json, error);
    else
        monitor_operations_write(operation, &json);
    if (r < 0)
        return r;
    r = json_finish(&json);
    if (r < 0)
        return error_ensure(error, r, "The answer could not be written");
    http_answer_buffer(exchange, 200, "application/json; charset=utf-8", &text);
    return 0;
}

/* A permit_function. */
static void answer_permitted(void *context, struct http_exchange *exchange, const struct target *target,
                             size_t first, struct buffer *said)
{
    struct route_match match;
    struct error error = {0};

    (void)said;                                                                        /* nothing */
    route_find(monitor_routes, target, first, http_exchange_method(exchange), &match); /* as it did before */
    if (answer_own(context, exchange, target, &match, &error) < 0)
        http_answer_error(exchange, &error);
}

static bool is_own(const struct route *route)
{
    return strncmp(route->name, "monitor-op", 10) == 0 || strcmp(route->name, "monitor-cancel") == 0;
}

bool monitor_handle(struct monitor *monitor, const struct caller *caller, struct http_exchange *exchange,
                    const struct target *target, size_t first)
{
    const struct operation *operation;
    struct route_match match;
    struct error error = {0};
    int r;

    if (!caller->config->dotnet_monitor)
        return false;
    route_find(monitor_routes, target, first, http_exchange_method(exchange), &match);
    if (!match.allowed)
        return false;
    http_problem_form(exchange, PROBLEM_MONITOR);
    http_exchange_set_route(exchange, "", match.route);
    if (!match.route) {
        call_answer_unmatched(exchange, &match);
        return true;
    }
    operation = operation_find(match.route->name);
    if (!operation)
        r = answer_own(monitor, exchange, target, &match, &error);
    else if (is_own(match.route))
        r = permit_ask(caller, exchange, operation, first, answer_permitted, monitor, &error);
    else
        r = call(monitor, caller, exchange, target, match.route, &error);
    if (r < 0)
        http_answer_error(exchange, &error);
    return true;
}
