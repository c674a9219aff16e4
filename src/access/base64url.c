#include "access/base64url.h"

#include <errno.h>

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* By hand, since nettle's passes over blanks and asks for padding. */
int base64url_decode(const char *text, size_t text_size, uint8_t *bytes, size_t *size)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t done = 0;

    for (size_t i = 0; i < text_size; i++) {
        int value = digit(text[i]);

        if (value < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        if (done == *size)
            return -ENOBUFS;
        bytes[done++] = (uint8_t)(bits >> count);
    }
    /* one digit too many, or bits that mean nothing */
    if (count == 6 || (bits & ((1u << count) - 1)) != 0)
        return -EINVAL;
    *size = done;
    return 0;
}
