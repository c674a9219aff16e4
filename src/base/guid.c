#include "base/guid.h"

#include <errno.h>
#include <string.h>

/* The places in the text that have a dash. */
static bool is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

void guid_text(const uint8_t guid[GUID_SIZE], char text[GUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t half = 0;

    for (size_t at = 0; at < GUID_TEXT_SIZE - 1; at++) {
        if (is_dash(at)) {
            text[at] = '-';
            continue;
        }
        text[at] = digits[half % 2 ? guid[half / 2] & 15 : guid[half / 2] >> 4];
        half++;
    }
    text[GUID_TEXT_SIZE - 1] = '\0';
}

void guid_text_dotnet(const uint8_t guid[GUID_SIZE], char text[GUID_TEXT_SIZE])
{
    static const uint8_t order[GUID_SIZE] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t ordered[GUID_SIZE];

    for (size_t i = 0; i < GUID_SIZE; i++)
        ordered[i] = guid[order[i]];
    guid_text(ordered, text);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int guid_parse(const char *text, uint8_t ret_guid[GUID_SIZE])
{
    uint8_t guid[GUID_SIZE] = {0};
    size_t half = 0;

    if (strlen(text) != GUID_TEXT_SIZE - 1)
        return -EINVAL;
    for (size_t at = 0; at < GUID_TEXT_SIZE - 1; at++) {
        int value = is_dash(at) ? 0 : digit(text[at]);

        if (value < 0 || is_dash(at) != (text[at] == '-'))
            return -EINVAL;
        if (is_dash(at))
            continue;
        guid[half / 2] = (uint8_t)(guid[half / 2] << 4 | value);
        half++;
    }
    memcpy(ret_guid, guid, GUID_SIZE);
    return 0;
}
