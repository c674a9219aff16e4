#include "view/arm.h"

#include <string.h>
#include <strings.h>

/* The parts of an id behind each slash: "", subscriptions, S, resourceGroups, G, providers, Microsoft.Web,
 * ... */
enum { PART_PROVIDER = 5, PART_FIRST_TYPE = 6, PART_FIRST_NAME = 7 };

static const char provider[] = "Microsoft.Web";

/* The part with this number, counted behind the first slash; its size. NULL: there are not so many. */
static const char *part_at(const char *id, size_t number, size_t *ret_size)
{
    for (; id && *id && number > 0; number--)
        id = strchr(id + 1, '/');
    if (!id || !*id)
        return NULL;
    *ret_size = strcspn(id + 1, "/");
    return id + 1;
}

/* Of alternating parts: those of types or those of names. */
static int join(const char *id, size_t first, struct buffer *out)
{
    const char *part;
    size_t size;
    int r = 0;

    for (size_t number = first; r == 0 && (part = part_at(id, number, &size)); number += 2) {
        if (out->size > 0)
            r = buffer_append_string(out, "/");
        if (r == 0)
            r = buffer_append(out, part, size);
    }
    return r;
}

static bool is_known(const char *id)
{
    size_t size;
    const char *part = part_at(id, PART_PROVIDER, &size);

    return part && size == strlen(provider) && strncasecmp(part, provider, size) == 0 &&
           part_at(id, PART_FIRST_NAME, &size);
}

/* Both come from the id alone. One that is not Azure's has neither. */
static int members_name_and_type(struct json *json, const char *id, bool is_short)
{
    _cleanup_buffer_ struct buffer name = {0}, type = {0};
    int r;

    if (!is_known(id))
        return 0;
    r = join(id, PART_FIRST_NAME, &name);
    if (r == 0)
        r = buffer_append_string(&type, provider);
    if (r == 0)
        r = join(id, PART_FIRST_TYPE, &type);
    if (r < 0)
        return r;
    json_member_string(json, "name", is_short ? strrchr(id, '/') + 1 : name.data);
    json_member_string(json, "type", type.data);
    return 0;
}

void arm_object_begin(struct json *json, const struct arm_style *style, const char *child)
{
    _cleanup_buffer_ struct buffer id = {0};
    int r;

    if (!style->id) {
        json_object_begin(json);
        return;
    }
    r = buffer_append_string(&id, style->id);
    if (r == 0 && style->below)
        r = buffer_append_format(&id, "%s%s", style->below, child);
    json_object_begin(json);
    json_member_string(json, "id", buffer_string(&id));
    if (r == 0)
        r = members_name_and_type(json, buffer_string(&id), style->is_short);
    if (r < 0 && json->error == 0)
        json->error = r;
    if (style->location)
        json_member_string(json, "location", style->location);
    json_key(json, "properties");
    json_object_begin(json);
}

void arm_object_end(struct json *json, const struct arm_style *style)
{
    json_object_end(json);
    if (style->id)
        json_object_end(json);
}

struct arm_style arm_array_begin(struct json *json, const struct arm_style *style)
{
    struct arm_style elements = *style;

    if (style->id && !style->below) {
        json_object_begin(json);
        json_key(json, "value");
        elements.below = "/";
    }
    json_array_begin(json);
    return elements;
}

void arm_array_end(struct json *json, const struct arm_style *style)
{
    json_array_end(json);
    if (style->id && !style->below)
        json_object_end(json);
}

struct arm_style arm_inside(const struct arm_style *style, const char *below)
{
    struct arm_style inside = *style;

    inside.below = below;
    if (!style->nested)
        inside.id = NULL;
    return inside;
}
