#include "http/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { WEIGHT_ONE = 1000 };

struct range {
    const char *text; /* type/subtype, without parameters */
    size_t size;
    unsigned weight; /* thousandths */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(const char **begin, const char **end)
{
    while (*begin < *end && is_blank(**begin))
        (*begin)++;
    while (*begin < *end && is_blank((*end)[-1]))
        (*end)--;
}

/* "0.5", "1", at most three digits behind the point; what is none counts as 1. */
static unsigned parse_weight(const char *text, const char *end)
{
    unsigned weight = 0, digit = 100;

    if (text == end || (*text != '0' && *text != '1'))
        return WEIGHT_ONE;
    if (*text == '1')
        return WEIGHT_ONE;
    for (text = end - text > 2 ? text + 2 : end; text < end && *text >= '0' && *text <= '9' && digit > 0;
         text++, digit /= 10)
        weight += (unsigned)(*text - '0') * digit;
    return weight;
}

static unsigned weight_of(const char *parameters, const char *end)
{
    while (parameters < end) {
        const char *begin = parameters + 1, *next = memchr(begin, ';', (size_t)(end - begin));
        const char *stop = next ? next : end;

        trim(&begin, &stop);
        if (stop - begin > 2 && (*begin == 'q' || *begin == 'Q') && begin[1] == '=')
            return parse_weight(begin + 2, stop);
        parameters = next ? next : end;
    }
    return WEIGHT_ONE;
}

/* The next of the list; false at its end. */
static bool next_range(const char **accept, struct range *ret_range)
{
    const char *begin = *accept, *end, *parameters;

    while (*begin == ',' || is_blank(*begin))
        begin++;
    if (!*begin)
        return false;
    end = begin + strcspn(begin, ",");
    *accept = end;
    parameters = memchr(begin, ';', (size_t)(end - begin));
    ret_range->weight = parameters ? weight_of(parameters, end) : WEIGHT_ONE;
    end = parameters ? parameters : end;
    trim(&begin, &end);
    ret_range->text = begin;
    ret_range->size = (size_t)(end - begin);
    return true;
}

/* 3 the type itself, 2 all of its kind, 1 anything, 0 not. */
static unsigned match(const struct range *range, const char *type)
{
    size_t kind = strcspn(type, "/") + 1;

    if (range->size == strlen(type) && strncasecmp(range->text, type, range->size) == 0)
        return 3;
    if (range->size == kind + 1 && range->text[kind] == '*' && strncasecmp(range->text, type, kind) == 0)
        return 2;
    return range->size == 3 && memcmp(range->text, "*/*", 3) == 0 ? 1 : 0;
}

/* The most specific range counts. */
static unsigned weight_for(const char *accept, const char *type)
{
    struct range range;
    unsigned best = 0, weight = 0;

    while (next_range(&accept, &range)) {
        unsigned how = match(&range, type);

        if (how > best) {
            best = how;
            weight = range.weight;
        }
    }
    return weight;
}

size_t accept_choose(const char *accept, const char *const *types, size_t count)
{
    size_t chosen = 0;
    unsigned most = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned weight = weight_for(accept, types[i]);

        if (weight > most) {
            most = weight;
            chosen = i;
        }
    }
    return chosen;
}
