/* Writes JSON into a buffer. By hand rather than a library because names and paths of Linux are bytes: what
 * is not UTF-8 must come out as U+FFFD and leave the document valid, and because lists of thousands of
 * processes are written on every request.
 *
 * Errors are sticky: the first failure is kept and everything after it does nothing, so callers check once,
 * with json_finish. Commas and nesting are kept by the emitter; what would not be JSON (a value without a key
 * in an object, a second document) is -EINVAL. */
#pragma once

#include "base/buffer.h"

enum { JSON_DEPTH_MAX = 32 };

struct json {
    struct buffer *out; /* borrowed */
    int error;          /* the first failure, negative errno */
    unsigned depth;
    bool has_items[JSON_DEPTH_MAX], is_object[JSON_DEPTH_MAX];
    bool after_key, has_document;
};

#define JSON_INIT(buffer) ((struct json){.out = (buffer)})

void json_object_begin(struct json *json);
void json_object_end(struct json *json);
void json_array_begin(struct json *json);
void json_array_end(struct json *json);
void json_key(struct json *json, const char *key);
void json_key_bytes(struct json *json, const char *key, size_t size); /* a name that is data */
void json_text(struct json *json, const char *text);                  /* NULL writes null */
void json_bytes(struct json *json, const char *bytes, size_t size);
void json_format(struct json *json, const char *format, ...) _printf_(2, 3); /* a string value, up to 4 KiB */
void json_i64(struct json *json, int64_t value);
void json_u64(struct json *json, uint64_t value);
void json_bool(struct json *json, bool value);
void json_double(struct json *json, double value); /* null where not finite */
void json_nothing(struct json *json);

/* Key and value in one. */
void json_member_string(struct json *json, const char *key, const char *text);
void json_member_i64(struct json *json, const char *key, int64_t value);
void json_member_u64(struct json *json, const char *key, uint64_t value);
void json_member_bool(struct json *json, const char *key, bool value);

/* 0 when a whole, balanced document was written, else the first failure. */
int json_finish(struct json *json) _must_check_;
