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

/* The same of ARM's routes, where it differs: JSON in envelopes. */
static const struct {
    const char *operation, *schema; /* NULL: 204 */
} arm_answers[] = {
    {"list", "ArmProcessList"},       {"show", "ArmProcess"},       {"threads", "ArmThreadList"},
    {"thread", "ArmThread"},          {"modules", "ArmModuleList"}, {"module", "ArmModule"},
    {"instances", "ArmInstanceList"}, {"instance", "ArmInstance"},  {"stop", NULL},
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

/* Likewise for ARM's; false: it is none of those that differ. */
static bool write_good_arm(struct json *json, const char *operation)
{
    for (size_t i = 0; i < ELEMENTS_OF(arm_answers); i++) {
        const char *schema = arm_answers[i].schema;

        if (strcmp(arm_answers[i].operation, operation) != 0)
            continue;
        json_key(json, schema ? "200" : "204");
        json_object_begin(json);
        json_member_string(json, "description", "Done");
        if (schema) {
            json_key(json, "content");
            json_object_begin(json);
            write_type(json, schema, NULL);
            json_object_end(json);
        }
        json_object_end(json);
        return true;
    }
    return false;
}

void openapi_responses(struct json *json, const char *operation, bool is_arm)
{
    bool answered;

    json_key(json, "responses");
    json_object_begin(json);
    answered = (is_arm && write_good_arm(json, operation)) || write_good(json, operation);
    json_key(json, answered ? "default" : "501");
    json_object_begin(json);
    json_member_string(json, "description", answered ? "Not done, and why" : "Not in this version");
    json_key(json, "content");
    json_object_begin(json);
    write_type(json, is_arm ? "ArmProblem" : "Problem", NULL);
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
}
