#include "base/json.h"

#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

static void put(struct json *json, const char *bytes, size_t size)
{
    if (json->error == 0)
        json->error = buffer_append(json->out, bytes, size);
}

static void fail(struct json *json, int error)
{
    if (json->error == 0)
        json->error = error;
}

/* The comma before a value or key, where one is due; and whether one may stand here at all. */
static void separate(struct json *json, bool is_key)
{
    unsigned level = json->depth - 1;

    if (json->depth == 0) {
        if (is_key || json->has_document)
            fail(json, -EINVAL);
        json->has_document = true;
        return;
    }
    if (json->is_object[level] != (is_key || json->after_key) || (is_key && json->after_key))
        fail(json, -EINVAL);
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->has_items[level])
        put(json, ",", 1);
    json->has_items[level] = true;
}

static void open_level(struct json *json, char bracket)
{
    separate(json, false);
    if (json->depth >= JSON_DEPTH_MAX) {
        fail(json, -EOVERFLOW);
        return;
    }
    json->is_object[json->depth] = bracket == '{';
    json->has_items[json->depth++] = false;
    put(json, &bracket, 1);
}

static void close_level(struct json *json, char bracket)
{
    if (json->depth == 0 || json->after_key || json->is_object[json->depth - 1] != (bracket == '}')) {
        fail(json, -EINVAL);
        return;
    }
    json->depth--;
    put(json, &bracket, 1);
}

void json_object_begin(struct json *json)
{
    open_level(json, '{');
}

void json_object_end(struct json *json)
{
    close_level(json, '}');
}

void json_array_begin(struct json *json)
{
    open_level(json, '[');
}

void json_array_end(struct json *json)
{
    close_level(json, ']');
}

static void put_escaped(struct json *json, unsigned char c)
{
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *known = c ? strchr(names, c) : NULL;
    char escape[8];

    if (known) {
        escape[0] = '\\';
        escape[1] = letters[known - names];
        put(json, escape, 2);
    } else {
        (void)snprintf(escape, sizeof escape, "\\u%04x", c);
        put(json, escape, 6);
    }
}

static void put_text(struct json *json, const char *bytes, size_t size)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + size, *plain = at;

    put(json, "\"", 1);
    while (at < end) {
        size_t bad, length = utf8_sequence(at, (size_t)(end - at), &bad);
        if (length > 0 && *at >= 0x20 && *at != '"' && *at != '\\' && *at != 0x7f) {
            at += length;
            continue;
        }
        put(json, (const char *)plain, (size_t)(at - plain));
        if (length == 0)
            put(json, "\xef\xbf\xbd", 3);
        else
            put_escaped(json, *at);
        plain = at += length == 0 ? bad : 1;
    }
    put(json, (const char *)plain, (size_t)(at - plain));
    put(json, "\"", 1);
}

void json_key_bytes(struct json *json, const char *key, size_t size)
{
    separate(json, true);
    put_text(json, key, size);
    put(json, ":", 1);
    json->after_key = true;
}

void json_key(struct json *json, const char *key)
{
    json_key_bytes(json, key, strlen(key));
}

void json_bytes(struct json *json, const char *bytes, size_t size)
{
    separate(json, false);
    put_text(json, bytes, size);
}

void json_text(struct json *json, const char *text)
{
    if (text)
        json_bytes(json, text, strlen(text));
    else
        json_nothing(json);
}

void json_format(struct json *json, const char *format, ...)
{
    char text[4096];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* cut at the stated maximum */
    va_end(arguments);
    json_text(json, text);
}

static void put_number(struct json *json, const char *format, ...) _printf_(2, 3);
static void put_number(struct json *json, const char *format, ...)
{
    char text[64];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* every number fits */
    va_end(arguments);
    separate(json, false);
    put(json, text, strlen(text));
}

void json_i64(struct json *json, int64_t value)
{
    put_number(json, "%" PRId64, value);
}

void json_u64(struct json *json, uint64_t value)
{
    put_number(json, "%" PRIu64, value);
}

void json_bool(struct json *json, bool value)
{
    separate(json, false);
    put(json, value ? "true" : "false", value ? 4 : 5);
}

void json_double(struct json *json, double value)
{
    if (isfinite(value))
        put_number(json, "%.15g", value);
    else
        json_nothing(json);
}

void json_nothing(struct json *json)
{
    separate(json, false);
    put(json, "null", 4);
}

void json_member_string(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

void json_member_i64(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_i64(json, value);
}

void json_member_u64(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_u64(json, value);
}

void json_member_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    json_bool(json, value);
}

int json_finish(struct json *json)
{
    if (json->error)
        return json->error;
    return json->has_document && json->depth == 0 ? 0 : -EINVAL;
}
