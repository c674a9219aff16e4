#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* Inlined into each user, so that base is a constant there: maps of 60,000 lines are read with these. */
#define INLINED static inline __attribute__((always_inline))

INLINED int digit_of(char c, unsigned base)
{
    unsigned decimal = (unsigned char)c - '0', letter = ((unsigned char)c | 0x20) - 'a';

    if (decimal < 10)
        return (int)decimal;
    return base == 16 && letter < 6 ? (int)letter + 10 : -1;
}

/* Digits of the base (10 or 16) at *cursor. 0, -EINVAL where there are none, -ERANGE where they pass 64 bits.
 */
INLINED int scan_digits(const char **cursor, const char *end, unsigned base, uint64_t *ret_value)
{
    const char *at = *cursor;
    uint64_t value = 0;
    int digit;

    while (at < end && (digit = digit_of(*at, base)) >= 0) {
        if (value < UINT64_MAX / base) /* one more digit fits for sure */
            value = value * base + (unsigned)digit;
        else if (__builtin_mul_overflow(value, base, &value) ||
                 __builtin_add_overflow(value, (unsigned)digit, &value))
            return -ERANGE;
        at++;
    }
    if (at == *cursor)
        return -EINVAL;
    *cursor = at;
    *ret_value = value;
    return 0;
}

bool scan_u64(const char **cursor, const char *end, uint64_t *ret_value)
{
    return scan_digits(cursor, end, 10, ret_value) == 0;
}

bool scan_hex(const char **cursor, const char *end, uint64_t *ret_value)
{
    return scan_digits(cursor, end, 16, ret_value) == 0;
}

static int scan_signed(const char **cursor, const char *end, int64_t *ret_value)
{
    const char *at = *cursor;
    bool negative = at < end && *at == '-';
    uint64_t magnitude;
    int r;

    if (negative)
        at++;
    r = scan_digits(&at, end, 10, &magnitude);
    if (r < 0)
        return r;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return -ERANGE;
    *cursor = at;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

bool scan_i64(const char **cursor, const char *end, int64_t *ret_value)
{
    return scan_signed(cursor, end, ret_value) == 0;
}

bool scan_char(const char **cursor, const char *end, char wanted)
{
    if (*cursor >= end || **cursor != wanted)
        return false;
    (*cursor)++;
    return true;
}

void scan_blanks(const char **cursor, const char *end)
{
    while (*cursor < end && (**cursor == ' ' || **cursor == '\t'))
        (*cursor)++;
}

int parse_u64(const char *text, uint64_t *ret_value)
{
    const char *end = text + strlen(text);
    uint64_t value;
    int r = scan_digits(&text, end, 10, &value);
    if (r < 0)
        return r;
    if (text != end)
        return -EINVAL;
    *ret_value = value;
    return 0;
}

int parse_i64(const char *text, int64_t *ret_value)
{
    const char *end = text + strlen(text);
    int64_t value;
    int r = scan_signed(&text, end, &value);
    if (r < 0)
        return r;
    if (text != end)
        return -EINVAL;
    *ret_value = value;
    return 0;
}

int parse_hex(const char *text, uint64_t *ret_value)
{
    const char *end = text + strlen(text);
    uint64_t value;
    int r;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    r = scan_digits(&text, end, 16, &value);
    if (r < 0)
        return r;
    if (text != end)
        return -EINVAL;
    *ret_value = value;
    return 0;
}

int parse_bool(const char *text, bool *ret_value)
{
    static const char *const yes[] = {"true", "1", "yes", "on"}, *const no[] = {"false", "0", "no", "off"};
    for (size_t i = 0; i < ELEMENTS_OF(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *ret_value = strcasecmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return -EINVAL;
}

/* digits[.digits] followed by a unit out of a table; the result is the number times the unit's factor. */
struct unit {
    const char *name;
    uint64_t factor;
};

static int parse_with_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret_value)
{
    const char *end = text + strlen(text);
    uint64_t whole, fraction = 0, scale = 1, value;
    int r = scan_digits(&text, end, 10, &whole);

    if (r < 0)
        return r;
    if (scan_char(&text, end, '.')) {
        const char *from = text;
        r = scan_digits(&text, end, 10, &fraction);
        if (r < 0)
            return r;
        if (text - from > 9)
            return -ERANGE;
        for (; from < text; from++)
            scale *= 10;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned __int128 part = (unsigned __int128)fraction * units[i].factor / scale;
        if (strcasecmp(text, units[i].name) != 0)
            continue;
        if (units[i].factor == 1 && fraction > 0) /* there is nothing smaller */
            return -EINVAL;
        if (__builtin_mul_overflow(whole, units[i].factor, &value) ||
            __builtin_add_overflow(value, (uint64_t)part, &value))
            return -ERANGE;
        *ret_value = value;
        return 0;
    }
    return -EINVAL;
}

int parse_duration_ms(const char *text, uint64_t *ret_value)
{
    static const struct unit units[] = {{"", 1000},   {"s", 1000},    {"ms", 1},
                                        {"m", 60000}, {"min", 60000}, {"h", 3600000}};
    return parse_with_unit(text, units, ELEMENTS_OF(units), ret_value);
}

int parse_size(const char *text, uint64_t *ret_value)
{
    static const struct unit units[] = {
        {"", 1},          {"B", 1},       {"K", 1 << 10},   {"KiB", 1 << 10},  {"M", 1 << 20},
        {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30}, {"T", 1ULL << 40}, {"TiB", 1ULL << 40}};
    return parse_with_unit(text, units, ELEMENTS_OF(units), ret_value);
}
