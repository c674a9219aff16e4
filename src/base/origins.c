#include "base/origins.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char between[] = ", \t";

/* What a host and its port are made of. */
static bool is_authority(const char *text, size_t size)
{
    if (size == 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80 || (!isalnum(c) && !strchr(".-_:[]", c)))
            return false;
    }
    return true;
}

static bool is_origin(const char *text, size_t size)
{
    static const char plain[] = "http://", secure[] = "https://";

    if (size > sizeof plain - 1 && strncasecmp(text, plain, sizeof plain - 1) == 0)
        return is_authority(text + sizeof plain - 1, size - (sizeof plain - 1));
    if (size > sizeof secure - 1 && strncasecmp(text, secure, sizeof secure - 1) == 0)
        return is_authority(text + sizeof secure - 1, size - (sizeof secure - 1));
    return false;
}

bool origins_are_valid(const char *list)
{
    size_t count = 0;

    for (list += strspn(list, between); *list; list += strspn(list, between)) {
        size_t size = strcspn(list, between);
        if (!is_origin(list, size) || ++count > ORIGINS_MAX)
            return false;
        list += size;
    }
    return true;
}

bool origins_hold(const char *list, const char *origin)
{
    size_t wanted = strlen(origin);

    for (list += strspn(list, between); *list; list += strspn(list, between)) {
        size_t size = strcspn(list, between);
        if (size == wanted && strncasecmp(list, origin, size) == 0)
            return true;
        list += size;
    }
    return false;
}
