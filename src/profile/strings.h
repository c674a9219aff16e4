/* Names, each kept once, by number. All that comes out is UTF-8: what is not becomes U+FFFD on the way in, so
 * that writers need not look. */
#pragma once

#include "base/buffer.h"
#include "profile/index.h"

struct strings {
    struct buffer text; /* NUL behind each */
    uint32_t *items;    /* where each begins */
    size_t count, capacity;
    struct index index;
};

enum { STRING_NONE = 0 }; /* "" */

int strings_init(struct strings *strings) _must_check_; /* -ENOMEM */
void strings_release(struct strings *strings);

/* NULL is STRING_NONE. Longer names are cut (LIMIT_PROFILE_NAME), and end in "...". -ENOMEM, -ENOBUFS. */
int strings_intern(struct strings *strings, const char *text, uint32_t *ret_number) _must_check_;

/* Until the next is added. */
static inline const char *strings_get(const struct strings *strings, uint32_t number)
{
    return strings->text.data + strings->items[number];
}
