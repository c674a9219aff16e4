/* Reads a dump by the offsets that the format's documentation gives, not by the writer's own structs. */
#pragma once

#include "base/buffer.h"

#include <string.h>

static inline uint16_t u16_at(const struct buffer *file, uint64_t at)
{
    uint16_t value;

    if (at + sizeof value > file->size)
        abort();
    memcpy(&value, file->data + at, sizeof value);
    return value;
}

static inline uint32_t u32_at(const struct buffer *file, uint64_t at)
{
    uint32_t value;

    if (at + sizeof value > file->size)
        abort();
    memcpy(&value, file->data + at, sizeof value);
    return value;
}

static inline uint64_t u64_at(const struct buffer *file, uint64_t at)
{
    uint64_t value;

    if (at + sizeof value > file->size)
        abort();
    memcpy(&value, file->data + at, sizeof value);
    return value;
}

/* The place of a stream, 0 if there is none. */
static inline uint32_t stream_at(const struct buffer *file, uint32_t type, uint32_t *ret_size)
{
    uint32_t count = u32_at(file, 8), directory = u32_at(file, 12);

    for (uint32_t i = 0; i < count; i++) {
        if (u32_at(file, directory + i * 12) != type)
            continue;
        if (ret_size)
            *ret_size = u32_at(file, directory + i * 12 + 4);
        return u32_at(file, directory + i * 12 + 8);
    }
    return 0;
}

/* A MINIDUMP_STRING, its ASCII characters as they are, all other units as '?'. */
static inline const char *string_at(const struct buffer *file, uint32_t at)
{
    static char text[2048];
    uint32_t units = u32_at(file, at) / 2;

    if (units >= sizeof text || u16_at(file, at + 4 + units * 2) != 0)
        abort();
    for (uint32_t i = 0; i < units; i++) {
        uint16_t unit = u16_at(file, at + 4 + i * 2);
        text[i] = unit < 128 ? (char)unit : '?';
    }
    text[units] = '\0';
    return text;
}
