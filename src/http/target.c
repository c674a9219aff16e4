#include "http/target.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

void target_release(struct target *target)
{
    free(target->storage);
    *target = (struct target){0};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes a NUL-terminated piece in place: it only gets shorter. */
static int decode(char *piece, bool is_query, struct error *error)
{
    char *to = piece;

    for (const char *from = piece; *from; from++) {
        int high, low, byte;
        if (*from == '+' && is_query) {
            *to++ = ' ';
            continue;
        }
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        high = hex_digit(from[1]);
        low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0)
            return error_set(error, EINVAL,
                             "The address of the request has a %% that no two hexadecimal digits follow.");
        byte = high * 16 + low;
        if (byte == 0)
            return error_set(error, EINVAL, "The address of the request has an escaped NUL (%%00).");
        if (byte == '/' && !is_query)
            return error_set(error, EINVAL, "The path of the request has an escaped slash (%%2F).");
        *to++ = (char)byte;
        from += 2;
    }
    *to = 0;
    return 0;
}

static int check_characters(const char *text, struct error *error)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c <= 0x20 || *c >= 0x7f || *c == '#')
            return error_set(error, EINVAL,
                             "The address of the request has a character (0x%02x) that must be escaped.", *c);
    }
    return 0;
}

/* The path of an absolute form; text itself of an origin form. NULL: neither. */
static const char *skip_authority(const char *text)
{
    if (*text == '/')
        return text;
    if (strncasecmp(text, "http://", 7) == 0)
        text += 7;
    else if (strncasecmp(text, "https://", 8) == 0)
        text += 8;
    else
        return NULL;
    text += strcspn(text, "/?");
    return *text == '/' ? text : NULL;
}

static int split_path(char *path, struct target *target, struct error *error)
{
    char *rest = path + 1; /* behind the first slash */

    while (*rest) {
        char *segment = strsep(&rest, "/");
        int r = decode(segment, false, error);
        if (r < 0)
            return r;
        if (target->segment_count == TARGET_SEGMENTS_MAX)
            return error_set(error, EINVAL, "The path of the request has more than %d parts.",
                             (int)TARGET_SEGMENTS_MAX);
        target->segments[target->segment_count++] = segment;
        if (!rest)
            break;
    }
    return 0;
}

static int split_query(char *query, struct target *target, struct error *error)
{
    while (query && *query) {
        char *value = strsep(&query, "&"), *name = strsep(&value, "=");
        int r;
        if (!*name && !value)
            continue;
        if (!value)
            value = name + strlen(name);
        r = decode(name, true, error);
        if (r == 0)
            r = decode(value, true, error);
        if (r < 0)
            return r;
        if (target->query_count == TARGET_QUERY_MAX)
            return error_set(error, EINVAL, "The request has more than %d arguments.", (int)TARGET_QUERY_MAX);
        target->query[target->query_count].name = name;
        target->query[target->query_count++].value = value;
    }
    return 0;
}

int target_parse(const char *text, struct target *ret_target, struct error *error)
{
    _cleanup_target_ struct target target = {0};
    const char *path;
    char *query;
    int r;

    if (strlen(text) > TARGET_SIZE_MAX)
        return error_set(error, E2BIG, "The address of the request is longer than %d bytes.",
                         (int)TARGET_SIZE_MAX);
    r = check_characters(text, error);
    if (r < 0)
        return r;
    path = skip_authority(text);
    if (!path)
        return error_set(error, EINVAL, "The address of the request does not begin with a slash.");
    target.storage = query = strdup(path);
    if (!target.storage)
        return error_errno(error, ENOMEM, "Can't read the request");
    (void)strsep(&query, "?");
    r = split_path(target.storage, &target, error);
    if (r == 0)
        r = split_query(query, &target, error);
    if (r < 0)
        return r;
    *ret_target = target;
    target.storage = NULL;
    return 0;
}

static int write_escaped(const char *text, struct buffer *out)
{
    int r = 0;

    for (const unsigned char *c = (const unsigned char *)text; *c && r == 0; c++) {
        if (*c < 0x80 && (isalnum(*c) || strchr("-._~!$'()*,:@", *c)))
            r = buffer_append(out, c, 1);
        else
            r = buffer_append_format(out, "%%%02X", *c);
    }
    return r;
}

int target_write(const struct target *target, size_t first, bool ends_with_slash, const char *except,
                 struct buffer *out)
{
    const char *before = "?";
    int r = 0;

    for (size_t i = first; i < target->segment_count && r == 0; i++) {
        r = buffer_append_string(out, "/");
        if (r == 0)
            r = write_escaped(target->segments[i], out);
    }
    if (r == 0 && (ends_with_slash || out->size == 0))
        r = buffer_append_string(out, "/");
    for (size_t i = 0; i < target->query_count && r == 0; i++) {
        if (strcasecmp(target->query[i].name, except) == 0)
            continue;
        r = buffer_append_string(out, before);
        before = "&";
        if (r == 0)
            r = write_escaped(target->query[i].name, out);
        if (r == 0)
            r = buffer_append_string(out, "=");
        if (r == 0)
            r = write_escaped(target->query[i].value, out);
    }
    return r;
}

const char *target_query(const struct target *target, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < target->query_count; i++) {
        if (strcasecmp(target->query[i].name, name) == 0)
            value = target->query[i].value;
    }
    return value;
}
