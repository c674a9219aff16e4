#include "base/text.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

size_t text_decode(const char *text, size_t size, uint32_t *ret_character)
{
    const unsigned char *bytes = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xc2 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    if (length == 0 || length > size || bytes[0] > 0xf4)
        return 0;
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    if (character < least[length] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return length;
}

/* Marks and overrides of direction, and separators, would let a name rearrange or break the line it stands
 * in; the C library counts them as printable. */
static bool is_treacherous(uint32_t c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe0fff);
}

int text_character_width(uint32_t character)
{
    static locale_t widths; /* the C library's table; the user's own locale may be "C", which has none */
    static bool tried;
    if (character < 0x7f)
        return character >= 0x20 ? 1 : -1;
    if (character < 0xa0 || is_treacherous(character))
        return -1;
    if (!tried) {
        widths = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        tried = true;
    }
    if (!widths)
        return 1; /* without the table: most are one column wide, and alignment is all that is lost */
    locale_t before = uselocale(widths);
    int width = wcwidth((wchar_t)character);
    (void)uselocale(before); /* gives back what was valid a moment ago */
    return width;
}

static int escape_byte(unsigned char byte, struct buffer *out)
{
    static const char letters[] = {['\a'] = 'a', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
                                   ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r', [0x1b] = 'e'};
    if (byte < sizeof letters && letters[byte])
        return buffer_append_format(out, "\\%c", letters[byte]);
    return buffer_append_format(out, "\\x%02x", byte);
}

int text_escape(const char *text, struct buffer *out)
{
    size_t left = strlen(text);
    const char *plain = text; /* what was not appended yet begins here */
    while (left > 0) {
        if (*text >= 0x20 && *text < 0x7f) { /* nearly all */
            text++, left--;
            continue;
        }
        uint32_t character = 0;
        size_t length = text_decode(text, left, &character);
        if (length && text_character_width(character) >= 0) {
            text += length, left -= length;
            continue;
        }
        int r = buffer_append(out, plain, (size_t)(text - plain));
        if (r >= 0)
            r = length > 1 ? buffer_append_format(out, "\\u{%x}", character)
                           : escape_byte((unsigned char)*text, out);
        if (r < 0)
            return r;
        length = length ? length : 1;
        text += length, left -= length;
        plain = text;
    }
    return buffer_append(out, plain, (size_t)(text - plain));
}

size_t text_fit(const char *text, size_t columns, size_t *ret_width)
{
    size_t left = strlen(text), taken = 0, width = 0;
    while (left > taken) {
        uint32_t character = 0;
        size_t length = text_decode(text + taken, left - taken, &character);
        int columns_of_it = length ? text_character_width(character) : 1;
        if (columns_of_it < 0)
            columns_of_it = 1;
        if (width + (size_t)columns_of_it > columns)
            break;
        width += (size_t)columns_of_it;
        taken += length ? length : 1;
    }
    if (ret_width)
        *ret_width = width;
    return taken;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    (void)text_fit(text, SIZE_MAX, &width); /* all of it fits */
    return width;
}
