/* Made-up nettrace streams: blocks of events as a runtime of .NET writes them. */
#pragma once

#include "base/buffer.h"

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>
#include <string.h>

static inline void put(struct buffer *out, const void *bytes, size_t size)
{
    assert_int_equal(buffer_append(out, bytes, size), 0);
}

static inline void put8(struct buffer *out, uint8_t value)
{
    put(out, &value, sizeof value);
}

static inline void put16(struct buffer *out, uint16_t value)
{
    put(out, &value, sizeof value);
}

static inline void put32(struct buffer *out, uint32_t value)
{
    put(out, &value, sizeof value);
}

static inline void put64(struct buffer *out, uint64_t value)
{
    put(out, &value, sizeof value);
}

/* UTF-16 with its NUL. */
static inline void put_text(struct buffer *out, const char *text)
{
    for (size_t i = 0; i <= strlen(text); i++)
        put16(out, (uint8_t)text[i]);
}

static inline void put_packed(struct buffer *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put8(out, (uint8_t)(value | 0x80));
    put8(out, (uint8_t)value);
}

static inline void put_kind(struct buffer *out, const char *name)
{
    put8(out, 5);
    put8(out, 5);
    put8(out, 1);
    put32(out, 2);
    put32(out, 2);
    put32(out, (uint32_t)strlen(name));
    put(out, name, strlen(name));
    put8(out, 6);
}

static inline void put_beginning(struct buffer *out, uint32_t pointer_size)
{
    put(out, "Nettrace\x14\0\0\0!FastSerialization.1", 32);
    put_kind(out, "Trace");
    for (int i = 0; i < 3; i++)
        put64(out, 0);
    put64(out, 1000000000); /* ticks in a second */
    put32(out, pointer_size);
    put32(out, 1);
    put32(out, 1);
    put32(out, 0);
    put8(out, 6);
}

/* A block of events that are there already, each with its head. */
static inline void put_block(struct buffer *out, const char *kind, const struct buffer *events)
{
    enum { HEAD = 20 };

    put_kind(out, kind);
    put32(out, (uint32_t)(HEAD + events->size));
    while (out->size % 4)
        put8(out, 0);
    put16(out, HEAD);
    put16(out, 1);
    put64(out, 0);
    put64(out, 0);
    put(out, events->data, events->size);
    put8(out, 6);
}

/* form 0: none, as in blocks of forms. */
static inline void put_event(struct buffer *events, uint32_t form, uint64_t time,
                             const struct buffer *payload)
{
    put8(events, form ? 1 | 2 | 128 : 128);
    if (form) {
        put_packed(events, form);
        put_packed(events, 0); /* sequence, thread, processor */
        put_packed(events, 77);
        put_packed(events, 1);
    }
    put_packed(events, time);
    put_packed(events, payload->size);
    put(events, payload->data, payload->size);
}

static inline void put_form(struct buffer *events, uint32_t number, const char *provider, uint32_t id)
{
    struct buffer payload = BUFFER_INIT(0);

    put32(&payload, number);
    put_text(&payload, provider);
    put32(&payload, id);
    put_text(&payload, "");
    put64(&payload, 0);
    put32(&payload, 1);
    put32(&payload, 5);
    put32(&payload, 0);
    put_event(events, 0, 0, &payload);
    buffer_release(&payload);
}
