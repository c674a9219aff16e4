#include "dump/layout.h"

#include <errno.h>
#include <string.h>

int layout_append(struct minidump *minidump, const void *bytes, size_t size, size_t alignment,
                  size_t *ret_rva)
{
    struct buffer *head = &minidump->head;
    size_t padding = (alignment - head->size % alignment) % alignment;
    int r = buffer_append_zeros(head, padding);

    if (r < 0)
        return r;
    *ret_rva = head->size;
    return bytes ? buffer_append(head, bytes, size) : buffer_append_zeros(head, size);
}

/* The next character of UTF-8 text, U+FFFD for a byte that begins none. */
static uint32_t next_character(const char **text)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const uint8_t *at = (const uint8_t *)*text;
    uint32_t character = *at++;
    unsigned more = character < 0x80       ? 0
                    : character >> 5 == 6  ? 1
                    : character >> 4 == 14 ? 2
                    : character >> 3 == 30 ? 3
                                           : 4;

    *text = (const char *)at;
    if (more == 0)
        return character;
    if (more == 4)
        return 0xfffd;
    character &= 0x3fu >> more;
    for (unsigned i = 0; i < more; i++) {
        if (*at >> 6 != 2)
            return 0xfffd;
        character = character << 6 | (*at++ & 0x3f);
    }
    if (character < smallest[more] || character > 0x10ffff || character >> 11 == 0x1b)
        return 0xfffd;
    *text = (const char *)at;
    return character;
}

static size_t count_units(const char *text)
{
    size_t units = 0;

    while (*text)
        units += next_character(&text) > 0xffff ? 2 : 1;
    return units;
}

int layout_append_string(struct minidump *minidump, const char *text, uint32_t *ret_rva)
{
    uint16_t units[LAYOUT_STRING_MAX + 1];
    size_t count = count_units(text), rva, ignored;
    uint32_t size;
    int r;

    /* the end of a path says more than its beginning */
    while (count > LAYOUT_STRING_MAX)
        count -= next_character(&text) > 0xffff ? 2 : 1;
    count = 0;
    while (*text) {
        uint32_t character = next_character(&text);
        if (character > 0xffff) {
            character -= 0x10000;
            units[count++] = (uint16_t)(0xd800 | character >> 10);
            character = 0xdc00 | (character & 0x3ff);
        }
        units[count++] = (uint16_t)character;
    }
    units[count] = 0;
    size = (uint32_t)(count * sizeof units[0]);
    r = layout_append(minidump, &size, sizeof size, 4, &rva);
    if (r == 0)
        r = layout_append(minidump, units, size + sizeof units[0], 1, &ignored);
    if (r == 0)
        *ret_rva = (uint32_t)rva;
    return r;
}
