/* Reads JSON as it streams past, of any size, and keeps nothing of it but the text at hand. It checks what it
 * needs to keep its place, not that all of it is JSON: who listens says what is wrong with the rest. */
#pragma once

#include "base/cleanup.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_STREAM_DEPTH = 32 };

/* A negative errno ends the reading. */
struct json_stream_ops {
    int (*enter)(void *to, char kind); /* '{' or '[', counted in depth already */
    int (*leave)(void *to);            /* likewise: not counted any more */
    int (*key)(void *to, const char *text, size_t size);
    /* Of the values: whether a text is wanted, asked at its beginning. */
    bool (*wants_text)(void *to);
    int (*text)(void *to, const char *text, size_t size); /* UTF-8, cut; only what is wanted */
    int (*number)(void *to, uint64_t number);             /* only while wants_numbers */
};

struct json_stream {
    const struct json_stream_ops *ops;
    void *to;
    unsigned depth;     /* objects and arrays that are open */
    bool wants_numbers; /* set by who listens: anything else than numbers is then an error */

    /* private */
    enum json_stream_state {
        JSON_STREAM_BETWEEN,
        JSON_STREAM_NUMBER,
        JSON_STREAM_TEXT,
        JSON_STREAM_ESCAPE,
        JSON_STREAM_HEX
    } state;
    bool is_object[JSON_STREAM_DEPTH + 1];
    bool awaits_key, is_wanted, is_over;
    uint64_t number;
    unsigned hex_digits;
    uint32_t hex, high; /* high: the first half of a pair; 0: none */
    size_t size;
    char text[LIMIT_HEAP_LINE];
};

#define JSON_STREAM_INIT(its_ops, its_to) ((struct json_stream){.ops = (its_ops), .to = (its_to)})

/* -EBADMSG, or what the listener returned. */
int json_stream_take(struct json_stream *stream, const char *bytes, size_t size) _must_check_;
/* Whether one whole document came. */
bool json_stream_is_over(const struct json_stream *stream);
