/* Numbers out of bytes that may be broken on purpose: whoever reads past the end gets 0, and `broken` says so
 * once for all that was read. Little endian, as all machines here. LEB128: DWARF 5, 7.6. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
    const uint8_t *at, *end;
    bool broken;
};

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* The next size bytes; NULL: there are fewer. */
static inline const uint8_t *reader_take(struct reader *reader, uint64_t size)
{
    const uint8_t *from = reader->at;

    if (size > reader_left(reader)) {
        reader->broken = true;
        reader->at = reader->end;
        return NULL;
    }
    reader->at += size;
    return from;
}

static inline uint64_t reader_unsigned(struct reader *reader, size_t size)
{
    const uint8_t *from = reader_take(reader, size);
    uint64_t value = 0;

    if (from)
        memcpy(&value, from, size);
    return value;
}

static inline uint8_t reader_u8(struct reader *reader)
{
    return (uint8_t)reader_unsigned(reader, 1);
}

static inline int64_t reader_signed(struct reader *reader, size_t size)
{
    unsigned unused_bits = 64 - 8 * (unsigned)size;

    return (int64_t)(reader_unsigned(reader, size) << unused_bits) >> unused_bits;
}

/* What doesn't fit in 64 bits is cut off, as everybody does. */
static inline uint64_t reader_leb128(struct reader *reader, bool is_signed)
{
    uint64_t value = 0;
    uint8_t byte;
    unsigned shift = 0;

    do {
        byte = reader_u8(reader);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift = shift < 64 ? shift + 7 : shift;
    } while (byte & 0x80);
    if (is_signed && shift < 64 && (byte & 0x40))
        value |= UINT64_MAX << shift;
    return value;
}

static inline uint64_t reader_uleb(struct reader *reader)
{
    return reader_leb128(reader, false);
}

static inline int64_t reader_sleb(struct reader *reader)
{
    return (int64_t)reader_leb128(reader, true);
}
