/* The location table of a code object, CPython 3.11 Objects/locations.md: entries that begin with a byte
 * whose top bit is set and hold, besides columns, how far the line is from the one before, each for one to
 * eight code units of two bytes. */
#include "unwind/python_code.h"

enum {
    UNIT = 2,
    /* kinds of entries */
    ONE_LINE_0 = 10, /* and 11, 12: so many lines further */
    NO_COLUMNS = 13,
    LONG = 14,
    NO_LOCATION = 15
};

/* Six bits a byte, the lowest first; bit 6: more follow. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        if (*at == end || shift > 30)
            return false;
        byte = *(*at)++;
        value |= (uint64_t)(byte & 63) << shift;
        shift += 6;
    } while (byte & 64);
    *ret_value = value;
    return true;
}

static bool read_signed(const uint8_t **at, const uint8_t *end, int64_t *ret_value)
{
    uint64_t value;

    if (!read_varint(at, end, &value))
        return false;
    *ret_value = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
    return true;
}

unsigned python_line(const uint8_t *table, size_t size, int first_line, uint64_t offset, size_t *steps)
{
    const uint8_t *at = table, *end = table + size;
    int64_t line = first_line, delta;
    uint64_t covered = 0;

    for (; at<end && * steps> 0; (*steps)--) {
        uint8_t first = *at++;
        unsigned kind = first >> 3 & 15;

        if (!(first & 0x80))
            return 0;
        delta = 0;
        if (kind == NO_COLUMNS || kind == LONG) {
            if (!read_signed(&at, end, &delta))
                return 0;
        } else if (kind >= ONE_LINE_0 && kind < NO_COLUMNS) {
            delta = kind - ONE_LINE_0;
        }
        line += delta;
        covered += (uint64_t)((first & 7) + 1) * UNIT;
        if (offset < covered)
            return kind == NO_LOCATION || line < 1 || line > INT32_MAX ? 0 : (unsigned)line;
        while (at < end && !(*at & 0x80)) /* the columns */
            at++;
    }
    return 0;
}
