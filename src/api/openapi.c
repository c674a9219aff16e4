#include "api/openapi.h"

#include "api/assets.h"
#include "api/kudu.h"
#include "base/json.h"
#include "ops/operation.h"

#include <errno.h>
#include <string.h>

/* The shape of each operation's answer: a name in assets/schemas.json, or a content type. */
static const struct {
    const char *operation, *schema, *type;
} answers[] = {
    {"list", "ProcessList", NULL},
    {"show", "Process", NULL},
    {"threads", "ThreadList", NULL},
    {"thread", "Thread", NULL},
    {"profile", NULL, "application/vnd.google.protobuf+gzip"},
    {"profile", NULL, "application/speedscope+json"},
    {"profile", NULL, "application/octet-stream"},
    {"profile", NULL, "text/plain"},
    {"profile", NULL, "image/svg+xml"},
    {"profile-start", "ProfileStarted", NULL},
    {"profile-stop", NULL, "application/octet-stream"},
    {"profile-stop", NULL, "application/vnd.google.protobuf+gzip"},
    {"profile-stop", NULL, "application/speedscope+json"},
    {"profile-stop", NULL, "text/plain"},
    {"profile-stop", NULL, "image/svg+xml"},
    {"stacks", "Stacks", NULL},
    {"stacks", NULL, "text/plain"},
    {"stacks", NULL, "application/speedscope+json"},
    {"stack", "Stack", NULL},
    {"stack", NULL, "text/plain"},
    {"stack", NULL, "application/speedscope+json"},
    {"modules", "ModuleList", NULL},
    {"module", "Module", NULL},
    {"environment", "Environment", NULL},
    {"memory", "Memory", NULL},
    {"handles", "Handles", NULL},
    {"heap", "Heap", NULL},
    {"heapdump", NULL, "application/octet-stream"},
    {"heapdump", NULL, "application/gzip"},
    {"stop", "Stopped", NULL},
    {"doctor", "Doctor", NULL},
    {"events", NULL, "text/event-stream"},
    {"healthz", "Health", NULL},
    {"openapi", NULL, "application/json"},
    {"page", NULL, "text/html"},
    {"routes", NULL, "text/html"},
    {"dump", NULL, "application/octet-stream"},
    {"dump", NULL, "application/zip"},
    {"dump", "DumpEstimate", NULL},
    {"gcdump", NULL, "application/octet-stream"},
    {"gcdump", NULL, "application/zip"},
};

static void member_reference(struct json *json, const char *schema)
{
    json_key(json, "schema");
    json_object_begin(json);
    json_key(json, "$ref");
    json_format(json, "#/components/schemas/%s", schema);
    json_object_end(json);
}

/* One of the types of a content. */
static void write_type(struct json *json, const char *schema, const char *type)
{
    json_key(json, type ? type : "application/json");
    json_object_begin(json);
    if (schema)
        member_reference(json, schema);
    json_object_end(json);
}

/* All that a good answer may be; false: there is none. */
static bool write_good(struct json *json, const char *operation)
{
    bool answered = false;

    for (size_t i = 0; i < ELEMENTS_OF(answers); i++) {
        if (strcmp(answers[i].operation, operation) != 0)
            continue;
        if (!answered) {
            json_key(json, "200");
            json_object_begin(json);
            json_member_string(json, "description", "Done");
            json_key(json, "content");
            json_object_begin(json);
        }
        answered = true;
        write_type(json, answers[i].schema, answers[i].type);
    }
    if (answered) {
        json_object_end(json);
        json_object_end(json);
    }
    return answered;
}

static void write_responses(struct json *json, const char *operation)
{
    bool answered;

    json_key(json, "responses");
    json_object_begin(json);
    answered = write_good(json, operation);
    json_key(json, answered ? "default" : "501");
    json_object_begin(json);
    json_member_string(json, "description", answered ? "Not done; Message says why" : "Not in this version");
    json_key(json, "content");
    json_object_begin(json);
    write_type(json, "Problem", NULL);
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
}

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
    if (part->kind == CAPTURE_TEXT)
        return "all, or a part of the name in any case";
    return part->size == 2 ? "Process id; 0 the service itself, -1 the main process" : "Thread id";
}

static const char *type_name(enum argument_type type)
{
    return type == ARGUMENT_NUMBER ? "integer" : type == ARGUMENT_BOOLEAN ? "boolean" : "string";
}

static void write_parameters(struct json *json, const struct route *route, const struct operation *operation)
{
    const char *cursor = route->pattern;
    struct route_part part;

    json_key(json, "parameters");
    json_array_begin(json);
    while (route_part_next(&cursor, &part)) {
        if (part.is_variable)
            write_parameter(json, part.text, part.size, "path",
                            part.kind == CAPTURE_INT ? "integer" : "string", part_help(&part));
    }
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

static void write_method(struct json *json, const struct route *route, unsigned root, const char *summary)
{
    const struct operation *operation = operation_find(route->name);

    json_key(json, method_key(route->method));
    json_object_begin(json);
    json_member_string(json, "summary", operation ? operation->summary : summary);
    json_key(json, "operationId");
    json_format(json, "%s-%s-%u", method_key(route->method), route->name, root);
    write_parameters(json, route, operation);
    write_responses(json, route->name);
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

static int write_root(struct json *json, const char *root, unsigned number)
{
    _cleanup_buffer_ struct buffer path = {0};

    for (const struct route *route = kudu_routes; route->name; route++) {
        bool is_first = true;
        int r = path_text(root, route->pattern, &path);
        if (r < 0)
            return r;
        for (const struct route *before = kudu_routes; before < route; before++)
            is_first = is_first && strcmp(before->pattern, route->pattern) != 0;
        if (!is_first)
            continue;
        json_key(json, path.data);
        json_object_begin(json);
        for (const struct route *same = route; same->name; same++) {
            if (strcmp(same->pattern, route->pattern) == 0)
                write_method(json, same, number, NULL);
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
        {{HTTP_GET, "/healthz", "healthz"}, "Does the service answer"},
        {{HTTP_GET, "/openapi.json", "openapi"}, "This description"},
    };

    for (size_t i = 0; i < ELEMENTS_OF(own); i++) {
        json_key(json, own[i].route.pattern);
        json_object_begin(json);
        write_method(json, &own[i].route, 0, own[i].summary);
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
                       "Kudu's process API for any Linux host. HEAD works where GET does.");
    json_object_end(json);
    json_key(json, "servers");
    json_array_begin(json);
    json_object_begin(json);
    json_member_string(json, "url", *prefix ? prefix : "/");
    json_object_end(json);
    json_array_end(json);
}

int openapi_write(const char *prefix, struct buffer *out)
{
    struct json json = JSON_INIT(out);
    int r = 0;

    json_object_begin(&json);
    write_info(&json, prefix);
    json_key(&json, "paths");
    json_object_begin(&json);
    write_own(&json);
    for (unsigned i = 0; kudu_roots[i] && r == 0; i++)
        r = write_root(&json, kudu_roots[i], i);
    json_object_end(&json);
    json_object_end(&json);
    if (r == 0)
        r = json_finish(&json);
    if (r < 0)
        return r;
    out->size--; /* the last brace: the shapes go before it, as they stand in their file */
    return buffer_append_format(out, ",\"components\":{\"schemas\":%s}}", asset_schemas);
}
