/* What a .NET runtime sends, read in order: little-endian numbers of any alignment, numbers of seven bits a
 * byte, and strings of UTF-16. Past the end everything is 0 or empty, and is_short says so. */
#pragma once

#include "base/buffer.h"

#include <endian.h>
#include <string.h>

struct dotnet_bytes {
    const uint8_t *at, *end;
    bool is_short;
};

/* NULL where there are not so many any more. */
static inline const uint8_t *dotnet_skip(struct dotnet_bytes *bytes, uint64_t size)
{
    const uint8_t *at = bytes->at;

    if (bytes->is_short || size > (uint64_t)(bytes->end - bytes->at)) {
        bytes->is_short = true;
        return NULL;
    }
    bytes->at += size;
    return at;
}

static inline uint8_t dotnet_u8(struct dotnet_bytes *bytes)
{
    const uint8_t *at = dotnet_skip(bytes, 1);

    return at ? *at : 0;
}

static inline uint16_t dotnet_u16(struct dotnet_bytes *bytes)
{
    const uint8_t *at = dotnet_skip(bytes, sizeof(uint16_t));
    uint16_t value = 0;

    if (at)
        memcpy(&value, at, sizeof value);
    return le16toh(value);
}

static inline uint32_t dotnet_u32(struct dotnet_bytes *bytes)
{
    const uint8_t *at = dotnet_skip(bytes, sizeof(uint32_t));
    uint32_t value = 0;

    if (at)
        memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static inline uint64_t dotnet_u64(struct dotnet_bytes *bytes)
{
    const uint8_t *at = dotnet_skip(bytes, sizeof(uint64_t));
    uint64_t value = 0;

    if (at)
        memcpy(&value, at, sizeof value);
    return le64toh(value);
}

/* Seven bits a byte, the lowest first. */
static inline uint64_t dotnet_packed(struct dotnet_bytes *bytes)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = dotnet_u8(bytes);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    bytes->is_short = true;
    return 0;
}

/* A string that ends with a NUL, as UTF-8 behind what is in out, cut at its limit. -ENOMEM. */
int dotnet_text(struct dotnet_bytes *bytes, struct buffer *out) _must_check_;
/* One that says before how many units it has, the NUL among them. */
int dotnet_counted_text(struct dotnet_bytes *bytes, struct buffer *out) _must_check_;
/* Passes over one that ends with a NUL; whether it is this one (ASCII). */
bool dotnet_is_text(struct dotnet_bytes *bytes, const char *text);

/* UTF-8 as a counted string. */
int dotnet_put_text(struct buffer *out, const char *text) _must_check_;
int dotnet_put_u32(struct buffer *out, uint32_t value) _must_check_;
int dotnet_put_u64(struct buffer *out, uint64_t value) _must_check_;
