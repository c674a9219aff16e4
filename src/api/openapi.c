#include "api/openapi.h"

#include "api/arm.h"
#include "api/assets.h"
#include "api/kudu.h"
#include "api/monitor.h"
#include "api/openapi_responses.h"
#include "base/json.h"
#include "ops/operation.h"

#include <errno.h>
#include <string.h>

/* Routes that stand below one root. */
struct root {
    const char *path;
    const struct route *routes;
    unsigned number; /* among all roots */
    enum dialect dialect;
};

static void write_parameter(struct json *json, const char *name, size_t name_size, const char *where,
                            const char *type, const char *help)
{
    json_object_begin(json);
    json_key(json, "name");
    json_bytes(json, name, name_size);
    json_member_string(json, "in", where);
    if (strcmp(where, "path") == 0)
        json_member_bool(json, "required", true);
    json_member_string(json, "description", help);
    json_key(json, "schema");
    json_object_begin(json);
    json_member_string(json, "type", type);
    json_object_end(json);
    json_object_end(json);
}

static const char *part_help(const struct route_part *part)
{
    if (part->kind == CAPTURE_HEX)
        return "Base address, hexadecimal";
    if (part->size > 6) /* operationId */
        return "As /operations lists it";
    if (part->kind == CAPTURE_TEXT)
        return "all, or a part of the name in any case";
    return part->size == 2 ? "Process id; 0 the service itself, -1 the main process" : "Thread id";
}

static const char *type_name(enum argument_type type)
{
    return type == ARGUMENT_NUMBER ? "integer" : type == ARGUMENT_BOOLEAN ? "boolean" : "string";
}

/* Of ARM's roots, whose names stand in braces, too. */
static void write_root_parameters(struct json *json, const struct root *root)
{
    for (const char *at = root->path; root->dialect == DIALECT_ARM && (at = strchr(at, '{')); at++) {
        bool is_checked = strncmp(at, "{sub", 4) != 0 && strncmp(at, "{res", 4) != 0;
        write_parameter(json, at + 1, strcspn(at + 1, "}"), "path", "string",
                        is_checked ? "What this service is, or 404 (docs/ARM.md)" : "Any text");
    }
}

/* Which process is meant. */
static void write_monitor_parameters(struct json *json, const struct route *route)
{
    static const struct {
        const char *name, *type, *help;
    } selectors[] = {{"pid", "integer", "Process id; without pid, uid and name the default process"},
                     {"uid", "string", "The GUID of the process"},
                     {"name", "string", "Its name, where no other has it"}};

    if (strcmp(route->name, "monitor-list") == 0 || strcmp(route->name, "monitor-info") == 0 ||
        strstr(route->pattern, "{operationId"))
        return;
    for (size_t i = 0; i < ELEMENTS_OF(selectors); i++)
        write_parameter(json, selectors[i].name, strlen(selectors[i].name), "query", selectors[i].type,
                        selectors[i].help);
}

static void write_parameters(struct json *json, const struct root *root, const struct route *route,
                             const struct operation *operation)
{
    const char *cursor = route->pattern;
    struct route_part part;

    json_key(json, "parameters");
    json_array_begin(json);
    write_root_parameters(json, root);
    while (route_part_next(&cursor, &part)) {
        if (part.is_variable)
            write_parameter(json, part.text, part.size, "path",
                            part.kind == CAPTURE_INT ? "integer" : "string", part_help(&part));
    }
    if (root->dialect == DIALECT_MONITOR)
        write_monitor_parameters(json, route);
    for (const struct call_alias *alias = call_aliases; operation && alias->operation; alias++)
        if (strcmp(alias->operation, operation->name) == 0)
            write_parameter(json, alias->name, strlen(alias->name), "query", "string",
                            "The same, for others");
    for (const struct operation_argument *argument = operation ? operation->arguments : NULL;
         argument && argument->name; argument++) {
        if (strcmp(argument->name, "filter") != 0) /* stands in the path */
            write_parameter(json, argument->name, strlen(argument->name), "query", type_name(argument->type),
                            argument->help);
    }
    json_array_end(json);
}

static const char *method_key(enum http_method method)
{
    return method == HTTP_POST ? "post" : method == HTTP_DELETE ? "delete" : "get";
}

/* What is POSTed to a route of dotnet-monitor's is JSON. */
static void write_body(struct json *json, const struct route *route)
{
    json_key(json, "requestBody");
    json_object_begin(json);
    json_member_bool(json, "required", true);
    json_key(json, "content");
    json_object_begin(json);
    json_key(json, "application/json");
    json_object_begin(json);
    json_key(json, "schema");
    json_object_begin(json);
    json_key(json, "$ref");
    json_format(json, "#/components/schemas/%s",
                strcmp(route->name, "livemetrics") == 0 ? "MonitorMetricsWish" : "MonitorTraceWish");
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
}

static void write_method(struct json *json, const struct root *root, const struct route *route,
                         const char *summary)
{
    const struct operation *operation = operation_find(route->name);

    json_key(json, method_key(route->method));
    json_object_begin(json);
    json_member_string(json, "summary", operation ? operation->summary : summary);
    json_key(json, "operationId");
    json_format(json, "%s-%s-%u", method_key(route->method), route->name, root->number);
    write_parameters(json, root, route, operation);
    if (root->dialect == DIALECT_MONITOR && route->method == HTTP_POST)
        write_body(json, route);
    openapi_responses(json, route->name, root->dialect);
    json_object_end(json);
}

/* root + pattern without the kinds: /api/processes/{id}. */
static int path_text(const char *root, const char *pattern, struct buffer *out)
{
    struct route_part part;
    int r;

    buffer_clear(out);
    r = buffer_append_string(out, root);
    while (r == 0 && route_part_next(&pattern, &part))
        r = buffer_append_format(out, part.is_variable ? "/{%.*s}" : "/%.*s", (int)part.size, part.text);
    if (r == 0 && out->size == 0)
        r = buffer_append_string(out, "/");
    return r;
}

/* Only a slot or an instance of ARM's has that route: api/arm.c says why. */
static bool has_route(const struct root *root, const struct route *route)
{
    bool is_instance = strstr(root->path, "{instanceId}");

    if (root->dialect != DIALECT_ARM)
        return true;
    if (strcmp(route->name, "instance") == 0)
        return is_instance;
    return strcmp(route->name, "instances") != 0 || !is_instance;
}

static int write_root(struct json *json, const struct root *root)
{
    _cleanup_buffer_ struct buffer path = {0};

    for (const struct route *route = root->routes; route->name; route++) {
        bool is_first = has_route(root, route);
        int r = path_text(root->path, route->pattern, &path);
        if (r < 0)
            return r;
        for (const struct route *before = root->routes; before < route; before++)
            is_first = is_first && strcmp(before->pattern, route->pattern) != 0;
        if (!is_first)
            continue;
        json_key(json, path.data);
        json_object_begin(json);
        for (const struct route *same = route; same->name; same++) {
            if (strcmp(same->pattern, route->pattern) == 0)
                write_method(json, root, same, "Say what this is, as dotnet-monitor does");
        }
        json_object_end(json);
    }
    return 0;
}

static void write_own(struct json *json)
{
    static const struct {
        struct route route;
        const char *summary;
    } own[] = {
        {{HTTP_GET, "/", "page"}, "The page: all processes, live"},
        {{HTTP_GET, "/routes", "routes"}, "A page with links to the routes"},
        {{HTTP_GET, "/api/events", "events"},
         "What all processes do, as Server-Sent Events (docs/EVENTS.md)"},
        {{HTTP_GET, "/api/instances", "api-instances"},
         "The instances of this service (docs/INSTANCES.md). Each of these routes is also there below "
         "/instances/{id}, of that instance"},
        {{HTTP_GET, "/api/instances/self", "api-instance"}, "The instance that is asked"},
        {{HTTP_GET, "/healthz", "healthz"}, "Does the service answer"},
        {{HTTP_GET, "/openapi.json", "openapi"}, "This description"},
        {{HTTP_GET, "/metrics", "metrics"}, NULL},
    };

    static const struct root root = {.path = ""};

    for (size_t i = 0; i < ELEMENTS_OF(own); i++) {
        json_key(json, own[i].route.pattern);
        json_object_begin(json);
        write_method(json, &root, &own[i].route, own[i].summary);
        json_object_end(json);
    }
}

static void write_info(struct json *json, const char *prefix)
{
    json_member_string(json, "openapi", "3.1.0");
    json_key(json, "info");
    json_object_begin(json);
    json_member_string(json, "title", "procscope");
    json_member_string(json, "version", PROCSCOPE_VERSION);
    json_member_string(json, "description",
                       "Kudu's process API for any Linux host, in Azure Resource Manager's form and "
                       "dotnet-monitor's, too. HEAD works where GET does.");
    json_object_end(json);
    json_key(json, "servers");
    json_array_begin(json);
    json_object_begin(json);
    json_member_string(json, "url", *prefix ? prefix : "/");
    json_object_end(json);
    json_array_end(json);
}

static int write_roots(struct json *json, bool has_monitor)
{
    struct root root = {.routes = kudu_routes};
    int r = 0;

    for (const char *const *path = kudu_roots; *path && r == 0; path++, root.number++) {
        root.path = *path;
        r = write_root(json, &root);
    }
    root.dialect = DIALECT_ARM;
    root.routes = arm_routes;
    for (const char *const *path = arm_roots; *path && r == 0; path++, root.number++) {
        root.path = *path;
        r = write_root(json, &root);
    }
    root.dialect = DIALECT_MONITOR;
    root.routes = monitor_routes;
    root.path = "";
    return r < 0 || !has_monitor ? r : write_root(json, &root);
}

int openapi_write(const char *prefix, bool has_monitor, struct buffer *out)
{
    struct json json = JSON_INIT(out);
    int r;

    json_object_begin(&json);
    write_info(&json, prefix);
    json_key(&json, "paths");
    json_object_begin(&json);
    write_own(&json);
    r = write_roots(&json, has_monitor);
    json_object_end(&json);
    json_object_end(&json);
    if (r == 0)
        r = json_finish(&json);
    if (r < 0)
        return r;
    out->size--; /* the last brace: the shapes go before it, as they stand in their file */
    return buffer_append_format(out,
                                ",\"security\":[{},{\"bearer\":[]},{\"basic\":[]}],\"components\":"
                                "{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
                                "\"basic\":{\"type\":\"http\",\"scheme\":\"basic\"}},\"schemas\":%s}}",
                                asset_schemas);
}

int openapi_copy(const struct buffer *text, const char *prefix, struct buffer *out)
{
    static const char begin[] = "\"servers\":[{\"url\":", end[] = "}]";
    const char *all = buffer_string(text), *from = strstr(all, begin), *to = from ? strstr(from, end) : NULL;
    struct json json = JSON_INIT(out);
    int r;

    if (!to)
        return -EINVAL;
    from += sizeof begin - 1;
    r = buffer_reserve(out, text->size + strlen(prefix));
    if (r == 0)
        r = buffer_append(out, all, (size_t)(from - all));
    if (r < 0)
        return r;
    json_text(&json, prefix);
    r = json_finish(&json);
    return r < 0 ? r : buffer_append(out, to, text->size - (size_t)(to - all));
}
