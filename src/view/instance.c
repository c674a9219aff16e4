#include "view/instance.h"

#include "view/kudu_member.h"

#include <string.h>

enum { SHORT_ID = 6 };

static void member(struct json *json, const char *key, const char *text)
{
    if (text && *text)
        json_member_string(json, key, text);
}

void view_instance(struct json *json, const struct instance_view *instance)
{
    json_object_begin(json);
    member(json, "id", instance->id);
    if (instance->id && *instance->id) {
        json_key(json, "short_id");
        json_bytes(json, instance->id, strnlen(instance->id, SHORT_ID));
    }
    member(json, "name", instance->name);
    member(json, "href", instance->href);
    member(json, "url", instance->url);
    member(json, "version", instance->version);
    member(json, "state", instance->state);
    member(json, "problem", instance->problem);
    json_member_bool(json, "is_self", instance->is_self);
    kudu_member_date(json, "last_seen", instance->last_seen_ns);
    member(json, "run", instance->run);
    json_object_end(json);
}
