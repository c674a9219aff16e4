/* What each route may answer, in openapi.json. */
#include "api/openapi_responses.h"

#include "base/cleanup.h"

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
    {"api-instances", "InstanceList", NULL},
    {"api-instance", "Instance", NULL},
    {"healthz", "Health", NULL},
    {"openapi", NULL, "application/json"},
    {"metrics", NULL, "text/plain"},
    {"page", NULL, "text/html"},
    {"routes", NULL, "text/html"},
    {"dump", NULL, "application/octet-stream"},
    {"dump", NULL, "application/zip"},
    {"dump", "DumpEstimate", NULL},
    {"gcdump", NULL, "application/octet-stream"},
    {"gcdump", NULL, "application/zip"},
};

/* The same of other dialects' routes, where it differs. */
static const struct {
    enum dialect dialect;
    const char *operation, *schema, *type; /* both NULL: no body */
    const char *status;                    /* NULL: 200 */
} others[] = {
    {DIALECT_ARM, "list", "ArmProcessList", NULL, NULL},
    {DIALECT_ARM, "show", "ArmProcess", NULL, NULL},
    {DIALECT_ARM, "threads", "ArmThreadList", NULL, NULL},
    {DIALECT_ARM, "thread", "ArmThread", NULL, NULL},
    {DIALECT_ARM, "modules", "ArmModuleList", NULL, NULL},
    {DIALECT_ARM, "module", "ArmModule", NULL, NULL},
    {DIALECT_ARM, "instances", "ArmInstanceList", NULL, NULL},
    {DIALECT_ARM, "instance", "ArmInstance", NULL, NULL},
    {DIALECT_ARM, "stop", NULL, NULL, "204"},
    {DIALECT_MONITOR, "monitor-list", "MonitorProcessList", NULL, NULL},
    {DIALECT_MONITOR, "monitor-show", "MonitorProcess", NULL, NULL},
    {DIALECT_MONITOR, "dump", NULL, "application/octet-stream", NULL},
    {DIALECT_MONITOR, "gcdump", NULL, "application/octet-stream", NULL},
    {DIALECT_MONITOR, "monitor-trace", NULL, "application/octet-stream", NULL},
    {DIALECT_MONITOR, "stacks", "MonitorStacks", NULL, NULL},
    {DIALECT_MONITOR, "stacks", NULL, "text/plain", NULL},
    {DIALECT_MONITOR, "stacks", NULL, "application/speedscope+json", NULL},
    {DIALECT_MONITOR, "livemetrics", NULL, "application/json-seq", NULL},
    {DIALECT_MONITOR, "monitor-info", "MonitorInfo", NULL, NULL},
    {DIALECT_MONITOR, "monitor-operations", "MonitorOperationList", NULL, NULL},
    {DIALECT_MONITOR, "monitor-operation", "MonitorOperation", NULL, NULL},
    {DIALECT_MONITOR, "monitor-cancel", NULL, NULL, NULL},
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

/* Likewise for another dialect's; false: it is none of those that differ. */
static bool write_good_other(struct json *json, const char *operation, enum dialect dialect)
{
    bool answered = false, has_content = false;

    for (size_t i = 0; i < ELEMENTS_OF(others); i++) {
        if (others[i].dialect != dialect || strcmp(others[i].operation, operation) != 0)
            continue;
        if (!answered) {
            json_key(json, others[i].status ? others[i].status : "200");
            json_object_begin(json);
            json_member_string(json, "description", "Done");
        }
        answered = true;
        if (!others[i].schema && !others[i].type)
            continue;
        if (!has_content) {
            json_key(json, "content");
            json_object_begin(json);
        }
        has_content = true;
        write_type(json, others[i].schema, others[i].type);
    }
    if (has_content)
        json_object_end(json);
    if (answered)
        json_object_end(json);
    return answered;
}

static void write_problem(struct json *json, enum dialect dialect)
{
    if (dialect == DIALECT_MONITOR)
        write_type(json, "MonitorProblem", "application/problem+json");
    else
        write_type(json, dialect == DIALECT_ARM ? "ArmProblem" : "Problem", NULL);
}

void openapi_responses(struct json *json, const char *operation, enum dialect dialect)
{
    bool answered;

    json_key(json, "responses");
    json_object_begin(json);
    answered = write_good_other(json, operation, dialect) || write_good(json, operation);
    json_key(json, answered ? "default" : "501");
    json_object_begin(json);
    json_member_string(json, "description", answered ? "Not done, and why" : "Not in this version");
    json_key(json, "content");
    json_object_begin(json);
    write_problem(json, dialect);
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
}
