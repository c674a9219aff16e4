#include "http/router.h"

#include "base/parse.h"

#include <string.h>
#include <strings.h>

static enum capture_kind kind_of(const char *text, size_t size)
{
    if (size == 3 && memcmp(text, "int", 3) == 0)
        return CAPTURE_INT;
    if (size == 3 && memcmp(text, "hex", 3) == 0)
        return CAPTURE_HEX;
    return CAPTURE_TEXT;
}

bool route_part_next(const char **cursor, struct route_part *ret_part)
{
    const char *begin = *cursor, *colon;
    struct route_part part = {0};

    while (*begin == '/')
        begin++;
    if (!*begin)
        return false;
    part.text = begin;
    part.size = strcspn(begin, "/");
    *cursor = begin + part.size;
    if (*begin == '{') {
        colon = memchr(begin, ':', part.size);
        part.is_variable = true;
        part.kind = kind_of(colon + 1, (size_t)(begin + part.size - 1 - (colon + 1)));
        part.text = begin + 1;
        part.size = (size_t)(colon - part.text);
    }
    *ret_part = part;
    return true;
}

static bool capture(enum capture_kind kind, const char *text, struct route_match *match)
{
    struct route_capture found = {.kind = kind, .text = text};
    uint64_t bits = 0;

    if (kind == CAPTURE_INT && parse_i64(text, &found.number) < 0)
        return false;
    if (kind == CAPTURE_HEX && parse_hex(text, &bits) < 0)
        return false;
    if (kind == CAPTURE_HEX)
        found.number = (int64_t)bits;
    if (!*text || match->capture_count == ROUTE_CAPTURES_MAX)
        return false;
    match->captures[match->capture_count++] = found;
    return true;
}

static bool matches(const struct route *route, const struct target *target, size_t first,
                    struct route_match *match)
{
    const char *cursor = route->pattern;
    struct route_part part;
    size_t at = first;

    match->capture_count = 0;
    while (route_part_next(&cursor, &part)) {
        const char *segment;
        if (at == target->segment_count)
            return false;
        segment = target->segments[at++];
        if (part.is_variable
                ? !capture(part.kind, segment, match)
                : strlen(segment) != part.size || strncasecmp(segment, part.text, part.size) != 0)
            return false;
    }
    return at == target->segment_count;
}

void route_find(const struct route *routes, const struct target *target, size_t first,
                enum http_method method, struct route_match *ret_match)
{
    unsigned wanted = method == HTTP_HEAD ? HTTP_GET : method, allowed = 0;
    struct route_match match = {0};

    *ret_match = (struct route_match){0};
    for (const struct route *route = routes; route->name; route++) {
        if (!matches(route, target, first, &match))
            continue;
        allowed |= route->method;
        if (route->method == wanted && !ret_match->route) {
            *ret_match = match;
            ret_match->route = route;
        }
    }
    ret_match->allowed = allowed;
}
