#include "runtime/dotnet_bytes.h"

#include "base/utf8.h"

#include <errno.h>

enum { REPLACEMENT = 0xfffd };

static size_t encode(uint32_t character, char bytes[4])
{
    if (character < 0x80) {
        bytes[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        bytes[0] = (char)(0xc0 | character >> 6);
        bytes[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        bytes[0] = (char)(0xe0 | character >> 12);
        bytes[1] = (char)(0x80 | (character >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    bytes[0] = (char)(0xf0 | character >> 18);
    bytes[1] = (char)(0x80 | (character >> 12 & 0x3f));
    bytes[2] = (char)(0x80 | (character >> 6 & 0x3f));
    bytes[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

/* Of a sequence of size bytes, which is whole; 0: there is none. */
static uint32_t utf8_decode(const unsigned char *bytes, size_t size)
{
    static const uint8_t leads[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t character = size ? bytes[0] & leads[size] : REPLACEMENT;

    for (size_t i = 1; i < size; i++)
        character = character << 6 | (bytes[i] & 0x3f);
    return character;
}

static int append(struct buffer *out, uint32_t character)
{
    char bytes[4];
    int r = buffer_append(out, bytes, encode(character, bytes));

    return r == -ENOBUFS ? 0 : r;
}

/* The unit at place i. */
static uint16_t unit_at(const uint8_t *units, size_t i)
{
    return (uint16_t)(units[2 * i] | units[2 * i + 1] << 8);
}

static int append_units(const uint8_t *units, size_t count, struct buffer *out)
{
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        uint32_t unit = unit_at(units, i), next = i + 1 < count ? unit_at(units, i + 1) : 0;

        if (unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
            unit = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
            i++;
        } else if (unit >= 0xd800 && unit < 0xe000) {
            unit = REPLACEMENT;
        }
        /* a name is handed on as a string */
        r = append(out, unit ? unit : REPLACEMENT);
    }
    return r;
}

/* Up to the NUL and past it; NULL: it doesn't end. */
static const uint8_t *take_units(struct dotnet_bytes *bytes, size_t *ret_count)
{
    const uint8_t *units = bytes->at;
    size_t most = bytes->is_short ? 0 : (size_t)(bytes->end - bytes->at) / 2;

    for (size_t i = 0; i < most; i++)
        if (unit_at(units, i) == 0) {
            bytes->at += 2 * (i + 1);
            *ret_count = i;
            return units;
        }
    bytes->is_short = true;
    return NULL;
}

int dotnet_text(struct dotnet_bytes *bytes, struct buffer *out)
{
    size_t count;
    const uint8_t *units = take_units(bytes, &count);

    return units ? append_units(units, count, out) : 0;
}

int dotnet_counted_text(struct dotnet_bytes *bytes, struct buffer *out)
{
    size_t count = dotnet_u32(bytes);
    const uint8_t *units = dotnet_skip(bytes, 2 * (uint64_t)count);

    if (units && count > 0 && unit_at(units, count - 1) == 0)
        count--;
    return units ? append_units(units, count, out) : 0;
}

bool dotnet_is_text(struct dotnet_bytes *bytes, const char *text)
{
    size_t count;
    const uint8_t *units = take_units(bytes, &count);

    if (!units || count != strlen(text))
        return false;
    for (size_t i = 0; i < count; i++)
        if (unit_at(units, i) != (uint8_t)text[i])
            return false;
    return true;
}

int dotnet_put_u32(struct buffer *out, uint32_t value)
{
    value = htole32(value);
    return buffer_append(out, &value, sizeof value);
}

int dotnet_put_u64(struct buffer *out, uint64_t value)
{
    value = htole64(value);
    return buffer_append(out, &value, sizeof value);
}

/* Units of UTF-16; without the first room: only how many. What is no UTF-8 is replaced. */
static int put_units(struct buffer *out, const char *text, size_t *ret_count)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    size_t bad, count = 0;
    int r = 0;

    while (at < end && r == 0) {
        size_t size = utf8_sequence(at, (size_t)(end - at), &bad);
        uint32_t character = utf8_decode(at, size);
        uint16_t units[2] = {htole16((uint16_t)character), 0};
        size_t unit_count = 1;

        if (character >= 0x10000) {
            units[0] = htole16((uint16_t)(0xd800 + ((character - 0x10000) >> 10)));
            units[1] = htole16((uint16_t)(0xdc00 + ((character - 0x10000) & 0x3ff)));
            unit_count = 2;
        }
        if (out)
            r = buffer_append(out, units, unit_count * sizeof *units);
        count += unit_count;
        at += size ? size : bad;
    }
    *ret_count = count;
    return r;
}

int dotnet_put_text(struct buffer *out, const char *text)
{
    static const char end[2] = {0};
    size_t count;
    int r = put_units(NULL, text, &count);

    if (r == 0)
        r = dotnet_put_u32(out, (uint32_t)count + 1);
    if (r == 0)
        r = put_units(out, text, &count);
    return r < 0 ? r : buffer_append(out, end, sizeof end);
}
