/* UTF-8 in bytes that may be none. */
#pragma once

#include <stddef.h>

/* The length of the UTF-8 sequence at bytes (Unicode table 3-7: no overlong forms, no surrogates). Where
 * there is none, *ret_bad is how many bytes are to be taken as one wrong character, as Unicode recommends and
 * readers like Python do: those that could have begun a sequence. */
static inline size_t utf8_sequence(const unsigned char *bytes, size_t size, size_t *ret_bad)
{
    unsigned char lead = bytes[0], low = 0x80, high = 0xbf;
    size_t length;

    *ret_bad = 1;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        length = 4;
    else
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < length; i++) {
        *ret_bad = i;
        if (i == size || bytes[i] < low || bytes[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return length;
}
