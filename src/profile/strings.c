#include "profile/strings.h"

#include "base/array.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

static const char cut_mark[] = "...", wrong_mark[] = "\xef\xbf\xbd";

static uint64_t hash_text(const char *text)
{
    size_t left = strlen(text), piece;
    uint64_t hash = hash_mix(hash_seed(), left);

    for (; left > 0; left -= piece, text += piece) {
        uint64_t value = 0;
        piece = left < sizeof value ? left : sizeof value;
        memcpy(&value, text, piece);
        hash = hash_mix(hash, value);
    }
    return hash;
}

static bool is_text(const void *owner, uint32_t number, const void *key)
{
    return strcmp(strings_get(owner, number), key) == 0;
}

static uint64_t hash_number(const void *owner, uint32_t number)
{
    return hash_text(strings_get(owner, number));
}

static const struct index_kind kind = {.is = is_text, .hash = hash_number};

/* text as UTF-8, cut. */
static void clean(const char *text, char ret_clean[LIMIT_PROFILE_NAME + 1])
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strnlen(text, LIMIT_PROFILE_NAME + 4), size = 0, bad; /* + 4: the last character whole */

    while (left > 0) {
        size_t length = utf8_sequence(at, left, &bad), taken = length ? length : bad;
        const void *from = length ? (const void *)at : wrong_mark;

        if (length == 0)
            length = strlen(wrong_mark);
        if (size + length > LIMIT_PROFILE_NAME - strlen(cut_mark)) {
            memcpy(ret_clean + size, cut_mark, strlen(cut_mark));
            size += strlen(cut_mark);
            break;
        }
        memcpy(ret_clean + size, from, length);
        size += length;
        at += taken;
        left -= taken;
    }
    ret_clean[size] = '\0';
}

int strings_intern(struct strings *strings, const char *text, uint32_t *ret_number)
{
    char cleaned[LIMIT_PROFILE_NAME + 1];
    uint32_t number = (uint32_t)strings->count, start = (uint32_t)strings->text.size;
    uint64_t hash;
    int r;

    clean(text ? text : "", cleaned);
    hash = hash_text(cleaned);
    if (index_find(&strings->index, &kind, strings, hash, cleaned, ret_number))
        return 0;
    r = ARRAY_RESERVE(strings, 1, LIMIT_PROFILE_STRINGS);
    if (r == 0)
        r = buffer_append(&strings->text, cleaned, strlen(cleaned) + 1);
    if (r < 0)
        return r;
    strings->items[strings->count++] = start;
    r = index_add(&strings->index, &kind, strings, hash, number);
    if (r < 0) { /* as if it had never been */
        strings->count--;
        strings->text.size = start;
        return r;
    }
    *ret_number = number;
    return 0;
}

int strings_init(struct strings *strings)
{
    uint32_t none;

    *strings = (struct strings){.text = BUFFER_INIT(LIMIT_PROFILE_TEXT)};
    return strings_intern(strings, "", &none);
}

void strings_release(struct strings *strings)
{
    buffer_release(&strings->text);
    free(strings->items);
    index_release(&strings->index);
    *strings = (struct strings){0};
}
