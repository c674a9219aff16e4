#include "view/kudu_member.h"

#include <inttypes.h>

void kudu_member_number(struct json *json, const char *key, int64_t value)
{
    if (value != 0)
        json_member_i64(json, key, value);
}

void kudu_member_flag(struct json *json, const char *key, bool value)
{
    if (value)
        json_member_bool(json, key, value);
}

void kudu_member_text(struct json *json, const char *key, const char *text)
{
    if (text && text[0] != '\0')
        json_member_string(json, key, text);
}

void kudu_member_date(struct json *json, const char *key, int64_t ns)
{
    char text[KUDU_TIME_SIZE];

    if (ns <= 0)
        return;
    kudu_date(ns, text);
    json_member_string(json, key, text);
}

void kudu_member_time_span(struct json *json, const char *key, int64_t ns)
{
    char text[KUDU_TIME_SIZE];

    if (ns == 0)
        return;
    kudu_time_span(ns, text);
    json_member_string(json, key, text);
}

void kudu_object_begin(struct json *json, const struct kudu_style *style, int64_t id)
{
    char child[24];

    (void)snprintf(child, sizeof child, "%" PRId64, id); /* fits */
    arm_object_begin(json, &style->arm, child);
    if (style->arm.id)
        json_member_i64(json, "identifier", id);
    json_member_i64(json, "id", id);
}

struct kudu_style kudu_array_begin(struct json *json, const struct kudu_style *style)
{
    struct kudu_style elements = *style;

    elements.arm = arm_array_begin(json, &style->arm);
    return elements;
}

void kudu_array_end(struct json *json, const struct kudu_style *style)
{
    arm_array_end(json, &style->arm);
}

const char *kudu_collection(const struct kudu_style *style)
{
    return style->base && style->base[0] != '\0' ? style->base : "/api/processes";
}

void kudu_member_href(struct json *json, const struct kudu_style *style, const char *key, pid_t pid,
                      const char *rest)
{
    json_key(json, key);
    json_format(json, "%s/%d%s", kudu_collection(style), (int)pid, rest);
}
